"""The precision of matrix products. Weights and sums are float32 in either precision."""

from __future__ import annotations

import torch


def products_in(precision: str, device: str | torch.device) -> torch.autocast:
    """A context in which matrix products are computed in this precision, by torch's autocast."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")
