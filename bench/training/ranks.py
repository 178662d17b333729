"""Several processes that train one cell: who this one is, which share of the work it has, and sums over all of them.

torchrun starts the processes (`bench.system.torchrun`), one for each device; inside `joined` they work together. With
one process, and outside `joined`, every function here returns its argument.

Every process makes the same global batches by the same plan, computes the gradients of its own rows, and gets the sum
of all. torch's DistributedDataParallel is not used: it averages over processes, but the loss is a mean over the tokens
of the global batch, and the processes have different numbers of tokens; it needs every parameter in every process, but
a batch may have fewer rows than there are processes; and it wraps `forward`, which is not what is trained here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from bench.errors import UserError
from bench.system import torchrun
from bench.system.signals import Interrupted
from bench.training.batches import Batch, Batcher
from models.dropout import BatchShare

Part = TypeVar("Part")

TIMEOUT = timedelta(minutes=30)
"""How long a process waits for another one that is alive but does not answer."""


class RankLost(Interrupted):
    """Another process of the cell has ended. Not a failure of the cell: the saved state stays, and it can continue."""


def count() -> int:
    """Number of processes that work together."""
    return dist.get_world_size() if dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0. Process 0 alone writes."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextlib.contextmanager
def joined(device: str) -> Iterator[None]:
    """Inside the block, the processes that torchrun started work together. Does nothing without torchrun.

    device: `cpu` (gloo), or `cuda` (nccl for gradients): then the process uses the GPU of its local rank. Raises
    UserError where this machine has fewer GPUs than processes, and RankLost where another process has ended.
    """
    if torchrun.size() == 1:
        yield
        return
    if device != "cpu":
        if torchrun.local_size() > torch.cuda.device_count():
            raise UserError(
                f"torchrun started {torchrun.local_size()} processes here, but torch sees {torch.cuda.device_count()} "
                f"GPUs; use --nproc-per-node {max(1, torch.cuda.device_count())}"
            )
        torch.cuda.set_device(torchrun.local_rank())  # from now on `cuda` is this GPU
    with _watching():
        dist.init_process_group("gloo" if device == "cpu" else "cpu:gloo,cuda:nccl", timeout=TIMEOUT)
    yield
    dist.destroy_process_group()  # not after an error: the others may be gone, and the process ends


@contextlib.contextmanager
def agreeing() -> Iterator[None]:
    """If any process raises an exception inside the block, all raise one at its end: its own, or a UserError."""
    own: Exception | None = None
    try:
        yield
    except Exception as error:
        if count() == 1:
            raise
        own = error
    errors = gather(None if own is None else f"{type(own).__name__}: {own}")
    if own is not None:
        raise own
    for number, text in enumerate(errors):
        if text is not None:
            raise UserError(f"process {number} of this cell failed: {text}")


def own_rows(rows: int) -> tuple[int, int]:
    """The first of this process's rows of a global batch, and the one after its last: a range, which may be empty.

    rows: of the global batch.
    """
    return rows * rank() // count(), rows * (rank() + 1) // count()


def own_part(batcher: Batcher, batch: Batch, share: BatchShare) -> tuple[Batch, bool]:
    """This process's rows of a global batch, and True. Where it has none: the first row, and False: the forward pass
    must draw the dropout masks that the other processes draw.

    batcher: made the batch. share: is set to these rows.
    """
    if count() == 1:
        return batch, True
    start, end = own_rows(len(batch.rows))
    counts = end > start
    if not counts:
        start, end = 0, 1
    share.first, share.rows = start, len(batch.rows)
    return batcher.part(batch, start, end), counts


def turns(parts: Iterable[Part]) -> Iterator[Part]:
    """The parts that this process works on: every `count`-th."""
    return islice(parts, rank(), None, count())


def gather(content: Any) -> list[Any]:
    """What each process passes, in the order of ranks. Raises RankLost."""
    if count() == 1:
        return [content]
    contents: list[Any] = [None] * count()
    with _watching():
        dist.all_gather_object(contents, content)
    return contents


def sums(amounts: Sequence[float] | np.ndarray) -> np.ndarray:
    """Amounts (...) summed over the processes, in the order of ranks: every process gets the same bits.

    Raises RankLost.
    """
    first, *others = gather(np.asarray(amounts))
    return sum(others, first)


def sum_gradients(parameters: Sequence[Tensor], loss: Tensor, requested: bool) -> tuple[Tensor, bool]:
    """Replace the gradients by their sums over the processes.

    loss: a scalar; requested: whether this process was asked to stop. Both are sent with the gradients. Returns the
    summed loss, and whether any process was asked. Raises RankLost.
    """
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    further = torch.stack([loss, torch.full_like(loss, requested)])
    flat = torch.cat([*(gradient.flatten() for gradient in gradients), further])
    with _watching():
        dist.all_reduce(flat)
    *parts, summed = flat.split([*(gradient.numel() for gradient in gradients), len(further)])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))
    return summed[0], bool(summed[1] > 0)


@contextlib.contextmanager
def _watching() -> Iterator[None]:
    """Errors of the connection are RankLost."""
    try:
        yield
    except RuntimeError as error:
        raise RankLost("another process of this cell has ended; the last saved state stays") from error
