"""Published numbers by claim, for orientation, never as evidence.

Every number was read in its source, and stands here alone: tables of the report and the ledger take it from here. A
number is included if a task or an arm of this project is comparable to it, or if it is about a claim itself."""

from __future__ import annotations

from bench.analysis import protocols
from bench.analysis.messages import Message, Text
from bench.analysis.protocols import Protocol
from bench.analysis.published_score import VALID, OwnScore, PublishedScore, shows_failure
from bench.metrics import FORCED


def _message(key: str, **values: object) -> Text:
    return Message(f"published.{key}", **values)


WMT, WORDS = _message("differs.wmt"), _message("differs.words")
CHOMSKY, VASWANI, LIUM = "Deletang et al. 2023, Table 2", "Vaswani et al. 2017", "LIUM-CVC, WMT17"


def _chomsky(
    task: str, numbers: tuple[str, ...], differs: str = "best_of_30", metric: str = "exact_match", stacks: bool = True
) -> tuple[PublishedScore, ...]:  # fmt: skip
    """numbers: of RNN, LSTM, Transformer. For answers of one token, exact match is accuracy a token. stacks: whether
    the task can be read off one stack as well."""
    systems = {"RNN": "rnn_none", "LSTM": "lstm_none", "Transformer": "transformer_encoder"}
    protocol = protocols.LANGUAGES if metric == "exact_match" else protocols.STRINGS
    rows = []
    for (system, arm), number in zip(systems.items(), numbers, strict=True):
        ours = OwnScore(task, (arm,), metric, "test_longer", times=100)
        stack = OwnScore(f"{task}_stack", (f"{system.lower()}_stack",), metric, "test_longer", times=100)
        rows.append(
            PublishedScore("C", _message("what.chomsky", task=_message(f"tasks.{task}")), system, number, CHOMSKY,
                           _message(f"differs.{differs}"), ours, protocol, stack if stacks else None,
                           "+-" in number or shows_failure(number, 100))
        )  # fmt: skip
    return tuple(rows)


def _multi30k(
    claims: str, system: str, arms: tuple[str, ...], languages: str, number: str, source: str, differs: str,
    protocol: Protocol = protocols.MULTI30K, search: str = "beam5", split: str = "test_2016_flickr",
    millions: float | None = None,
) -> PublishedScore:  # fmt: skip
    """A score on a test set. millions: of parameters."""
    pair = languages.partition("-")[::2]
    ours = OwnScore("multi30k", arms, f"bleu_lit_{pair[1]}", split, search, languages=pair)
    what = _message("what.multi30k", languages=languages, split=split)
    parameters = None if millions is None else millions * 1e6
    return PublishedScore(claims, what, system, number, source, differs, ours, protocol, parameters=parameters)


def _tutorial(
    claims: str, system: str, arms: tuple[str, ...], number: str, differs: str, millions: float
) -> PublishedScore:
    """A score of German to English, decoded greedily."""
    words = _message(f"differs.{differs}", parameters=f"{millions:g}")
    return _multi30k(claims, system, arms, "de-en", number, _message("source.tutorial"), words,
                     protocols.MULTI30K_TUTORIAL, "greedy", millions=millions)  # fmt: skip


def _question(number: str, arm: str, what: str, split: str, metric: str) -> PublishedScore:
    system = {"none": "no attention", "dot": "attention by content"}[arm.partition("_")[2]]
    ours = OwnScore("question", (arm,), metric, split)
    return PublishedScore(
        "", f"Question formation: {what}", f"{arm.partition('_')[0].upper()}, {system}", number, MCCOY_SOURCE,
        "their grammar and words", ours, protocols.QUESTION, failure=shows_failure(number, 1),
    )  # fmt: skip


MCCOY_SCORES = {
    "rnn_none": (".000", ".358"),
    "gru_none": (".888", ".008"),
    "lstm_none": (".981", ".016"),
    "rnn_dot": (".997", ".265"),
    "gru_dot": ("1.000", ".0001"),
    "lstm_dot": ("1.000", ".014"),
}
"""McCoy et al. (2020), question formation: the whole sentence as in training, and the first word where the rules
differ, by the most similar arm. Theirs: attention by content, hidden size 256, one published run each (the authors'
repository). They have no Transformer."""

MCCOY = {arm: "; ".join(numbers) for arm, numbers in MCCOY_SCORES.items()}
MCCOY_SOURCE = "McCoy et al. 2020"

QUESTION = tuple(
    row
    for arm, (whole, first) in MCCOY_SCORES.items()
    for row in (
        _question(whole, arm, "share of whole sentences right, as in training", "test", "exact_match"),
        _question(first, arm, "share of first words right, where the rules differ", "test_general", "first_token"),
    )
)

