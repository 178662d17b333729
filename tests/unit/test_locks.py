"""A lock is held by one process at a time, by a child that inherits it, and by nobody after a death."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from bench.system import locks

ROOT = Path(__file__).resolve().parents[2]

HOLDER = """
import sys, time, pathlib
sys.path.insert(0, {root!r})
from bench.system import locks
with locks.exclusive(pathlib.Path({path!r})):
    print("in", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "below" / "a.lock"


def held_elsewhere(path: Path) -> subprocess.Popen:
    code = HOLDER.format(root=str(ROOT), path=str(path))
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "in\n"
    return child


def test_who_comes_second_is_told_and_gets_it_after_the_first_was_killed(path):
    child = held_elsewhere(path)
    with child.stdout:
        with pytest.raises(locks.Busy), locks.exclusive(path, timeout=0.1):
            pass
        child.kill()
        child.wait()
    with locks.exclusive(path, timeout=0.1):
        assert path.exists()
    assert not path.exists()


def test_a_child_that_inherited_it_holds_it_until_it_ends(path):
    with locks.exclusive(path) as file:
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(file.fileno(),))
        copy = path.with_name("copy")
        copy.hardlink_to(path)  # the name goes with the holder; the lock lives as long as the file is open
    with pytest.raises(locks.Busy), locks.exclusive(copy, timeout=0.1):
        pass
    child.communicate(b"\n")
    with locks.exclusive(copy, timeout=1.0):
        pass


def test_of_many_threads_one_is_inside(path):
    inside, most, lost = [], [], []

    def work() -> None:
        for _ in range(20):
            try:
                with locks.exclusive(path, timeout=30):
                    inside.append(1)
                    most.append(len(inside))
                    time.sleep(0.001)
                    inside.pop()
            except locks.Busy:
                lost.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(most) == {1} and len(most) == 80 and not lost
