"""Records on disk: one folder for each cell, written atomically and read back as tables."""

from bench.records.store import Records, load, read

__all__ = ["Records", "load", "read"]
