"""Subword units: byte-pair encoding learnt from training text (Sennrich et al. 2016,
https://aclanthology.org/P16-1162), with SentencePiece (Kudo and Richardson 2018,
https://aclanthology.org/D18-2012)."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import sentencepiece

from bench.data import file_cache
from bench.data.corpora.files import cache_folder
from bench.data.examples import BOS, EOS, PAD, SPECIALS, UNK
from bench.errors import UserError

_SETTINGS: dict[str, Any] = {  # Any: the trainer declares a type for each option
    "model_type": "bpe",
    "pad_id": PAD,
    "bos_id": BOS,
    "eos_id": EOS,
    "unk_id": UNK,
    "character_coverage": 1.0,
    # Decoding restores the text, up to spaces. The default, nmt_nfkc, would rewrite references beyond recovery.
    "normalization_rule_name": "identity",
    "unk_surface": "\u2047",  # without the spaces around it in the default
    # The number of threads is part of the model, and so of its checksum.
    "num_threads": 1,
    # In bytes. The default silently leaves longer lines out of training.
    "max_sentence_length": 1 << 20,
}
_ERRORS_ONLY = 2

SPACE, UNKNOWN = "\u2581", "\u2585"
_ESCAPE = {ord(SPACE): "\ufdd0", ord(UNKNOWN): "\ufdd1"}  # characters that no text has; see `bench.data.unicode`
_UNESCAPE = {ord(escape): character for character, escape in _ESCAPE.items()}
_CONTROL_STRING = re.compile("<(?=" + "|".join(re.escape(string[1:]) for string in SPECIALS) + ")")
RESERVED = re.compile("|".join(map(re.escape, (SPACE, UNKNOWN, *SPECIALS))))
"""What SentencePiece reserves: U+2581 is its space, lines with U+2585 are left out of learning, and the names of the
special ids are cut out of the lines it learns from."""

_PART = int(_SETTINGS["max_sentence_length"]) // 4
"""Characters of a line that are surely no longer than max_sentence_length."""


class Subwords:
    """A learnt subword vocabulary, joint for all languages of its training text. Ids 0-3 are the project's special
    ids."""

    def __init__(self, model: bytes, escaped: bool = False) -> None:
        """model: a serialised SentencePiece model. escaped: whether it was learnt from escaped text; see `learn`."""
        self.model = model
        self._escaped = escaped
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.checksum = hashlib.sha256(model).hexdigest()
        self.size = self._processor.vocab_size()

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, without start and end tokens. Characters that did not occur in training become UNK."""
        return self._processor.encode(self._prepared(lines), num_threads=1)

    def sample(self, lines: Sequence[str], dropout: float, generator: np.random.Generator) -> list[list[int]]:
        """Like `encode`, but every possible merge is left out with probability `dropout`. The choice is drawn once for
        as long as the two sides of the merge do not change (Provilkov et al. 2020 draw again at every merge of a
        word).

        SentencePiece has one random state for the process. It is seeded here from the generator immediately before its
        use, so that the same generator gives the same ids, whatever was drawn before.
        """
        # The excluded seed 2**32 - 1 would stand for a random one.
        sentencepiece.set_random_generator_seed(int(generator.integers(2**32 - 1)))
        prepared = self._prepared(lines)
        return self._processor.encode(prepared, num_threads=1, enable_sampling=True, nbest_size=-1, alpha=dropout)

    def decode(self, ids: Iterable[int]) -> str:
        """One line of text. Special ids are left out, except UNK, which becomes U+2047.

        For the ids of a line without UNK this is the line with runs of spaces replaced by one and stripped.
        """
        line = self._processor.decode([int(i) for i in ids]).strip()
        return line.translate(_UNESCAPE) if self._escaped else line

    def _prepared(self, lines: Iterable[str]) -> list[str]:
        return [line.translate(_ESCAPE) for line in lines] if self._escaped else list(lines)


def learn(lines: Sequence[str], vocabulary_size: int, escaped: bool = False) -> Subwords:
    """Learn a vocabulary of exactly this size (with special ids) from training lines.

    The same lines, size and SentencePiece version give the same model, bit for bit. The model is cached under a hash
    of all three; a cached model is checked against the SHA-256 in its name.

    escaped: keep the characters and strings that SentencePiece reserves for itself (see RESERVED), so that they can be
    learnt and come back. Text without them gives the same model and ids either way.

    Raises UserError if the text has too many characters or too few distinct pieces for the size.
    """
    if escaped:
        lines = [part for line in lines for part in _learnable(line)]
    key = _key(lines, vocabulary_size)
    folder = cache_folder() / "subwords"
    model = file_cache.find(folder, key, ".model")
    if model is None:
        model = _train(lines, vocabulary_size)
        file_cache.store(folder, key, ".model", model)
    return Subwords(model, escaped)


def _learnable(line: str) -> Iterator[str]:
    """The line in the form in which SentencePiece learns all of it, in parts if it is too long."""
    line = _CONTROL_STRING.sub("< ", line.translate(_ESCAPE))
    for begin in range(0, len(line), _PART):
        yield line[begin : begin + _PART]


def _train(lines: Sequence[str], vocabulary_size: int) -> bytes:
    """A serialised SentencePiece model; see `learn`."""
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines),
            model_writer=model,
            vocab_size=vocabulary_size,
            minloglevel=_ERRORS_ONLY,
            **_SETTINGS,
        )
    except RuntimeError as error:
        raise UserError(_explanation(str(error), vocabulary_size)) from error
    return model.getvalue()


def _explanation(message: str, size: int) -> str:
    if match := re.search(r"too high .*<= (\d+)", message):
        return f"vocabulary={size} is too large for this training text; use at most {match[1]}"
    if match := re.search(r"smaller than required_chars. \d+ vs (\d+)", message):
        return f"vocabulary={size} is too small: the characters of this training text need at least {match[1]}"
    return f"vocabulary={size}: SentencePiece cannot learn from this training text ({' '.join(message.split())})"


def _key(lines: Iterable[str], vocabulary_size: int) -> str:
    settings = {**_SETTINGS, "vocab_size": vocabulary_size, "sentencepiece": sentencepiece.__version__}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for line in lines:
        digest.update(b"\n" + line.encode())
    return digest.hexdigest()[:32]


def count_reserved(texts: Iterable[Iterable[Sequence[str]]], counts: Counter[str]) -> None:
    """Count lines that do not come back from ids, because they have what SentencePiece reserves; no key if none."""
    lines = sum(RESERVED.search(line) is not None for text in texts for side in text for line in side)
    if lines:
        counts["reserved"] += lines
