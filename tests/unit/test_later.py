"""Options that came later change no cell that does not use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from bench.conf import compat, files, schema
from bench.conf.compose import compose

REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "long_range"


def test_every_neutral_value_is_what_the_shipped_configuration_says() -> None:
    optim = OmegaConf.to_container(OmegaConf.load(files.CONF / "config.yaml"))["optim"]
    assert {key: optim[key] for key in compat.NEUTRAL["optim"]} == compat.NEUTRAL["optim"]
    for group in ("budget", "model"):
        found: set[str] = set()
        for path in (files.CONF / group).glob("*.yaml"):
            section = OmegaConf.to_container(OmegaConf.load(path))
            said = {key: section[key] for key in compat.NEUTRAL[group] if key in section}
            assert said == {key: compat.NEUTRAL[group][key] for key in said}, path
            found |= said.keys()
        assert found == compat.NEUTRAL[group].keys()


def test_the_defaults_of_the_code_are_the_neutral_values() -> None:
    """What is left out of a configuration is filled in by these."""
    cell = compose()
    config = cell.config
    for key, value in (compat.NEUTRAL["optim"] | compat.NEUTRAL["budget"]).items():
        assert getattr(cell.training, key) == value
        assert key not in config["optim"] and key not in config["budget"]


def test_a_record_of_before_keeps_its_cell() -> None:
    path = next(path for path in sorted(REFERENCE.glob("*/record.json")))
    record = json.loads(path.read_text(encoding="utf-8"))
    held = schema.checked(record["config"] | {"out": "anywhere"})
    assert (held.name, held.hash) == (record["cell"], record["config_hash"])
    words = [f"task={record['task']}", f"model={record['model']}", f"budget={record['budget_name']}"]
    assert compose(words).config["model"].keys() == record["config"]["model"].keys()


@pytest.mark.parametrize(
    "word",
    [
        *("optim.average=3", "optim.bpe_dropout=0.1", "budget.patience=4", "optim.plateau_factor=0.3"),
        *("model.dropout_attention=0.1", "model.dropout_embedding=0.0", "model.dropout_residual=0.1"),
    ],
)
def test_an_option_that_is_used_makes_another_cell(word: str) -> None:
    key, _, value = word.partition("=")
    section, _, name = key.partition(".")
    before = ["optim.schedule=plateau"] if name == "plateau_factor" else []
    plain, used = compose(before), compose([*before, word])
    assert used.hash != plain.hash and used.config[section][name] == float(value)


def test_of_the_reference_model_too() -> None:
    cell = compose(["match.rule=flops"])
    assert not compat.NEUTRAL["model"].keys() & cell.config["match"]["reference_model"].keys()
