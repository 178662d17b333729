"""Runs: one cell from configuration to record, suites of cells, tuning, and what can be done with a trained cell."""
