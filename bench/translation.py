"""A trained cell put to use: lines in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from bench import trained
from bench.decoding import Search, search
from bench.errors import UserError
from bench.tasks.base import EOS


def translate(run_folder: Path, lines: Iterable[str], *, beam: int = 5) -> Iterator[str]:
    """Translate lines, one by one as they come, with the trained cell in `run_folder`.

    An empty line gives an empty line. Raises UserError where the folder holds no trained cell or a line cannot be
    read.
    """
    found = trained.load(run_folder)
    task, model, penalty = found.task, found.model, found.length_penalty
    if penalty is None:
        if beam > 1:
            raise UserError(f"{run_folder}: evaluate=false left the length penalty of its beam open; use --beam 1")
        penalty = 0.0  # greedy search has no use for one
    try:
        how = Search(beam, penalty)
    except ValueError as error:
        raise UserError(str(error)) from error
    for line in lines:
        if not line.strip():
            yield ""
            continue
        ids = [*task.source_ids(line.rstrip("\r\n")), EOS]
        limit = task.target_limit(np.array([len(ids) - 1]))
        yield task.target_text(search(model, torch.tensor([ids]), None, limit, how).tokens[0])
