"""The script of a text, and what follows from it: whether its words are separated by spaces, and how long it is."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

MIN_LETTERS = 50
"""A text with fewer letters is too short to determine its script."""

MIN_SHARE, MIN_KANA = 0.7, 0.1
"""Share of the letters that the script of a text must have; share of kana in Japanese (kana and Han together)."""

UNDETERMINED = "undetermined"
HAN, KANA, JAPANESE, HANGUL = "Han", "Kana", "Japanese", "Hangul"

WORDS, CHARACTERS = "words", "characters"
"""Units of the length of a line."""

CHARACTERS_A_WORD = 2
"""Bins of lengths in characters are this much wider than those in words; a word of Chinese has 1.5 to 2."""

UNSPACED = frozenset({HAN, KANA, JAPANESE, "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"})
"""Scripts of which words are not separated by spaces."""

UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "km", "my", "bo", "dz"})
"""ISO 639-1 codes of the languages that are written in them."""

_CODES = """
aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo es
et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg ki
kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no
nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg sh si sk sl sm sn so sq sr ss st su sv sw ta
te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
"""
LANGUAGES = frozenset(_CODES.split())
"""ISO 639-1 codes."""

_RANGES = (
    (0x0E00, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3005, 0x3007), (0x3021, 0x3029),
    (0x3031, 0x3035), (0x3041, 0x30FA), (0x30FC, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF), (0xAA60, 0xAA7F), (0xF900, 0xFAFF), (0xFF66, 0xFF9F), (0x1B000, 0x1B16F), (0x20000, 0x3FFFD),
)  # fmt: skip
UNSPACED_CHARACTER = "[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in _RANGES) + "]"
"""A pattern for one letter, sign or digit of the scripts in UNSPACED."""

_WORD_OF_NAME = {"CJK": HAN, "IDEOGRAPHIC": HAN, "HIRAGANA": KANA, "KATAKANA": KANA, "KATAKANA-HIRAGANA": KANA}
_WIDTHS = ("HALFWIDTH", "FULLWIDTH")
_NO_WIDTH = ("Mn", "Me", "Cf")


@lru_cache(maxsize=1 << 16)
def of_character(character: str) -> str:
    """The script of a letter, by its name in Unicode; "" for anything else.

    >>> of_character("é"), of_character("茶"), of_character("ก"), of_character("!")
    ('Latin', 'Han', 'Thai', '')
    """
    if not character.isalpha():
        return ""
    words = unicodedata.name(character, "OTHER").split()
    first = words[1] if words[0] in _WIDTHS and len(words) > 1 else words[0]
    return _WORD_OF_NAME.get(first, first.title())


def letters_by_script(lines: Iterable[str]) -> Counter[str]:
    """The number of letters in each script.

    >>> letters_by_script(["Tee, 茶"])
    Counter({'Latin': 3, 'Han': 1})
    """
    characters: Counter[str] = Counter()
    for line in lines:
        characters.update(line)
    letters: Counter[str] = Counter()
    for character, count in characters.items():
        letters[of_character(character)] += count
    del letters[""]
    return letters


def detect(lines: Iterable[str]) -> str:
    """The script of most letters of a text; Japanese is Han with kana. UNDETERMINED for text that is short or mixed.

    >>> detect(["Wasser kocht, Tee zieht. "] * 5), detect(["水开了，茶好了。"] * 10), detect(["Tee"])
    ('Latin', 'Han', 'undetermined')
    """
    letters = letters_by_script(lines)
    east_asian = letters[HAN] + letters[KANA]
    if letters[KANA] > MIN_KANA * east_asian:
        letters = Counter({script: count for script, count in letters.items() if script not in (HAN, KANA)})
        letters[JAPANESE] = east_asian
    (script, count), total = max(letters.items(), key=lambda item: item[1], default=("", 0)), letters.total()
    return script if total >= MIN_LETTERS and count >= MIN_SHARE * total else UNDETERMINED


def length_unit(language: str | None, script: str) -> str:
    """The unit of lengths: CHARACTERS where words are not separated by spaces. language: ISO 639-1; None: by script.

    >>> length_unit("zh", "undetermined"), length_unit(None, "Thai"), length_unit("ko", "Hangul")
    ('characters', 'characters', 'words')
    """
    unspaced = script in UNSPACED if language is None else language in UNSPACED_LANGUAGES
    return CHARACTERS if unspaced else WORDS


def length(line: str, unit: str = WORDS) -> int:
    """The length of a line in white-space separated words, or in characters without white space, without marks that
    stand on another character, and without invisible characters.

    >>> length("two words"), length("两 个词。", CHARACTERS)
    (2, 4)
    """
    if unit == WORDS:
        return len(line.split())
    return sum(not character.isspace() and unicodedata.category(character) not in _NO_WIDTH for character in line)


_RUN = re.compile(rf"({UNSPACED_CHARACTER}{{2,20}}?)\1{{2,}}|({UNSPACED_CHARACTER})\2{{3,}}")


def repeats_without_spaces(text: str) -> bool:
    """Whether a text has a phrase of two to twenty characters three times in a row, or one character four times, in a
    script without spaces.

    >>> [repeats_without_spaces(text) for text in ("我我我我去", "他看见他看见他看见", "哈哈哈")]
    [True, True, False]
    """
    return _RUN.search(text) is not None
