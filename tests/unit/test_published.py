"""Published German-English text: how it is split, several corpora together, and the real files where a mirror is."""

import hashlib
import shutil
from collections import Counter
from dataclasses import asdict

import pytest

from bench.conf import files, schema
from bench.conf.compose import compose
from bench.data.corpora import iwslt14, newstest, registry, tatoeba
from bench.data.text import ParallelText
from bench.errors import DataError, DataUnavailable
from bench.tasks.kinds.translation import Translation, length_bin
from bench.tasks.published import Published
from tests.unit.made_up import LOADERS


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """Neither the user's cache nor the network, whatever a test does."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_OFFLINE", "1")


def pairs_of(text: ParallelText) -> list[tuple[str, str]]:
    return list(zip(*text))


def sizes(texts: dict[str, ParallelText]) -> dict[str, int]:
    return {name: len(text.sources) for name, text in texts.items()}


# Tatoeba


def made_up_pairs(count: int) -> list[tuple[str, str]]:
    """German-English, of every English sentence one to three translations."""
    return [(f"Satz {i} {way}", f"Sentence {i}") for i in range(count) for way in range(1 + i % 3)]


def test_no_english_sentence_is_in_two_splits_and_held_out_ones_have_one_translation():
    pairs, counts = made_up_pairs(3000), Counter()
    splits = tatoeba.split(ParallelText.of_pairs(pairs), counts)
    english = {name: set(text.targets) for name, text in splits.items()}
    assert list(splits) == ["train", "valid", "tatoeba"]
    assert sum(map(len, english.values())) == len(set().union(*english.values())) == 3000
    for name in ("valid", "tatoeba"):
        assert len(splits[name].sources) == len(english[name]) and 40 < len(english[name]) < 80
        assert all(source.endswith(" 0") for source in splits[name].sources), "the first translation"
    assert counts["tatoeba_other_translations"] == len(pairs) - sum(len(text.sources) for text in splits.values())
    assert pairs_of(splits["train"]) == [pair for pair in pairs if pair[1] in english["train"]], "in the file's order"
    assert counts["tatoeba_beyond_training_pairs"] == 0


def test_training_is_cut_to_so_many_pairs_whatever_their_length():
    pairs = made_up_pairs(2000)
    whole = tatoeba.split(ParallelText.of_pairs(pairs), Counter())
    counts = Counter()
    cut = tatoeba.split(ParallelText.of_pairs(pairs), counts, training_pairs=1000)
    assert len(cut["train"].sources) == 1000 and cut["valid"] == whole["valid"] and cut["tatoeba"] == whole["tatoeba"]
    assert counts["tatoeba_beyond_training_pairs"] == len(whole["train"].sources) - 1000
    chosen = set(pairs_of(cut["train"]))
    kept = [pair in chosen for pair in pairs_of(whole["train"])]
    assert pairs_of(cut["train"]) == [pair for pair, keep in zip(pairs_of(whole["train"]), kept) if keep]
    half = len(kept) // 2
    assert 0.4 < sum(kept[:half]) / sum(kept) < 0.6, "a sample of all of them, not the file's beginning"


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corpora": []}, "not a list"),
        ({"corpora": "news"}, "not a list"),
        ({"corpora": ["europarl"]}, "no 'europarl'; there are tatoeba, news"),
        ({"source": "fr"}, "tatoeba has de and en"),
        ({"target": "de"}, "tatoeba has de and en"),
        ({"corpora": ["iwslt15"]}, "iwslt15 has en and vi"),
        ({"corpora": ["news", "wmt14"]}, "a test set is in two"),
        ({"corpora": ["news", "news"]}, "a test set is in two"),
        ({"max_length": 0}, "max_length=0"),
        ({"duplicates": None}, "duplicates=None"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message) as error:
        Published(**options)
    assert "\n" not in str(error.value)


def test_the_bins_reach_long_sentences():
    for words, low in ((1, 0), (5, 5), (29, 25), (30, 30), (39, 30), (40, 40), (49, 40), (50, 50), (90, 50)):
        assert length_bin("a " * words, Translation.bins) == low


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tatoeba", "news", "tatoeba+news", "iwslt14", "iwslt15", "wmt14"])
def test_every_task_names_its_corpora_and_untested_ones_say_so(name):
    task = schema.build_task(compose([f"task={name}"]).config["task"])
    tried = all(corpus.tested for corpora in task.corpora for corpus, _ in registry.parallel_corpora()[corpora].files)
    assert files.choices("task")[name].startswith("Untested. ") != tried
    back = compose([f"task={name}", f"task.source={task.target}", f"task.target={task.source}"])
    assert back.hash != compose([f"task={name}"]).hash


def test_data_are_of_one_file_also_where_no_checksum_is_published(monkeypatch, tmp_path):
    talks = LOADERS["iwslt14"]()
    path = talks.write(tmp_path, talks.texts, monkeypatch)
    monkeypatch.setitem(iwslt14.CORPUS.files, iwslt14.ARCHIVE, None)
    expected = {iwslt14.ARCHIVE: hashlib.sha256(path.read_bytes()).hexdigest()}
    before = talks.make(tmp_path).identity()
    data = talks.make(tmp_path).load()
    assert before["files"] == expected == {file: data.checksums[file] for file in expected}
    assert talks.make(tmp_path).identity() == before
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(DataError, match="SHA-256"):
        talks.make(tmp_path).load()
    path.unlink()
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(DataUnavailable, match="no SHA-256 is published"):
        talks.make(tmp_path).identity()


# Several together


def test_corpora_together_share_vocabulary_and_validation_and_keep_their_tests(monkeypatch, tmp_path):
    parts = [LOADERS[name]() for name in ("tatoeba", "news")]
    for part in parts:
        part.write(tmp_path, part.texts, monkeypatch)
    alone = [part.make(tmp_path).load() for part in parts]
    both = Published(corpora=["tatoeba", "news"], vocabulary=90).load()
    assert list(both.tests) == ["tatoeba", "newstest2014"]
    for data in alone:
        for name, split in data.tests.items():
            assert both.tests[name].sources == split.sources and both.tests[name].references == split.references
    assert both.valid.sources == [line for data in alone for line in data.valid.sources]
    assert both.train.sources == [line for data in alone for line in data.train.sources]
    assert set(both.checksums) == {*newstest.CORPUS.files, "deu-eng.zip", "subwords"}


def test_what_one_corpus_holds_out_is_not_trained_on_in_the_other(monkeypatch, tmp_path):
    short, news = LOADERS["tatoeba"](), LOADERS["news"]()
    short.write(tmp_path, short.texts, monkeypatch)
    rows = news.texts["newstest2009.eng"].decode().split("\n")
    held_out = short.make(tmp_path).load().tests["tatoeba"]
    rows[4] = held_out.references[0]  # its German side is another
    news.write(tmp_path, {**news.texts, "newstest2009.eng": "\n".join(rows).encode()}, monkeypatch)
    data = Published(corpora=["tatoeba", "news"], vocabulary=90).load()
    assert data.counts["train_removed_overlap"] == 1 and held_out.references[0] not in data.train.references
    assert news.texts["newstest2009.deu"].decode().split("\n")[4] not in data.train.sources


# The real files


@pytest.mark.slow
def test_the_real_tatoeba(mirror):
    mirror("tatoeba-deu-eng")
    counts = Counter()
    splits = Published(corpora=["tatoeba"]).texts(counts)
    assert sizes(splits) == {"train": 150_000, "valid": 2735, "tatoeba": 2638}
    english = [set(text.targets) for text in splits.values()]
    assert sum(map(len, english)) == len(set().union(*english)), "no English sentence is in two splits"
    left_out = counts["tatoeba_other_translations"] + counts["tatoeba_beyond_training_pairs"]
    assert left_out + sum(sizes(splits).values()) == 169_813
    assert len(splits["valid"].sources) == len(english[1]) and len(splits["tatoeba"].sources) == len(english[2])
    assert ("Hallo!", "Hi.") in {pair for text in splits.values() for pair in zip(*text)}


@pytest.mark.slow
def test_the_real_news(mirror):
    mirror("newstest-deu-eng")
    splits = Published(corpora=["news"], source="en", target="de").texts(Counter())
    # As wc counts the lines of the files.
    assert sizes(splits) == {"train": 28_313, "valid": 3000, "newstest2014": 3003}
    assert splits["newstest2014"].sources[0] == "Gutach: Increased safety for pedestrians"
    assert splits["newstest2014"].targets[0] == "Gutach: Noch mehr Sicherheit für Fußgänger"


@pytest.mark.slow
def test_the_real_corpora_together(mirror):
    mirror("tatoeba-deu-eng", "newstest-deu-eng")
    task = schema.build_task(compose(["task=tatoeba+news"]).config["task"])
    data = task.load()
    assert {name: len(split) for name, split in data.tests.items()} == {"tatoeba": 2638, "newstest2014": 3003}
    assert len(data.valid) == 5735 and data.counts["train_pairs"] == 178_313 and data.src_size == 8000
    assert data.counts["train_removed_overlap"] == 804 and data.counts["train_dropped_long"] < 200
    held_out = [(split.sources, split.references) for split in (data.valid, *data.tests.values())]
    for side, trained in enumerate((data.train.sources, data.train.references)):
        assert not {line for text in held_out for line in text[side]} & set(trained)
    long = Counter(data.tests["newstest2014"].axes["length"].tolist())
    assert all(long[bin] > 10 for bin in (30, 40, 50)) and task.train_range == {"length": (0, 50)}
    assert [task.target_text(ids) for ids in data.valid.tgt][:500] == data.valid.references[:500]
    back = Published(**{**asdict(task), "source": "en", "target": "de"}).load()
    assert back.checksums == data.checksums and back.counts["train_kept"] == data.counts["train_kept"]
    assert (back.train.sources, back.train.references) == (data.train.references, data.train.sources)
