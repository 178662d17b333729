"""Where real corpora are, for tests that read them: BENCH_MIRROR, or the folder that make would name. No tests
here."""

import os
from pathlib import Path

NAMED = [Path(folder) for folder in os.environ.get("BENCH_MIRROR", "").split(os.pathsep) if folder]
MIRRORS = [folder for folder in NAMED or [Path(__file__).parents[3] / "shared" / "data"] if folder.is_dir()]
