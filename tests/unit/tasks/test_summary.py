"""Summaries against a second reading of the rule, from the text of the paragraph alone; and against shortcuts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from bench.data.examples import TaskData
from bench.tasks.grammar import english
from bench.tasks.grammar.lexicon import lexicon
from bench.tasks.grammar.parsing import parse
from bench.tasks.grammar.trees import Clause, Phrase
from bench.tasks.summary import Summary, reduced
from tests.unit.tasks.shown import Shown, draw, show

WORDS = 6


@pytest.fixture(scope="module")
def task() -> Summary:
    return Summary(lexicon=WORDS, train_size=400, valid_size=40, test_size=100)


@pytest.fixture(scope="module")
def data(task: Summary) -> TaskData:
    return task.load()


@pytest.fixture(scope="module")
def shown(task: Summary) -> list[Shown]:
    return [one for part in (0, 3) for one in show(task, draw(task, 250, part=part))]


def read(text: str) -> Clause:
    """The tree of a sentence, by the parser, which knows neither the sampler nor the task."""
    return parse(text, lexicon(WORDS))


def sentences(one: Shown) -> list[str]:
    return [f"{each} ." for each in " ".join(one.source).removesuffix(" .").split(" . ")]


def noun(phrase: object) -> tuple[str, str] | None:
    """Determiner and noun of a phrase."""
    return (phrase.determiner, phrase.noun.english[phrase.plural]) if isinstance(phrase, Phrase) else None


def core(tree: Clause) -> tuple[object, ...]:
    """What a summary keeps of a main clause."""
    verb = tree.verb and (tree.verb.english, tree.verb.particle)
    objects = noun(tree.indirect_object), noun(tree.object)
    return noun(tree.subject), verb, tree.tense, tree.negative, *objects, tree.predicative


def additions(tree: Clause) -> list[object]:
    """What a summary leaves out."""
    phrases = [each for each in (tree.subject, tree.object, tree.indirect_object) if isinstance(each, Phrase)]
    inner = [part for each in phrases for part in (each.adjective, each.modifier, each.relative, each.conjunct)]
    joined = (tree.time, tree.place, tree.adverbial, tree.complement, tree.coordinated, tree.coordinated_predicate)
    return [part for part in (*inner, *joined) if part is not None]


def topic_and_place(one: Shown) -> tuple[object, int]:
    """The subject of most main clauses, and the place of its last sentence. Fails unless there is one such subject."""
    subjects = [noun(read(each).subject) for each in sentences(one)]
    (topic, most), *others = Counter(subjects).most_common()
    assert all(count < most for _, count in others)
    return topic, max(place for place, subject in enumerate(subjects) if subject == topic)


def subsequence(words: list[str], of: list[str]) -> bool:
    rest = iter(["a" if word == "an" else word for word in of])
    return all(("a" if word == "an" else word) in rest for word in words)


def test_the_summary_is_the_last_main_clause_about_the_topic_and_nothing_else(shown: list[Shown]) -> None:
    for one in shown:
        topic, place = topic_and_place(one)
        sentence, summary = sentences(one)[place], " ".join(one.target)
        assert core(read(summary)) == core(read(sentence)) and noun(read(summary).subject) == topic, summary
        assert additions(read(summary)) == []
        assert subsequence(one.target, sentence.split())


@pytest.mark.parametrize(
    ("sentence", "summary"),
    [
        ("the tired woman who slept bought an old hat .", "the woman bought a hat ."),
        ("yesterday the men behind the door did not open the new window .", "the men did not open the window ."),
        ("although the small man slept , the woman was young .", "the woman was young ."),
        ("the women have not bought the small bag today .", "the women have not bought the bag ."),
        ("in the garden the doctors turned off the lamp that was red .", "the doctors turned off the lamp ."),
        ("the teacher wanted to help the student when the man laughed .", "the teacher wanted to help the student ."),
        ("the man gave a friendly boy a beautiful egg after the concert .", "the man gave a boy an egg ."),
    ],
)
def test_sentences_reduced_by_hand(sentence: str, summary: str) -> None:
    assert " ".join(english.realise(reduced(parse(sentence)))) == summary


def test_axes_count_sentences_and_words_after_the_chosen_one(task: Summary, shown: list[Shown]) -> None:
    for one in shown:
        _, place = topic_and_place(one)
        assert one.axes["sentences"] == len(sentences(one))
        assert one.axes["distance"] == len(" ".join(sentences(one)[place:]).split())
    assert {one.axes["sentences"] for one in shown[:250]} == {3, 4, 5, 6}
    assert {one.axes["sentences"] for one in shown[250:]} == {7, 8, 9, 10}
    assert task.train_range == {"sentences": (3, 6)}


def test_no_shortcut_finds_the_sentence(shown: list[Shown]) -> None:
    """Neither its place, nor the word that is most frequent, nor the person who is mentioned first or last."""
    right: Counter[str] = Counter()
    for one in shown:
        topic, place = topic_and_place(one)
        subjects = [noun(read(each).subject) for each in sentences(one)]
        persons = {noun(read(each).subject)[1] for each in sentences(one)}
        mentions = Counter(word for word in one.source if word in persons).most_common()
        right["first sentence"] += place == 0
        right["last sentence"] += place == len(subjects) - 1
        right["first subject"] += subjects[0] == topic
        right["most mentions"] += mentions[0][0] == topic[1] and (
            len(mentions) == 1 or mentions[0][1] > mentions[1][1]
        )
    shares = {name: count / len(shown) for name, count in right.items()}
    assert shares["first sentence"] == 0
    assert shares["last sentence"] < 0.4 and shares["first subject"] < 0.7 and shares["most mentions"] < 0.8


def test_outputs_have_room_and_metrics_are_of_summaries(task: Summary, data: TaskData) -> None:
    for split in (data.train, *data.tests.values()):
        assert np.all(task.target_limit(split.src.lengths) > split.tgt.lengths)
    assert task.metrics[:2] == ("exact_match", "rouge1") and list(data.tests) == ["test", "test_longer"]


def test_few_persons_make_paragraphs_of_any_size() -> None:
    task = Summary(lexicon=3, train_longest=3, test_longest=12, train_size=20, valid_size=5, test_size=20)
    for one in show(task, draw(task, 60, part=3)):
        subjects = Counter(noun(parse(each, lexicon(3)).subject) for each in sentences(one))
        assert len(subjects) <= 3 and len({*subjects.values()}) > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lexicon": 2}, "task.lexicon must be at least 3, got 2"),
        ({"deepest": 4}, "task.deepest must be 0 to 3, got 4"),
        ({"train_shortest": 2}, "3 <= task.train_shortest <= task.train_longest < task.test_longest must hold"),
        ({"train_longest": 10}, "must hold for the sentences, got 3, 10, 10"),
    ],
)
def test_impossible_settings_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError) as error:
        Summary(**options)
    assert message in str(error.value) and "\n" not in str(error.value)
