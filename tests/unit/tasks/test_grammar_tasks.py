"""The tasks made of sentences: which data they give, and what they refuse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from time import process_time

import numpy as np
import pytest

from bench.data.examples import ABSENT, Marks, Split
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.evaluation.scores import marked_rows, word_at
from bench.tasks import task_cache
from bench.tasks.agreement import Agreement
from bench.tasks.grammar import parsing
from bench.tasks.grammar.held_out import held_out
from bench.tasks.grammar.sampling import RULES
from bench.tasks.grammar_translation import Grammar

FEW = {"train_size": 400, "valid_size": 40, "test_size": 60}
A_MINUTE = 100_000
SLACK = 2.0


@pytest.fixture(scope="module")
def task() -> Grammar:
    return Grammar(**FEW)


@pytest.fixture(scope="module")
def data(task: Grammar):
    return task.load()


@pytest.mark.parametrize("kind", [Grammar, pytest.param(Agreement, marks=pytest.mark.slow)])
def test_a_seed_gives_the_same_data_and_another_gives_others(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.tasks.kinds.drawing.CHUNK", 400)
    one, same, other = (kind(**FEW, data_seed=seed).load() for seed in (3, 3, 4))
    assert one.checksums == same.checksums
    assert all(one.checksums[name] != other.checksums[name] for name in one.checksums)
    for ours, theirs in zip((one.train, *one.tests.values()), (same.train, *same.tests.values()), strict=True):
        for name, marks in ours.marks.items():
            for part in ("at", "distance", "foil"):
                assert np.array_equal(getattr(marks, part), getattr(theirs.marks[name], part))


def test_every_target_is_the_source_translated(task: Grammar, data) -> None:
    for split in (data.train, data.valid, *data.tests.values()):
        for i in range(len(split)):
            assert parsing.translate(task.source_text(split.src[i])) == task.target_text(split.tgt[i])


def test_splits_are_disjoint_and_of_the_lengths_asked_for(task: Grammar, data) -> None:
    train = {data.train.src[i].tobytes() for i in range(len(data.train))}
    assert list(data.tests) == ["test", "test_longer", "test_unseen"]
    for split in (data.valid, *data.tests.values()):
        assert not any(split.src[i].tobytes() in train for i in range(len(split)))
    assert data.train.src.lengths.max() <= 24 and data.tests["test_longer"].src.lengths.min() == 25
    assert data.tests["test_longer"].src.lengths.max() <= 40
    assert data.tests["test_longer"].axes["depth"].max() == 3 > data.train.axes["depth"].max()


def combinations(task: Grammar, split: Split) -> list[int]:
    """For each sentence, how many held-out pairs of an attributive adjective and its noun it has."""
    stems = {a.stem + end: a.german for a in task.words.adjectives for end in ("e", "en", "er", "es", "em")}
    nouns = {form: n.german for n in task.words.nouns for form in (n.german, n.genitive, n.plural, n.plural + "n")}
    counts = []
    for i in range(len(split)):
        words = task.target_text(split.tgt[i]).split()
        pairs = [(nouns[b], stems[a]) for a, b in pairwise(words) if a in stems and b in nouns]
        counts.append(sum(held_out(noun, adjective) for noun, adjective in pairs))
    return counts


def test_unseen_combinations_are_in_their_test_set_alone(task: Grammar, data) -> None:
    assert not any(combinations(task, data.train)) and not any(combinations(task, data.tests["test"]))
    assert np.mean(np.array(combinations(task, data.tests["test_unseen"])) > 0) > 0.2


def test_marks_come_back_from_the_cache_and_name_the_reference(task: Grammar, data) -> None:
    restored = task_cache.from_bytes(task_cache.to_bytes(data))
    for name, marks in data.tests["test"].marks.items():
        restored_marks = restored.tests["test"].marks[name]
        assert all(
            np.array_equal(getattr(marks, part), getattr(restored_marks, part)) for part in ("at", "distance", "foil")
        )
        has = marks.at != ABSENT
        assert np.array_equal(has, marks.distance != ABSENT) and np.array_equal(has, marks.foil != ABSENT)
        for i in np.flatnonzero(has):
            assert data.tests["test"].tgt[i][marks.at[i]] != marks.foil[i]


def test_decisive_words_are_scored_by_distance() -> None:
    ids = Ragged.of([[4, 5]] * 12)
    at = np.array([1] * 10 + [ABSENT] * 2)
    distance = np.array([2] * 5 + [3] * 5 + [ABSENT] * 2)
    split = Split("test", ids, ids, marks={"case": Marks(at, distance, np.where(at == ABSENT, ABSENT, 6))})
    references = ["a dem b"] * 12
    hypotheses = ["x dem", "a den", "a", "a dem b", "a dem c"] + ["a dem"] * 5 + ["nothing", ""]
    rows = marked_rows(split, "greedy", hypotheses, references)
    found = {(row["axis"], row["at"]): (row["metric"], row["value"], row["n"]) for row in rows}
    assert found == {
        (None, None): ("case_word", 0.8, 10), ("case_distance", 2): ("case_word", 0.6, 5),
        ("case_distance", 3): ("case_word", 1.0, 5),
    }  # fmt: skip
    assert word_at("", 0) is None


@pytest.mark.slow
def test_agreement_asks_for_one_of_two_forms() -> None:
    task = Agreement(**FEW)
    data = task.load()
    for split in (data.train, *data.tests.values()):
        assert (split.tgt.lengths == 1).all()
        for i in range(len(split)):
            words = task.source_text(split.src[i]).split()
            assert words[-1][0] == "<" and not any(word[0] == "<" for word in words[:-1])
            subject = len(words) - 1 - int(split.axes["distance"][i])
            assert subject >= 0 and words[subject][0].isupper(), "the noun that decides stands before the verb"
        assert (split.marks["agreement"].at == 0).all()
        assert (split.axes["attractors"] >= 0).all() and split.axes["attractors"].max() >= 1


@pytest.mark.slow
def test_a_hundred_thousand_sentences_a_minute() -> None:
    task = Grammar(train_size=6_000, valid_size=5, test_size=5, test_longest=None)
    task.load()
    begun = process_time()
    replace(task, data_seed=1).load()
    assert 60 * 6_000 / (process_time() - begun) > A_MINUTE / SLACK


@pytest.mark.parametrize(
    "rule", [*sorted(RULES)[:3], *(pytest.param(rule, marks=pytest.mark.slow) for rule in sorted(RULES)[3:])]
)
def test_each_rule_works_without_the_others_and_can_be_left_out(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With few words, too: no word of any sentence is missing from the vocabulary."""
    monkeypatch.setattr("bench.tasks.kinds.drawing.CHUNK", 300)
    for rules in ([rule], [other for other in RULES if other != rule]):
        for words in (2, 5):
            sizes = {"train_size": 150, "valid_size": 3, "test_size": 3}
            task = Grammar(rules=rules, lexicon=words, train_longest=14, test_longest=None, **sizes)
            assert len(task.load().train) == 150


