"""Seeds from names: every random choice has a generator of its own, and none touches a global one."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(base_seed: int, *names: str | int) -> int:
    """A seed in [0, 2**63) for the purpose that the names spell.

    The same on every machine and Python; seed 0 is a seed like any other.

    >>> derive(0, "order", 3) == derive(0, "order", 3) != derive(0, "order", 4)
    True
    """
    text = "\x1f".join([str(int(base_seed)), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(base_seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator for the purpose that the names spell."""
    return np.random.default_rng(derive(base_seed, *names))


def torch_generator(base_seed: int, *names: str | int, device: str = "cpu") -> torch.Generator:
    """A torch generator for the purpose that the names spell."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(base_seed, *names))


@contextlib.contextmanager
def seeded_initialisation(base_seed: int, *names: str | int) -> Iterator[None]:
    """`torch.nn` initialises from the global generator; inside this block it is seeded, and put back afterwards."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(base_seed, *names))
        yield
