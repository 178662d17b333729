"""Tiny shakespeare: 1,115,394 characters of Shakespeare's plays in one text, the character-level language model that
nanoGPT and char-rnn train on (https://github.com/karpathy/char-rnn)."""

from bench.data.corpora.files import Corpus

FILE = "input.txt"

_COMMIT = "6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"

CORPUS = Corpus(
    name="tinyshakespeare",
    description="Tiny shakespeare: 40,000 lines of the plays as one text, for language models of characters",
    licence="the plays are in the public domain; the repository is MIT",
    addresses=(f"https://raw.githubusercontent.com/karpathy/char-rnn/{_COMMIT}/data/tinyshakespeare/",),
    max_bytes=2 << 20,
    files={FILE: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"},
)
