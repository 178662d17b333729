"""Subword units: byte-pair encoding learnt on training text (Sennrich et al. 2016, https://aclanthology.org/P16-1162),
by SentencePiece (Kudo and Richardson 2018, https://aclanthology.org/D18-2012)."""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence

import numpy as np
import sentencepiece

from bench.data import file_cache
from bench.data.corpora.files import cache_folder
from bench.data.examples import BOS, EOS, PAD, UNK
from bench.errors import UserError

_SETTINGS = {
    "model_type": "bpe",
    "pad_id": PAD,
    "bos_id": BOS,
    "eos_id": EOS,
    "unk_id": UNK,
    "character_coverage": 1.0,
    # Text comes back as it went in, spaces apart; nmt_nfkc would rewrite references no model can then reproduce.
    "normalization_rule_name": "identity",
    "unk_surface": "\u2047",  # without the spaces the default puts around it
    # The number of threads is written into the model, and so into its checksum.
    "num_threads": 1,
    # In bytes. The default leaves longer lines out of training without a word.
    "max_sentence_length": 1 << 20,
}
_ERRORS_ONLY = 2


class Subwords:
    """A learnt vocabulary, joint for all languages it was learnt from; ids 0-3 are the project's specials."""

    def __init__(self, model: bytes):
        """model: a serialised SentencePiece model."""
        self.model = model
        self._processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        self.checksum = hashlib.sha256(model).hexdigest()
        self.size = self._processor.vocab_size()

    def encode(self, lines: Sequence[str]) -> list[list[int]]:
        """Ids of each line, without start and end; characters never seen in training become UNK."""
        return self._processor.encode(list(lines), num_threads=1)

    def sample(self, lines: Sequence[str], dropout: float, generator: np.random.Generator) -> list[list[int]]:
        """As `encode`, but every merge that could be made is left out with this probability, drawn once for as long as
        its two sides stay as they are (Provilkov et al. 2020; they draw again at every merge of a word).

        SentencePiece has one random state for the process. It is set here from the generator and used up at once, so
        that the same generator gives the same ids, whatever was drawn before.
        """
        # The one seed left out would ask for a random one.
        sentencepiece.set_random_generator_seed(int(generator.integers(2**32 - 1)))
        return self._processor.encode(list(lines), num_threads=1, enable_sampling=True, nbest_size=-1, alpha=dropout)

    def decode(self, ids: Iterable[int]) -> str:
        """One line of text; specials but UNK are left out, UNK is written as U+2047.

        For a line of `encode` without UNK this is the line again, with runs of spaces made one and none at its ends.
        """
        return self._processor.decode([int(i) for i in ids]).strip()


def learn(lines: Sequence[str], vocabulary_size: int) -> Subwords:
    """Learn a vocabulary of exactly this size (specials included) from training lines.

    The same lines, size and SentencePiece version give the same model, bit for bit. A model learnt once is kept in the
    cache under a hash of all three and taken from there, checked against the SHA-256 in its name.

    Raises UserError where the text has too many characters or too few distinct pieces for the size.
    """
    key = _key(lines, vocabulary_size)
    folder = cache_folder() / "subwords"
    model = file_cache.find(folder, key, ".model")
    if model is None:
        model = _train(lines, vocabulary_size)
        file_cache.keep(folder, key, ".model", model)
    return Subwords(model)


def _train(lines: Sequence[str], vocabulary_size: int) -> bytes:
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
    if found := re.search(r"too high .*<= (\d+)", message):
        return f"vocabulary={size} is too large for this training text; use at most {found[1]}"
    if found := re.search(r"smaller than required_chars. \d+ vs (\d+)", message):
        return f"vocabulary={size} is too small: the characters of this training text need at least {found[1]}"
    return f"vocabulary={size}: SentencePiece cannot learn from this training text ({' '.join(message.split())})"


def _key(lines: Iterable[str], vocabulary_size: int) -> str:
    settings = {**_SETTINGS, "vocab_size": vocabulary_size, "sentencepiece": sentencepiece.__version__}
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for line in lines:
        digest.update(b"\n" + line.encode())
    return digest.hexdigest()[:32]