FLICKR_2016 = "test_2016_flickr"
LIUM_SCORES = {
    "en-de": {FLICKR_2016: "37.8", "test_2017_flickr": "30.7", "test_2017_mscoco": "26.4"},
    "en-fr": {FLICKR_2016: "54.7", "test_2017_mscoco": "43.5"},
}
"""The attentional GRU of LIUM-CVC by languages and test set."""


def _lium(languages: str, split: str) -> PublishedScore:
    scores = LIUM_SCORES[languages]
    others = ", ".join(f"{other} {number}" for other, number in scores.items() if other != FLICKR_2016)
    return _multi30k(
        "H", _message("system.gru"), ("gru_additive", "gru_dot"), languages, scores[split], LIUM, others, split=split
    )


MULTI30K = (
    _multi30k(
        "H", "Transformer-Tiny", ("transformer",), "en-de", "41.02", "Wu et al. 2021, arXiv 2105.14462",
        _message("differs.tiny"), protocols.MULTI30K_TINY,
    ),
    *(_lium(languages, FLICKR_2016) for languages in LIUM_SCORES),
    _tutorial("H", _message("system.lstm_none"), ("lstm_none",), "13.76", "tutorial", 13.9),
    _tutorial("GH", _message("system.gru_none"), ("gru_none",), "20.61", "tutorial", 14.2),
    _tutorial("GH", _message("system.gru_additive"), ("gru_additive", "gru_dot"), "28.30", "forced", 20.5),
    _tutorial("H", "Transformer", ("transformer",), "36.52", "small", 9.04),
)  # fmt: skip
"""On test_2016_flickr."""

MULTI30K_OTHER_SETS = tuple(
    _lium(languages, split) for languages, scores in LIUM_SCORES.items() for split in scores if split != FLICKR_2016
)
"""A page has these numbers in the last column of MULTI30K."""

PLAYS = tuple(
    PublishedScore(
        "", "Tiny Shakespeare: validation loss, nats a character", f"nanoGPT, {size} size", number, "nanoGPT's README",
        "all of the last tenth of the text", OwnScore("shakespeare", ("transformer_stack",), "loss", VALID, FORCED),
        protocol,
    )
    for size, number, protocol in (("CPU", "1.88", protocols.NANOGPT_CPU), ("GPU", "1.4697", protocols.NANOGPT_GPU))
)  # fmt: skip

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
        protocols.MQAR,
        OwnScore("mqar_stack", ("transformer_stack",), "token_accuracy", times=100),
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
            protocols.COPY_MEMORY,
            failure=True,
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
            protocols.ADDING,
            failure=fails,
        )
        for system, arm, number, fails in (
            ("LSTM", "lstm_none", "0.164", True),
            ("GRU", "gru_none", "0.000053", False),
        )
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
            protocols.LISTOPS,
            failure=shows_failure(number, 100),
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
    *_chomsky("reverse", ("62.0", "60.9", "62.3"), "decoded", "token_accuracy", stacks=False),
    *_chomsky("duplicate", ("50.3", "57.6", "52.8"), "decoded", "token_accuracy", stacks=False),
    *(
        PublishedScore(
            "A",
            _message("what.selective_copy"),
            system,
            number,
            "Feng et al. 2024",
            _message("differs.kept"),
            OwnScore("selective_copy", (arm,), "token_accuracy", times=100),
            protocols.SELECTIVE_COPY,
        )
        for system, arm, number in (("minGRU", "mingru", "99.5"), ("minLSTM", "minlstm", "96.0"))
    ),
    PublishedScore("D", _message("what.flops"), _message("system.gnmt"), "2.3e19, 24.6", f"{VASWANI}, Table 2", WMT),
    PublishedScore("D", _message("what.flops"), "Transformer base", "3.3e18, 27.3", f"{VASWANI}, Table 2", WMT),
    *(
        PublishedScore("D", _message("what.layer"), system, cost, f"{VASWANI}, Table 1", _message("differs.layer"))
        for system, cost in (
            (_message("system.self_attention"), "O(n^2 d); O(1); O(1)"),
            (_message("system.recurrent"), "O(n d^2); O(n); O(n)"),
        )
    ),
    *(
        PublishedScore("E", _message("what.wmt"), system, number, f"{VASWANI}, Table 3", _message("differs.dev"))
        for system, number in ((_message("system.sinusoidal"), "25.8"), (_message("system.learned"), "25.7"))
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

IN_LEDGER = (*PUBLISHED, *MULTI30K_OTHER_SETS, *QUESTION, *PLAYS)
"""PUBLISHED, and the rows that stand in the ledger alone: pages have them elsewhere, or they are about no claim."""