@pytest.mark.parametrize("kind", [Grammar, Agreement])
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lexicon": 1}, "task.lexicon must be at least 2, got 1"),
        ({"rules": ["poetry"]}, "task.rules: no 'poetry'; there are adjectives, "),
        ({"deepest": 3, "test_deepest": 2}, "task.deepest <= task.test_deepest <= 3 must hold, got 3, 2"),
        ({"deepest": -1}, "0 <= task.deepest"),
        ({"test_deepest": 4}, "task.test_deepest <= 3 must hold, got 2, 4"),
        ({"train_shortest": 2}, "3 <= task.train_shortest <= task.train_longest"),
        ({"train_longest": 40}, "task.train_longest < task.test_longest must hold"),
        ({"train_size": 0}, "task.train_size must be at least 1, got 0"),
        ({"data_seed": -1}, "task.data_seed must be at least 0, got -1"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(kind: type, changes: dict, words: str) -> None:
    with pytest.raises(ValueError) as caught:
        kind(**changes)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_words_it_does_not_know_are_refused(task: Grammar) -> None:
    for text, message in (("the man zzz .", "does not know 'zzz'"), ("  ", "got no word")):
        with pytest.raises(UserError) as caught:
            task.source_ids(text)
        assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_length_that_no_sentence_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.tasks.kinds.sentences.MAX_TRIES", 200)
    with pytest.raises(UserError, match="no sentence of 39-40 words"):
        Grammar(rules=[], train_shortest=39, train_longest=40, test_longest=None, **FEW).load()
