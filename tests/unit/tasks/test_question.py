"""Questions against a rule written another way, and the ambiguity of the training data."""

from __future__ import annotations

import re

import pytest

from bench.tasks.question import AUXILIARIES, GENERAL, Question

AUXILIARY = re.compile(rf"\b(?:{'|'.join(AUXILIARIES)})\b")
NOUN = r"(?:the|some|my|your|our) \w+"
CLAUSE = rf"(?:who|that) (?:(?:{'|'.join(AUXILIARIES)}) \w+(?: {NOUN})?|{NOUN} (?:{'|'.join(AUXILIARIES)}) \w+)"
SUBJECT = re.compile(rf"^({NOUN}(?: (?:near|behind|with|beside) {NOUN}| {CLAUSE})?) ({'|'.join(AUXILIARIES)}) (.*)$")


@pytest.fixture(scope="module")
def task() -> Question:
    return Question(train_size=1500, valid_size=100, test_size=300)


def pairs(task: Question, split) -> list[tuple[str, str, str]]:
    """Sentence, what to do, and answer."""
    lines = []
    for i in range(len(split)):
        sentence, what = task.source_text(split.src[i]).rsplit(" ", 1)
        lines.append((sentence, what, task.target_text(split.tgt[i])))
    return lines


def test_answers_move_the_auxiliary_after_the_whole_subject(task: Question) -> None:
    data = task.load()
    for split in (data.train, data.valid, *data.tests.values()):
        for sentence, what, answer in pairs(task, split):
            match = SUBJECT.match(sentence)
            assert match, sentence
            subject, auxiliary, rest = match.groups()
            assert answer == (f"{auxiliary} {subject} {rest} ?" if what == "quest" else f"{sentence} .")


def test_training_fits_both_rules_and_the_general_split_one(task: Question) -> None:
    data = task.load()
    for name, split in {"train": data.train, "valid": data.valid, **data.tests}.items():
        lines = pairs(task, split)
        asked = [(sentence, answer) for sentence, what, answer in lines if what == "quest"]
        assert len(asked) == len(lines) if name == GENERAL else 0.3 < len(asked) / len(lines) < 0.5
        for sentence, answer in asked:
            first = AUXILIARY.search(sentence)
            assert first is not None
            linear = f"{first.group()} {sentence[: first.start()]}{sentence[first.end() + 1 :]} ?"
            assert (linear == answer) == (name != GENERAL)
            assert (linear.split()[0] == answer.split()[0]) == (name != GENERAL), (
                "the first word tells the rules apart"
            )
            before = SUBJECT.match(sentence)
            assert before is not None and (re.search(r"\b(?:who|that)\b", before[1]) is None) == (name != GENERAL)


def test_statements_of_training_have_relative_clauses_on_their_subject_too(task: Question) -> None:
    statements = [sentence for sentence, what, _ in pairs(task, task.load().train) if what == "decl"]
    with_clause = [sentence for sentence in statements if re.match(rf"^{NOUN} (?:who|that)", sentence)]
    assert 0.2 < len(with_clause) / len(statements) < 0.5
