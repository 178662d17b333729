"""Made-up files for every loader of parallel text, whole or damaged. No tests of its own."""

from __future__ import annotations

import gzip
import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.data.corpora import iwslt14, iwslt15, multi30k, newstest, tatoeba, wmt14
from bench.data.corpora.files import Corpus
from bench.tasks.bitext import Bitext
from bench.tasks.kinds.translation import Translation
from bench.tasks.multi30k import Multi30k
from bench.tasks.published import Published

WORDS = {
    "en": ["dog", "dogs", "runs", "on", "grass"],
    "de": ["Hund", "Hunde", "läuft", "auf", "Gras"],
    "vi": ["con", "chó", "chạy", "trên", "cỏ"],
}

VOCABULARY = 90

Texts = dict[str, bytes]
"""Text files by name, before they are packed."""


@dataclass(frozen=True)
class Loader:
    """make(folder): the task over files that lie there. texts: its files. pack: what lies in the folder for these.

    training, held_out: one side of either, a file of `texts`; held_out None: both are in one file. corpora: those of
    the files. table: both sides are in one file. strict: a training line without text is an error, not left out.
    """

    make: Callable[[Path], Translation]
    texts: Texts
    pack: Callable[[Texts], dict[str, bytes]]
    training: str
    held_out: str | None = None
    corpora: tuple[Corpus, ...] = ()
    table: bool = False
    strict: bool = False

    def write(self, folder: Path, texts: Texts, monkeypatch, spoil: Callable[[bytes], bytes] = lambda b: b) -> Path:
        """Lay the files into the folder, the one with the training text spoilt; their checksums are right, and the
        folder is a mirror. Returns the spoilt file's path."""
        whole, damaged = self.pack(texts), None
        holder = self.holder()
        for name, content in whole.items():
            content = spoil(content) if name == holder else content
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            damaged = path if name == holder else damaged
            for corpus in self.corpora:
                if name.startswith(f"{corpus.name}/"):
                    file = name.removeprefix(f"{corpus.name}/")
                    assert file in corpus.files
                    monkeypatch.setitem(corpus.files, file, hashlib.sha256(content).hexdigest())
        monkeypatch.setenv("BENCH_MIRROR", str(folder))
        return damaged

    def holder(self) -> str:
        """The packed file that the training text is in."""
        whole, without = self.pack(self.texts), self.pack({**self.texts, self.training: b"other\n"})
        (name,) = (name for name in whole if whole[name] != without[name])
        return name


def lines(language: str, count: int, seed: int) -> list[str]:
    """Sentences, each unlike every other: they end in a number."""
    generator = random.Random(seed)
    return [
        " ".join([*generator.choices(WORDS[language], k=generator.randint(1, 12)), f"{10_000 + 1000 * seed + i}."])
        for i in range(count)
    ]


def joined(rows: list[str]) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def sides(sizes: Mapping[str, int], languages: Mapping[str, str]) -> Texts:
    """For each set of a size, its two sides; languages: by the end of a file's name."""
    return {
        f"{name}{end}": joined(lines(language, size, seed))
        for end, language in languages.items()
        for seed, (name, size) in enumerate(sizes.items())
    }


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def tarred(members: Texts) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    # The time in gzip's header would make the same text another file a second later.
    return buffer.getvalue()[:4] + bytes(4) + buffer.getvalue()[8:]


def zipped(members: Texts) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def table(count: int, *languages: str) -> bytes:
    """One column a language."""
    return joined(["\t".join(row) for row in zip(*(lines(language, count, 40) for language in languages))])


def _multi30k() -> Loader:
    return Loader(
        make=lambda folder: Multi30k(vocabulary=VOCABULARY, tests=["test_2016_flickr"]),
        texts=sides({"train": 200, "val": 20, "test_2016_flickr": 10}, {".en": "en", ".de": "de"}),
        pack=lambda texts: {f"multi30k/{name}.gz": compressed(content) for name, content in texts.items()},
        training="train.de",
        held_out="val.en",
        corpora=(multi30k.CORPUS,),
        strict=True,
    )


def _news() -> Loader:
    texts = sides(dict.fromkeys(newstest.SETS, 20), {".deu": "de", ".eng": "en"})
    return Loader(
        make=lambda folder: Published(corpora=["news"], vocabulary=VOCABULARY),
        texts={name: content for name, content in texts.items() if name in newstest.CORPUS.files},
        pack=lambda texts: {f"newstest-deu-eng/{name}": content for name, content in texts.items()},
        training="newstest2009.deu",
        held_out="newstest2014.eng",
        corpora=(newstest.CORPUS,),
        strict=True,
    )


