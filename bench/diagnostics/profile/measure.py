"""One measurement: an arm at a length, on random tokens, with the benchmark's own training step and search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from bench.conf.compose import compose
from bench.conf.schema import Cell
from bench.data.examples import BOS, EOS, FIRST_FREE_ID, Sizes, Split
from bench.data.ragged import Ragged
from bench.diagnostics.profile.memory import reason_to_leave_out
from bench.diagnostics.profile.plan import Request
from bench.errors import UserError
from bench.evaluation.decoding import decode_tokens
from bench.evaluation.search_config import Search
from bench.records.profile_rows import ERROR, LEFT_OUT, MEASURED, PER_SECOND, UNITS, Row, unmeasured, utilisation
from bench.runs import building, memory_guard
from bench.seeding import numpy_generator
from bench.system import resources
from bench.system.resources import clock
from bench.system.torch_setup import set_up_torch
from bench.training import precision
from bench.training.batches import Batch, Batcher
from bench.training.loss import cross_entropy
from bench.training.teacher_forcing import unpadded_features
from bench.training.trainer import Trainer
from models.cost import parameters, training_flops
from models.interface import Model, Seq2Seq, SequenceModel, State

SIZE_LENGTHS = (32, 32)
"""Lengths of source and target at which an arm matched by FLOPs is sized: every length measures the same arm."""

MATMUL_SIZE, MATMUL_REPEATS = 2048, 6
"""Size of the square float32 products that give the machine's rate, and how many are timed; the fastest counts."""

WARM_UP_CALLS, WARM_UP_SHARE = 3, 0.1
"""The warm-up ends after this many calls, or after the first call that ends beyond this share of the time limit."""


@dataclass(frozen=True)
class Work:
    """A call to be timed. rows, tokens, flops: its sentences, target tokens and matrix-product FLOPs; trains: whether
    the model must be in training mode."""

    call: Callable[[], object]
    rows: int
    tokens: int
    flops: int
    trains: bool = False


@dataclass(frozen=True)
class Subject:
    """A model, its cell, and its vocabulary sizes."""

    model: Model
    cell: Cell
    sizes: Sizes


def make_subject(cell: Cell) -> Subject:
    """The arm of a cell, matched in size, on its device. Raises UserError if it cannot be built or there is no such
    device."""
    if cell.device == "cuda" and not torch.cuda.is_available():
        raise UserError("device=cuda, but torch sees no GPU here; use device=cpu")
    sizes = cell.make_task().sizes
    build, fit = building.fit_width(cell, sizes, SIZE_LENGTHS)
    memory_guard.check_parameters(fit.parameters, cell.device)
    model = building.initialised(build, fit, cell.seed)
    return Subject(model.to(cell.device).eval(), cell, sizes)


def measure(request: Request) -> Row:
    """Measure and return the row; what cannot be held and an exception in the work become the row's reason.

    Memory is this process's resident memory on a CPU, so the process should do nothing else, and torch's allocations
    on a GPU. Raises UserError if the arm cannot be built.
    """
    cell = compose(request.words)
    set_up_torch(cell.threads)
    device, subject = cell.device, make_subject(cell)
    model = subject.model
    if (reason := reason_to_leave_out(model, cell, request)) is not None:
        return unmeasured(request.arm, request.length, request.quantity, LEFT_OUT, reason)
    base = _peak_bytes(device)
    try:
        work = WORK[request.quantity](subject, request)
        samples = time_calls(work.call, device, request.repeats, request.seconds)
    except Exception as error:  # any failure is a row, and the profile continues
        return unmeasured(request.arm, request.length, request.quantity, ERROR, f"{type(error).__name__}: {error}")
    peak = _peak_bytes(device)  # before the matrix products below, which are not part of the work
    rate = matmul_rate(device)
    return {
        **timing_row(request, work, samples, rate),
        "base_bytes": base,
        "peak_bytes": peak,
        "parameters": parameters(model)["total"],
    }


def time_calls(
    call: Callable[[], object], device: str, repeats: int, seconds: float, clock: Callable[[str], float] = clock
) -> list[float]:
    """Seconds of each call after the warm-up: at least one call and at most `repeats`.

    No further call is started if it is expected to end more than `seconds` after the start of the warm-up.
    """
    start = clock(device)
    for _ in range(WARM_UP_CALLS):
        call()
        if clock(device) - start > WARM_UP_SHARE * seconds:
            break
    samples: list[float] = []
    while len(samples) < repeats:
        before = clock(device)
        if samples and before - start + max(samples) > seconds:
            break
        call()
        samples.append(clock(device) - before)
    return samples


def matmul_rate(device: str, size: int = MATMUL_SIZE, repeats: int = MATMUL_REPEATS) -> float:
    """The machine's matrix-product rate in FLOPs a second: the fastest of `repeats` square float32 products after the
    warm-up, with this process's threads."""
    left, right = (torch.randn(size, size, device=device) for _ in range(2))
    out = torch.empty_like(left)
    samples = time_calls(lambda: torch.mm(left, right, out=out), device, repeats, float("inf"))
    return 2 * size**3 / min(samples)


@contextmanager
def without_end_token(model: Seq2Seq) -> Iterator[None]:
    """Within this context the model never predicts the end token, so a search always runs to its limit and its work is
    known. The cost is one write a row and step."""
    step = model.step

    def step_without_end(token: Tensor, state: State) -> tuple[Tensor, State]:
        logits, state = step(token, state)
        logits[:, EOS] = -torch.inf
        return logits, state

    model.step = step_without_end  # type: ignore[method-assign]  # shadows the method on this object alone
    try:
        yield
    finally:
        del model.step


