"""All corpora of the project: functions to list, fetch and check them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bench.data.corpora import iwslt14, iwslt15, multi30k, newstest, tatoeba, tinyshakespeare, wmt14
from bench.data.corpora.files import Corpus, find, obtain
from bench.data.corpora.parallel import ParallelCorpus
from bench.errors import DataError, UserError


def corpora() -> dict[str, Corpus]:
    """All corpora, by name."""
    modules = (multi30k, tatoeba, newstest, tinyshakespeare, iwslt14, iwslt15, wmt14)
    return {module.CORPUS.name: module.CORPUS for module in modules}


def _select(name: str | None, known: Mapping[str, Corpus]) -> list[Corpus]:
    if name is None:
        return list(known.values())
    if name not in known:
        raise UserError(f"there is no corpus {name!r}; known: {', '.join(known)}")
    return [known[name]]


def fetch(name: str | None = None, known: Mapping[str, Corpus] | None = None) -> Iterator[str]:
    """Obtain every file of one corpus, or of all corpora that this project has tested. Yields a line for each file.

    known: corpora by name, None for all of `corpora`. Raises UserError for an unknown name, and the errors of
    `obtain`."""
    for corpus in _select(name, corpora() if known is None else known):
        if name is None and not corpus.tested:
            yield f"{corpus.name}: left out, untested; `bench data fetch {corpus.name}` fetches it"
            continue
        for file in corpus.files:
            path = obtain(corpus, file)
            yield f"{corpus.name}/{file}: ok, {path}{_remark(corpus, file)}"


def check(name: str | None = None, known: Mapping[str, Corpus] | None = None) -> Iterator[tuple[bool, str]]:
    """Verify the local files of one corpus, or of all, without the network. Yields (ok, one line) for each file.

    A missing file is not ok. When all corpora are checked, a corpus without local files is one line, and ok.
    known: corpora by name, None for all of `corpora`. Raises UserError for an unknown name.
    """
    for corpus in _select(name, corpora() if known is None else known):
        files = [_check_file(corpus, file) for file in corpus.files]
        if name is None and all(state is None for state, _ in files):
            yield True, f"{corpus.name}: no local files; `bench data fetch {corpus.name}` fetches it"
            continue
        yield from ((bool(state), line) for state, line in files)


def _check_file(corpus: Corpus, file: str) -> tuple[bool | None, str]:
    """Whether a file is intact (None: it is missing), and a line that reports it."""
    try:
        path = find(corpus, file)
    except DataError as error:
        return False, f"{corpus.name}/{file}: broken, {error}"
    if path is None:
        return None, f"{corpus.name}/{file}: missing"
    return True, f"{corpus.name}/{file}: ok, {path}{_remark(corpus, file)}"


def _remark(corpus: Corpus, file: str) -> str:
    return "" if corpus.files[file] is not None else " (no published checksum; equal to the first copy)"


def parallel_corpora() -> dict[str, ParallelCorpus]:
    """The corpora that the task `bench.tasks.published` can read, by the name of their task."""
    return {
        "tatoeba": tatoeba.PARALLEL,
        "news": newstest.PARALLEL,
        "iwslt14": iwslt14.PARALLEL,
        "iwslt15": iwslt15.PARALLEL,
        "wmt14": wmt14.PARALLEL,
    }
