"""The endings of German adjectives: weak, mixed and strong declension (Duden 4, Die Grammatik, "Flexion").

The determiner selects the table: `der alte Mann` is weak, `ein alter Mann` mixed, `alter Mann` strong.
"""

from __future__ import annotations

from functools import cache

from bench.tasks.grammar.german_declension import DETERMINERS, form_table

WEAK = form_table("""
    e e e en
    en e e en
    en en en en
    en en en en
""")
MIXED = form_table("""
    er e es en
    en e es en
    en en en en
    en en en en
""")
STRONG = form_table("""
    er e es e
    en e es e
    em er em en
    en er en er
""")
TABLES = {"the": WEAK, "der": WEAK, "ein": MIXED, "strong": STRONG, "fixed": STRONG, "none": STRONG}
"""Kind of determiner (see `DETERMINERS`) to the endings of an adjective after it."""

ENDINGS = ("e", "en", "er", "es", "em")
"""Every ending that occurs in a table."""


@cache
def adjective_ending(determiner: str, case: str, gender: str) -> str:
    """The ending of an adjective after an English determiner.

    >>> [adjective_ending(determiner, "nom", "m") for determiner in ("the", "a", "two")]
    ['e', 'er', 'er']
    """
    return TABLES[DETERMINERS[determiner].kind][case, gender]
