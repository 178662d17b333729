"""How torch computes in this process: threads, memory, and what becomes of numbers near zero."""

from __future__ import annotations

import torch

from bench.system.allocator import tune_allocator


def set_up_torch(threads: int) -> None:
    """Set the number of threads and the memory allocator, and let the CPU round subnormal numbers to zero.

    Subnormal numbers (below 1.2e-38 in float32) arise in the gradients of long recurrent networks whose gates close.
    Many processors compute with them ten and more times slower; an LSTM of width 256 fell from 5 steps a second to .5.
    Threads that torch starts later inherit the rounding, so call this before any computation. Where the processor
    cannot round, nothing changes.
    """
    tune_allocator()
    torch.set_flush_denormal(True)
    torch.set_num_threads(threads)
