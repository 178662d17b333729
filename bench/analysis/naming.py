"""File names of a report from texts of records. Every name is valid and stays inside the report's folder."""

from __future__ import annotations

import hashlib

PART, WHOLE = 100, 180
"""Maximum bytes of a part of a name and of a whole name. With the prefix of its kind and a suffix, a name stays below
the 255 bytes that file systems allow."""


def slug(text: str) -> str:
    """A text as letters, digits and underscores: equal for equal texts, never empty.

    >>> slug("transformer [n_heads=1]"), slug("../../evil"), slug("???")
    ('transformer_n_heads_1', 'evil', '_a03b221c')
    """
    words = "".join(c if c.isalnum() else " " for c in text).split()
    return _shorten("_".join(words), text, PART) if words else f"_{digest(text)}"


def file_name(*parts: str) -> str:
    """A file name without suffix from the parts that identify it. Empty parts are left out; slugs stay as they are.

    >>> file_name("length", "", "recall-quick-100000-cpu", "test/../longer")
    'length-recall-quick-100000-cpu-test_longer'
    """
    filled = [part for part in parts if part]
    words = [[word for word in part.split("-") if word] or [part] for part in filled]
    name = "-".join(slug(word) for part in words for word in part)
    return _shorten(name, "\0".join(filled), WHOLE)


def digest(text: str) -> str:
    """Eight hexadecimal digits that identify a text."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def _shorten(name: str, text: str, limit: int) -> str:
    """A name of at most `limit` bytes; a longer one is cut and ends in the digest of its text."""
    encoded = name.encode("utf-8")
    return name if len(encoded) <= limit else f"{encoded[: limit - 9].decode('utf-8', 'ignore')}-{digest(text)}"
