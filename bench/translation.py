"""A trained cell put to use: lines in, lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

from bench import records, schema
from bench.allocator import tune_allocator
from bench.building import build_model
from bench.data import shared
from bench.decoding import Search, search
from bench.errors import UserError
from bench.tasks.base import EOS
from bench.weights import load


def translate(run_folder: Path, lines: Iterable[str], *, beam: int = 5) -> Iterator[str]:
    """Translate lines, one by one as they come, with the trained cell in `run_folder`.

    An empty line gives an empty line. Raises UserError where the folder holds no trained cell or a line cannot be
    read.
    """
    tune_allocator()
    try:
        record = records.read(run_folder)
    except FileNotFoundError as error:
        raise UserError(f"{run_folder} is not a cell's folder: no {records.RECORD} in it") from error
    except ValueError as error:
        raise UserError(str(error)) from error
    path = run_folder / records.WEIGHTS
    if not path.exists():
        raise UserError(f"{run_folder} has no {records.WEIGHTS}, so nothing to translate with; run the cell again")
    cell = schema.checked({**record["config"], "out": str(run_folder.parent)})
    torch.set_num_threads(cell.threads)
    task = schema.build_task(cell.config["task"])
    data = shared.load(task)
    model, _ = build_model(cell.config, data.sizes, data.mean_lengths, cell.seed)
    load(model, path)
    model.eval()
    try:
        how = Search(beam, cell.config["search"]["length_penalty"])
    except ValueError as error:
        raise UserError(str(error)) from error
    for line in lines:
        if not line.strip():
            yield ""
            continue
        ids = [*task.source_ids(line.rstrip("\r\n")), EOS]
        limit = task.target_limit(np.array([len(ids) - 1]))
        yield task.target_text(search(model, torch.tensor([ids]), None, limit, how).tokens[0])
