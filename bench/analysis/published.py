"""Published numbers by claim, for orientation, never as evidence.

Every number was read in its source. A number is included if a task or an arm of this project is comparable to it, or
if it is about a claim itself."""

from __future__ import annotations

from dataclasses import dataclass

from bench.analysis.messages import Message, Text
from bench.metrics import FORCED


@dataclass(frozen=True)
class OwnScore:
    """This project's score beside a published one. arms: the most similar to the published system, by name without
    options; times: factor from our unit to theirs; languages: source and target of a translation."""

    task: str
    arms: tuple[str, ...]
    metric: str
    split: str = "test"
    search: str = "greedy"
    times: float = 1.0
    languages: tuple[str, str] | None = None


@dataclass(frozen=True)
class PublishedScore:
    """A published number. claims: letters; what: data and measure; number: as published; source: where it was read;
    differs: differences to this project beyond sizes and budgets; ours: None without a comparable score."""

    claims: str
    what: Text
    system: str | Text
    number: str | Text
    source: str | Text
    differs: str | Text
    ours: OwnScore | None = None


def _message(key: str, **values: object) -> Text:
    return Message(f"published.{key}", **values)


WMT, WORDS = _message("differs.wmt"), _message("differs.words")
CHOMSKY, VASWANI, LIUM = "Deletang et al. 2023, Table 2", "Vaswani et al. 2017", "LIUM-CVC, WMT17"


def _chomsky(
    task: str, numbers: tuple[str, ...], differs: str = "best_of_30", metric: str = "exact_match"
) -> tuple[PublishedScore, ...]:  # fmt: skip
    """numbers: of RNN, LSTM, Transformer. For answers of one token, exact match is accuracy a token."""
    systems = {"RNN": ("rnn_none",), "LSTM": ("lstm_none",), "Transformer": ("transformer_encoder",)}
    return tuple(
        PublishedScore("C", _message("what.chomsky", task=_message(f"tasks.{task}")), system, number, CHOMSKY,
                  _message(f"differs.{differs}"), OwnScore(task, arms, metric, "test_longer", times=100))
        for (system, arms), number in zip(systems.items(), numbers, strict=True)
    )  # fmt: skip


def _multi30k(
    claims: str, system: str, arms: tuple[str, ...], languages: str, number: str, source: str, differs: str,
    search: str = "beam5",
) -> PublishedScore:  # fmt: skip
    """A score on test_2016_flickr."""
    pair = languages.partition("-")[::2]
    ours = OwnScore("multi30k", arms, f"bleu_lit_{pair[1]}", "test_2016_flickr", search, languages=pair)
    what = _message("what.multi30k", languages=languages)
    return PublishedScore(claims, what, system, number, source, differs, ours)


MCCOY = {
    "rnn_none": ".000; .358",
    "gru_none": ".888; .008",
    "lstm_none": ".981; .016",
    "rnn_dot": ".997; .265",
    "gru_dot": "1.000; .0001",
    "lstm_dot": "1.000; .014",
}
"""McCoy et al. (2020), question formation: the whole sentence as in training, and the first word where the rules
differ, by the most similar arm. Theirs: attention by content, hidden size 256, one published run each (the authors'
repository). They have no Transformer."""

MULTI30K = (
    _multi30k(
        "H",
        "Transformer-Tiny",
        ("transformer",),
        "en-de",
        "41.02",
        "Wu et al. 2021, arXiv 2105.14462",
        _message("differs.tiny"),
    ),
    _multi30k(
        "H",
        _message("system.gru"),
        ("gru_dot", "gru_additive"),
        "en-de",
        "37.8",
        LIUM,
        "test_2017_flickr 30.7, test_2017_mscoco 26.4",
    ),
    _multi30k(
        "H", _message("system.gru"), ("gru_dot", "gru_additive"), "en-fr", "54.7", LIUM, "test_2017_mscoco 43.5"
    ),
    _multi30k(
        "H",
        _message("system.lstm_none"),
        ("lstm_none",),
        "de-en",
        "13.76",
        _message("source.tutorial"),
        _message("differs.tutorial", parameters="13.9"),
        "greedy",
    ),
    _multi30k(
        "GH",
        _message("system.gru_none"),
        ("gru_none",),
        "de-en",
        "20.61",
        _message("source.tutorial"),
        _message("differs.tutorial", parameters="14.2"),
        "greedy",
    ),
    _multi30k(
        "GH",
        _message("system.gru_additive"),
        ("gru_additive", "gru_dot"),
        "de-en",
        "28.30",
        _message("source.tutorial"),
        _message("differs.forced"),
        "greedy",
    ),
    _multi30k(
        "H",
        "Transformer",
        ("transformer",),
        "de-en",
        "36.52",
        _message("source.tutorial"),
        _message("differs.small"),
        "greedy",
    ),
)

