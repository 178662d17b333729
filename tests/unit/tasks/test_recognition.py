"""Recognition against oracles of each language, and pairs at edit distance one."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest

from bench.errors import UserError
from bench.tasks.recognition import LANGUAGES, Recognition, _balanced


def balanced(text: str) -> bool:
    """Remove innermost pairs until nothing changes."""
    word = text.replace(" ", "")
    while (shorter := re.sub(r"\(\)|\[\]", "", word)) != word:
        word = shorter
    return not word


ORACLES: dict[str, Callable[[str], bool]] = {
    "parity": lambda text: text.count("b") % 2 == 0,
    "even_pairs": lambda text: text[0] == text[-1],
    "cycle_navigation": lambda text: (text.count("+") - text.count("-")) % 5 == 0,
    "modular_arithmetic": lambda text: eval(text) % 5 == 0,
    "dyck": balanced,
}


def distance(one: list[str], other: list[str]) -> int:
    """Edit distance (Wagner and Fischer 1974)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


@pytest.fixture(scope="module", params=LANGUAGES)
def task(request: pytest.FixtureRequest) -> Recognition:
    return Recognition(
        language=request.param, train_longest=16, test_longest=40, train_size=400, valid_size=60, test_size=80
    )


def test_answers_are_those_of_the_oracle_and_both_are_frequent(task: Recognition) -> None:
    data = task.load()
    assert list(data.tests) == ["test", "test_pairs", "test_longer", "test_longer_pairs"]
    for split in (data.train, data.valid, *data.tests.values()):
        answers = []
        for i in range(len(split)):
            string, blank = task.source_text(split.src[i]).rsplit(" ", 1)
            assert blank == "_" and split.answered_at[i].tolist() == [len(string.split())]
            answers.append(task.target_text(split.tgt[i]))
            assert answers[-1] == ("yes" if ORACLES[task.language](string) else "no"), string
        assert 0.3 <= np.mean([answer == "yes" for answer in answers]) <= 0.7
        share = np.mean([answer == "yes" for answer in answers])
        if split not in (data.train, data.valid):
            assert task.chance["exact_match"] >= max(share, 1 - share) - 1e-9, "nobody guesses better"
    assert task.chance["exact_match"] < 0.7


def test_partners_differ_by_one_edit_and_in_the_answer_and_were_never_trained_on(task: Recognition) -> None:
    data = task.load()
    trained = {data.train.src[i].tobytes() for i in range(len(data.train))}
    for name in ("test", "test_longer"):
        split, pairs = data.tests[name], data.tests[f"{name}_pairs"]
        share = 0.65 if task.language == "dyck" else 0.35 if name == "test" else 0.05
        left_out = data.counts[f"{name}_without_partner"]
        assert len(pairs) == 2 * (len(split) - left_out) and left_out <= share * len(split)
        sources = {split.src[i].tobytes() for i in range(len(split))}
        for i in range(len(pairs) // 2):
            first, second = (task.source_text(pairs.src[2 * i + k]).split()[:-1] for k in (0, 1))
            assert pairs.src[2 * i].tobytes() in sources and distance(first, second) == 1
            assert task.target_text(pairs.tgt[2 * i]) != task.target_text(pairs.tgt[2 * i + 1])
            assert pairs.src[2 * i + 1].tobytes() not in trained


def test_the_same_at_every_call(task: Recognition) -> None:
    assert task.load().checksums == task.load().checksums


def test_balanced_words_have_every_shape_equally_often() -> None:
    generator = np.random.default_rng(1)
    shapes = ["".join("(" if symbol in (0, 2) else ")" for symbol in _balanced(generator, 6)) for _ in range(5000)]
    counts = [shapes.count(shape) for shape in sorted(set(shapes))]
    assert len(counts) == 5, "the Catalan number of three pairs"
    assert min(counts) > 900 and max(counts) < 1100


def test_an_unknown_language_and_an_impossible_length_are_refused() -> None:
    with pytest.raises(ValueError, match="task.language must be one of parity, .*; got 'copy'"):
        Recognition(language="copy")
    with pytest.raises(UserError, match="asks for more distinct sources"):
        Recognition(language="dyck", train_longest=2, test_longest=4).load()
