"""A model's weights as a file without pickle."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as pack
from torch import nn

from bench.errors import UserError
from bench.system.files import writing


def save(model: nn.Module, path: Path) -> None:
    """Each parameter once, a tied one under its first name; the same weights give the same bytes. Raises StorageError."""
    content = pack({name: parameter.detach().cpu().contiguous() for name, parameter in model.named_parameters()})
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


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
