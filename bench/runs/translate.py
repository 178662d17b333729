"""Translate text with a trained cell: lines in, lines out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from bench.data import unicode
from bench.data.counts import CHANGED
from bench.data.examples import EOS, MAX_LENGTH, UNK
from bench.errors import UserError
from bench.evaluation.decoding import decode_tokens
from bench.evaluation.search_config import Search
from bench.runs import trained


def translate(
    run_folder: Path, lines: Iterable[str], *, beam: int = 5, say: Callable[[str], None] = lambda line: None
) -> Iterator[str]:
    """Translate lines one by one, as they arrive, with the trained cell in `run_folder`.

    Lines are normalised as training text of a user's own is (see `bench.data.unicode`), whatever the cell was trained
    on; at the end `say` gets a line about the changed ones. A line without a visible character gives an empty line. A
    line with more tokens than MAX_LENGTH, or than a model with learned positions can read, is cut: its beginning is
    translated, and `say` gets a line about it, as about an output that reached its limit and about tokens that the
    vocabulary does not know. Raises UserError where the folder has no trained cell, and for a line that the task
    cannot read."""
    cell = trained.load(run_folder)
    task, model, penalty = cell.task, cell.encoder_decoder(run_folder), cell.length_penalty
    if penalty is None:
        if beam > 1:
            raise UserError(
                f"{run_folder}: the cell was not evaluated (evaluate=false), so its length penalty was never chosen; "
                "use --beam 1"
            )
        penalty = 0.0  # greedy search does not use it
    try:
        config = Search(beam, penalty)
    except ValueError as error:
        raise UserError(str(error)) from error
    limit = MAX_LENGTH if model.max_length is None else min(MAX_LENGTH, model.max_length)
    max_tokens = limit - 1  # one position is for the end token
    changed: Counter[str] = Counter()
    for number, line in enumerate(lines, start=1):
        line = unicode.normalise(line, changed)
        if not line:
            yield ""
            continue
        try:
            ids = task.source_ids(line)
        except UserError as error:
            raise UserError(f"line {number}: {error}") from error
        unknown = list(ids).count(UNK)
        if unknown:
            say(f"line {number}: {unknown:,} of {len(ids):,} tokens are unknown to the model, which guesses there")
        if len(ids) > max_tokens:
            say(f"line {number}: {len(ids):,} tokens, of which the first {max_tokens:,} are translated")
            ids = ids[:max_tokens]
        target_limit = task.target_limit(np.array([len(ids)]))
        if model.max_length is not None:
            target_limit = np.minimum(target_limit, model.max_length)
        hypotheses = decode_tokens(model, torch.tensor([[*ids, EOS]]), None, target_limit, config)
        if not hypotheses.ended[0]:
            say(f"line {number}: the translation reached its limit, {int(target_limit[0]):,} tokens, and is cut there")
        yield task.target_text(hypotheses.tokens[0])
    for key, count in sorted(changed.items()):
        if count:
            say(f"{count:,} {CHANGED[key]}")
