"""What an installed copy needs is in the wheel, and an installed copy writes nothing into its own folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_every_data_file_is_packaged():
    with (ROOT / "pyproject.toml").open("rb") as file:
        patterns = tomllib.load(file)["tool"]["setuptools"]["package-data"]["*"]
    files = [path for top in ("bench", "models") for path in (ROOT / top).rglob("*") if path.is_file()]
    data = [path for path in files if path.suffix not in (".py", ".pyc")]
    assert data
    left_out = [path for path in data if not any(fnmatchcase(path.name, pattern) for pattern in patterns)]
    assert left_out == []


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """A folder with the wheel installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("bench", "models"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    words = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words], check=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


ADOPT = """
import sys
from pathlib import Path
from bench.conf.tuned_settings import Choice, as_yaml
from bench.runs import tune
path = Path("out/tuned/reverse.yaml")
path.parent.mkdir(parents=True)
path.write_text(as_yaml("reverse", {"smoke": {"gru_dot": Choice({"optim.lr": 0.003})}}))
print(*tune.adopt({"reverse": path}))
"""


@pytest.mark.slow
def test_an_installed_copy_writes_nothing_into_its_folder(site, tmp_path):
    """A cell, its report and the adoption of settings, from an installation that cannot be written to."""
    before = {path: path.stat().st_mtime_ns for path in site.rglob("*")}
    for path in (*site.rglob("*"), site):
        path.chmod(path.stat().st_mode & ~0o222)
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root, and no setpriv to make permissions hold")
        prefix = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"]
    home = tmp_path / "home"
    home.mkdir()
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "XDG_"))}
    variables |= {"PYTHONPATH": str(site), "HOME": str(home), "OMP_NUM_THREADS": "1"}

    def run(*words: str) -> str:
        command = [*prefix, sys.executable, "-P", *words]
        done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run("-c", "import bench; print(bench.__file__)").strip() == str(site / "bench" / "__init__.py")
    sizes = ("task.train_size=64", "task.valid_size=8", "task.test_size=8", "budget.epochs=1")
    adopted = run("-c", ADOPT).strip()
    assert Path(adopted) == home / ".config" / "seq2seq-bench" / "tuned" / "reverse.yaml"
    run("-m", "bench", "run", "task=reverse", "model=gru_dot", "budget=smoke", *sizes, "out=cells")
    run("-m", "bench", "report", "cells")
    run("-m", "bench", "doctor")
    assert {path: path.stat().st_mtime_ns for path in site.rglob("*")} == before
    for path in (site, *site.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)  # so that pytest can delete it
