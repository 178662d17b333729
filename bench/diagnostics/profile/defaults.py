"""Defaults of `bench profile`. The command line imports them for its help, so nothing slow is imported here."""

ARMS = ("transformer", "lstm_dot", "gru_dot", "lstm_none")
LENGTHS = tuple(2**power for power in range(4, 13))
"""Lengths of source and target in tokens, including the end token."""

TOKENS = 4096
"""Maximum source tokens in a batch; a batch always holds at least one sentence."""

REPEATS = 10
SECONDS = 60.0
"""Maximum number of calls after the warm-up, and maximum seconds for these calls and the warm-up together."""
