"""A benchmark of sequence-to-sequence models: the same data, harness and budget for every family."""

__version__ = "0.1.0"
