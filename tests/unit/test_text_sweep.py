"""The same text gives the same ids, whether it comes from files, a table, CSV, rows of the Hub or standard input, and
whatever is changed in it is counted."""

from __future__ import annotations

import csv
import io
import sys
import types
import unicodedata
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bench.data import unicode
from bench.data.cleaning import normalise_spaces
from bench.data.subwords import Subwords, _train
from bench.data.text import ParallelText, stream_lines
from bench.evaluation.decoding import Hypotheses
from bench.runs import translate
from bench.runs.trained import Trained
from bench.tasks.bitext import Bitext
from tests.unit.made_up import lines

COMMIT = "0123456789abcdef" * 2 + "01234567"
BOM = "\ufeff"
HIDDEN = (
    BOM,
    "\u200b",
    "\u2060",
    "\xad",
    "\u200e",
    "\u200f",
    "\u061c",
    "\u202a",
    "\u202c",
    "\u2067",
    "\u2069",
    "\x07",
)
SPACES = ("\u2028", "\u2029", "\x85", "\xa0", "\u3000", "\x0b", "\r", " ")
KEPT = ("👩\u200d🔬", "🏴\u200d☠\ufe0f", "می\u200cخواهم", "한국어", "ภาษาไทย", "العربيّة", "über", "Ångström", "ạ̈",
        "水", "क्षि", "<s>", "</s>", "<unk>", "\u2581", "\u2585", '"', ",", "a", "z", "7")  # fmt: skip
ANY = st.characters(exclude_categories=("Cs",), exclude_characters="\0\n\t")
PIECES = st.sampled_from((*KEPT, *HIDDEN, *SPACES)) | ANY
LINE = st.lists(PIECES, max_size=7).map("".join)
PAIRS = st.lists(st.tuples(LINE, LINE), min_size=2, max_size=5)
SUBWORDS = Subwords(_train([*KEPT[:16], *map(chr, range(0x21, 0x180))], 395), escaped=True)


class Rows(dict):
    """Replaces a split of the library `datasets`."""

    column_names = ("en", "de")


def read(task: Bitext) -> tuple[ParallelText, Counter[str]]:
    """Its training text as it is encoded, compared on the way with a second reading of the files."""
    counts: Counter[str] = Counter()
    text = normalise_spaces(task._read_whole("train", counts), counts)
    return text, +counts


def of_files(folder: Path, pairs: list[tuple[str, str]], start: str = "") -> Bitext:
    for name, side in zip(("en", "de"), zip(*pairs)):
        content = start + "".join(f"{line}\n" for line in side)
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return Bitext(str(folder / "en"), str(folder / "de"))


def of_table(folder: Path, pairs: list[tuple[str, str]]) -> Bitext:
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{number}\t{a}\t{b}\n" for number, (a, b) in enumerate(pairs)), "utf-8", newline="")
    return Bitext("2", "3", table=str(path))


def of_csv(folder: Path, pairs: list[tuple[str, str]]) -> Bitext:
    path = folder / "pairs.csv"
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("nr", "en", "de"), *((1, *pair) for pair in pairs)])
    return Bitext("2", "3", table=str(path), header=True)


def of_hub(pairs: list[tuple[str, str]]) -> Bitext:
    columns = zip(*pairs)
    sys.modules["datasets"].load_dataset = lambda *_, **__: Rows(zip(("en", "de"), map(list, columns)))
    return Bitext("en", "de", dataset="a/b", revision=COMMIT)


def of_standard_input(task: Bitext, sources: list[str], patch: pytest.MonkeyPatch, start: str = "") -> list[list[int]]:
    """The ids that a model gets for each line; none for an empty line."""
    ids: list[list[int]] = []
    task._subwords, task._longest_target = SUBWORDS, 5
    model = types.SimpleNamespace(max_length=None)

    def decode(model, src, *_):
        ids.append(src[0, :-1].tolist())
        return Hypotheses([[]], [True])

    patch.setattr(translate.trained, "load", lambda folder: Trained(None, task, None, model, 1.0))
    patch.setattr(translate, "decode_tokens", decode)
    stream = io.BytesIO((start + "".join(f"{line}\n" for line in sources)).encode())
    answers = list(translate.translate(Path(), stream_lines(stream, "standard input"), beam=1))
    assert len(answers) == len(sources)
    return ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "datasets", types.ModuleType("datasets"))
        yield tmp_path_factory.mktemp("sweep")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PAIRS)