def decoding_flops(model: Seq2Seq, length: int, beam: int) -> int:
    """Matrix-product FLOPs of one search that decodes as many tokens as the source has: one pass of the encoder, and
    one teacher-forced pass of the decoder for each of `beam` hypotheses."""
    encoder = model.matmul_flops(length, 0)
    return encoder + beam * (model.matmul_flops(length, length) - encoder)


def timing_row(request: Request, work: Work, samples: list[float], rate: float) -> Row:
    """The row of a measurement, without memory and number of parameters.

    samples: seconds of each call. rate: the machine's matrix-product rate in FLOPs a second.
    """
    unit = UNITS[request.quantity]
    quartiles = resources.summary([work.tokens / s if unit == PER_SECOND else s / work.tokens for s in samples], unit)
    assert quartiles is not None, "at least one call is timed"
    median = float(np.median(samples))
    return {
        **unmeasured(request.arm, request.length, request.quantity, MEASURED, ""),
        **quartiles,
        "rows": work.rows,
        "tokens": work.tokens,
        "seconds": median,
        "flops": work.flops,
        "matmul_flops_per_second": rate,
        "utilisation": utilisation(work.flops, median, rate),
        "reason": None,
    }


def _forward_work(subject: Subject, request: Request) -> Work:
    """The teacher-forced loss without gradients, as in validation."""
    model, batch = subject.model, _batch(subject, request.length, request.tokens // request.length)

    @torch.inference_mode()
    def call() -> Tensor:
        features, targets = unpadded_features(model, batch)
        return cross_entropy(features, targets, model.projection)

    rows = len(batch.rows)
    return Work(call, rows, batch.target_tokens, rows * model.matmul_flops(request.length, request.length))


def _train_work(subject: Subject, request: Request) -> Work:
    """The trainer's own step (forward, loss, backward, clipping, optimiser), on the same batch every time."""
    model, length = subject.model, request.length
    count = max(1, request.tokens // length)
    train, valid = _split(subject, length, count), _split(subject, 2, 1)
    # One batch is one epoch. A constant schedule keeps the learning rate above zero after any number of steps.
    settings = replace(
        subject.cell.training,
        epochs=1.0,
        batch_tokens=count * length,
        validations=1,
        schedule="constant",
        batching="mixed",
    )
    trainer = Trainer(model, train, valid, settings, subject.cell.seed, subject.cell.device)
    batch = trainer.batcher.make(np.arange(count))
    model.train()
    return Work(
        lambda: trainer._step(batch),
        count,
        batch.target_tokens,
        count * training_flops(model, length, length),
        trains=True,
    )


def _decode_work(subject: Subject, request: Request, beam: int, count: int) -> Work:
    """A search that decodes as many tokens as the source has; one stack writes a sequence of this length."""
    model, length = subject.model, request.length
    if isinstance(model, SequenceModel):
        return _writing_work(model, subject, length, max(1, count))
    assert isinstance(model, Seq2Seq)
    batch = _batch(subject, length, count)
    rows = len(batch.rows)
    limits = np.full(rows, length)
    config = Search(beam, precision=subject.cell.search.greedy.precision)

    def call() -> None:
        with without_end_token(model):
            hypotheses = decode_tokens(model, batch.src, batch.src_mask, limits, config)
        if any(len(ids) != length for ids in hypotheses.tokens):
            raise RuntimeError("a hypothesis ended before the limit")

    return Work(call, rows, rows * length, rows * decoding_flops(model, length, beam))


def _writing_work(model: SequenceModel, subject: Subject, length: int, rows: int) -> Work:
    """One stack that reads its own most probable token at every step."""
    first = torch.full((rows,), BOS, device=subject.cell.device)

    @torch.inference_mode()
    def call() -> None:
        with precision.products_in(subject.cell.search.greedy.precision, first.device):
            token, state = first, model.start(rows)
            for _ in range(length):
                logits, state = model.step(token, state)
                token = logits.argmax(dim=-1)

    return Work(call, rows, rows * length, rows * model.matmul_flops(length, length))


def _greedy_work(subject: Subject, request: Request) -> Work:
    return _decode_work(subject, request, 1, request.tokens // request.length)


def _beam5_work(subject: Subject, request: Request) -> Work:
    return _decode_work(subject, request, 5, request.tokens // (5 * request.length))


def _latency_work(subject: Subject, request: Request) -> Work:
    return _decode_work(subject, request, 1, 1)


WORK: dict[str, Callable[[Subject, Request], Work]] = {
    "forward": _forward_work,
    "train": _train_work,
    "greedy": _greedy_work,
    "beam5": _beam5_work,
    "latency": _latency_work,
}


def _batch(subject: Subject, length: int, count: int) -> Batch:
    """A batch of `count` rows, at least one."""
    count = max(1, count)
    split = _split(subject, length, count)
    return Batcher(split, count * length, subject.cell.device).make(np.arange(count))


def _split(subject: Subject, length: int, count: int) -> Split:
    """Random tokens. Every source and target has `length` tokens, including the end token that batches add; one stack
    predicts at every position."""

    def side(name: str, vocabulary: int) -> Ragged:
        generator = numpy_generator(subject.cell.seed, "profile", name, length)
        return Ragged.of(generator.integers(FIRST_FREE_ID, vocabulary, (count, length - (not one_stack))))

    one_stack = subject.sizes.one_stack
    positions = Ragged.of([range(length)] * count) if one_stack else None
    source, target = side("source", subject.sizes.source), side("target", subject.sizes.target)
    return Split("profile", source, target, answered_at=positions)


def _peak_bytes(device: str) -> int:
    """Peak memory so far, of the process (CPU) or of torch's allocator (GPU)."""
    return resources.peak_rss_bytes() if device == "cpu" else torch.cuda.max_memory_allocated()
