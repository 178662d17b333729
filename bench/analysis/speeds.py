"""Names of speeds in records, and of costs in profiles.

Speeds of cells were measured beside other cells: for orientation, in no verdict."""

from __future__ import annotations

from bench.analysis.evidence import WORKS
from bench.analysis.messages import Message
from bench.records.profile_rows import QUANTITIES

SPEEDS = {f"throughput.{work}.median": Message(f"costs.{work}.speed") for work in WORKS}
"""Columns in target tokens a second: more is better."""

COSTS = {name: Message(f"costs.profile.{name}") for name in (*QUANTITIES, "flops", "state_bytes", "parameters")}
"""Quantities of a profile in rounds: less is better."""
