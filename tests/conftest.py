"""What all tests share."""

import os

# Before torch is loaded: models this small lose by a second thread, most of all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import sys
from collections.abc import Iterator

import pytest
from absl import logging as absl_logging
from hypothesis import settings

# The same examples at every run, and no time limit for one: a busy machine must not fail a test.
settings.register_profile("bench", derandomize=True, deadline=None)
settings.load_profile("bench")

# absl, which rouge-score brings, closes the stream of its handler when another package configures logging, as
# submitit does on import. That would be pytest's own, and no further test could run; standard error is never closed.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__


@pytest.fixture(autouse=True)
def _subnormal_numbers() -> Iterator[None]:
    """A cell that a test runs in this process sets how the processor rounds; the next test gets subnormal numbers."""
    yield
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_flush_denormal(False)