@example([(word, word) for word in (*KEPT, *HIDDEN, *SPACES, "\u3164", "a\u200b\u0308")])
@example([("der Junge", "x\u2028y"), ("\u200b", "empty"), (f"{BOM}sie{BOM}", "u\u0308ber\u200f")])
def test_the_same_text_gives_the_same_ids_wherever_it_comes_from(folder: Path, pairs: list[tuple[str, str]]) -> None:
    pairs = [("eins", "one"), *pairs]  # at the start of a file U+FEFF is no part of its text
    task = of_files(folder, pairs)
    text, counts = read(task)
    ids = [SUBWORDS.encode(side) for side in text]
    for other in (of_table(folder, pairs), of_csv(folder, pairs), of_hub(pairs)):
        same, others = read(other)
        assert same == text and [SUBWORDS.encode(side) for side in same] == ids
        assert all(others[key] == counts[key] for key in ("nfc", "invisible", "train_dropped_empty"))
    kept = [source for source, target in pairs if unicode.has_text(source) and unicode.has_text(target)]
    with pytest.MonkeyPatch.context() as patch:
        assert of_standard_input(task, kept, patch) == ids[0]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(PAIRS, st.data())
def test_forms_that_look_alike_are_one_text_and_every_change_is_counted(folder: Path, pairs, data) -> None:
    text, counts = read(of_files(folder, pairs))
    final = [unicode.normalise(line) for pair in pairs for line in pair]
    changed = sum(" ".join(line.split()) != old for line, old in zip(final, (line for pair in pairs for line in pair)))
    ends = sum(line.endswith("\r") or line.startswith(BOM) for pair in pairs for line in pair)  # marks of files
    assert (
        changed <= sum(counts[key] for key in ("nfc", "invisible", "lines_tidied", "train_dropped_empty")) * 2 + ends
    )
    assert counts["train_dropped_empty"] == len(pairs) - len(text.sources)
    form = data.draw(st.sampled_from(("NFC", "NFD")))
    mark = data.draw(st.sampled_from(HIDDEN))
    alike = [tuple(mark + unicodedata.normalize(form, line) + mark for line in pair) for pair in pairs]
    again, marked = read(of_files(folder, alike, start=BOM))
    assert again == text and (marked["invisible"] > 0 or not text.sources)


@settings(max_examples=200, deadline=None)
@given(LINE)
def test_normalising_is_done_once_and_keeps_what_is_seen(line: str) -> None:
    once = unicode.normalise(line)
    assert unicode.normalise(once) == once and unicodedata.is_normalized("NFC", once)
    assert unicode.has_text(line) == bool(once.strip())
    if once:
        letters = [c for c in unicodedata.normalize("NFD", line) if c.isalnum()]
        assert sorted(letters) == sorted(c for c in unicodedata.normalize("NFD", once) if c.isalnum())


@pytest.mark.parametrize("text", KEPT)
def test_what_is_seen_stays(text: str) -> None:
    assert unicode.normalise(text) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("hidden", HIDDEN)
def test_what_is_not_seen_goes_and_is_counted(hidden: str) -> None:
    counts: Counter[str] = Counter()
    assert unicode.normalise_all([f"a{hidden}b", hidden, "ab"], counts) == ["ab", "", "ab"]
    assert counts == {"invisible": 2}


def test_whole_data_are_the_same_from_files_in_nfd_and_from_the_hub(folder: Path, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    plain = list(zip(lines("en", 120, 0), lines("de", 120, 0)))
    typed = [(f"{BOM}{source}", unicodedata.normalize("NFD", target)) for source, target in plain]
    options = {"vocabulary": 90, "held_out": 0.1}
    tasks = []
    for make in (lambda: of_hub(plain), lambda: of_files(folder, typed)):
        task = make()
        task.vocabulary, task.held_out = options["vocabulary"], options["held_out"]
        tasks.append((task, task.load()))
    (_, ours), (task, theirs) = tasks
    for mine, other in zip((ours.train, *ours.tests.values()), (theirs.train, *theirs.tests.values())):
        assert mine.sources == other.sources and mine.references == other.references
        assert np.array_equal(mine.src.tokens, other.src.tokens) and np.array_equal(mine.tgt.tokens, other.tgt.tokens)
    assert theirs.counts["nfc"] > 20 and theirs.counts["invisible"] == 119 and "nfc" not in ours.counts
    assert theirs.report["changed"]["nfc"] == theirs.counts["nfc"]


@pytest.mark.parametrize(
    ("line", "message"), [("a\0b", "row 2, en: a NUL"), ("a\ud83d", r"row 2, en: half a character \(U\+D83D\)")]
)
def test_rows_that_are_no_text_are_refused(folder: Path, line: str, message: str) -> None:
    from bench.errors import DataError

    with pytest.raises(DataError, match=message):
        of_hub([("a", "b"), (line, "c")])._read_whole("train", Counter())
