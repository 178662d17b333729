"""A model without values, on the meta device, where a tensor has a shape and takes no memory."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.overrides import TorchFunctionMode

from models.interface import Seq2Seq

FILLS = frozenset({"normal_", "uniform_", "orthogonal_"})
"""What initialisations draw with."""


class _Unfilled(TorchFunctionMode):
    """Inside, drawing values does nothing: there is nothing to fill, and torch would load its compiler, a second's
    work, to come to that."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if getattr(func, "__name__", None) in FILLS:
            # A tensor's own method has it as the first argument, a function of torch.nn.init by name.
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def sketched(build: Callable[[], Seq2Seq]) -> Seq2Seq:
    """What `build` makes, with all its shapes and none of its values."""
    with torch.device("meta"), _Unfilled():
        return build()
