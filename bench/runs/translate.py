"""A trained cell put to use: lines in, lines out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from bench.data.examples import EOS, LONGEST
from bench.errors import UserError
from bench.evaluation.decoding import search
from bench.evaluation.search_config import Search
from bench.runs import trained


def translate(
    run_folder: Path, lines: Iterable[str], *, beam: int = 5, say: Callable[[str], None] = lambda line: None
) -> Iterator[str]:
    """Translate lines, one by one as they come, with the trained cell in `run_folder`.

    An empty line gives an empty line. Of a line of more tokens than LONGEST, or than a model with learned positions can
    read, the beginning is translated, and `say` is told so. Raises UserError where the folder holds no trained cell or a
    line cannot be read.
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
    reach = LONGEST if model.max_length is None else min(LONGEST, model.max_length)
    most = reach - 1  # and the end token
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            yield ""
            continue
        ids = task.source_ids(line.rstrip("\r\n"))
        if len(ids) > most:
            say(f"line {number}: {len(ids):,} tokens, of which the first {most:,} are translated")
            ids = ids[:most]
        limit = task.target_limit(np.array([len(ids)]))
        limit = limit if model.max_length is None else np.minimum(limit, most)
        yield task.target_text(search(model, torch.tensor([[*ids, EOS]]), None, limit, how).tokens[0])