PUBLISHED = (
    PublishedScore(
        "A", _message("what.context"), "LSTM", _message("number.about_100"), "Kaplan et al. 2020, Fig. 7", WORDS
    ),
    PublishedScore(
        "A", _message("what.context"), "Transformer", _message("number.whole"), "Kaplan et al. 2020, Fig. 7", WORDS
    ),
    *(
        PublishedScore("A", _message("what.effective_context"), system, number, "Dai et al. 2019", WORDS)
        for system, number in (("LSTM", "400"), ("Transformer", _message("number.window")), ("Transformer-XL", "900"))
    ),
    PublishedScore(
        "A",
        _message("what.agreement"),
        "Transformer",
        _message("number.not_above"),
        "Tang et al. 2018; Tran et al. 2018",
        _message("differs.agreement"),
    ),
    PublishedScore(
        "AG",
        _message("what.mqar"),
        _message("system.attention"),
        _message("number.least"),
        "Arora et al. 2023",
        _message("differs.mqar"),
        OwnScore("mqar", ("transformer", "lstm_dot"), "values", search=FORCED, times=100),
    ),
    *(
        PublishedScore(
            "A",
            _message("what.copy_memory"),
            system,
            number,
            "Bai et al. 2018",
            _message("differs.answers"),
            OwnScore("copy_memory", (arm,), "loss", search=FORCED),
        )
        for system, arm, number in (("LSTM", "lstm_none", "0.0204"), ("GRU", "gru_none", "0.0197"))
    ),
    *(
        PublishedScore(
            "A",
            _message("what.adding"),
            system,
            number,
            "Bai et al. 2018",
            _message("differs.lengths"),
            OwnScore("adding", (arm,), "mse"),
        )
        for system, arm, number in (("LSTM", "lstm_none", "0.164"), ("GRU", "gru_none", "0.000053"))
    ),
    *(
        PublishedScore(
            "AC",
            _message("what.listops"),
            system,
            number,
            source,
            _message("differs.listops"),
            OwnScore("listops", arms, "exact_match", times=100),
        )
        for system, arms, number, source in (
            ("Transformer", ("transformer", "transformer_encoder"), "36.37", "Tay et al. 2021"),
            ("LSTM", ("lstm_none",), "27.5", _message("source.xlstm")),
            (_message("system.block"), ("residual_lstm",), "49.5", _message("source.xlstm")),
        )
    ),
    *_chomsky("parity", ("100", "100", "52.0")),
    *_chomsky("modular_arithmetic", ("100", "100", "24.2")),
    *_chomsky("cycle_navigation", ("100", "100", "61.9")),
    *_chomsky("even_pairs", ("100", "100", "67.7 +- 15.2"), "even"),
    *_chomsky("reverse", ("62.0", "60.9", "62.3"), "decoded", "token_accuracy"),
    *_chomsky("duplicate", ("50.3", "57.6", "52.8"), "decoded", "token_accuracy"),
    *(
        PublishedScore(
            "A",
            _message("what.selective_copy"),
            system,
            number,
            "Feng et al. 2024",
            _message("differs.kept"),
            OwnScore("selective_copy", (arm,), "token_accuracy", times=100),
        )
        for system, arm, number in (("minGRU", "mingru", "99.5"), ("minLSTM", "minlstm", "96.0"))
    ),
    PublishedScore("D", _message("what.flops"), _message("system.gnmt"), "2.3e19, 24.6", f"{VASWANI}, Table 2", WMT),
    PublishedScore("D", _message("what.flops"), "Transformer base", "3.3e18, 27.3", f"{VASWANI}, Table 2", WMT),
    PublishedScore(
        "D",
        _message("what.layer"),
        _message("system.self_attention"),
        "O(n^2 d); O(1); O(1)",
        f"{VASWANI}, Table 1",
        _message("differs.layer"),
    ),
    PublishedScore(
        "D",
        _message("what.layer"),
        _message("system.recurrent"),
        "O(n d^2); O(n); O(n)",
        f"{VASWANI}, Table 1",
        _message("differs.layer"),
    ),
    PublishedScore(
        "E",
        _message("what.wmt"),
        _message("system.sinusoidal"),
        "25.8",
        f"{VASWANI}, Table 3",
        _message("differs.dev"),
    ),
    PublishedScore(
        "E", _message("what.wmt"), _message("system.learned"), "25.7", f"{VASWANI}, Table 3", _message("differs.dev")
    ),
    *(
        PublishedScore(
            "F",
            _message("what.wmt"),
            _message("system.heads.many" if count > 1 else "system.heads.one", count=count),
            number,
            f"{VASWANI}, Table 3",
            _message("differs.dev"),
        )
        for count, number in ((1, "24.9"), (4, "25.5"), (8, "25.8"), (16, "25.8"), (32, "25.4"))
    ),
    *MULTI30K,
    PublishedScore(
        "H", _message("what.iwslt14"), "RNN", "30.74", "JoeyNMT", _message("differs.size", parameters="61")
    ),
    PublishedScore(
        "H", _message("what.iwslt14"), "Transformer", "33.73", "JoeyNMT", _message("differs.size", parameters="19")
    ),
    *(
        PublishedScore("H", _message("what.iwslt15"), system, number, source, _message("differs.tokenised"))
        for system, number, source in (
            (_message("system.lstm"), "23.3", "Luong and Manning 2015"),
            (_message("system.lstm_beam"), "26.1", "TF-NMT"),
            ("Transformer", "28.54", "Tensor2Tensor"),
        )
    ),
    *(
        PublishedScore("H", _message("what.newstest2014"), system, number, source, WMT)
        for system, number, source in (
            (_message("system.gnmt"), "24.6", f"{VASWANI}, Table 2"),
            ("Transformer base", "27.3", f"{VASWANI}, Table 2"),
            ("Transformer big", "28.4", f"{VASWANI}, Table 2"),
            ("RNMT+", "28.5", "Chen et al. 2018"),
        )
    ),
)
"""The rows of a claim are those whose `claims` contain its letter."""
