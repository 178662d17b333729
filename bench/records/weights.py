"""A model's weights as a safetensors file, which cannot run code when it is read, as pickle can."""

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
    """Write each parameter once, a tied one under its first name. Equal weights give equal bytes. Raises
    StorageError."""
    content = pack({name: parameter.detach().cpu().contiguous() for name, parameter in model.named_parameters()})
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def load(model: nn.Module, path: Path) -> None:
    """Copy the weights that `save` wrote into the model. Raises UserError if the file is broken or of another
    model."""
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} cannot be read ({error}); run the cell again") from error
    parameters = dict(model.named_parameters())
    if {name: tensor.shape for name, tensor in tensors.items()} != {name: p.shape for name, p in parameters.items()}:
        raise UserError(f"{path} has the weights of another model than its record describes; run the cell again")
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[name])
