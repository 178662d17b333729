"""Time and memory: medians with their spread, warm-up left out."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Sequence

import torch

TOKENS_PER_SECOND = "non-padding target tokens/s"


def summary(samples: Sequence[float], unit: str) -> dict[str, object] | None:
    """Median and quartiles of the samples; None where there are none."""
    if not samples:
        return None
    if len(samples) == 1:
        q25 = median = q75 = samples[0]
    else:
        q25, median, q75 = statistics.quantiles(samples, n=4, method="inclusive")
    return {"median": median, "q25": q25, "q75": q75, "n": len(samples), "unit": unit}


def clock(device: str) -> float:
    """Seconds, after all work queued on the device is done."""
    if device != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter()


def peak_rss_bytes() -> int:
    """The most memory this process has had resident, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_gpu_bytes() -> int | None:
    """The most GPU memory torch has held in this process, in bytes; None without a GPU."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
