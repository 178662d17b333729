"""`bench doctor`: what this machine offers, and what to do where something is missing. Nothing is written or fetched.

Torch is asked in a process of its own, so that a broken installation is a line and not a traceback.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.data import tokenisers
from bench.data.corpora import files, registry
from bench.data.corpora.files import Corpus
from bench.errors import DataError, UserError
from bench.system import cgroups, environment

LARGE_BYTES = 50 << 20
"""Files above this size are checked only on demand: a checksum of gigabytes takes a while."""

WIDTH = 100
"""Characters of a line."""

OPTIONAL = {
    "pyarrow": ("results.parquet", "parquet"),
    "datasets": ("task.dataset", "datasets"),
    "submitit": ("bench suite --on slurm", "slurm"),
    "ray": ("bench suite --on ray", "ray"),
    "playwright": ("tests of the page in a browser", "browser"),
}
"""Optional libraries: what needs them, and the extra that installs them."""

TORCH = """
import json, torch
gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
bf16 = bool(gpus) and torch.cuda.is_bf16_supported()
print(json.dumps({"version": torch.__version__, "gpus": gpus, "bf16": bf16}))
"""
TORCH_SECONDS = 60
CPU_BF16 = ("amx_bf16", "avx512_bf16")
"""Instructions without which bf16 is slower than float32 on a CPU."""

CHINESE, KOREAN = "注", "한"


@dataclass(frozen=True)
class Finding:
    """One subject in a line. advice: what to do about what is missing, "" where nothing is."""

    subject: str
    text: str
    advice: str = ""


def examine(check_all: bool = False) -> Iterator[Finding]:
    """The findings, one by one as they are made. check_all: check large corpus files too."""
    yield _code()
    yield from _torch()
    yield _cores()
    yield _memory()
    yield _allocator()
    yield _fonts()
    yield from _corpora(check_all)
    yield _libraries()
    yield _tokenisers()
    yield _cache()


def lines(findings: list[Finding]) -> list[str]:
    """The findings for readers, with the advice at the end."""
    width = max(len(each.subject) for each in findings)
    facts = [line for each in findings for line in _wrapped(each.text, f"{each.subject:{width}}  ")]
    advice = [line for each in findings if each.advice for line in _wrapped(each.advice, "- ")]
    return [*facts, "", *(["Advice:", *advice] if advice else ["Nothing is missing."])]


def _wrapped(text: str, start: str) -> list[str]:
    """The text in lines of WIDTH, indented as far as `start`. A path that is longer stays whole, to be pasted."""
    indent = " " * len(start)
    return textwrap.wrap(
        text, WIDTH, initial_indent=start, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _code() -> Finding:
    code = environment.code_version()
    text = f"bench {code['version']}, Python {platform.python_version()}"
    if code["commit"] is None:
        return Finding("code", f"{text}, no commit: {code.get('reason')}")
    text += f", commit {str(code['commit'])[:12]}"
    if code["clean"] is None:
        return Finding("code", f"{text}, changes not known: {code.get('reason')}")
    state = "clean" if code["clean"] else "with uncommitted changes"
    advice = "" if code["clean"] else "commit your changes, so that records name the code that made them"
    return Finding("code", f"{text}, {state}", advice)


def _torch() -> Iterator[Finding]:
    try:
        process = subprocess.run(
            [sys.executable, "-P", "-c", TORCH], capture_output=True, text=True, timeout=TORCH_SECONDS, check=True
        )
        known = json.loads(process.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        written = getattr(error, "stderr", None) or str(error)
        if isinstance(written, bytes):  # of a process that ran out of time, whatever `text` says
            written = written.decode(errors="replace")
        last = written.strip().rpartition("\n")[2]
        yield Finding("torch", f"cannot be imported ({last:.60})", "install torch again: make clean, then make bench")
        return
    yield Finding("torch", known["version"])
    if known["gpus"]:
        names = ", ".join(dict.fromkeys(known["gpus"]))
        bf16 = "with bf16" if known["bf16"] else "without bf16"
        yield Finding("GPU", f"{len(known['gpus'])} ({names}), {bf16}; use device=cuda")
    else:
        yield Finding("GPU", "torch sees none; cells run on the CPU")


def _cores() -> Finding:
    usable, allowed, quota = environment.usable_cores(), environment.allowed_cores(), cgroups.cpu_quota()
    text = f"{usable} usable of {os.cpu_count() or allowed}"
    text += f", a quota of {quota:g} cores" if quota is not None else ", no quota"
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        fast = "fast" if any(flag in flags for flag in CPU_BF16) else "slower than fp32"
        text += f", bf16 {fast}"
    except OSError:
        pass
    return Finding("cores", f"{text} ({environment.cpu_name()}); one thread a cell (threads=N)")


def _allocator() -> Finding:
    names = environment.preloaded().get("preloaded")
    if names is not None:
        return Finding("allocator", f"LD_PRELOAD names {names}")
    if platform.libc_ver()[0] != "glibc":
        return Finding("allocator", "the system's")
    return Finding("allocator", "glibc's; with tcmalloc preloaded, long runs on the CPU are faster (bench/README.md)")


def _memory() -> Finding:
    total, free = environment.memory_bytes()
    if total is None:
        return Finding("memory", "not known")
    limit = ", a limit of the control group" if cgroups.memory_limit() is not None else ""
    advice = "" if total >= 2 << 30 else "cells of `quick` take up to 1 GiB each; use --jobs 1"
    return Finding(
        "memory",
        f"{environment.byte_size(total)}{limit}"
        + (f", {environment.byte_size(free)} free" if free is not None else ""),
        advice,
    )


def _fonts() -> Finding:
    from bench.report.figures import fonts

    drawn = {name: fonts.drawable(letter) == letter for name, letter in (("Chinese", CHINESE), ("Korean", KOREAN))}
    missing = [name for name, there in drawn.items() if not there]
    if not missing:
        return Finding("fonts", "Chinese and Korean can be drawn")
    text = f"none for {' and '.join(missing)}: figures show code points in their place"
    return Finding("fonts", text, "apt-get install fonts-noto-cjk, for Chinese, Japanese and Korean in figures")


def _corpora(check_all: bool) -> Iterator[Finding]:
    try:
        roots = [files.cache_folder(), *files.mirror_folders()]
    except UserError as error:
        yield Finding("corpora", "not known", str(error))
        return
    parts, advice = [], []
    absent = []
    for corpus in registry.corpora().values():
        try:
            state, broken = _corpus(corpus, roots, check_all)
        except DataError as error:
            parts.append(f"{corpus.name} cannot be read")
            advice.append(str(error))
            continue
        if not state:
            absent.append(corpus.name)
            continue
        parts.append(f"{corpus.name} {state}")
        if broken:
            advice.append(f"{broken} is damaged: delete it, then `bench data fetch {corpus.name}`")
    if not parts:
        text = "none here; tasks with generated data need none"
        yield Finding("corpora", text, "`bench data fetch multi30k` fetches 18 MB for translation of captions")
        return
    parts += [f"not here: {' '.join(absent)}"] if absent else []
    yield Finding("corpora", ", ".join(parts), next(iter(advice), ""))


def _corpus(corpus: Corpus, roots: list[Path], check_all: bool) -> tuple[str, Path | None]:
    """The state of a corpus in a word, "" where it has no file here; and a damaged file. Raises DataError for a folder
    or a file that may not be read."""
    present = unchecked = 0
    for name, expected in corpus.files.items():
        path = next((root / corpus.name / name for root in roots if files.exists(root / corpus.name / name)), None)
        if path is None:
            continue
        present += 1
        if not path.is_file():
            return "damaged", path
        if expected is None or (path.stat().st_size > LARGE_BYTES and not check_all):
            unchecked += 1
        elif files.file_checksum(path) != expected:
            return "damaged", path
    if not present:
        return "", None
    counts = "whole" if present == len(corpus.files) else f"{present} of {len(corpus.files)} files"
    return counts + (f" ({unchecked} not checked)" if unchecked else ""), None


def _libraries() -> Finding:
    missing = [name for name in OPTIONAL if importlib.util.find_spec(name) is None]
    present = [name for name in OPTIONAL if name not in missing]
    text = ", ".join([*present, *(f"no {name} ({OPTIONAL[name][0]})" for name in missing)])
    extras = ",".join(OPTIONAL[name][1] for name in missing)
    return Finding("optional", text, f"for what is missing: pip install -e '.[{extras}]'" if missing else "")


def _tokenisers() -> Finding:
    states = [name if tokenisers.available(name) else f"no {name}" for name in tokenisers.NAMES]
    advice = (
        ""
        if all(map(tokenisers.available, tokenisers.NEEDS))
        else ("BLEU of Japanese and Korean falls back to characters: pip install 'sacrebleu[ja,ko]'")
    )
    return Finding("BLEU", ", ".join(states), advice)


def _cache() -> Finding:
    try:
        folder = files.cache_folder()
    except UserError as error:
        return Finding("cache", "none", str(error))
    first = next((each for each in (folder, *folder.absolute().parents) if os.path.exists(each)), folder)
    writable = os.access(first, os.W_OK | os.X_OK)
    advice = "" if writable else f"{first} cannot be written to; set BENCH_CACHE to a folder that can"
    text = (
        f"{folder}, {environment.byte_size(_folder_bytes(folder))}" if os.path.exists(folder) else f"{folder}, empty"
    )
    return Finding("cache", text + ("" if writable else ", not writable"), advice)


def _folder_bytes(folder: Path) -> int:
    """Bytes of the files below a folder, without those that may not be seen."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue  # deleted meanwhile
    return total
