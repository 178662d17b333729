"""Tokenisation of the literature on Multi30k: lowercased, punctuation normalised and tokenised by the Moses scripts.

The corpus includes its captions in this form (`data/task1/tok`, files `*.lc.norm.tok.*`). sacremoses is a port of the
scripts. With the options below it reproduces these files from the raw ones, except for six lines of 16,723, which were
made in another way than all others; see `tests/unit/test_moses.py`.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sacremoses import MosesPunctNormalizer, MosesTokenizer

LANGUAGES = ("en", "de", "fr", "cs")
"""Languages compared with the corpus's own files. For a language that the scripts do not know they use English
rules."""


@lru_cache(maxsize=1 << 15)  # a line is scored several times: in its split, in its bin, under every search
def tokenise(line: str, language: str) -> str:
    """Tokens of a raw line, joined by spaces. Characters that XML reserves are escaped, as in the scripts.

    >>> tokenise("Ein „Hund“ läuft z.B. am Strand.", "de")
    'ein &quot; hund &quot; läuft z.b. am strand .'
    >>> tokenise("Two men's T-shirts", "en"), tokenise("L’homme", "fr")
    ('two men &apos;s t-shirts', 'l&apos; homme')
    """
    normaliser, tokeniser = _tools(language)
    # The normaliser's script reads lines with their ends, and one of its rules (`."` to `".`) depends on them.
    return tokeniser.tokenize(normaliser.normalize(line.lower() + "\n"), return_str=True)


@cache
def _tools(language: str) -> tuple[MosesPunctNormalizer, MosesTokenizer]:
    from sacremoses import MosesPunctNormalizer, MosesTokenizer  # takes a second, which only translation should spend

    assert language in LANGUAGES, language
    # perl_parity: a curly apostrophe next to a letter outside a-z ("coup d’œil") becomes a double quote, as in Perl.
    return MosesPunctNormalizer(language, perl_parity=True), MosesTokenizer(language)
