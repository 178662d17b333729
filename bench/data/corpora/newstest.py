"""The German-English test sets of the WMT news translation tasks.

Newspaper sentences with their translations, 22 words on average and thousands of 30 or more
(https://www.statmt.org/wmt20/translation-task.html and its predecessors). newstest2013 is for
validation and newstest2014 for the test, as in the literature; all other sets are for training. Lines of 2020 are
paragraphs. newstestB2020 has the German side of newstest2020 and another English side.
"""

from __future__ import annotations

from collections import Counter

from bench.data.corpora import files
from bench.data.corpora.files import Corpus
from bench.data.corpora.parallel import ParallelCorpus
from bench.data.text import ParallelText, read_pair

VALIDATION, TEST = "newstest2013", "newstest2014"

SETS: dict[str, tuple[str, str]] = {
    name: (f"{name.replace('B', '')}.deu", f"{name}.eng")
    for name in (
        *("news-test2008", "newssyscomb2009", "newstest2009", "newstest2010", "newstest2011", "newstest2012"),
        *(VALIDATION, TEST, "newstest2015", "newstest2016", "newstest2017", "newstest2018", "newstest2019"),
        *("newstest2020", "newstestB2020"),
    )
}
"""The German and the English file of each set."""

_COMMIT = "ac0f19c0be3cb4e0d9450fcb2d7a9847c4bdd180"

CORPUS = Corpus(
    name="newstest-deu-eng",
    description="WMT news test sets 2008-2020, German-English: 34,316 pairs, thousands of 30 words and more",
    licence="none stated where they are published; WMT test sets, research use",
    addresses=(f"https://raw.githubusercontent.com/Helsinki-NLP/OPUS-MT-testsets/{_COMMIT}/testsets/deu-eng/",),
    max_bytes=4 << 20,
    files={
        "news-test2008.deu": "6d86c805e6cd008c11143816daac272fdf5a3afea816983c43005717d6fe3ae2",
        "news-test2008.eng": "134e1140848bb0d05e774dbe35b8b69602faf401250c03dbb437bdbe38c37b6f",
        "newssyscomb2009.deu": "da74e91ec9f155a958a9cfcdb8e4291162b31b589e09306c40528aaf684d2fec",
        "newssyscomb2009.eng": "b734a44294fa3b23a2491cd9a2c59fb5eb71332ace70b2c9039978863dd0e43d",
        "newstest2009.deu": "c3a23d90e89c080cd3257a23365187e91939be4067176861fb88df7f61864b40",
        "newstest2009.eng": "c74a4862decfe87f88fb10eacdcb6ac972a648f0dd6deeb25ac2dbc6128dc0b6",
        "newstest2010.deu": "4f4b02d3abe150ca47a745d138d90f688edb20dd2d2fedca16aa05fd1e2018b1",
        "newstest2010.eng": "1ebece77e333965cbc66fde735a6f17e026b4d6690f4f7fdaba839b7bdadac3b",
        "newstest2011.deu": "033bc05659f61c5e51170973267d21e23a9a968557b866f3842c92e416a60e1b",
        "newstest2011.eng": "d387569743c0fa9097df4d4e2c1dd9e6ba9ef3cee6e0f473da3204c887dcf8fd",
        "newstest2012.deu": "946b9587b79271b0f3ce9cc8c0e5b310e3021ef598e1ba5dc2a24fef8960de30",
        "newstest2012.eng": "f9e51f85c4948033fc7d77ef427f4d88908a8dd3f778970f62d0baafac3ff97e",
        "newstest2013.deu": "d7ea35ab91ff3709e03ad9cb6bf5b4f2cc775cd2d72efd5254c4aec5e69663ca",
        "newstest2013.eng": "ace268a1d9724ca76f6d8e5c720ffdc08f01bdce45630ed8b269dc7918e1c16e",
        "newstest2014.deu": "ae5d110486bc33d7175e9e28c7d0051eb3e5fcd2166dd93371089852c091a20e",
        "newstest2014.eng": "7294bccf2879a97b3706b95c9595f1459617a8ee7130d5d8581c910e69736971",
        "newstest2015.deu": "796cce52ab248469187b60f60715a738a0b92944dc010a69a0083de7fae1b513",
        "newstest2015.eng": "422fbb5a274c7aae1a0890381cd4516307ca7bc957604220d4871a91664121e5",
        "newstest2016.deu": "738ca1ced4099937127be3208ba70d46e7a93550cd57cfd645f3d35e0e52a254",
        "newstest2016.eng": "cd5c112a358d9c99b9557eb358e16d7a94f8fa93ad7aa61bf5f1141f2e1f8854",
        "newstest2017.deu": "675e4f7e6045dacf56507e29b24106d771a571e0eb58d822806b086cdcf892f4",
        "newstest2017.eng": "11adaec47477928dab9cb3fc9279d99dbbbfec7161f3abf6fddd759668fcd703",
        "newstest2018.deu": "c53059fc440b3771aef2a83b15fddd8d2b3490c55b552dcae245f9a2df126c9c",
        "newstest2018.eng": "721b207ca2b4e4689f978e17ee5edb0988d7c901acd651fd666bcd9c1950233b",
        "newstest2019.deu": "601988e41931965e2c4eba80799d1fc9b43837e20bcae8e61edf21542805d449",
        "newstest2019.eng": "95152920451528b9e167d42def3fd7d0ea0d9a4f12e88bdf63b4adba4975cb1d",
        "newstest2020.deu": "0add9464880d8d0b4b546344c7d77a00711878830397f7333c49c993eb048d31",
        "newstest2020.eng": "39ed144d204c675097e5a53514c89549fbe4d753520d96c4c513b8b9920e89a9",
        "newstestB2020.eng": "5975e3a7fb7787d13bb236f508debc7e8bbe60b3ae20f9572f24b6794d7e8e1b",
    },
)


def read_set(name: str, counts: Counter[str]) -> ParallelText:
    """One of SETS, German to English. Raises DataError, and DataUnavailable without a copy."""
    german, english = (files.obtain(CORPUS, file) for file in SETS[name])
    return read_pair(german, english, counts)


def read(counts: Counter[str]) -> dict[str, ParallelText]:
    """All splits. Raises the errors of `read_set`."""
    train = ParallelText([], [])
    for name in SETS:
        if name not in (VALIDATION, TEST):
            train = train.joined(read_set(name, counts))
    return {"train": train, "valid": read_set(VALIDATION, counts), TEST: read_set(TEST, counts)}


PARALLEL = ParallelCorpus(("de", "en"), (TEST,), tuple((CORPUS, file) for file in CORPUS.files), read)
