"""One measurement: an arm at a length, on random tokens, through the harness's own training step and search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bench.conf import schema
from bench.data.examples import EOS, FIRST_FREE_ID, Sizes, Split
from bench.data.ragged import Ragged
from bench.diagnostics.profile.plan import Order
from bench.errors import UserError
from bench.evaluation.decoding import Search, search
from bench.records.profile_rows import ERROR, MEASURED, PER_SECOND, UNITS, Row, unmeasured, utilisation
from bench.runs import building
from bench.runs.cell import training_settings
from bench.seeding import numpy_generator
from bench.system import resources
from bench.system.allocator import tune_allocator
from bench.system.resources import clock
from bench.training.batches import Batch, Batcher
from bench.training.loss import cross_entropy
from bench.training.teacher_forcing import real_features
from bench.training.trainer import Trainer
from models.cost import parameters, training_flops
from models.interface import Seq2Seq, State

SIZE_LENGTHS = (32, 32)
"""Of source and target, at which an arm matched by FLOPs is sized: the same arm at every length of a profile."""

MATMUL_SIZE, MATMUL_REPEATS = 2048, 6
"""The machine's rate is that of the fastest of so many square float32 products."""

WARM_UP_CALLS, WARM_UP_SHARE = 3, 0.1
"""Warm-up ends after so many calls, or after the first that ends beyond this share of the time."""


@dataclass(frozen=True)
class Work:
    """What is timed. rows, tokens, flops: sentences, target tokens and matrix-product FLOPs of one call."""

    call: Callable[[], object]
    rows: int
    tokens: int
    flops: int


@dataclass(frozen=True)
class Subject:
    """A model with what its work needs. config: the cell's; sizes: of its vocabularies."""

    model: Seq2Seq
    config: dict
    sizes: Sizes
    seed: int
    device: str


def measure(order: Order) -> Row:
    """The order's row; an exception in the work becomes the row's reason.

    On a CPU the memory is that of this process, which should do nothing else; on a GPU, what torch allocated there.
    Raises UserError where the arm cannot be built.
    """
    cell = schema.compose(order.words)
    tune_allocator()
    torch.set_num_threads(cell.threads)
    device = cell.config["device"]
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch sees no GPU here; use device=cpu")
    sizes = schema.build_task(cell.config["task"]).sizes
    model, _ = building.build_model(cell.config, sizes, SIZE_LENGTHS, cell.seed)
    subject = Subject(model.to(device).eval(), cell.config, sizes, cell.seed, device)
    base = _peak_bytes(device)
    try:
        work = WORKS[order.what](subject, order)
        samples = timed(work.call, device, order.repeats, order.seconds)
    except Exception as error:  # whatever it is, the profile goes on, and its reader sees it
        return unmeasured(order.arm, order.length, order.what, ERROR, f"{type(error).__name__}: {error}")
    peak = _peak_bytes(device)  # before the products below, which are not the work's
    rate = matmul_rate(device)
    return {
        **_timing(order, work, samples, rate),
        "base_bytes": base,
        "peak_bytes": peak,
        "parameters": parameters(model)["total"],
    }


def timed(call: Callable[[], object], device: str, repeats: int, seconds: float) -> list[float]:
    """Seconds of each call: at most `repeats` of them, and at least one, but none begun that would end after `seconds`
    together with the warm-up, which is left out."""
    begun = clock(device)
    for _ in range(WARM_UP_CALLS):
        call()
        if clock(device) - begun > WARM_UP_SHARE * seconds:
            break
    samples: list[float] = []
    while len(samples) < repeats:
        before = clock(device)
        if samples and before - begun + max(samples) > seconds:
            break
        call()
        samples.append(clock(device) - before)
    return samples


def matmul_rate(device: str, size: int = MATMUL_SIZE, repeats: int = MATMUL_REPEATS) -> float:
    """FLOPs a second of the fastest of some square float32 products, the first left out; measured here and now, with
    this process's threads."""
    left, right = (torch.randn(size, size, device=device) for _ in range(2))
    out = torch.empty_like(left)
    samples = timed(lambda: torch.mm(left, right, out=out), device, repeats, float("inf"))
    return 2 * size**3 / min(samples)


@contextmanager
def endless(model: Seq2Seq) -> Iterator[None]:
    """Inside this block the end token is never likely: a search of the model goes on to its limit, so that the work is
    known. It costs one write a row."""
    step = model.step

    def without_end(token: Tensor, state: State) -> tuple[Tensor, State]:
        logits, state = step(token, state)
        logits[:, EOS] = -torch.inf
        return logits, state

    model.step = without_end  # shadows the method on this object alone
    try:
        yield
    finally:
        del model.step


