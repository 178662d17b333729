"""Every corpus the project knows: list, fetch and check them."""

from __future__ import annotations

from collections.abc import Iterator

from bench.data.corpora import iwslt14, iwslt15, multi30k, newstest, tatoeba, wmt14
from bench.data.corpora.files import Corpus, find, obtain
from bench.data.corpora.parallel import Published
from bench.errors import DataError, UserError


def corpora() -> dict[str, Corpus]:
    """Every corpus the project knows, by name."""
    modules = (multi30k, tatoeba, newstest, iwslt14, iwslt15, wmt14)
    return {module.CORPUS.name: module.CORPUS for module in modules}


def _chosen(name: str | None) -> list[Corpus]:
    known = corpora()
    if name is None:
        return list(known.values())
    if name not in known:
        raise UserError(f"there is no corpus {name!r}; known: {', '.join(known)}")
    return [known[name]]


def fetch(name: str | None = None) -> Iterator[str]:
    """Obtain every file of one corpus, or of all corpora that this project has tried. Yields a line for each file.

    Raises UserError for an unknown name, and the errors of `obtain`.
    """
    for corpus in _chosen(name):
        if name is None and not corpus.tried:
            yield f"{corpus.name}: left out, untested; `bench data fetch {corpus.name}` fetches it"
            continue
        for file in corpus.files:
            path = obtain(corpus, file)
            yield f"{corpus.name}/{file}: ok, {path}{_remark(corpus, file)}"


def check(name: str | None = None) -> Iterator[tuple[bool, str]]:
    """Verify the local files of one corpus, or of all, without the network. Yields (ok, one line) for each file.

    A missing file is not ok. When all corpora are checked, a corpus with no local file is one line, and ok.
    Raises UserError for an unknown name.
    """
    for corpus in _chosen(name):
        files = [_checked(corpus, file) for file in corpus.files]
        if name is None and all(state is None for state, _ in files):
            yield True, f"{corpus.name}: not here; `bench data fetch {corpus.name}` fetches it"
            continue
        yield from ((bool(state), line) for state, line in files)


def _checked(corpus: Corpus, file: str) -> tuple[bool | None, str]:
    """Whether a file is intact (None: it is missing), and a line that says so."""
    try:
        path = find(corpus, file)
    except DataError as error:
        return False, f"{corpus.name}/{file}: broken, {error}"
    if path is None:
        return None, f"{corpus.name}/{file}: missing"
    return True, f"{corpus.name}/{file}: ok, {path}{_remark(corpus, file)}"


def _remark(corpus: Corpus, file: str) -> str:
    return "" if corpus.files[file] is not None else " (no published checksum: the same as when it was first seen)"


def parallel_texts() -> dict[str, Published]:
    """Every corpus that the task `bench.tasks.published` can read, by the name of its task."""
    return {
        "tatoeba": tatoeba.TEXT,
        "news": newstest.TEXT,
        "iwslt14": iwslt14.TEXT,
        "iwslt15": iwslt15.TEXT,
        "wmt14": wmt14.TEXT,
    }
