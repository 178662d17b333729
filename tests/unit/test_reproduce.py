"""Every folder of committed records has a script that makes it from nothing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from bench.report import ledger_page
from tests import cell_table

FOLDERS = ledger_page.default_folders(cell_table.REFERENCE)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_suites_of_the_script_make_the_cells_of_the_folder(folder: Path) -> None:
    script = folder / "reproduce.sh"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    suites = re.findall(r"^\.venv/bin/bench suite (\w+) .*--out \"\$out\"$", text, flags=re.MULTILINE)
    made = {name for source, settings, name, _ in cell_table.read() if source in suites and "=" in settings}
    own = {path.parent.name for path in folder.glob("*/record.json")}
    assert suites and own and own <= made
    assert f"out=results/runs/reproduced/{folder.name}\n" in text
    assert f'bench compare results/reference/{folder.name} "$out"\n' in text
    subprocess.run(["sh", "-n", str(script)], check=True)
