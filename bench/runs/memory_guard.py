"""The memory that a cell needs at least, compared with what this machine gives, before time is spent on the cell.

Every estimate is a lower bound: it counts the largest tensors that are held at once, and no libraries, no data and no
copies in passing. So what is refused could not have run, and what is not refused may still be too large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from bench.data.examples import Split, TaskData
from bench.errors import UserError
from bench.evaluation.output_limits import output_limits
from bench.evaluation.search_config import Search, SearchConfig
from bench.system import environment
from bench.system.environment import byte_size
from bench.tasks.base import Task
from bench.training import precision
from bench.training.batches import Batcher
from bench.training.config import TrainingConfig
from models.cost import activation_bytes, state_growth
from models.interface import Model

FLOAT_BYTES = 4
COPIES = 4
"""Of every parameter in training: the weight, its gradient and the two moments of AdamW."""

LOGITS = 2
"""Tensors of tokens times vocabulary that a validation or a step of a search holds at once: logits and their log
softmax."""

MOST_BYTES_PER_FLOP = 4
"""A forward pass keeps fewer bytes than this for each FLOP of its matrix products, so that small batches need no
measurement. Additive attention keeps most: 4 bytes for 4 FLOPs of a score and channel."""


@dataclass(frozen=True)
class Need:
    """What a piece of work needs at least. work: in words; bytes; because: its largest part; setting: what to lower
    for less, empty where one sequence alone needs this much."""

    work: str
    bytes: float
    because: str
    setting: str

    def message(self, limit: int) -> str:
        """Why it cannot be held, and what to do."""
        shorter = "use shorter sequences (task.max_length for parallel text)"
        change = f"lower {self.setting}" if self.setting else shorter
        return (
            f"{self.work} needs at least {byte_size(self.bytes)} of memory ({self.because}), and there are "
            f"{byte_size(limit)}; {change}, or lower budget.parameters"
        )


def memory(device: str) -> tuple[int | None, int | None]:
    """Bytes of the device's memory, and those free now; None where the system does not say."""
    if device == "cpu":
        return environment.memory_bytes()
    free, total = torch.cuda.mem_get_info()
    return total, free


def check_parameters(parameters: int, device: str) -> None:
    """Raises UserError for a model whose weights, gradients and moments cannot be held. Builds nothing."""
    limit, _ = memory(device)
    needed = COPIES * FLOAT_BYTES * parameters
    if limit is not None and needed > limit:
        raise UserError(
            f"a model of {parameters:,} parameters needs at least {byte_size(needed)} of memory in training, and "
            f"there are {byte_size(limit)}; lower budget.parameters, model.width or match.target, whichever is set"
        )


def check_cell(
    model: Model,
    task: Task,
    data: TaskData,
    training: TrainingConfig,
    search: SearchConfig | None,
    device: str,
    say: Callable[[str], None],
) -> None:
    """Raises UserError if training or decoding cannot fit in memory. Warns if it needs more than is free now, or would
    need more than there is if outputs reached their limit. search: None where nothing is decoded."""
    limit, free = memory(device)
    if limit is None:
        return
    enough = limit if free is None else min(limit, free)
    needs = [training_need(model, data.train, training, device, enough), validation_need(model, data.valid, training)]
    at_limits: list[Need] = []
    # The beams differ in their length penalty alone.
    for each in () if search is None or data.sizes.one_stack else (search.greedy, *search.beams[:1]):
        assert search is not None
        decoding = Decoding.of(model, each, device)
        for split in data.tests.values():
            needs.append(decoding.need(split, split.target_lengths, search.batch_tokens, enough))
            at_limits.append(decoding.need(split, output_limits(model, task, split), search.batch_tokens, enough))
    largest = max(needs, key=lambda need: need.bytes)
    if largest.bytes > limit:
        raise UserError(largest.message(limit))
    if free is not None and largest.bytes > free:
        say(
            f"warning: {largest.work} needs at least {byte_size(largest.bytes)} of memory, and {byte_size(free)} are "
            "free now"
        )
    worst = max(at_limits, key=lambda need: need.bytes, default=None)
    if worst is not None and worst.bytes > limit:
        say(
            f"warning: {worst.work} needs {byte_size(worst.bytes)} of memory if outputs reach their limit "
            f"({worst.because}), and there are {byte_size(limit)}; lower search.batch_tokens or task.output_limit"
        )


def weight_bytes(model: Model) -> int:
    """Of weights, gradients and moments."""
    return COPIES * FLOAT_BYTES * sum(parameter.numel() for parameter in model.parameters())


