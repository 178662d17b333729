"""The commit of the code, as tables that tests write name it. No tests of its own."""

from __future__ import annotations

from bench.system import environment


def name() -> str:
    """Twelve digits, and whether there are changes; `unknown` outside a checkout."""
    code = environment.code_version()
    return f"{str(code['commit'] or 'unknown')[:12]}{'' if code['clean'] else ' with changes'}"
