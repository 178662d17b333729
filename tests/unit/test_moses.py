"""Literature-style BLEU, and its tokens compared with those that the makers of Multi30k published."""

import os
from collections.abc import Callable

import pytest
from sacrebleu.metrics import BLEU
from sacremoses import MosesPunctNormalizer, MosesTokenizer

from bench.data import moses
from bench.data.corpora import files
from bench.data.corpora.multi30k import CORPUS, LANGUAGES, TESTS
from bench.data.text import read_lines
from bench.metrics import LITERATURE, METRICS, bleu, literature_bleu
from tests.unit.mirrors import MIRRORS

SETS = {"val": LANGUAGES, **TESTS}

LINES = dict(zip(SETS, (1014, 1000, 1000, 461, 1071), strict=True))
DIFFERENT = {("test_2018_flickr", "en"): 3, ("test_2018_flickr", "de"): 2, ("test_2018_flickr", "cs"): 1}
"""Lines whose tokens are not those of the corpus's own file; none in all other sets and languages."""


@pytest.fixture
def pair(monkeypatch, tmp_path) -> Callable[[str, str], tuple[list[str], list[str]]]:
    """pair(name, language): the raw lines of a set and the lines of its `tok` file. Skips where no mirror has both."""
    mirrors = [folder for folder in MIRRORS if (folder / "multi30k" / "tok").is_dir()]
    if not mirrors:
        pytest.skip("no mirror with Multi30k's tok files: BENCH_MIRROR")
    monkeypatch.setenv("BENCH_MIRROR", os.pathsep.join(map(str, mirrors)))
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("BENCH_OFFLINE", "1")

    def read(name: str, language: str) -> tuple[list[str], list[str]]:
        raw = read_lines(files.obtain(CORPUS, f"{name}.{language}.gz"))
        return raw, read_lines(mirrors[0] / "multi30k" / "tok" / f"{name}.lc.norm.tok.{language}")

    return read


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_tokens_are_those_of_the_corpus(pair, language):
    different, lines = {}, {}
    for name in (name for name, languages in SETS.items() if language in languages):
        raw, published = pair(name, language)
        lines[name] = len(raw)
        different[name] = sum(
            moses.tokenise(line, language) != tokens for line, tokens in zip(raw, published, strict=True)
        )
        tidied = [" ".join(line.split()) for line in raw]  # as references stand in outputs.tsv
        assert all(moses.tokenise(a, language) == moses.tokenise(b, language) for a, b in zip(raw, tidied))
    assert lines == {name: LINES[name] for name in lines}
    assert different == {name: DIFFERENT.get((name, language), 0) for name in different}


def _by_english_rules(line: str, language: str) -> str:
    """Normalised by those, whatever the language."""
    normaliser = MosesPunctNormalizer("en", perl_parity=True)
    return MosesTokenizer(language).tokenize(normaliser.normalize(line.lower() + "\n"), return_str=True)


def _normalised_last(line: str, language: str) -> str:
    """After the tokeniser."""
    tokens = MosesTokenizer(language).tokenize(line.lower(), return_str=True)
    return MosesPunctNormalizer(language, perl_parity=True).normalize(tokens)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("language", "made"), [("en", _normalised_last), ("de", _by_english_rules), ("cs", _by_english_rules)]
)
def test_why_six_lines_of_2018_differ(pair, language, made):
    """Three of the files of 2018 were made in another way than all the rest, and in that way come out whole."""
    raw, published = pair("test_2018_flickr", language)
    assert [made(line, language) for line in raw] == [line.strip() for line in published]
    for name in ("val", "test_2016_flickr"):
        raw, published = pair(name, language)
        same = [made(line, language) for line in raw] == [line.strip() for line in published]
        assert same == ((name, language) in {("val", "en"), ("val", "cs"), ("test_2016_flickr", "cs")}), name


@pytest.mark.slow
def test_score_is_that_against_the_published_references(pair):
    raw, published = pair("test_2016_flickr", "de")
    hypotheses = [line[: 2 * len(line) // 3].upper() for line in raw]
    value, _ = METRICS["bleu_lit_de"].score(hypotheses, raw)
    tokens = [moses.tokenise(line, "de") for line in hypotheses]
    assert value == BLEU(tokenize="none", force=True).corpus_score(tokens, [published]).score
    assert value > bleu(hypotheses, raw)[0] + 10


@pytest.mark.parametrize(
    ("language", "line", "tokens"),
    [
        ("en", "Don't \"run\", said the dogs' owner.", "don &apos;t &quot; run , &quot; said the dogs &apos; owner ."),
        ("de", "Das Schild sagt: „Halt.“", "das schild sagt : &quot; halt &quot; ."),
        ("fr", "L'homme jette un coup d’œil à 10 %", "l&apos; homme jette un coup d &quot; œil à 10 %"),
        ("cs", "Muž (vlevo) & žena…", "muž ( vlevo ) &amp; žena ..."),
        ("de", "ÄRGER mit T-Shirts [1] | 2.", "ärger mit t-shirts &#91; 1 &#93; &#124; 2."),
        ("en", "", ""),
    ],
)
def test_tokens(language, line, tokens):
    assert moses.tokenise(line, language) == tokens


def test_literature_style_forgives_what_the_default_does_not():
    references = ["Ein „Hund“ läuft durch den Schnee.", "Zwei Männer spielen Fußball."]
    hypotheses = ['ein "hund" läuft durch den schnee.', "zwei männer spielen fußball."]
    assert literature_bleu(hypotheses, references, "de")[0] == pytest.approx(100)
    assert bleu(hypotheses, references)[0] < 60
    assert literature_bleu(["ein Hund"] * 2, references, "de")[0] < 50


def test_signature_says_all_of_it():
    _, signature = METRICS["bleu_lit_fr"].score(["L’homme court ."], ["L'homme court."])
    made, _, rest = signature.partition("|nrefs:1")
    keys = dict(part.split(":", 1) for part in f"{made}|nrefs:1{rest}".split("|"))
    assert keys["moses"] == "lowercase+normalize-punctuation+tokenizer" and keys["lang"] == "fr"
    assert set(keys) == {"moses", "lang", "sacremoses", "nrefs", "case", "eff", "tok", "smooth", "version"}
    assert keys["tok"] == "none" and keys["case"] == "lc"
    assert len({METRICS[LITERATURE + code].score(["a"], ["a"])[1] for code in LANGUAGES}) == len(LANGUAGES)


def test_every_language_of_the_corpus_has_a_metric_and_no_other():
    assert {name for name in METRICS if name.startswith(LITERATURE)} == {LITERATURE + code for code in LANGUAGES}
    with pytest.raises(AssertionError):
        moses.tokenise("a", "it")