def decoding_flops(model: Seq2Seq, length: int, beam: int) -> int:
    """Of the matrix products of one search to the length of its source: the source is encoded once, and each of `beam`
    hypotheses costs what the decoder's part of a teacher-forced pass does."""
    encoder = model.matmul_flops(length, 0)
    return encoder + beam * (model.matmul_flops(length, length) - encoder)


def _timing(order: Order, work: Work, samples: list[float], rate: float) -> Row:
    """A row, its memory and size still missing."""
    unit = UNITS[order.what]
    in_unit = [work.tokens / s if unit == PER_SECOND else s / work.tokens for s in samples]
    median = float(np.median(samples))
    return {
        **unmeasured(order.arm, order.length, order.what, MEASURED, ""),
        **resources.summary(in_unit, unit),
        "rows": work.rows,
        "tokens": work.tokens,
        "seconds": median,
        "flops": work.flops,
        "matmul_flops_per_second": rate,
        "utilisation": utilisation(work.flops, median, rate),
        "reason": None,
    }


def _forward(subject: Subject, order: Order) -> Work:
    """The teacher-forced loss, as validation has it."""
    model, batch = subject.model, _batch(subject, order.length, order.tokens // order.length)

    @torch.inference_mode()
    def call() -> Tensor:
        features, targets = real_features(model, batch)
        return cross_entropy(features, targets, model.projection)

    rows = len(batch.rows)
    return Work(call, rows, batch.target_tokens, rows * model.matmul_flops(order.length, order.length))


def _train(subject: Subject, order: Order) -> Work:
    """The trainer's own step: forward, loss, backward, clipping, optimiser. The same batch every time."""
    model, length = subject.model, order.length
    count = max(1, order.tokens // length)
    train, valid = _split(subject, length, count), _split(subject, 2, 1)
    # One batch is an epoch, and the rate does not fall to zero however many steps there are.
    settings = replace(
        training_settings(subject.config), epochs=1.0, batch_tokens=count * length, validations=1, schedule="constant"
    )
    trainer = Trainer(model, train, valid, settings, subject.seed, subject.device)
    batch = trainer.batcher.make(np.arange(count))
    model.train()
    return Work(
        lambda: trainer._step(batch), count, batch.target_tokens, count * training_flops(model, length, length)
    )


def _decode(subject: Subject, order: Order, beam: int, count: int) -> Work:
    """Search to a limit of as many tokens as the source has."""
    model, length = subject.model, order.length
    batch = _batch(subject, length, count)
    rows = len(batch.rows)
    limits = np.full(rows, length)
    how = Search(beam, precision=subject.config["search"]["precision"])

    def call() -> None:
        with endless(model):
            found = search(model, batch.src, batch.src_mask, limits, how)
        if any(len(ids) != length for ids in found.tokens):
            raise RuntimeError("a hypothesis ended before the limit")

    return Work(call, rows, rows * length, rows * decoding_flops(model, length, beam))


def _greedy(subject: Subject, order: Order) -> Work:
    return _decode(subject, order, 1, order.tokens // order.length)


def _beam5(subject: Subject, order: Order) -> Work:
    return _decode(subject, order, 5, order.tokens // (5 * order.length))


def _latency(subject: Subject, order: Order) -> Work:
    return _decode(subject, order, 1, 1)


WORKS: dict[str, Callable[[Subject, Order], Work]] = {
    "forward": _forward,
    "train": _train,
    "greedy": _greedy,
    "beam5": _beam5,
    "latency": _latency,
}


def _batch(subject: Subject, length: int, count: int) -> Batch:
    """At least one row."""
    count = max(1, count)
    split = _split(subject, length, count)
    return Batcher(split, count * length, subject.device).make(np.arange(count))


def _split(subject: Subject, length: int, count: int) -> Split:
    """Random tokens; every source and target is `length` long, the end token that batches add included."""
    sides = []
    for side, size in (("source", subject.sizes.source), ("target", subject.sizes.target)):
        generator = numpy_generator(subject.seed, "profile", side, length)
        sides.append(Ragged.of(generator.integers(FIRST_FREE_ID, size, (count, length - 1))))
    return Split("profile", *sides)


def _peak_bytes(device: str) -> int:
    """The most memory so far, of the process or on the GPU."""
    return resources.peak_rss_bytes() if device == "cpu" else torch.cuda.max_memory_allocated()
