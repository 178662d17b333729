"""The processes that torchrun started for one command, and how process 0 tells the others what to do.

torchrun sets environment variables and serves a key-value store. Process 0 announces the cell that the others take
part in, or that there is none. Without torchrun there is one process, of rank 0. No torch before a message is passed.
"""

from __future__ import annotations

import os
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from bench.errors import UserError

if TYPE_CHECKING:
    from torch.distributed import TCPStore

POLL_SECONDS = 0.1
CONNECT = timedelta(minutes=5)
"""Time limit of connecting to the store."""

_announced = False


def size() -> int:
    """Number of processes, over all machines; 1 without torchrun."""
    return _variable("WORLD_SIZE", 1)


def rank() -> int:
    """Number of this process, from 0; 0 without torchrun."""
    return _variable("RANK", 0)


def local_rank() -> int:
    """Number of this process on its machine, from 0."""
    return _variable("LOCAL_RANK", 0)


def local_size() -> int:
    """Number of processes on this machine."""
    return _variable("LOCAL_WORLD_SIZE", 1)


def _variable(name: str, default: int) -> int:
    # Clusters set WORLD_SIZE and RANK for purposes of their own; this one is set by torchrun alone.
    return int(os.environ.get(name, default)) if "TORCHELASTIC_RUN_ID" in os.environ else default


def check_alone(command: str) -> None:
    """Raises UserError for a command that several processes cannot share."""
    if size() > 1:
        raise UserError(
            f"torchrun started {size()} processes, which train one cell together, and {command} is for several cells; "
            f"use bench run with one cell, or {command} without torchrun"
        )


def announce(order: str) -> None:
    """Tell the waiting processes what to take part in. Process 0 calls it once."""
    _store().set(_key(), order)


def passed_on() -> None:
    """Note that a child of this process has announced an order, so that `dismiss` has nothing to do."""
    global _announced
    _announced = True


def dismiss() -> None:
    """Tell the waiting processes that there is nothing to take part in."""
    if size() > 1 and not _announced:
        announce("")


def announcement() -> str:
    """Wait for what process 0 announces; "" means that there is nothing to do."""
    store = _store()
    while not store.check([_key()]):  # not `wait`, in which Python answers no signal
        time.sleep(POLL_SECONDS)
    return store.get(_key()).decode()


def _key() -> str:
    return f"bench/{_variable('TORCHELASTIC_RESTART_COUNT', 0)}/order"


def _store() -> TCPStore:
    from torch.distributed import TCPStore

    return TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=CONNECT)
