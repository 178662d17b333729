"""PublishedScore numbers by claim, for orientation: never evidence. Only numbers read in their source stand here, and of
those only what a task or an arm of ours can be held against or what speaks of a claim itself."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analysis.messages import Message, Text


@dataclass(frozen=True)
class OwnScore:
    """Which of our scores stands beside a published one. arms: the nearest to the published system, by name without
    options; times: what makes our unit theirs; languages: source and target, of a translation."""

    task: str
    arms: tuple[str, ...]
    metric: str
    split: str = "test"
    search: str = "greedy"
    times: float = 1.0
    languages: tuple[str, str] | None = None


@dataclass(frozen=True)
class PublishedScore:
    """claims: letters. what: data and measure. number: as published. source: where it was read. differs: what keeps it
    from being ours, beyond sizes and budgets. ours: None where no score of ours is of the same kind."""

    claims: str
    what: Text
    system: str | Text
    number: str | Text
    source: str | Text
    differs: str | Text
    ours: OwnScore | None = None


def _say(key: str, **values: object) -> Text:
    return Message(f"published.{key}", **values)


WMT, WORDS = _say("differs.wmt"), _say("differs.words")
CHOMSKY, VASWANI, LIUM = "Deletang et al. 2023, Table 2", "Vaswani et al. 2017", "LIUM-CVC, WMT17"


def _chomsky(
    task: str, numbers: tuple[str, ...], differs: str = "best_of_30", metric: str = "exact_match"
) -> tuple[PublishedScore, ...]:  # fmt: skip
    """RNN, LSTM, Transformer. Where an answer is one token, exact match is accuracy a token."""
    systems = {"RNN": ("rnn_none",), "LSTM": ("lstm_none",), "Transformer": ("transformer_encoder",)}
    return tuple(
        PublishedScore("C", _say("what.chomsky", task=_say(f"tasks.{task}")), system, number, CHOMSKY,
                  _say(f"differs.{differs}"), OwnScore(task, arms, metric, "test_longer", times=100))
        for (system, arms), number in zip(systems.items(), numbers, strict=True)
    )  # fmt: skip


def _multi30k(
    claims: str, system: str, arms: tuple[str, ...], languages: str, number: str, source: str, differs: str,
    search: str = "beam5",
) -> PublishedScore:  # fmt: skip
    """On test_2016_flickr."""
    pair = languages.partition("-")[::2]
    ours = OwnScore("multi30k", arms, f"bleu_lit_{pair[1]}", "test_2016_flickr", search, languages=pair)
    what = _say("what.multi30k", languages=languages)
    return PublishedScore(claims, what, system, number, source, differs, ours)


MULTI30K = (
    _multi30k("H", "Transformer-Tiny", ("transformer",), "en-de", "41.02", "Wu et al. 2021, arXiv 2105.14462",
              _say("differs.tiny")),
    _multi30k("H", _say("system.gru"), ("gru_dot", "gru_additive"), "en-de", "37.8", LIUM,
              "test_2017_flickr 30.7, test_2017_mscoco 26.4"),
    _multi30k("H", _say("system.gru"), ("gru_dot", "gru_additive"), "en-fr", "54.7", LIUM, "test_2017_mscoco 43.5"),
    _multi30k("H", _say("system.lstm_none"), ("lstm_none",), "de-en", "13.76", _say("source.tutorial"),
              _say("differs.tutorial", parameters="13.9"), "greedy"),
    _multi30k("GH", _say("system.gru_none"), ("gru_none",), "de-en", "20.61", _say("source.tutorial"),
              _say("differs.tutorial", parameters="14.2"), "greedy"),
    _multi30k("GH", _say("system.gru_additive"), ("gru_additive", "gru_dot"), "de-en", "28.30",
              _say("source.tutorial"), _say("differs.forced"), "greedy"),
    _multi30k("H", "Transformer", ("transformer",), "de-en", "36.52", _say("source.tutorial"),
              _say("differs.small"), "greedy"),
)  # fmt: skip

PUBLISHED = (
    PublishedScore("A", _say("what.context"), "LSTM", _say("number.about_100"),
              "Kaplan et al. 2020, Fig. 7", WORDS),
    PublishedScore("A", _say("what.context"), "Transformer",
              _say("number.whole"), "Kaplan et al. 2020, Fig. 7", WORDS),
    *(PublishedScore("A", _say("what.effective_context"), system, number,
                "Dai et al. 2019", WORDS)
      for system, number in (("LSTM", "400"), ("Transformer", _say("number.window")), ("Transformer-XL", "900"))),
    PublishedScore("A", _say("what.agreement"), "Transformer",
              _say("number.not_above"), "Tang et al. 2018; Tran et al. 2018",
              _say("differs.agreement")),
    PublishedScore("AG", _say("what.mqar"), _say("system.attention"),
              _say("number.least"), "Arora et al. 2023", _say("differs.mqar"),
              OwnScore("mqar", ("transformer", "lstm_dot"), "values", search="teacher-forced", times=100)),
    *(PublishedScore("A", _say("what.copy_memory"), system, number, "Bai et al. 2018", _say("differs.answers"),
                OwnScore("copy_memory", (arm,), "loss", search="teacher-forced"))
      for system, arm, number in (("LSTM", "lstm_none", "0.0204"), ("GRU", "gru_none", "0.0197"))),
    *(PublishedScore("A", _say("what.adding"), system, number, "Bai et al. 2018", _say("differs.lengths"),
                OwnScore("adding", (arm,), "mse"))
      for system, arm, number in (("LSTM", "lstm_none", "0.164"), ("GRU", "gru_none", "0.000053"))),
    *(PublishedScore("AC", _say("what.listops"), system, number, source, _say("differs.listops"),
                OwnScore("listops", arms, "exact_match", times=100))
      for system, arms, number, source in (
          ("Transformer", ("transformer", "transformer_encoder"), "36.37", "Tay et al. 2021"),
          ("LSTM", ("lstm_none",), "27.5", _say("source.xlstm")),
          (_say("system.block"), ("residual_lstm",), "49.5", _say("source.xlstm")))),
    *_chomsky("parity", ("100", "100", "52.0")),
    *_chomsky("modular_arithmetic", ("100", "100", "24.2")),
    *_chomsky("cycle_navigation", ("100", "100", "61.9")),
    *_chomsky("even_pairs", ("100", "100", "67.7 +- 15.2"), "even"),
    *_chomsky("reverse", ("62.0", "60.9", "62.3"), "decoded", "token_accuracy"),
    *_chomsky("duplicate", ("50.3", "57.6", "52.8"), "decoded", "token_accuracy"),
    *(PublishedScore("A", _say("what.selective_copy"), system, number, "Feng et al. 2024", _say("differs.kept"),
                OwnScore("selective_copy", (arm,), "token_accuracy", times=100))
      for system, arm, number in (("minGRU", "mingru", "99.5"), ("minLSTM", "minlstm", "96.0"))),
    PublishedScore("D", _say("what.flops"), _say("system.gnmt"),
              "2.3e19, 24.6", f"{VASWANI}, Table 2", WMT),
    PublishedScore("D", _say("what.flops"), "Transformer base", "3.3e18, 27.3",
              f"{VASWANI}, Table 2", WMT),
    PublishedScore("D", _say("what.layer"), _say("system.self_attention"),
              "O(n^2 d); O(1); O(1)", f"{VASWANI}, Table 1", _say("differs.layer")),
    PublishedScore("D", _say("what.layer"), _say("system.recurrent"),
              "O(n d^2); O(n); O(n)", f"{VASWANI}, Table 1", _say("differs.layer")),
    PublishedScore("E", _say("what.wmt"), _say("system.sinusoidal"), "25.8", f"{VASWANI}, Table 3", _say("differs.dev")),
    PublishedScore("E", _say("what.wmt"), _say("system.learned"), "25.7", f"{VASWANI}, Table 3", _say("differs.dev")),
    *(PublishedScore("F", _say("what.wmt"), _say("system.heads.many" if count > 1 else "system.heads.one", count=count),
                number, f"{VASWANI}, Table 3", _say("differs.dev"))
      for count, number in ((1, "24.9"), (4, "25.5"), (8, "25.8"), (16, "25.8"), (32, "25.4"))),
    *MULTI30K,
    PublishedScore("H", _say("what.iwslt14"), "RNN", "30.74", "JoeyNMT", _say("differs.size", parameters="61")),
    PublishedScore("H", _say("what.iwslt14"), "Transformer", "33.73", "JoeyNMT",
              _say("differs.size", parameters="19")),
    *(PublishedScore("H", _say("what.iwslt15"), system, number, source, _say("differs.tokenised"))
      for system, number, source in (
          (_say("system.lstm"), "23.3", "Luong and Manning 2015"),
          (_say("system.lstm_beam"), "26.1", "TF-NMT"), ("Transformer", "28.54", "Tensor2Tensor"))),
    *(PublishedScore("H", _say("what.newstest2014"), system, number, source, WMT)
      for system, number, source in (
          (_say("system.gnmt"), "24.6", f"{VASWANI}, Table 2"),
          ("Transformer base", "27.3", f"{VASWANI}, Table 2"), ("Transformer big", "28.4", f"{VASWANI}, Table 2"),
          ("RNMT+", "28.5", "Chen et al. 2018"))),
)  # fmt: skip
"""By claim: those of a letter are the rows whose `claims` has it."""
