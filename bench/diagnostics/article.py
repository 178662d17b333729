"""`bench article`: a class with the article's printed call, trained by the article's recipe and with cross-entropy.

The article prints a call with d_model 20, two layers, two heads and d_k = d_v = 10, and a training loop with a
mean-squared-error loss. Here that loss compares the raw outputs with one-hot targets, on the task `reverse`. The same
model also trains from the same initial weights on the same batches with cross-entropy. Everything that the print
leaves open is the project's: pre-norm layers, AdamW, a cosine schedule.

Learning rates come from one grid for both recipes. They are chosen on validation, with seeds that no result uses;
`article.yaml` has the choices and all trials. No test set is used.
"""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from bench.conf.compose import compose
from bench.conf.schema import Cell
from bench.data.examples import Split, TaskData
from bench.errors import UserError
from bench.records import article_rows
from bench.records.article_rows import (
    CROSS_ENTROPY,
    RECIPES,
    REPAIRS,
    SQUARED_ERROR,
    Article,
    ArticleFacts,
    ArticleRow,
)
from bench.runs import building
from bench.seeding import numpy_generator, torch_generator
from bench.system import environment
from bench.system.files import check_folder, replacing, writing
from bench.system.processes import mapping
from bench.system.torch_setup import set_up_torch
from bench.training import checkpoint
from bench.training.batches import Batch, Batcher
from bench.training.config import MIXED
from bench.training.optimiser import AdamW
from bench.training.progress import Progress, Silent
from bench.training.teacher_forcing import unpadded_features, validate
from models.dropout import set_dropout_generator
from models.width_search import Build, Fit

PRINTED_CALL = {"d_model": 20, "n_layers": 2, "n_heads": 2, "d_k": 10, "d_v": 10}

WORDS = (
    "task=reverse", "task.symbols=8", "task.train_longest=6", "task.test_longest=8",
    "task.train_size=20000", "task.valid_size=300", "task.test_size=10",
    "model=transformer", "match.rule=width", f"match.target={PRINTED_CALL['d_model']}",
    *(f"model.{name}={PRINTED_CALL[name]}" for name in ("n_layers", "n_heads", "d_k", "d_v")),
    "model.d_ff=80", "model.positions=learned", "model.max_len=16", "model.norm=pre", "model.tied=false",
    "model.dropout=0.1", "budget.batch_tokens=300", "budget.batching=mixed",
    "optim.schedule=cosine", "optim.warmup=0.1", "optim.weight_decay=0.0", "optim.clip=1.0",
)  # fmt: skip
"""The settings of both recipes. Learned positions and dropout 0.1 are the article's; d_ff is the class's default."""

SOURCE = (*checkpoint.CODE, "bench/diagnostics/article.py", "bench/diagnostics/article.yaml")
"""The code behind the numbers."""

TRIALS = Path(__file__).with_suffix(".yaml")
"""The learning rates, and the trials they were chosen from."""

NEW_TRIALS = "article_trials.yaml"
RATES = ("0.003", "0.01", "0.03", "0.1")
TRIAL_SEEDS = (101, 102)

VALID_TOKENS = 4000
"""Batch size of the validation, rows times longest side. Affects speed, not the numbers."""


@dataclass(frozen=True)
class Settings:
    """steps: of each training; validations: evenly spaced, the last one at the end; words: as for `bench run`."""

    seeds: tuple[int, ...] = (11, 12, 13)
    steps: int = 240
    validations: int = 12
    words: tuple[str, ...] = WORDS


@dataclass(frozen=True)
class Prepared:
    """The configuration, the data, and a builder of the model with its width; none depends on seed or rate."""

    cell: Cell
    data: TaskData
    build: Build
    fit: Fit


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean squared error of raw outputs (N, V) against one-hot targets, from ids (N,), over all N * V values."""
    return F.mse_loss(outputs, F.one_hot(targets, outputs.shape[-1]).to(outputs.dtype))


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy in nats a token, of logits (N, V) and ids (N,)."""
    return F.cross_entropy(outputs, targets)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {SQUARED_ERROR: squared_error, CROSS_ENTROPY: cross_entropy}


