"""Values that nobody means, as words of a command line. What kind of value a place takes decides which of them may
pass."""

from __future__ import annotations

import math
from pathlib import Path

LONG = "x" * 10_000
HUGE = 10**30

WORDS = (
    *(
        "",
        " ",
        "\t",
        "nonsense",
        LONG,
        "é",
        "日本語",
        "null",
        "none",
        "None",
        "true",
        "[]",
        "[",
        "{}",
        "{a: 1}",
        "a,b",
        ",",
    ),
    *(
        "$(touch pwned)",
        "`touch pwned`",
        "${seed}",
        "${nope}",
        "${oc.env:HOME}",
        "%s%n",
        "{0}",
        "'",
        '"',
        "\\",
        "*",
        "?",
    ),
    *(
        "a\nb",
        "a\rb",
        "a\x1b[2Jb",
        "a\x00b",
        "\x00",
        "\x7f",
        "\ud800",
        "\udcff",
        "\u2028",
        "\ufeff",
        "--",
        "-",
        "--nonsense",
    ),
    *("a=b", "=", "a=", "=b", "0x10", "1_0", "1,000", "٣"),
)
NUMBERS = (
    *("-1", "0", "1.5", "-0.0", "nan", "-nan", "inf", "-inf", "1e999", "-1e999", "1e-999", "1e30"),
    *(str(HUGE), str(-HUGE), str(2**31), str(2**63), "9" * 10_000),
)
PATHS = (
    *(
        "file",
        "foreign",
        "file/below",
        "absent",
        "absent/below/that",
        "dangling",
        "loop",
        "loop/below",
        ".",
        "..",
        "/",
        "~",
    ),
    *("/dev/null", "/dev/null/below", "/proc/nope", "x" * 300, "a/" * 3000),
)
EVERY = (*WORDS, *NUMBERS, *PATHS)


def furnish(folder: Path) -> None:
    """What the words of PATHS stand for, and things that a results folder must not be."""
    (folder / "file").write_text("a file\n")
    (folder / "foreign").mkdir()
    (folder / "foreign" / "thesis.tex").write_text("not ours\n")
    (folder / "broken" / "cell").mkdir(parents=True)
    (folder / "broken" / "cell" / "record.json").write_text("{")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")


def whole(word: str) -> int | None:
    """The whole number that a word is, as click and Hydra read it; None: it is none."""
    try:
        return int(word)
    except ValueError:
        return None


def real(word: str) -> float | None:
    """The finite number that a word is; None: it is none."""
    try:
        value = float(word)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
