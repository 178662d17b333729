"""What a profile measures where nothing else is asked for. Imported by the command line, for its help: nothing slow."""

ARMS = ("transformer", "lstm_dot", "gru_dot", "lstm_none")
LENGTHS = tuple(2**power for power in range(4, 13))
"""Of source and target, in tokens, the end token included."""

TOKENS = 4096
"""Source tokens in a batch, at most, but one sentence always."""

REPEATS = 10
SECONDS = 60.0
"""Calls after the warm-up, and seconds for them and the warm-up, at most."""
