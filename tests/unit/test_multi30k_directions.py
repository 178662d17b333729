"""Every direction of Multi30k composes, loads the real files and has the test sets that both languages have."""

import gzip
import hashlib
import itertools
import os

import pytest

from bench.conf import schema
from bench.conf.compose import compose
from bench.data.corpora.files import obtain
from bench.data.corpora.multi30k import CORPUS, LANGUAGES, TESTS
from bench.data.text import read_lines
from bench.metrics import LITERATURE, METRICS
from tests.unit.mirrors import MIRRORS

LINES = {"test_2016_flickr": 1000, "test_2017_flickr": 1000, "test_2017_mscoco": 461, "test_2018_flickr": 1071}


TRAINED_ON = 1000
"""Lines that are left of each training file here; `test_multi30k.py` has whole ones, of every language."""


@pytest.fixture(scope="module")
def mirrors(tmp_path_factory) -> str:
    """BENCH_MIRROR with the corpus, its training files cut short; empty where there is none."""
    roots = [folder for folder in MIRRORS if (folder / "multi30k").is_dir()]
    cut = tmp_path_factory.mktemp("cut") / CORPUS.name
    cut.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for language in LANGUAGES if roots else ():
            file = f"train.{language}.gz"
            lines = gzip.decompress((roots[0] / "multi30k" / file).read_bytes()).splitlines(keepends=True)[:TRAINED_ON]
            (cut / file).write_bytes(content := gzip.compress(b"".join(lines)))
            patch.setitem(CORPUS.files, file, hashlib.sha256(content).hexdigest())
        yield os.pathsep.join(map(str, [cut.parent, *roots])) if roots else ""


def existing(source: str, target: str) -> list[str]:
    """The test sets of a direction; those of 2017 were not translated into Czech."""
    return [name for name in LINES if "cs" not in (source, target) or "2017" not in name]


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target"), list(itertools.permutations(LANGUAGES, 2)))
def test_direction(source, target, mirrors, tmp_path, monkeypatch):
    assert existing(source, target) == [name for name in TESTS if {source, target} <= set(TESTS[name])]
    words = ["task=multi30k", f"task.source={source}", f"task.target={target}"]
    tests = f"task.tests=[{','.join(existing(source, target))}]"
    task = schema.build_task(compose([*words, "task.vocabulary=500", tests]).config["task"])
    assert task.metrics[:2] == ("bleu", LITERATURE + target) and set(task.metrics) <= set(METRICS)
    default = schema.build_task(compose(words).config["task"])
    assert list(default.tests) == [name for name in existing(source, target) if "2018" not in name]
    if not mirrors:
        pytest.skip("composed; not loaded, for want of a mirror of the corpora: BENCH_MIRROR")
    monkeypatch.setenv("BENCH_MIRROR", mirrors)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("BENCH_OFFLINE", "1")
    data = task.load()
    assert {name: len(split) for name, split in data.tests.items()} == {
        name: LINES[name] for name in existing(source, target)
    }
    assert len(data.valid) == 1014 and len(data.train) == data.counts["train_kept"] > 0.9 * TRAINED_ON
    for name, split in {"val": data.valid, **data.tests}.items():
        sides = (read_lines(obtain(CORPUS, f"{name}.{language}.gz")) for language in (source, target))
        for raw, ours in zip(sides, (split.sources, split.references), strict=True):
            assert [line.split() for line in raw] == [line.split() for line in ours]
