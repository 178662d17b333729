"""Measurements that are no cells: speed and memory, reach, data generators, model cards."""
