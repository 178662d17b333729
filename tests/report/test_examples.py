"""Examples of outputs: what is marked as different from the reference, and that a text stays what it was."""

from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import page
from bench.report.tables.examples import MAX_LENGTH, MISSING, OTHER, SAME, compare, markup
from tests.report import pages

WORDS = st.text("ab .,<é-", max_size=30)


def shown(hypothesis: str, reference: str) -> str:
    return markup(compare(hypothesis, reference), html.escape)


@pytest.mark.parametrize(
    "hypothesis, reference, expected",
    [
        ("Ein Hund.", "Ein Hund.", "Ein Hund."),
        ("Ein Hund läuft.", "Ein Mann läuft.", "Ein <ins>Hund</ins> läuft."),
        ("Ein kleiner Hund.", "Ein Hund.", "Ein <ins>kleiner</ins> Hund."),
        ("Ein Hund.", "Ein Hund im Schnee.", "Ein Hund <del>im Schnee</del> ."),
        ("Hund.", "Ein Hund.", "<del>Ein</del> Hund."),
        ("Ein T-Shirt", "Ein Shirt", "Ein <ins>T-Shirt</ins>"),
        ("Ein Café, offen.", "Ein Café.", "Ein Café<ins>, offen</ins>."),
        ("a c b", "a b", "a <ins>c</ins> b"),
        ("<b>", "a", "<ins>&lt;b&gt;</ins>"),
        ("", "Ein Hund.", ""),
        ("Ein Hund.", "", "<ins>Ein Hund.</ins>"),
    ],
)
def test_words_that_differ_are_marked(hypothesis, reference, expected):
    assert shown(hypothesis, reference) == expected


@given(WORDS, WORDS)
def test_without_the_missing_words_the_hypothesis_remains(hypothesis, reference):
    pieces = compare(hypothesis, reference)
    kept = "".join(text for kind, text in pieces if kind != MISSING)
    assert kept.replace(" ", "") == hypothesis.replace(" ", "")
    assert all(text for _, text in pieces)
    taken = "".join(text for kind, text in pieces if kind != OTHER)
    assert set(taken) <= set(reference + hypothesis + " ")


def test_of_a_long_text_the_beginning_is_compare():
    words = [f"w{number}" for number in range(300)]
    reference = " ".join(words)
    whole_pieces = compare(" ".join(words[:290]), reference)
    text = "".join(piece for _, piece in whole_pieces)
    assert (
        {kind for kind, _ in whole_pieces} == {SAME}
        and len(text) < MAX_LENGTH + 40
        and text.endswith("more characters)")
    )
    assert text.split(" ... ")[0].split()[-1] in words, "cut between words"
    pieces = compare(" ".join(["x", *words[1:]]), reference)
    assert [piece for piece in pieces if piece[0]] == [(OTHER, "x")]
    whole, rest = text.split(" ... (")
    assert len(whole) + int(rest.split()[0]) == len(" ".join(words[:290]))


def test_both_pages_mark_and_escape(folder):
    folder.cell("recall", "transformer", hypothesis="a *x* <i>y</i> b")
    folder.cell("recall", "lstm_none", hypothesis="b")
    page.build(folder.path)
    texts = pages.html(folder.path), pages.markdown(folder.path)
    for text, marks in zip(texts, ("*x* &lt;i&gt;y&lt;/i&gt;", r"\*x\* &lt;i&gt;y&lt;/i&gt;")):
        assert text.count(f"a <ins>{marks}</ins> b") == 3 and text.count("<del>a</del> b") == 3
        assert "Underlined: words that the reference does not have at this position." in text
