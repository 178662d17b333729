"""The arms under test: every file of conf/model, made small. No list of names lives here."""

from __future__ import annotations

import hydra
import torch

from bench import schema
from bench.run import FILLED_IN
from models.interface import Seq2Seq

SOURCE_SIZE, TARGET_SIZE, WIDTH = 23, 19, 16
NAMES = sorted(schema.choices("model"))


def build(name: str, *, shared: bool = False, seed: int = 0, **changes: object) -> Seq2Seq:
    """A small model of the shipped configuration, with two layers, in evaluation mode."""
    described = schema.compose([f"model={name}"]).config["model"]
    cls = hydra.utils.get_class(described["_target_"])
    settings = schema.model_options(described) | {"n_layers": 2} | changes
    options = schema.typed_options(cls.of_width, settings, "model", FILLED_IN)
    target_size = SOURCE_SIZE if shared else TARGET_SIZE
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls.of_width(WIDTH, SOURCE_SIZE, target_size, rounded=False, shared=shared, **options).eval()


def ragged_batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """src (4, 9), src_mask (4, 9) with lengths 9, 5, 1 and 7, tgt (4, 6). Ids 4 and up: no specials."""
    generator = torch.Generator().manual_seed(seed)
    src = torch.randint(4, SOURCE_SIZE, (4, 9), generator=generator)
    tgt = torch.randint(4, TARGET_SIZE, (4, 6), generator=generator)
    mask = torch.arange(9) < torch.tensor([9, 5, 1, 7]).unsqueeze(1)
    return src.masked_fill(~mask, 0), mask, tgt
