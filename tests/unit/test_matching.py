"""Arms made equal: the search for a width, what it is told to meet, what it says where it cannot, and what is kept."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.conf import schema
from bench.conf.compose import compose
from bench.data.examples import Sizes
from bench.errors import UserError
from bench.records import matching, store
from bench.runs import building
from models import width_search as solving
from models.meta_device import on_meta_device
from models.recurrent import RecurrentSeq2Seq
from models.transformer import Transformer
from models.width_search import Fit, at_width, measure, solve_width

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "results" / "reference" / "faq"
ARMS = ("transformer", "lstm_dot", "gru_none", "residual_gru")
LETTERS, WORDS = Sizes(40, 40, True), Sizes(8000, 8000, True)
LENGTHS = (20, 12)


def fitted(*words: str, sizes: Sizes = LETTERS) -> tuple[solving.Build, Fit]:
    return building.fit_width(compose(words), sizes, LENGTHS)


def transformer(width: int) -> Transformer:
    return Transformer.of_width(width, 40, 40, shared=True)


def lstm(width: int) -> RecurrentSeq2Seq:
    return RecurrentSeq2Seq.of_width(width, 40, 40, shared=True)


def counted(model: nn.Module, rule: str) -> float:
    """What a rule counts, the plain way."""
    if rule == "flops":
        return model.matmul_flops(*LENGTHS) / LENGTHS[1]
    if rule == "width":
        return model.tgt_embedding.weight.shape[1]
    ends = () if rule == "params" else ("embedding", "positional", "projection")
    unique = {id(p): p.numel() for name, p in model.named_parameters() if not any(end in name for end in ends)}
    return sum(unique.values())


def test_the_rules_are_named_alike_where_torch_is_and_where_it_is_not() -> None:
    assert matching.RULES == solving.RULES


@pytest.mark.parametrize("arm", ARMS)
def test_a_sketch_has_the_shapes_of_the_model_and_no_values(arm: str) -> None:
    build, fit = fitted(f"model={arm}", "budget.parameters=200000")
    drawn, real = on_meta_device(lambda: build(fit.width)), build(fit.width)
    assert [(n, p.shape) for n, p in drawn.named_parameters()] == [(n, p.shape) for n, p in real.named_parameters()]
    assert {parameter.device.type for parameter in drawn.parameters()} == {"meta"}
    assert all(parameter.any() for name, parameter in real.named_parameters() if name.endswith("weight"))


SOLVES_ALL = """
import sys
from bench.conf.compose import compose
from bench.data.examples import Sizes
from bench.runs import building
for one_stack in (False, True):
    for arm in building.arms_of(one_stack):
        sizes = Sizes(30, 30, True, one_stack=one_stack)
        building.fit_width(compose([f"model={arm}", "budget.parameters=200000"]), sizes, (8, 8))
