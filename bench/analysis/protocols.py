"""Protocols of published numbers: what was trained on what there, and what our runs do in another way.

Sources: the papers and repositories that `bench.analysis.published` names beside the numbers, and
results/reference/long_range/README.md for what ours do."""

from __future__ import annotations

from bench.analysis.published_score import BEST, MEDIAN, Protocol

LENGTHS = {"task.train_shortest": 1, "task.train_longest": 40, "task.test_longest": 500}
SHAPES = "RNN and LSTM of 256 units, Transformer an encoder of 5 layers, width 64, 8 heads"
LANGUAGES = Protocol(
    f"Trained on lengths 1 to 40, tested on 41 to 500; {SHAPES}; batches of 128; the best of 10 seeds and 3 learning "
    "rates (1e-4, 3e-4, 5e-4).",
    "Every arm has the same number of parameters and its own learning rate. A decoder writes the answer, except in "
    "tasks read off one stack.",
    LENGTHS,
    BEST,
    steps=1_000_000,
)
STRINGS = Protocol(LANGUAGES.text, LANGUAGES.differs, LENGTHS | {"task.symbols": 2}, BEST, LANGUAGES.steps)

MQAR = Protocol(
    "Vocabulary 8,192; 64 tokens with 4 pairs is the smallest of four sizes; 100,000 training strings; 2 layers, 1 "
    "head, widths 64 to 512; the best of 4 learning rates.",
    "With a decoder one width, and the value is scored with its key given; in one stack two widths of attention, and "
    "predictions are not tied to the embedding.",
    {"task.vocabulary": 8192, "task.length": 64, "task.pairs": 4},
    BEST,
)

COPY_MEMORY = Protocol(
    "Ten symbols from 8, T = 1,000 blanks, then repeat them. Without a memory the loss is .0204.",
    "Every arm has the same number of parameters.",
    {"task.train_shortest": 1000, "task.train_longest": 1000, "task.items": 10, "task.symbols": 8},
)
ADDING = Protocol(
    "The sum of two marked numbers of T = 600. A constant answer has .1767.",
    "Every arm has the same number of parameters.",
    {"task.train_shortest": 600, "task.train_longest": 600},
)
SELECTIVE_COPY = Protocol(
    "Length 4,096, 16 symbols to keep, vocabulary 16.",
    "A decoder writes the symbols freely.",
    {"task.train_longest": 4096, "task.fewest_kept": 16, "task.most_kept": 16},
)
LISTOPS = Protocol(
    "96,000 training examples of length 500 to 2,000, depth up to 10; ten classes.",
    "A decoder writes the answer; the examples are this project's.",
    {"task.train_shortest": 500, "task.train_longest": 2000, "task.deepest": 10},
)

CAPTIONS = "29,000 training pairs of image captions; BLEU of lowercased, tokenised text."
MULTI30K_TINY = Protocol(
    f"{CAPTIONS} 4 + 4 layers, width 128, 4 heads, dropout .3, joint BPE of 10,000, label smoothing .1, average of "
    "the last 10 checkpoints, beam 5.",
    "No average of checkpoints, unless the arm names one; subwords, rate and dropout are this project's.",
    steps=8000,
)
MULTI30K = Protocol(CAPTIONS, "Size, subwords and attention are this project's.")
MULTI30K_TUTORIAL = Protocol(
    f"{CAPTIONS} Greedy search.", "Subwords in place of words; sizes and training are this project's."
)

QUESTION = Protocol(
    "Declaratives and questions, trained where two rules give the same question; one layer, width 256, SGD at 1e-3, "
    "batches of 5. One run each; the paper takes medians of 100 restarts.",
    "The grammar, its words, optimiser and size are this project's.",
    {"model.n_layers": 1, "model.encoder": "uni"},
    MEDIAN,
)

PLAYS = "Characters of tiny Shakespeare, validation loss of one run."
PLAYS_DIFFER = "Validation is the first half of theirs; the learning rate is the best of several on validation."
NANOGPT_CPU = Protocol(
    f"{PLAYS} 4 layers, 4 heads, width 128, windows of 64, 12 a step, no dropout.",
    PLAYS_DIFFER,
    {"task.context": 64, "model.n_layers": 4},
    steps=2000,
)
NANOGPT_GPU = Protocol(
    f"{PLAYS} 6 layers, 6 heads, width 384, windows of 256, dropout .2.",
    PLAYS_DIFFER,
    {"task.context": 256, "model.n_layers": 6},
)
