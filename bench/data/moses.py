"""Text as the literature on Multi30k scores it: lowercased, punctuation normalised and tokenised by the Moses scripts.

The corpus comes with its captions in that form (`data/task1/tok`, files `*.lc.norm.tok.*`). sacremoses is a port of the
scripts, and with the options below it makes those files from the raw ones, but for six lines of 16,723, which were
made in another way than all the others; see `tests/unit/test_moses.py`.
"""

from __future__ import annotations

from functools import cache, lru_cache

LANGUAGES = ("en", "de", "fr", "cs")
"""Those compared with the corpus's own files. For a language they do not know the scripts take English rules."""


@lru_cache(maxsize=1 << 15)  # a line is scored several times: with its split, in its bin, under every search
def tokenised(line: str, language: str) -> str:
    """A raw line as tokens with one space between them. What XML reserves is escaped, as the scripts do.

    >>> tokenised("Ein „Hund“ läuft z.B. am Strand.", "de")
    'ein &quot; hund &quot; läuft z.b. am strand .'
    >>> tokenised("Two men's T-shirts", "en"), tokenised("L’homme", "fr")
    ('two men &apos;s t-shirts', 'l&apos; homme')
    """
    normaliser, tokeniser = _tools(language)
    # The normaliser's script reads lines with their ends, and one of its rules, `."` to `".`, asks what follows.
    return tokeniser.tokenize(normaliser.normalize(line.lower() + "\n"), return_str=True)


@cache
def _tools(language: str):
    from sacremoses import MosesPunctNormalizer, MosesTokenizer  # a second, which only translation has to spend

    assert language in LANGUAGES, language
    # perl_parity: a curly apostrophe beside a letter outside a-z ("coup d’œil") becomes a double quote, as it does there
    return MosesPunctNormalizer(language, perl_parity=True), MosesTokenizer(language)
