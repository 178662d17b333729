"""Measurements of time and memory, and their summary as median and quartiles."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Sequence

import torch

TOKENS_PER_SECOND = "non-padding target tokens/s"


def summary(samples: Sequence[float], unit: str) -> dict[str, object] | None:
    """Median and quartiles of the samples, with their number and unit; None without samples."""
    if not samples:
        return None
    if len(samples) == 1:
        q25 = median = q75 = samples[0]
    else:
        q25, median, q75 = statistics.quantiles(samples, n=4, method="inclusive")
    return {"median": median, "q25": q25, "q75": q75, "n": len(samples), "unit": unit}


def clock(device: str) -> float:
    """Seconds of a monotonic clock, read after all work queued on the device has finished."""
    if device != "cpu":
        torch.accelerator.synchronize()
    return time.perf_counter()


def peak_rss_bytes() -> int:
    """Peak resident memory of this process, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def peak_gpu_bytes() -> int | None:
    """Peak GPU memory that torch allocated in this process, in bytes; None without a GPU."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