print([name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""


@pytest.mark.slow
def test_finding_a_width_loads_no_compiler() -> None:
    """Torch loads one, a second's work at the start of every cell, to draw values that do not exist."""
    done = subprocess.run([sys.executable, "-c", SOLVES_ALL], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("rule", matching.RULES)
@pytest.mark.parametrize(
    ("budget", "sizes"), [(200_000, LETTERS), pytest.param(2_350_000, WORDS, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("arm", ARMS)
def test_every_rule_brings_every_arm_near_its_target(arm: str, budget: int, sizes: Sizes, rule: str) -> None:
    build, fit = fitted(f"model={arm}", f"budget.parameters={budget}", f"match.rule={rule}", sizes=sizes)
    assert fit.rule == rule and abs(fit.mismatch) <= 0.05
    with torch.device("meta"):
        model = build(fit.width)
    assert fit.got == counted(model, rule) and fit.parameters == counted(model, "params")
    assert fit.width == model.d_model
    if rule == "params":
        assert fit.target == budget


def test_an_output_of_its_own_grows_with_the_vocabulary_too() -> None:
    few, many = (Transformer.of_width(32, size, size, tied=False, positions="learned") for size in (40, 4000))
    assert measure(few, "nonembedding", *LENGTHS) == measure(many, "nonembedding", *LENGTHS)
    assert measure(few, "nonembedding", *LENGTHS) == counted(few, "nonembedding") < counted(few, "params")


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["params", "nonembedding", "flops"])
@pytest.mark.parametrize("build", [transformer, lstm])
def test_the_solved_width_is_the_nearest_of_all(build: solving.Build, rule: str) -> None:
    every = [at_width(build, width, rule, 1.0, *LENGTHS) for width in range(8, 160, 2)]
    for target in (1.5 * every[0].got, every[20].got, 0.51 * every[40].got + 0.49 * every[41].got):
        nearest = min(abs(other.got - target) for other in every)
        assert abs(solve_width(build, rule, target, *LENGTHS).got - target) == nearest


class Sized(nn.Module):
    """Stands in for a model: so many parameters, and nothing else."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.d_model, self.values = width, nn.Parameter(torch.empty(size))

    def component_of(self, name: str) -> str:
        return "recurrent"


@pytest.mark.parametrize(("target", "width"), [(100, 20), (57, 14), (68, 18), (9, 4), (1, 4)])
def test_sizes_that_do_not_grow_evenly(target: int, width: int) -> None:
    """Steps, falls and widths too small to build; the nearest is found on either side of where the bisection ends."""
    sizes = {4: 10, 6: 20, 8: 30, 10: 40, 12: 50, 14: 62, 16: 90, 18: 70, 20: 98, 22: 110}

    def build(width: int) -> Sized:
        if width < 4:
            raise ValueError("too narrow")
        return Sized(width, sizes.get(width, 10 * width))

    fit = solve_width(build, "params", target)
    assert fit.width == width and fit.smallest == (width == 4)


def test_a_width_that_nothing_can_be_built_at_says_so_in_the_models_words() -> None:
    with pytest.raises(ValueError, match="cell must be one of"):
        solve_width(lambda width: RecurrentSeq2Seq.of_width(width, 9, 9, cell="elman"), "params", 1000)
    with pytest.raises(ValueError, match="rule must be one of params, nonembedding, flops, width; got 'weight'"):
        measure(lstm(8), "weight", *LENGTHS)


def test_nothing_is_allocated() -> None:
    build, devices = transformer, []

    def watched(width: int) -> Transformer:
        model = build(width)
        devices.extend(parameter.device.type for parameter in model.parameters())
        return model

    solve_width(watched, "flops", 1e9, *LENGTHS)
    assert set(devices) == {"meta"}


# What is asked for


@pytest.mark.parametrize("words", [["match.rule=params"], ["match.rule=flops", "match.target=1e6"], []])
def test_no_reference_where_the_target_is_known(words: Sequence[str]) -> None:
    cell = compose(["model=lstm_dot", *words])
    assert set(cell.config["match"]) == {"rule", "target", "reference", "tolerance"}
    assert building.match_record(cell, fitted("model=lstm_dot", *words)[1])["reference"] is None


def test_the_reference_is_the_shipped_arm_on_this_task() -> None:
    """Words that change the cell's own arm do not reach it, all others do; the section is part of the cell's hash."""
    own = [
        "model=lstm_dot",
        "model.n_layers=3",
        "++model.cell=rnn",
        "~model.dropout=0.0",
    ]
    words = ["task=recall", "match.rule=flops", "match.reference=gru_none", "budget.parameters=300000"]
    cell = compose([*own, *words])
    assert cell.config["model"]["n_layers"] == 3
    gru = compose(["task=recall", "model=gru_none"])
    assert cell.config["match"]["reference_model"] == gru.config["model"]
    assert schema.checked(json.loads(json.dumps(cell.config))) == cell
    changed = json.loads(json.dumps(cell.config))
    changed["match"]["reference_model"]["n_layers"] = 2
    assert schema.checked(changed).hash != cell.hash


@pytest.mark.parametrize("rule", ["nonembedding", "flops", "width"])
def test_the_target_is_what_the_reference_has_at_the_budget(rule: str) -> None:
    build, at_budget = fitted("model=gru_none", "budget.parameters=300000")
    with torch.device("meta"):
        expected = counted(build(at_budget.width), rule)
    words = ["match.reference=gru_none", "budget.parameters=300000", f"match.rule={rule}"]
    _, fit = fitted("model=lstm_dot", *words)
    assert fit.target == expected and fit.target != fitted("model=lstm_dot", words[1], words[2])[1].target


@pytest.mark.slow
def test_every_rule_gives_the_reference_itself_the_same_width() -> None:
    for arm in ("transformer", "lstm_dot"):
        words = [f"model={arm}", f"match.reference={arm}"]
        fits = [fitted(*words, f"match.rule={rule}")[1] for rule in matching.RULES]
        assert len({fit.width for fit in fits}) == 1
        assert [fit.mismatch for fit in fits[1:]] == [0, 0, 0]


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "target"), [("params", 300_000), ("nonembedding", 150_000), ("flops", 700_000)])
def test_a_target_of_ones_own_stands_above_the_budget(rule: str, target: int) -> None:
    _, fit = fitted("model=lstm_dot", f"match.rule={rule}", f"match.target={target}", "budget.parameters=1000000")
    assert fit.target == target and fit.got == pytest.approx(target, rel=0.05)


@pytest.mark.slow
def test_flops_are_counted_at_the_lengths_given() -> None:
    cell = compose(["model=lstm_dot", "match.rule=flops"])
    short, long = (building.fit_width(cell, LETTERS, lengths)[1] for lengths in ((5, 5), (200, 10)))
    assert long.target > 5 * short.target


# What cannot be


def refusal(*words: str, sizes: Sizes = LETTERS) -> str:
    with pytest.raises(UserError) as error:
        fitted(*words, sizes=sizes)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_mismatch_is_refused_and_can_be_allowed() -> None:
    size = "budget.parameters=150000"
    words = ["model=lstm_dot", "model.width=64", size]
    _, fit = fitted(*words, "match.tolerance=0.9")
    assert fit.width == 64 and fit.mismatch < -0.05
    told = f"width 64, {fit.parameters:,} parameters, {fit.mismatch:+.1%} from params 150,000"
    change = "change model.width, budget.parameters or match.target, or allow it with match.tolerance"
    assert refusal(*words) == f"model lstm_dot: {told}; {change}"
    assert refusal(*words, f"match.tolerance={abs(fit.mismatch) - 1e-6:.9f}")
    assert fitted(*words, f"match.tolerance={abs(fit.mismatch) + 1e-6:.9f}")[1] == fit
    change = "change budget.parameters or match.target, or allow it with match.tolerance"
    assert refusal("model=lstm_dot", size, "match.tolerance=0").endswith(f"from params 150,000; {change}")


def test_a_reference_that_misses_the_budget_is_refused_by_its_own_name() -> None:
    said = refusal("model=lstm_dot", "budget.parameters=150000", "match.rule=flops", "match.tolerance=0")
    assert said.startswith("model transformer: width ") and "from params 150,000" in said


SMALL = ["model=gru_none", "task=multi30k"]


def test_a_budget_too_small_for_the_vocabulary() -> None:
    smallest = at_width(lambda width: RecurrentSeq2Seq.of_width(
        width, 8000, 8000, shared=True, cell="gru", attention="none"), 2, "params", 1.0).parameters  # fmt: skip
    expected = (
        f"{{}} is too small for model gru_none with a vocabulary of 8,000: its smallest width, 2, has {smallest:,} "
        "parameters; give at least that, or use a smaller vocabulary"
    )
    assert refusal(*SMALL, "budget.parameters=5000", sizes=WORDS) == expected.format("budget.parameters=5000")
    assert refusal(*SMALL, "match.target=5000", sizes=WORDS) == expected.format("match.target=5000")
    assert "with vocabularies of 8,000 and 7,000" in refusal(
        *SMALL, "match.target=5000", sizes=Sizes(8000, 7000, False)
    )
    assert fitted(*SMALL, f"budget.parameters={smallest}", sizes=WORDS)[1].mismatch == 0


def test_a_target_too_small_by_the_other_rules() -> None:
    said = refusal(*SMALL, "match.rule=nonembedding", "match.target=3", sizes=WORDS)
    assert "vocabulary" not in said and said.endswith("parameters without embeddings and output; give at least that")
    words = ["model=transformer", "match.rule=flops", "match.reference=gru_none", "budget.parameters=16100"]
    said = refusal(*words, sizes=WORDS)
    assert said.startswith("budget.parameters=16100 is too small for model transformer with a vocabulary of 8,000: ")
    assert "FLOPs a target token, and gru_none has " in said and said.endswith(
        "give more, or use a smaller vocabulary"
    )
    said = refusal("model=gru_none", "match.rule=flops", "budget.parameters=16100", sizes=WORDS)
    assert said.startswith("budget.parameters=16100 is too small for model transformer ")


def test_a_width_asked_for_is_not_rounded() -> None:
    assert refusal("model=lstm_dot", "match.rule=width", "match.target=51").startswith("model lstm_dot: ")
    assert "does not divide" in refusal("model=transformer", "match.rule=width", "match.target=50")
    assert fitted("model=lstm_dot", "match.rule=width", "match.target=50")[1].width == 50


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("match.rule=weight", "match.rule must be one of params, nonembedding, flops, width; got 'weight'"),
        ("match.tolerance=-0.1", "match.tolerance must be at least 0 and finite, got -0.1"),
        ("match.tolerance=inf", "match.tolerance must be a finite number, got inf"),
        ("match.tolerance=much", "match.tolerance"),
        ("match.target=0", "match.target must be above 0 and finite, or null; got 0"),
        ("match.target=nan", "match.target must be a finite number, got nan"),
        ("match.reference=elman", "match.reference must be one of gru_"),
        ("+match.reference_model.width=8", "reference_model"),
        ("budget.tolerance=0.1", "budget.tolerance"),
    ],
)
def test_values_that_cannot_be_are_named(word: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        compose([word])
    assert said in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(UserError, match="match.target must be a whole number where match.rule is width, got 7.5"):
        compose(["match.rule=width", "match.target=7.5"])


# What is told and kept


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "width {w}, {p:,} parameters, {m:+.1%} from params 150,000"),
        (["match.target=3e5"], "width {w}, {p:,} parameters, {m:+.1%} from params 300,000"),
        (
            ["match.rule=flops"],
            "width {w}, {p:,} parameters, {g:,.0f} FLOPs a target token, {m:+.1%} from flops {t:,.0f} (transformer)",
        ),
        (["match.rule=width"], "width {w}, {p:,} parameters, +0.0% from width {w} (transformer)"),
    ],
)
def test_what_an_arm_got_in_words_and_in_its_record(words: Sequence[str], expected: str) -> None:
    cell = compose(["model=lstm_dot", "budget.parameters=150000", *words])
    _, fit = building.fit_width(cell, LETTERS, LENGTHS)
    values = {"w": fit.width, "p": fit.parameters, "m": fit.mismatch, "g": fit.got, "t": fit.target}
    assert building.description(cell, fit) == expected.format(**values)
    assert building.match_record(cell, fit) == {
        "rule": fit.rule, "target": fit.target, "got": fit.got, "mismatch": fit.mismatch, "tolerance": 0.05,
        "width": fit.width, "reference": "transformer" if "(transformer)" in expected else None,
    }  # fmt: skip


def version_1(record: Mapping) -> dict:
    """A record of today as the first version wrote it."""
    old = json.loads(json.dumps(record))
    match, asked = old.pop("match"), old["config"].pop("match")
    old["config"]["budget"]["tolerance"] = asked["tolerance"]
    del old["tuning"], old["config"]["evaluate"], old["config"]["budget"]["batching"]
    if old["parameters"] is not None:
        old["parameters"] |= {key: match[key] for key in ("target", "mismatch", "width")}
    return old | {"schema": 1}


@pytest.mark.parametrize("done", [True, False])
def test_a_record_of_version_1_reads_as_one_of_today(done: bool, tmp_path: Path) -> None:
    cell = compose(["match.tolerance=0.07", "model=lstm_dot", "budget.batching=length"])
    _, fit = building.fit_width(cell, LETTERS, LENGTHS)
    config = {key: value for key, value in cell.config.items() if key != "out"}
    record = {
        "schema": store.SCHEMA, "cell": "a", "status": "done" if done else "skipped", "config": config,
        "tuning": None, "files": {},
        "match": building.match_record(cell, fit) if done else None,
        "parameters": {"total": fit.parameters, "recurrent": 7} if done else None,
    }  # fmt: skip
    store.write(tmp_path, record)
    assert store.read(tmp_path / "a") == json.loads(json.dumps(record))
    store.write(tmp_path, version_1(record))
    assert store.read(tmp_path / "a") == json.loads(json.dumps(record))


@pytest.mark.parametrize("folder", sorted(REFERENCE.glob("multi30k-*")), ids=lambda folder: folder.name)
def test_the_committed_records_are_cells_still(folder: Path) -> None:
    """So that `bench translate` builds their models."""
    record = store.read(folder)
    cell = schema.checked({**record["config"], "out": "x"})
    assert cell.model == record["model"] and "tolerance" not in cell.config["budget"]
    match = record["match"]
    assert (match["rule"], match["target"], match["tolerance"]) == ("params", 2_350_000, 0.05)
    assert match["got"] == record["parameters"]["total"] == pytest.approx(match["target"] * (1 + match["mismatch"]))
    assert match["width"] > 0 and not {"target", "mismatch", "width"} & set(record["parameters"])
