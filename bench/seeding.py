"""Seeds derived from names: every random choice has its own generator, and no global generator is used."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def derive(base_seed: int, *names: str | int) -> int:
    """A seed in [0, 2**63), hashed from the base seed and the names of its purpose.

    It is the same on every machine and Python version. Seed 0 is a seed like any other.

    >>> derive(0, "order", 3) == derive(0, "order", 3) != derive(0, "order", 4)
    True
    """
    text = "\x1f".join([str(int(base_seed)), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def numpy_generator(base_seed: int, *names: str | int) -> np.random.Generator:
    """A NumPy generator, seeded by `derive`."""
    return np.random.default_rng(derive(base_seed, *names))


def torch_generator(base_seed: int, *names: str | int, device: str = "cpu") -> torch.Generator:
    """A torch generator, seeded by `derive`."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(base_seed, *names))


@contextlib.contextmanager
def seeded_initialisation(base_seed: int, *names: str | int) -> Iterator[None]:
    """Seed the global CPU generator, from which `torch.nn` initialises, inside the block; its state is restored
    after."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(base_seed, *names))
        yield