def run(
    out: Path, progress: Progress | None = None, settings: Settings | None = None, workers: int | None = None
) -> Article:
    """Train both recipes with every seed and write `article.csv` and `article.json` into `out`, whole or not at all.

    workers: number of processes that train, one training at a time each; None: one for each usable core.
    Files of the same settings and code are kept. Raises UserError if `out` cannot take output, StorageError if it
    cannot be written.
    """
    progress, settings = progress or Silent(), settings or Settings()
    check_folder(out, "files of bench article", lambda _: True)
    if (earlier := _earlier(out, settings)) is not None:
        progress.say(f"measured before; to do it again, delete {out / article_rows.TABLE}")
        return earlier
    with writing(out):  # before the trainings, not after
        out.mkdir(parents=True, exist_ok=True)
    choices = read_trials()
    rates = {recipe: float(choices["chosen"][recipe]) for recipe in RECIPES}
    progress.stage("train", len(RECIPES) * len(settings.seeds) * settings.steps, "steps")
    rows: list[ArticleRow] = []
    trainings = [(recipe, seed, rates[recipe], settings) for recipe in RECIPES for seed in settings.seeds]
    workers = environment.usable_cores() if workers is None else workers
    with mapping(min(len(trainings), workers)) as map_trainings:
        for own in map_trainings(train, *zip(*trainings, strict=True)):
            rows += own
            done = len(rows) * settings.steps // settings.validations
            progress.advance(done, f"{own[0].recipe}, seed {own[0].seed}")
    prepared = prepare(settings)
    cell = prepared.cell
    facts = ArticleFacts(
        call=PRINTED_CALL,
        parameters=prepared.fit.parameters,
        steps=settings.steps,
        seeds=settings.seeds,
        learning_rates=rates,
        trials={recipe: {rate: tuple(own) for rate, own in choices["trials"][recipe].items()} for recipe in RECIPES},
        trial_seeds=tuple(choices["seeds"]),
        repairs=REPAIRS,
        words=settings.words,
        config={
            "task": cell.config["task"],
            "model": cell.config["model"],
            "batch_tokens": cell.training.batch_tokens,
            "optim": {key: value for key, value in cell.config["optim"].items() if key != "lr"},
        },
        environment={
            "python": platform.python_version(),
            "platform": platform.platform(),
            "cpu": environment.cpu_name(),
            "threads": cell.threads,
            "libraries": environment.versions(),
        },
        code=environment.code_version(),
        source=source(),
    )
    article_rows.write(out, Article(facts, tuple(rows)))
    written = article_rows.read(out)
    assert written is not None, "the files were written above"
    return written


def source() -> str:
    """A hash of the code and the numerical libraries behind the numbers."""
    return checkpoint.code_version(code=SOURCE)


def _earlier(out: Path, settings: Settings) -> Article | None:
    """What an earlier run with these settings and this code wrote. Broken files are replaced."""
    try:
        article = article_rows.read(out)
    except UserError:
        return None
    if article is None:
        return None
    facts, per_curve = article.facts, len(article.rows) // (len(RECIPES) * len(article.facts.seeds))
    ours = (settings.seeds, settings.steps, settings.validations, settings.words, source())
    return article if (facts.seeds, facts.steps, per_curve, facts.words, facts.source) == ours else None


