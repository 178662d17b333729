"""What all tests share."""

from hypothesis import settings

# The same examples at every run, and no time limit for one: a busy machine must not fail a test.
settings.register_profile("bench", derandomize=True, deadline=None)
settings.load_profile("bench")
