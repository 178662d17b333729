"""Signs of degenerate outputs: planted faults are detected, and what references do too is no fault."""

from __future__ import annotations

import pytest

from bench.evaluation.degenerate_outputs import SHARES, shares


def signs(hypotheses: list[str], references: list[str], sources: list[str] | None = None) -> dict[str, float]:
    return shares(sources or [f"s{i}" for i in range(len(hypotheses))], hypotheses, references)


def test_right_outputs_show_nothing() -> None:
    texts = ["a b c", "d e", "a a a", "the <unk> dog"]
    clean = dict.fromkeys(SHARES, 0.0) | {"length_ratio": 1.0, "unknown_share": 0.25, "unknown_share_references": 0.25}
    assert signs(texts, texts) == clean


def test_a_repetition_counts_where_the_reference_has_none() -> None:
    hypotheses = ["a a a b", "x a a a", "a a b a", "aaa"]
    assert signs(hypotheses, ["a b", "b b b b", "a b", "b"])["repeated_share"] == 0.25


def test_the_same_answer_to_everything_counts_above_what_references_do() -> None:
    constant = ["0"] * 4
    assert signs(constant, ["0", "1", "0", "1"])["same_share"] == 0.5
    assert signs(constant, constant)["same_share"] == 0.0
    assert signs(["0", "0", "1", "2"], ["0", "1", "2", "3"])["same_share"] == 0.25


def test_the_same_answer_to_the_same_source_is_no_fault() -> None:
    """Of three different sources, one is there three times: answers count once a source."""
    answers = ["x", "x", "x", "y", "z"]
    same = signs(answers, ["a", "b", "c", "d", "e"], ["s", "s", "s", "t", "u"])["same_share"]
    assert same == 0.0


def test_empty_and_short_outputs() -> None:
    got = signs(["", "ab", "", "a b"], ["abcd", "ab", "a", "a b"])
    assert got["empty_share"] == 0.5 and got["length_ratio"] == pytest.approx(5 / 10)


@pytest.mark.parametrize(
    ("hypothesis", "reference", "unknown_shares"),
    [
        ("ein <unk> Hund", "ein Hund", (1.0, 0.0)),
        ("ein\u2047 Hund", "ein \u2047", (1.0, 1.0)),
        ("a ? b", "a c b", (1.0, 0.0)),  # how tasks that are made up write it
        ("wer ? ist da", "wer ist da?", (0.0, 0.0)),  # here it is a sign like others
        ("a b?", "a b", (0.0, 0.0)),
    ],
)
def test_what_stands_for_the_unknown(hypothesis: str, reference: str, unknown_shares: tuple[float, float]) -> None:
    got = signs([hypothesis], [reference])
    assert (got["unknown_share"], got["unknown_share_references"]) == unknown_shares
