"""Nothing that is read is run: what the source may not call, and results folders with pickles in every file's
place."""

from __future__ import annotations

import ast
import json
import os
import pickle
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import bench
from bench.__main__ import main
from bench.conf import checks, files
from bench.errors import UserError
from bench.records import store, weights
from bench.tasks.base import Task
from bench.training.checkpoint import CheckpointStore
from models.interface import Seq2Seq
from tests.thorough import some

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for package in ("bench", "models") for path in (ROOT / package).rglob("*.py"))

MODULES = ("pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "jsonpickle")
"""Which run what they read, or write it."""

BUILTINS = ("eval", "exec", "compile", "__import__")
"""As Python's own; `model.eval` and `torch.compile` are others."""

CALLS = (
    "read_pickle",
    "to_pickle",
    "unpack_archive",
    "extractall",
    "extract",
    "unsafe_load",
    "full_load",
    "system",
    "popen",
)
"""Called by these names, whoever's they are."""


def faults(source: str) -> Iterator[str]:
    """What in a module's source can run code out of a file: imports of MODULES, calls of CALLS, torch.load without
    weights_only=True, Python's own eval and the like, numpy's load with allow_pickle, yaml.load, and subprocesses with
    shell=True."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            names += [f"{name}.{each.name}" for name in names for each in node.names]
            yield from (f"line {node.lineno}: import of {name}" for name in names if {*name.split(".")} & {*MODULES})
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            owner, _, name = called.rpartition(".")
            given = {word.arg: ast.unparse(word.value) for word in node.keywords}
            wrong = (
                name in CALLS
                or (name in BUILTINS and owner in ("", "builtins"))
                or (name == "load" and owner == "torch" and given.get("weights_only") != "True")
                or (name == "load" and owner == "yaml")
                or given.get("allow_pickle", "False") != "False"
                or given.get("shell", "False") != "False"
            )
            if wrong:
                yield f"line {node.lineno}: {ast.unparse(node)}"


def test_the_source_runs_nothing_that_it_reads() -> None:
    found = {str(path): list(faults(path.read_text(encoding="utf-8"))) for path in SOURCES}
    assert len(found) > 100 and {path: told for path, told in found.items() if told} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "import torch._pickle as p",
        "import a, shelve",
        "from os import marshal",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.load(path, weights_only=flag)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "yaml.load(text)",
        "yaml.load(text, yaml.Loader)",
        "eval('1')",
        "exec(code)",
        "compile(text, '', 'exec')",
        "tar.extractall(folder)",
        "zip.extract(name)",
        "subprocess.run(words, shell=True)",
        "os.system(words)",
        "builtins.eval(text)",
    ],
)
def test_the_look_at_the_source_sees(source: str) -> None:
    assert list(faults(source))


def test_torch_load_is_called_for_states_alone() -> None:
    assert [path.name for path in SOURCES if "torch.load(" in path.read_text(encoding="utf-8")] == ["checkpoint.py"]


class Bomb:
    """Unpickled, it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.write_text, (self.path, "it was run")


def pickles(marker: Path) -> dict[str, bytes]:
    """Pickles of every protocol torch and Python write, that would write the marker."""
    place = marker.parent / "made.pt"
    found = {
        f"protocol {protocol}": pickle.dumps(Bomb(marker), protocol) for protocol in (0, 2, pickle.HIGHEST_PROTOCOL)
    }
    for name, zipped in (("torch", True), ("torch, as of old", False)):
        torch.save({"model": Bomb(marker), "step": 3}, place, _use_new_zipfile_serialization=zipped)
        found[name] = place.read_bytes()
    place.unlink()
    return found


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with a cell that has every file there can be; its weights fit no model."""
    out = tmp_path_factory.mktemp("whole") / "results"
    (source,) = (ROOT / "tests" / "records" / "v3").glob("reverse-transformer-*")
    cell = out / source.name
    shutil.copytree(source, cell)
    lines = [
        [*store.OUTPUT_COLUMNS, "length"],
        *[["test", "greedy", str(i), "a b", "b a", "b a", "1", "2"] for i in range(50)],
    ]
    (cell / store.OUTPUTS).write_text("".join("\t".join(line) + "\n" for line in lines))
    maps = [{"kind": "cross", "layer": "x", "head": 0, "weights": [[1.0]]}]
    (cell / store.ATTENTION).write_text(json.dumps({"source": ["a"], "output": ["b"], "maps": maps}))
    save_file({"a": torch.zeros(2)}, cell / store.WEIGHTS)
    return out


def refusal(told: str) -> bool:
    """Whether standard error ends in one line that says what is wrong; before it a cell may be said to have begun."""
    return told.splitlines()[-1].startswith("bench: ") and sum("bench: " in line for line in told.splitlines()) == 1


FILES = (store.RECORD, store.CURVE, store.OUTPUTS, store.ATTENTION, store.WEIGHTS, "reach.csv")


@pytest.mark.slow
@pytest.mark.parametrize("name", some(FILES, 3))
def test_a_pickle_in_the_place_of_a_cells_file_is_never_run(
    name: str, whole: Path, tmp_path: Path, marker: Path, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    out = tmp_path / "results"
    shutil.copytree(whole, out)
    (cell,) = store.cell_folders(out)
    said = set()
    for number, content in enumerate(some(pickles(marker).values(), 2)):
        (cell / name).write_bytes(content)
        for words in (["report", str(out)], ["compare", str(out), str(out)], ["score", str(out)],
                      ["translate", "--run", str(cell)], ["reach", "--run", str(cell)], ["hypotheses", str(cell)],
                      ["significance", str(cell), str(cell)]):  # fmt: skip
            if words[0] == "report" and (number or name == store.WEIGHTS):
                continue  # it takes seconds, and has no use for weights
            status = main(words)
            told = capsys.readouterr().err
            said |= {words[0]} if status == 2 and name in told else set()
            assert status in (0, 2) and "Traceback" not in told, (words, told)
            assert status == 0 or refusal(told), (words, told)
        if name in (store.RECORD, store.CURVE):
            with pytest.raises(UserError):
                bench.load(out)
    assert not marker.exists()
    assert said, "some command reads it, and says so"


def test_a_pickle_as_a_state_is_never_run(tmp_path: Path, marker: Path) -> None:
    checkpoints = CheckpointStore(tmp_path)
    for content in pickles(marker).values():
        checkpoints.latest.write_bytes(content)
        checkpoints.previous.write_bytes(content)
        state, messages = checkpoints.load("cpu")
        assert state is None and len(messages) == 3 and not any("\n" in line for line in messages)
        assert all("is damaged" in line for line in messages[:2])
        assert not marker.exists()
    checkpoints.latest.write_bytes(pickles(marker)["torch"])
    torch.load(checkpoints.latest, weights_only=False)
    assert marker.exists(), "the pickle is one that runs"


def test_a_pickle_as_weights_is_one_line(tmp_path: Path, marker: Path) -> None:
    for content in pickles(marker).values():
        (tmp_path / "w").write_bytes(content)
        with pytest.raises(UserError, match="cannot be read") as error:
            weights.load(torch.nn.Linear(1, 1), tmp_path / "w")
        assert "\n" not in str(error.value)
    assert not marker.exists()


@pytest.mark.parametrize("group", ["task", "model"])
@pytest.mark.parametrize(
    "target", ["evil_of_a_test.Evil", "os.system", "subprocess.Popen", "bench.tasks.base.np.ndarray", "models", "",
               "bench.tasks", ".", "bench.tasks..x", "models.transformer.torch.nn.Linear", 7, None, "pathlib.Path"],
)  # fmt: skip
def test_a_record_names_no_class_but_ours(
    group: str,
    target: object,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    """A module that lies beside, where `python -m bench` would find it, is not even imported."""
    out = tmp_path / "results"
    shutil.copytree(whole, out)
    (cell,) = store.cell_folders(out)
    (out / "evil_of_a_test.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.chdir(out)
    monkeypatch.syspath_prepend(str(out))
    record = json.loads((cell / store.RECORD).read_text())
    record["config"][group]["_target_"] = target
    (cell / store.RECORD).write_text(json.dumps(record))
    for words in (
        ["translate", "--run", str(cell)],
        ["reach", "--run", str(cell)],
        *([["score", str(out)]] * (group == "task")),
    ):
        assert main(words) == 2
        assert refusal(capsys.readouterr().err)
    assert not (tmp_path / "marker").exists()
    with pytest.raises(UserError):
        checks.check_ours({group: {"_target_": target}})
        checks.class_of(target, Task if group == "task" else Seq2Seq)


def test_every_task_and_model_that_is_shipped_is_ours() -> None:
    for group in ("task", "model"):
        texts = [path.read_text(encoding="utf-8") for path in (files.CONF / group).glob("*.yaml")]
        targets = {found.group(1) for text in texts if (found := re.search(r"^_target_: (\S+)$", text, re.MULTILINE))}
        assert len(targets) > 1 and all(target.startswith(checks.PACKAGES[group]) for target in targets)
        for target in targets:
            checks.check_ours({group: {"_target_": target}})


@pytest.mark.parametrize("name", ["../../evil", "/tmp/evil-of-a-test", "a/b", "", ".", "..", "\x00", "a b"])
@pytest.mark.parametrize("column", [0, 1])
def test_answers_are_written_into_their_folder_alone(
    name: str, column: int, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    out = tmp_path / "a" / "b" / "results"
    shutil.copytree(whole, out)
    (cell,) = store.cell_folders(out)
    heading, *lines = (cell / store.OUTPUTS).read_text().splitlines()
    rows = [line.split("\t") for line in lines]
    text = "\n".join([heading, *("\t".join([*row[:column], name, *row[column + 1 :]]) for row in rows), ""])
    (cell / store.OUTPUTS).write_text(text)
    before = sorted(tmp_path.rglob("*"))
    assert main(["hypotheses", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["hypotheses", "hypotheses/CELL", "hypotheses/CELL/test.greedy"])
def test_answers_are_not_written_through_a_link(
    place: str, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:  # fmt: skip
    out, outside = tmp_path / "results", tmp_path / "outside"
    shutil.copytree(whole, out)
    (cell,) = store.cell_folders(out)
    link = out / place.replace("CELL", cell.name)
    link.parent.mkdir(parents=True, exist_ok=True)
    outside.mkdir() if link.suffix == "" else outside.write_text("mine")
    os.symlink(outside, link)
    before = {path: path.read_bytes() if path.is_file() else b"" for path in tmp_path.rglob("*")}
    assert main(["hypotheses", str(out)]) == 2
    assert "is a link" in capsys.readouterr().err
    assert {path: path.read_bytes() if path.is_file() else b"" for path in tmp_path.rglob("*")} == before
