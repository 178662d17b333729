"""In what type matrix products are computed; weights and sums are float32 either way."""

from __future__ import annotations

import torch


def products_in(precision: str, device: str | torch.device) -> torch.autocast:
    """Inside, matrix products are computed in this precision (torch's autocast)."""
    return torch.autocast(torch.device(device).type, torch.bfloat16, enabled=precision == "bf16")
