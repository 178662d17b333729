"""Models on the meta device, where a tensor has a shape and takes no memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from models.interface import Model

FILLS = frozenset({"normal_", "uniform_", "orthogonal_"})
"""The functions that draw initial values."""


class _Unfilled(TorchFunctionMode):
    """Skips the drawing of initial values. On the meta device torch would load its compiler for it, which takes a
    second."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", None) in FILLS:
            # A method of a tensor has it as the first argument; a function of torch.nn.init has it by name.
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def on_meta_device(build: Callable[[], Model]) -> Model:
    """The model that `build` makes, with shapes and without values."""
    with torch.device("meta"), _Unfilled():
        return build()
