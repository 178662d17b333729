"""Write text with a trained language model, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import torch

from bench.errors import UserError
from bench.evaluation.sampling import Sampling, sample
from bench.runs import trained
from models.cost import state_growth
from models.interface import SequenceModel


def generate(
    run_folder: Path,
    prompt: str,
    *,
    tokens: int,
    sampling: Sampling,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> Iterator[str]:
    """The prompt and the text of so many tokens after it, piece by piece.

    A model whose state grows with the text reads no more tokens at once than it had in training; `say` gets a line
    where the text is longer. Raises UserError where the folder has no trained language model, and for a prompt with
    characters that it does not know."""
    cell = trained.load(run_folder)
    task, model = cell.task, cell.model
    if task.context is None or not isinstance(model, SequenceModel):
        raise UserError(f"{run_folder} was trained on {cell.cell.task}, which is no running text; use task=language")
    if not model.causal:
        raise UserError(f"{run_folder} reads whole texts (model.causal=false), so it cannot go on with one")
    ids = task.prompt_ids(prompt)
    if not ids:
        raise UserError("the prompt has no token to go on from; give at least one character")
    grows = state_growth(model)[1] > 0
    limit = task.context if grows or model.max_length is not None else None
    if limit is not None and len(ids) + tokens > limit + 1:  # nothing is predicted from the last token
        say(
            f"{cell.cell.model} was trained on contexts of {limit:,} tokens: beyond them it reads the last "
            f"{max(1, limit // 2):,} again and goes on"
        )
    yield prompt
    written = list(ids)
    shown = task.running_text(ids)
    generator = torch.Generator().manual_seed(seed)
    for token in islice(sample(model, ids, sampling, generator, limit, task.unwritten), tokens):
        written.append(token)
        text = task.running_text(written)
        # A space at the end of subwords shows only once the next one is there.
        if text.startswith(shown):
            yield text[len(shown) :]
            shown = text
        if shown.endswith("\n"):  # lines are decoded by themselves, so only the last one is decoded again
            written, shown = [], ""
