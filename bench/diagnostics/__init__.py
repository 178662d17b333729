"""Measurements other than cells: speed and memory, reach, data generators, model cards."""
