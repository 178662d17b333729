"""Published BLEU on Multi30k, for orientation. Only numbers read in their source stand here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """bleu: on test_2016_flickr, lowercased and tokenised ("literature-style")."""

    system: str
    direction: str
    bleu: float
    note: str


NOTE = (
    "Literature-style BLEU is of lowercased, normalised and tokenised text, as published numbers are. Verdicts use "
    "sacreBLEU's default (13a, cased, detokenised). Compare within a column, and mind the sizes and budgets. "
    "Signatures stand in the tables of other scores."
)

MULTI30K = (
    Published(
        "Transformer-Tiny (Wu et al. 2021, arXiv 2105.14462)", "en-de", 41.02,
        "4 + 4 layers, width 128, joint BPE 10k, average of the last 10 checkpoints, beam 5",
    ),
    Published("attentional GRU (LIUM-CVC, WMT17)", "en-de", 37.8, "test_2017_flickr 30.7, test_2017_mscoco 26.4"),
    Published("attentional GRU (LIUM-CVC, WMT17)", "en-fr", 54.7, "test_2017_mscoco 43.5"),
    Published("tutorial LSTM without attention", "de-en", 13.76, "13.9 million parameters, greedy"),
    Published("tutorial GRU without attention", "de-en", 20.61, "14.2 million parameters, greedy"),
    Published("tutorial GRU, both directions, with additive attention", "de-en", 28.30,
              "20.5 million parameters, greedy, teacher forcing 0.5"),
    Published("tutorial Transformer", "de-en", 36.52,
              "3 layers, width 256, 8 heads, 9.04 million parameters, greedy, 10 epochs"),
)  # fmt: skip
