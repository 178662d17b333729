"""Model cards and the table of all models agree with the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.analysis import arms
from bench.conf import files
from bench.diagnostics import model_card
from bench.errors import UserError
from models.cost import parameters, state_bytes, training_flops
from tests.contract.arms import NAMES, STACKS, slow_unless_representative

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("task=recall", "budget=quick")


@pytest.mark.slow
@pytest.mark.parametrize("name", slow_unless_representative(files.choices("model")))
def test_a_card_agrees_with_its_model(name: str) -> None:
    card = model_card.make_card(name, () if name in STACKS else SMALL)
    text = model_card.render_card(card)
    counts = parameters(card.model)
    for component, count in counts.items():
        assert re.search(rf"^  {component} +{count:,} ", text, re.MULTILINE)
    for length in (32, 512):
        assert f"{round(training_flops(card.model, length, length) / 1e6):,}" in text
        assert f"{state_bytes(card.model, length, length):,}" in text
    assert card.about in text and card.papers and all(paper in text for paper in card.papers)
    assert abs(card.fit.mismatch) <= 0.05 and f"width {card.fit.width}, {counts['total']:,} parameters" in text


def test_the_shapes_on_a_card_add_up_to_its_parameters() -> None:
    """Parsed from the text: alike layers count as often as they occur, and shared weights once."""
    for name in ("transformer", "lstm_multihead", "minlstm"):
        card = model_card.make_card(name, SMALL)
        section = model_card.render_card(card).split("Layers\n")[1].split("\n\n")[0]
        total = 0
        for line in section.splitlines():
            times = int(match[1]) if (match := re.match(r" +(\d+) x ", line)) else 1
            for shape in re.findall(r" (\d+(?:x\d+)*)(?=,|$)", line):
                size = 1
                for side in shape.split("x"):
                    size *= int(side)
                total += times * size
        assert total == parameters(card.model)["total"]
        assert "projection" in section and "= tgt_embedding.weight" in section


def test_settings_choose_the_size(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "model", "gru_dot", *SMALL, "budget.parameters=100000"]) == 0
    text = capsys.readouterr().out
    assert "task=recall budget=quick budget.parameters=100000" in text and "from params 100,000" in text


@pytest.mark.slow
def test_the_committed_table_is_what_the_command_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "model", "--table"]) == 0
    text = capsys.readouterr().out
    assert text == (ROOT / "results" / "reference" / "models.md").read_text(encoding="utf-8"), (
        "regenerate it: bench list model --table > results/reference/models.md"
    )
    rows = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    known = arms.ordered(NAMES)
    assert [name for name in rows if name in known] == known * 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model"], "name a model; there are .*transformer"),
        (["model", "lstm"], "unknown model 'lstm'; there are"),
        (["models", "transformer"], "only a model has a card"),
        (["tasks", "--table"], "only a model has a card"),
        (["model", "transformer", "model=lstm_dot"], "leave out model="),
        (["model", "transformer", "model.n_heads=0"], "n_heads must be at least 1, got 0"),
        (
            ["model", "transformer", "model.positions=rotary", "model.width=20", "match.tolerance=9"],
            "d_k must be even",
        ),
        (["model", "lstm_dot", "model.attention=cosine"], "attention must be one of none, additive, dot, general"),
        (["model", "lstm_dot", "model.cell=qrnn"], "cell must be one of rnn, lstm, gru; got 'qrnn'"),
        (["model", "minlstm", "model.cell=qrnn"], "cell must be one of rnn, lstm, gru, minlstm, mingru; got 'qrnn'"),
        (["model", "transformer", "budget.parameters=10000"], "too small .* vocabulary of 8,000"),
    ],
)
def test_what_cannot_be_shown_is_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", *words]) == 2
    streams = capsys.readouterr()
    assert re.search(message, streams.err) and streams.err.count("\n") == 1 and not streams.out


def test_a_card_of_an_unknown_setting() -> None:
    with pytest.raises(UserError, match="n_head"):
        model_card.make_card("transformer", ["model.n_head=2"])
