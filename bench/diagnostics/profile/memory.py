"""Whether a measurement fits into memory, estimated before it is made."""

from __future__ import annotations

import numpy as np

from bench.conf.schema import Cell
from bench.diagnostics.profile.plan import Request
from bench.evaluation.search_config import Search
from bench.runs import memory_guard
from bench.system.environment import byte_size
from models.interface import Model, SequenceModel

BEAMS = {"greedy": 1, "beam5": 5, "latency": 1}
"""Hypotheses of each source in the types of work that decode."""


def reason_to_leave_out(model: Model, cell: Cell, request: Request) -> str | None:
    """Why the work of a request cannot be held; None if nothing says so. An estimate from below, see
    `bench.runs.memory_guard`; or that the model does no such work."""
    if isinstance(model, SequenceModel):
        if request.quantity == "beam5":
            return "one stack has no beam search"
        if request.quantity in BEAMS and not model.causal:
            return "a model that reads whole sequences (model.causal=false) writes none"
    limit, _ = memory_guard.memory(cell.device)
    if limit is None:
        return None
    needed = needed_bytes(model, cell, request, limit)
    if needed <= limit:
        return None
    change = "" if request.quantity == "latency" else " or --tokens"
    return f"needs at least {byte_size(needed)} of memory, and there are {byte_size(limit)}; lower --lengths{change}"


def needed_bytes(model: Model, cell: Cell, request: Request, enough: int) -> float:
    """Bytes that the work holds at least; 0 for a forward pass, which keeps nothing. A training step that surely needs
    less than `enough` is counted without its activations."""
    length = request.length
    if request.quantity == "train":
        rows, weights = max(1, request.tokens // length), memory_guard.weight_bytes(model)
        if memory_guard.most_bytes(model, rows, length) < enough:
            return weights
        of_pair = memory_guard.measured_activations(model, cell.training.precision, cell.device)
        return weights + rows * of_pair(length, length)
    if request.quantity not in BEAMS:
        return 0.0
    beam = BEAMS[request.quantity]
    rows = 1 if request.quantity == "latency" else max(1, request.tokens // (beam * length))
    search = Search(beam, precision=cell.search.greedy.precision)
    decoding = memory_guard.Decoding.of(model, search, cell.device)
    return float(decoding.batch_bytes(np.array(rows), length, np.array(length)))