def most_bytes(model: Model, rows: float, length: int) -> float:
    """A bound from above of what training needs with a batch of `rows` sources and targets of this length."""
    return weight_bytes(model) + MOST_BYTES_PER_FLOP * rows * model.matmul_flops(length, length)


def measured_activations(model: Model, matmul_precision: str, device: str) -> Callable[[float, float], float]:
    """See `models.cost.activation_bytes`."""
    with precision.products_in(matmul_precision, device):
        return activation_bytes(model)


def training_need(model: Model, train: Split, config: TrainingConfig, device: str, enough: int) -> Need:
    """Of the largest batch. Its activations are left out where it surely needs fewer bytes than `enough`."""
    weights = weight_bytes(model)
    batcher = Batcher(train, config.batch_tokens)
    longest = int(max(batcher.src_lengths.max(), batcher.tgt_lengths.max()))
    # Longer sequences have more FLOPs a token, so no batch has more than one full of the longest.
    if most_bytes(model, max(1, config.batch_tokens / longest), longest) < enough:
        because = f"{byte_size(weights)} for weights, gradients and moments"
        return Need("training", weights, because, "model.width, match.target")
    of_pair = measured_activations(model, config.precision, device)
    # Recurrent encoders skip the padding of sources, so that their mean length is a lower bound for every model.
    shapes = [
        (len(rows), float(batcher.src_lengths[rows].mean()), int(batcher.tgt_lengths[rows].max()))
        for rows in batcher.plan()
    ]
    kept, count, source, target = max((rows * of_pair(*lengths), rows, *lengths) for rows, *lengths in shapes)
    because = f"{byte_size(kept)} of it for a batch of {count:,} x {source:,.0f} source and {target:,} target tokens"
    return Need("training", weights + kept, because, "budget.batch_tokens" if count > 1 else "")


def validation_need(model: Model, valid: Split, config: TrainingConfig) -> Need:
    """Of the logits of the largest batch; no padding among them."""
    batcher = Batcher(valid, config.batch_tokens)
    tokens, rows = max((int(batcher.tgt_lengths[rows].sum()), len(rows)) for rows in batcher.plan())
    logits = float(LOGITS * FLOAT_BYTES * tokens * model.output_dim)
    because = f"logits of {tokens:,} tokens x {model.output_dim:,}"
    return Need("validation", logits, because, "budget.batch_tokens" if rows > 1 else "")


@dataclass(frozen=True)
class Decoding:
    """A search of a model, and how its states grow, in bytes: after a source of one token, with each further token of
    the source, with each token of an output; and the logits of one hypothesis."""

    search: Search
    first: int
    source_token: int
    target_token: int
    logits: int

    @classmethod
    def of(cls, model: Model, search: Search, device: str) -> Decoding:
        with precision.products_in(search.precision, device):
            growth = state_growth(model)
        return cls(search, *growth, LOGITS * FLOAT_BYTES * model.output_dim)

    def batch_bytes(self, rows: np.ndarray, source: float, target: np.ndarray) -> np.ndarray:
        """Bytes of these numbers of sources, of `source` tokens, with outputs of `target` tokens on every beam."""
        return rows * (self.first + (source - 1) * self.source_token + self.search.beam * self._output(target))

    def _output(self, target: np.ndarray) -> np.ndarray:
        return target * self.target_token + self.logits

    def need(self, split: Split, lengths: np.ndarray, batch_tokens: int, enough: int) -> Need:
        """Of the largest batch, where outputs have these lengths (N,), end token included. A batch loses its rows as
        they end. A bound from above where that is less than `enough`."""
        batcher = Batcher(split, max(1, batch_tokens // self.search.beam))
        work, beam = f"decoding {split.name} ({self.search.name})", self.search.beam
        most_rows = min(len(split), max(1, batcher.batch_tokens // int(batcher.src_lengths.min())))
        bound = float(self.batch_bytes(np.array(most_rows), int(batcher.src_lengths.max()), lengths.max()))
        if bound < enough:
            return Need(work, bound, "", "")
        needs = []
        for rows in batcher.plan():
            left, tokens = np.arange(1, len(rows) + 1), -np.sort(-lengths[rows])  # the k longest outputs are left
            states = self.batch_bytes(left, float(batcher.src_lengths[rows].mean()), tokens)
            worst = int(states.argmax())
            needs.append((float(states[worst]), worst + 1, int(tokens[worst]), len(rows)))
        most, count, length, together = max(needs)
        because = f"states and logits of {count:,} x {beam} outputs of {length:,} tokens"
        return Need(work, most, because, "search.batch_tokens" if together > 1 else "search.beam" if beam > 1 else "")
