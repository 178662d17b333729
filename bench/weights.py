"""A model's weights as a file without pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from bench.errors import UserError


def save(model: nn.Module, path: Path) -> None:
    """Each parameter once, a tied one under its first name; the same weights give the same bytes."""
    save_file({name: parameter.detach().cpu().contiguous() for name, parameter in model.named_parameters()}, path)


def load(model: nn.Module, path: Path) -> None:
    """Read what `save` wrote. Raises UserError where it is broken or of another model."""
    try:
        held = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}); run the cell again") from error
    own = dict(model.named_parameters())
    if {name: tensor.shape for name, tensor in held.items()} != {name: tensor.shape for name, tensor in own.items()}:
        raise UserError(f"{path} holds the weights of another model than its record describes; run the cell again")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(held[name])
