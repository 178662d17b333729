"""AdamW without torch's compiler, which loads for a second at the start of every cell and has nothing to do there."""

from __future__ import annotations

import inspect
import sys

import torch

MARK = "__dynamo_disable"
"""Where torch keeps, on a function that compiled graphs leave out, what to call instead."""


class AdamW(torch.optim.AdamW):
    """torch.optim.AdamW (Loshchilov & Hutter 2019), bit for bit; it cannot be part of a compiled graph.

    Torch loads its compiler to have an optimiser left out of graphs, of which there are none without a compiler: its
    functions are marked as standing for themselves, and `step` is called without the detour. Both are torch's own
    affair; where a version does them in another way, nothing but the second comes back.
    """

    def __init__(self, *parameters: object, **settings: object) -> None:
        if "torch._dynamo" not in sys.modules:
            for held in vars(torch.optim.Optimizer).values():
                plain = getattr(held, "__wrapped__", None)
                if plain is not None and not hasattr(plain, MARK):
                    setattr(plain, MARK, plain)
        super().__init__(*parameters, **settings)

    @torch.no_grad()
    def step(self) -> None:
        """One update from the gradients there are."""
        _plain_step(self)


_plain_step = inspect.unwrap(torch.optim.AdamW.step)
