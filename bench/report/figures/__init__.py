"""Figures of the report, drawn from the evidence alone."""
