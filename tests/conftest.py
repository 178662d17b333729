"""What all tests share."""

import os

# Before torch is loaded: models this small lose by a second thread, most of all on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# The same examples at every run, and no time limit for one: a busy machine must not fail a test.
settings.register_profile("bench", derandomize=True, deadline=None)
settings.load_profile("bench")