def train(recipe: str, seed: int, rate: float, settings: Settings) -> list[ArticleRow]:
    """Train the model from the seed's initial weights on the seed's batches. Returns a row for each validation.

    Raises UserError if the loss is not finite.
    """
    prepared = prepare(settings)
    set_up_torch(prepared.cell.threads)
    model = building.initialised(prepared.build, prepared.fit, seed)
    set_dropout_generator(model, torch_generator(seed, "dropout"))
    training = replace(prepared.cell.training, lr=rate)
    optimizer = AdamW(
        model.parameters(), lr=rate, betas=(training.beta1, training.beta2), weight_decay=training.weight_decay,
        fused=True,
    )  # fmt: skip
    schedule = training.schedule_over(settings.steps)
    validated = {round(settings.steps * (i + 1) / settings.validations) for i in range(settings.validations)}
    valid = list(Batcher(prepared.data.valid, VALID_TOKENS).epoch())
    rows: list[ArticleRow] = []
    loss_sum, tokens = 0.0, 0
    model.train()
    for step, batch in enumerate(batches(prepared.data.train, seed, training.batch_tokens, settings.steps), start=1):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step - 1)
        features, targets = unpadded_features(model, batch)
        loss = LOSSES[recipe](model.project(features), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.clip, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss_sum, tokens = loss_sum + loss.item() * batch.target_tokens, tokens + batch.target_tokens
        if step in validated:
            if not math.isfinite(loss_sum):
                raise UserError(
                    f"{recipe}, seed {seed}, learning rate {rate:g}: the loss is not finite at step {step}"
                )
            _, accuracy = validate(model, valid)
            assert accuracy is not None, "a model of tokens has a token accuracy"
            model.train()
            rows.append(ArticleRow(recipe, seed, step, loss_sum / tokens, accuracy))
            loss_sum, tokens = 0.0, 0
    return rows


@cache
def prepare(settings: Settings) -> Prepared:
    """What all trainings share. Raises UserError for settings that are no configuration."""
    cell = compose((*settings.words, "threads=1"))
    data = cell.make_task().load()
    return Prepared(cell, data, *building.fit_width(cell, data.sizes, (1, 1)))


def batches(split: Split, seed: int, batch_tokens: int, steps: int) -> Iterator[Batch]:
    """The batches of a training, epoch after epoch, in the trainer's order. They depend on the seed alone, so both
    recipes see the same ones."""
    batcher = Batcher(split, batch_tokens)
    epoch = made = 0
    while True:
        for rows in batcher.plan(numpy_generator(seed, "order", epoch), MIXED):
            if made == steps:
                return
            yield batcher.make(rows)
            made += 1
        epoch += 1


def read_trials(path: Path = TRIALS) -> dict[str, Any]:
    """`seeds`; `chosen`: learning rate by recipe; `trials`: accuracies of each seed by recipe and learning rate."""
    trials: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return trials


def choose(trials: Mapping[str, Sequence[float]]) -> str:
    """The learning rate with the highest mean accuracy over seeds; of equal ones the first."""
    return max(trials, key=lambda rate: sum(trials[rate]) / len(trials[rate]))


def run_trials(out: Path, progress: Progress | None = None, settings: Settings | None = None) -> Path:
    """Train both recipes at every learning rate with the seeds of trials, and write `article_trials.yaml`, which has
    the form of `article.yaml`. A trial whose loss is not finite has accuracy 0. Returns the file."""
    progress, settings = progress or Silent(), settings or Settings()
    check_folder(out, "files of bench article", lambda _: True)
    trials: dict[str, dict[str, list[float]]] = {recipe: {rate: [] for rate in RATES} for recipe in RECIPES}
    progress.stage("trials", len(RECIPES) * len(RATES) * len(TRIAL_SEEDS), "trainings")
    ended = 0
    for recipe, own in trials.items():
        for rate, accuracies in own.items():
            for seed in TRIAL_SEEDS:
                try:
                    accuracy = train(recipe, seed, float(rate), settings)[-1].valid_token_accuracy
                except UserError:
                    accuracy = 0.0
                accuracies.append(round(accuracy, 6))
                ended += 1
                progress.advance(ended, f"{recipe}, {rate}: {accuracy:.3f}")
    chosen = ", ".join(f"{recipe}: '{choose(own)}'" for recipe, own in trials.items())
    lines = [
        "# Learning rates of `bench article`, chosen by final validation token accuracy (a number for each seed).",
        "# `bench article --trials` runs the trials again.",
        f"seeds: {list(TRIAL_SEEDS)}",
        f"chosen: {{{chosen}}}",
        "trials:",
    ]
    for recipe, own in trials.items():
        lines += [f"  {recipe}:", *(f"    '{rate}': {accuracies}" for rate, accuracies in own.items())]
    with writing(out / NEW_TRIALS):
        out.mkdir(parents=True, exist_ok=True)
        with replacing(out / NEW_TRIALS) as new:
            new.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return out / NEW_TRIALS
