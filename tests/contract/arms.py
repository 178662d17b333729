"""The arms under test: every file of conf/model, made small, and what else their options can say. No list of arms
lives here: a variant belongs to every arm that has its options. NAMES are encoder-decoders, STACKS are one stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import hydra
import pytest
import torch
import yaml
from torch import Tensor

from bench.conf import checks, files, schema
from bench.conf.files import CONF
from bench.runs.building import FILLED_IN
from models.interface import Model, Seq2Seq, SequenceModel

SOURCE_SIZE, TARGET_SIZE, WIDTH = 23, 19, 16
TARGETS = {name: checks.class_of(target, Model) for name, target in files.targets("model").items()}
NAMES = sorted(name for name, cls in TARGETS.items() if issubclass(cls, Seq2Seq))
STACKS = sorted(name for name, cls in TARGETS.items() if issubclass(cls, SequenceModel))

REPRESENTATIVES = (
    *("transformer", "transformer_encoder", "lstm_dot", "gru_none", "lstm_feeding"),
    *("residual_gru", "minlstm"),
)
"""An arm of each class of model and of each way to train a recurrent one: with and without attention, in a Python
loop, by a parallel scan. The other arms are left to the slow tests."""

VARIANTS: dict[str, dict[str, object]] = {
    "post-norm": {"norm": "post"},
    "gelu": {"activation": "gelu"},
    "no positions": {"positions": "none"},
    "learned positions": {"positions": "learned"},
    "rotary positions": {"positions": "rotary"},
    "alibi positions": {"positions": "alibi"},
    "alibi, three heads": {"positions": "alibi", "n_heads": 3, "d_k": 6, "d_v": 5},
    "no feed-forward": {"d_ff": 0},
    "free heads": {"n_heads": 3, "d_k": 5, "d_v": 7, "d_ff": 24},
    "one direction": {"encoder": "uni"},
    "input feeding": {"input_feeding": True, "attention": "additive", "n_heads": 1},
    "input feeding, heads": {"input_feeding": True, "attention": "dot", "n_heads": 2},
    "three layers": {"n_layers": 3},
    "values": {"inputs": "values", "outputs": "values"},
}


@cache
def described(name: str) -> dict[str, object]:
    """The file of an arm as shipped: without what was chosen for it on some task."""
    return yaml.safe_load((CONF / "model" / f"{name}.yaml").read_text(encoding="utf-8"))


def _has(name: str, options: dict[str, object]) -> bool:
    """Whether these options are a variant of an arm: it has them all, with other values."""
    held = described(name) | {"inputs": "tokens", "outputs": "tokens"}
    return all(key in held for key in options) and any(held[key] != value for key, value in options.items())


def _cases(names: list[str]) -> list[tuple[str, str]]:
    """The arms as shipped, then with each of their variants."""
    variants = [(name, variant) for name in names for variant, options in VARIANTS.items() if _has(name, options)]
    return [(name, "") for name in names] + variants


CASES, STACK_CASES = _cases(NAMES), _cases(STACKS)
IDS = [f"{name} [{variant}]" if variant else name for name, variant in CASES]

FAST = {(name, "") for name in REPRESENTATIVES} | {
    next((name, variant) for name in REPRESENTATIVES if (name, variant) in CASES)
    for variant in VARIANTS
    if any((name, variant) in CASES for name in REPRESENTATIVES)
}
"""The representatives as shipped, and each variant on the first of them that has it."""


def slow_unless_representative(cases: Iterable, case_of: Callable[[Any], Any] = lambda case: case) -> list:
    """The cases, marked as slow unless their arm, or their (arm, variant), is one of the representatives.

    case_of: the arm, or the (arm, variant), of an entry of `cases`."""
    fast = {*REPRESENTATIVES, *FAST}
    return [case if case_of(case) in fast else pytest.param(case, marks=pytest.mark.slow) for case in cases]


NAMES_AND_VARIANTS = [case if case in FAST else pytest.param(*case, marks=pytest.mark.slow) for case in CASES]
"""CASES for two arguments, marked likewise."""


def build(name: str, variant: str = "", *, shared: bool = False, seed: int = 0, **changes: object) -> Any:
    """A small model of the shipped configuration, with two layers, in evaluation mode."""
    section = described(name)
    cls = hydra.utils.get_class(section["_target_"])
    shipped = {key: option for key, option in schema.options_of(section).items() if key != "width"}
    settings = shipped | {"n_layers": 2} | VARIANTS.get(variant, {}) | changes
    by_task = {key: settings.pop(key) for key in ("inputs", "outputs") if key in settings}
    options = schema.typed_options(cls, settings, "model", FILLED_IN)
    target_size = SOURCE_SIZE if shared else TARGET_SIZE
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cls.of_width(WIDTH, SOURCE_SIZE, target_size, rounded=False, shared=shared, **by_task, **options).eval()


def ragged_batch(model: Seq2Seq, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """src (4, 9), src_mask (4, 9) with lengths 9, 5, 1 and 7, tgt (4, 6), or vectors in their places where the model
    reads values. Ids 4 and up: no specials."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(9) < torch.tensor([9, 5, 1, 7]).unsqueeze(1)
    if model.inputs == "tokens":
        src = torch.randint(4, SOURCE_SIZE, (4, 9), generator=generator).masked_fill(~mask, 0)
    else:
        src = torch.randn(4, 9, SOURCE_SIZE, generator=generator) * mask.unsqueeze(-1)
    if model.outputs == "tokens":
        tgt = torch.randint(4, TARGET_SIZE, (4, 6), generator=generator)
    else:
        tgt = torch.randn(4, 6, TARGET_SIZE, generator=generator)
    return src, mask, tgt


def other(elements: Tensor) -> Tensor:
    """Tokens or vectors that differ from these everywhere."""
    return elements + 0.5 if elements.is_floating_point() else (elements + 1) % 4 + 4


def filler(like: Tensor, length: int) -> Tensor:
    """(B, length) of one token, or (B, length, C) of one number."""
    return torch.full((like.shape[0], length, *like.shape[2:]), 3).to(like.dtype)
