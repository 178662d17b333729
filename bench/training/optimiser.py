"""The optimiser: AdamW without torch's compiler, whose import takes longer than training a small cell."""

from __future__ import annotations

import inspect

import torch

from bench.training.config import TrainingConfig
from models.interface import Model

TorchAdamW = torch.optim.AdamW


class AdamW(TorchAdamW):
    """torch.optim.AdamW (Loshchilov & Hutter 2019), bit for bit; it cannot be part of a compiled graph.

    Torch wraps these methods to exclude them from compiled graphs, and the wrappers import the compiler, also where
    nothing is compiled. The methods here are the functions inside the wrappers. Measured with torch 2.13 on two busy
    cores: the first step takes 8.0 to 9.4 s of processor time and 311 MiB with the wrappers, 0.03 s and 233 MiB
    without, in the process of every cell. If a later torch wraps in another way, only the saving is lost.
    """

    add_param_group = inspect.unwrap(TorchAdamW.add_param_group)
    zero_grad = inspect.unwrap(TorchAdamW.zero_grad)
    state_dict = inspect.unwrap(TorchAdamW.state_dict)
    load_state_dict = inspect.unwrap(TorchAdamW.load_state_dict)

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # no closure
        """Update the parameters from their gradients."""
        _step(self)


_step = inspect.unwrap(TorchAdamW.step)


def adamw(model: Model, config: TrainingConfig) -> AdamW:
    """The optimiser of a model's parameters. Weight decay applies to matrices other than the embeddings of
    tokens and values; the table of learned positions is decayed."""
    decayed = [p for n, p in model.named_parameters() if p.dim() > 1 and "embedding" not in n]
    not_decayed = [p for n, p in model.named_parameters() if not (p.dim() > 1 and "embedding" not in n)]
    return AdamW(
        [{"params": decayed, "weight_decay": config.weight_decay}, {"params": not_decayed, "weight_decay": 0.0}],
        lr=config.lr,
        betas=(config.beta1, config.beta2),
        fused=True,
    )