def _tatoeba() -> Loader:
    return Loader(
        make=lambda folder: Published(corpora=["tatoeba"], vocabulary=VOCABULARY),
        texts={"deu.txt": table(400, "en", "de")},
        pack=lambda texts: {"tatoeba-deu-eng/deu-eng.zip": zipped(texts)},
        training="deu.txt",
        corpora=(tatoeba.CORPUS,),
        table=True,
        strict=True,
    )


def _iwslt14() -> Loader:
    texts: Texts = {}
    for language in ("de", "en"):
        training = ["<url>http://talks.invalid/1</url>", "<title>On dogs</title>", *lines(language, 200, 0)]
        texts[f"de-en/train.tags.de-en.{language}"] = joined(training)
        for seed, name in enumerate(iwslt14.TESTS, start=1):
            segments = [f'<seg id="{i}"> {line} </seg>' for i, line in enumerate(lines(language, 5, seed), start=1)]
            texts[f"de-en/IWSLT14.{name}.de-en.{language}.xml"] = joined(
                ['<?xml version="1.0"?>', *segments, "</doc>"]
            )
    return Loader(
        make=lambda folder: Published(corpora=["iwslt14"], vocabulary=VOCABULARY),
        texts=texts,
        pack=lambda texts: {"iwslt14-de-en/de-en.tgz": tarred(texts)},
        training="de-en/train.tags.de-en.de",
        held_out="de-en/IWSLT14.TED.tst2010.de-en.en.xml",
        corpora=(iwslt14.CORPUS,),
    )


def _iwslt15() -> Loader:
    return Loader(
        make=lambda folder: Published(corpora=["iwslt15"], source="en", target="vi", vocabulary=VOCABULARY),
        texts=sides({"train": 200, "tst2012": 20, "tst2013": 10}, {".en": "en", ".vi": "vi"}),
        pack=lambda texts: {f"iwslt15-en-vi/{name}": content for name, content in texts.items()},
        training="train.vi",
        held_out="tst2013.vi",
        corpora=(iwslt15.CORPUS,),
    )


def _wmt14() -> Loader:
    archives = {file: member.removesuffix(".{}") for file, member in wmt14.MEMBERS.items()}
    held_out = sides({"newstest2013": 20, "newstest2014": 10}, {".deu": "de", ".eng": "en"})
    training = {
        f"{name}.{language}": joined(lines(language, 90, seed))
        for seed, name in enumerate(archives.values(), start=2)
        for language in ("de", "en")
    }

    def pack(texts: Texts) -> dict[str, bytes]:
        packed = {f"newstest-deu-eng/{name}": texts[name] for name in held_out}
        for file, name in archives.items():
            packed[f"wmt14-de-en/{file}"] = tarred({f"{name}.{end}": texts[f"{name}.{end}"] for end in ("de", "en")})
        return packed

    return Loader(
        make=lambda folder: Published(corpora=["wmt14"], source="en", target="de", vocabulary=VOCABULARY),
        texts={**held_out, **training},
        pack=pack,
        training="commoncrawl.de-en.en",
        held_out="newstest2014.deu",
        corpora=(wmt14.CORPUS, newstest.CORPUS),
    )


def _files(end: str) -> Loader:
    def make(folder: Path) -> Bitext:
        train, test = ([str(folder / f"{name}.{side}{end}") for side in ("en", "de")] for name in ("train", "test"))
        return Bitext(source=train[0], target=train[1], test=test, held_out=0.1, vocabulary=VOCABULARY)

    return Loader(
        make=make,
        texts=sides({"train": 200, "test": 20}, {".en": "en", ".de": "de"}),
        pack=lambda texts: {f"{name}{end}": compressed(c) if end else c for name, c in texts.items()},
        training="train.de",
        held_out="test.en",
    )


def _table(end: str) -> Loader:
    return Loader(
        make=lambda folder: Bitext(table=str(folder / f"pairs.tsv{end}"), held_out=0.1, vocabulary=VOCABULARY),
        texts={"pairs.tsv": table(200, "en", "de")},
        pack=lambda texts: {f"{name}{end}": compressed(c) if end else c for name, c in texts.items()},
        training="pairs.tsv",
        table=True,
    )


LOADERS: dict[str, Callable[[], Loader]] = {
    "multi30k": _multi30k,
    "news": _news,
    "tatoeba": _tatoeba,
    "iwslt14": _iwslt14,
    "iwslt15": _iwslt15,
    "wmt14": _wmt14,
    "files": lambda: _files(""),
    "files.gz": lambda: _files(".gz"),
    "table": lambda: _table(""),
    "table.gz": lambda: _table(".gz"),
}
"""Every way in which parallel text is read."""
