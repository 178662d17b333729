"""Names of a report's files, made of what records say: one folder's own files, whatever that is."""

from __future__ import annotations

import hashlib

PART, WHOLE = 100, 180
"""Bytes of a part of a name and of a whole one, at most: with what kind of file it is before it and behind it, it stays
below the 255 that file systems take."""


def slug(text: str) -> str:
    """Letters, digits and underscores for any text: the same for the same text, never empty.

    >>> slug("transformer [n_heads=1]"), slug("../../evil"), slug("???")
    ('transformer_n_heads_1', 'evil', '_a03b221c')
    """
    words = "".join(c if c.isalnum() else " " for c in text).split()
    return _short("_".join(words), text, PART) if words else f"_{digest(text)}"


def file_name(*parts: str) -> str:
    """The name, without its ending, of the file that these parts tell from others; empty ones are left out. Slugs stay
    as they are.

    >>> file_name("length", "", "recall-quick-100000-cpu", "test/../longer")
    'length-recall-quick-100000-cpu-test_longer'
    """
    kept = [part for part in parts if part]
    words = [[word for word in part.split("-") if word] or [part] for part in kept]
    name = "-".join(slug(word) for part in words for word in part)
    return _short(name, "\0".join(kept), WHOLE)


def digest(text: str) -> str:
    """Eight digits that tell a text from others."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:8]


def _short(name: str, text: str, most: int) -> str:
    """A name of at most so many bytes; one that is cut ends in the digest of its text."""
    held = name.encode("utf-8")
    return name if len(held) <= most else f"{held[: most - 9].decode('utf-8', 'ignore')}-{digest(text)}"
