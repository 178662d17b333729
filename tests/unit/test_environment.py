"""What is read from the environment: git, control groups, memory. Nothing of the caller's is trusted."""

from __future__ import annotations

import ast
import os
import subprocess
from pathlib import Path

import pytest

from bench.records import types
from bench.system import cgroups, environment, git

ROOT = Path(__file__).resolve().parents[2]

AUTHOR = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]


def repository(folder: Path, content: str) -> str:
    """A new repository with one commit, whose hash is returned."""
    folder.mkdir(parents=True)
    (folder / "file").write_text(content)
    git.run(folder, "init", "-q")
    git.run(folder, "add", "file")
    git.run(folder, *AUTHOR, "commit", "-q", "-m", content)
    return git.run(folder, "rev-parse", "HEAD")


@pytest.fixture
def ours(tmp_path):
    """A repository, and its commit."""
    return tmp_path / "ours", repository(tmp_path / "ours", "ours")


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_CONFIG"])
def test_variables_of_git_do_not_name_another_repository(name, ours, tmp_path, monkeypatch):
    theirs = tmp_path / "theirs"
    repository(theirs, "theirs")
    monkeypatch.setenv("GIT_DIR", str(theirs / ".git"))
    elsewhere = {"GIT_WORK_TREE": theirs, "GIT_INDEX_FILE": theirs / "absent"}
    monkeypatch.setenv(name, str(elsewhere.get(name, theirs / ".git")))
    folder, commit = ours
    assert environment._commit(folder) == {"commit": commit, "clean": True}


def test_the_repository_around_a_broken_one_is_not_taken_for_it(ours):
    folder = ours[0] / "inner"
    (folder / ".git").mkdir(parents=True)
    state = environment._commit(folder)
    assert state["commit"] is None and "not a git repository" in state["reason"]


def test_a_folder_without_git_says_so(tmp_path):
    assert environment._commit(tmp_path) == {"commit": None, "clean": None, "reason": "not a git checkout"}


def test_a_missing_git_says_so(ours, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert environment._commit(ours[0])["reason"] == "git is not installed"


def test_a_slow_git_says_so(ours, monkeypatch, tmp_path):
    (tmp_path / "bin").mkdir()
    slow = tmp_path / "bin" / "git"
    slow.write_text("#!/bin/sh\nexec sleep 5\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "TIMEOUT", 0.1)
    assert environment._commit(ours[0])["reason"] == "git took more than 0.1 seconds"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a folder to another user")
def test_the_clone_of_another_user_says_why_its_commit_is_not_known(ours, monkeypatch):
    folder, _ = ours
    monkeypatch.setenv("HOME", str(folder))  # no configuration that trusts every folder
    for path in (folder, *folder.rglob("*")):
        os.lchown(path, 12345, 12345)
    state = environment._commit(folder)
    assert state["commit"] is None and "dubious ownership" in str(state["reason"])


def test_a_commit_that_is_known_and_a_state_that_is_not(ours):
    folder, commit = ours
    (folder / ".git" / "index").write_text("broken")
    state = environment._commit(folder)
    assert (state["commit"], state["clean"]) == (commit, None) and "git: " in str(state["reason"])


def test_a_record_may_have_the_reason():
    code = {"version": "1", "commit": None, "clean": None, "reason": "not a git checkout"}
    assert types._fault(code, types.RECORD.keys["code"], "code") == ""


@pytest.mark.parametrize(
    ("variable", "recorded"),
    [(None, {}), ("", {}), ("/a/libx.so.1:liby.so", {"preloaded": "libx.so.1 liby.so"}), (" ", {})],
)
def test_preloaded_libraries_are_named_without_their_folders(variable, recorded, monkeypatch):
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    if variable is not None:
        monkeypatch.setenv("LD_PRELOAD", variable)
    assert environment.preloaded() == recorded
    described = {"python": "3", "threads": 1, "libraries": {}} | recorded
    assert types._fault(described, types.RECORD.keys["environment"], "environment") == ""


def test_no_other_module_calls_git():
    for path in [*(ROOT / "bench").rglob("*.py"), *(ROOT / "models").rglob("*.py")]:
        if path != ROOT / "bench" / "system" / "git.py":
            constants = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
            assert "git" not in [each.value for each in constants], f"{path} names git in a call of its own"


# Control groups


class Tree:
    """A made-up root of the file system, with control groups mounted."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "proc/self").mkdir(parents=True)
        self.mounts: list[str] = []

    def mount(self, point: str, kind: str, options: str = "rw", top: str = "/") -> None:
        (self.root / point.replace("\\040", " ").lstrip("/")).mkdir(parents=True, exist_ok=True)
        self.mounts.append(f"31 23 0:28 {top} {point} rw,relatime shared:9 - {kind} {kind} {options}\n")
        (self.root / "proc/self/mountinfo").write_text("".join(self.mounts))

    def groups(self, *lines: str) -> None:
        (self.root / "proc/self/cgroup").write_text("".join(f"{line}\n" for line in lines))

    def write(self, path: str, content: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


@pytest.fixture
def v2(tree):
    tree.mount("/sys/fs/cgroup", "cgroup2")
    tree.groups("0::/user.slice/job")
    tree.write("/sys/fs/cgroup/user.slice/job/cgroup.procs", "")
    return tree


def test_without_control_groups_there_is_no_limit(tree):
    assert cgroups.cpu_quota(tree.root) is None and cgroups.memory_limit(tree.root) is None


def test_a_quota_of_the_own_group(v2):
    v2.write("/sys/fs/cgroup/user.slice/job/cpu.max", "150000 100000")
    v2.write("/sys/fs/cgroup/user.slice/job/memory.max", "1048576")
    assert cgroups.cpu_quota(v2.root) == 1.5
    assert cgroups.memory_limit(v2.root) == 1 << 20


def test_the_lowest_limit_up_the_hierarchy_applies(v2):
    v2.write("/sys/fs/cgroup/user.slice/job/cpu.max", "max 100000")
    v2.write("/sys/fs/cgroup/user.slice/cpu.max", "200000 100000")
    v2.write("/sys/fs/cgroup/cpu.max", "400000 100000")
    v2.write("/sys/fs/cgroup/user.slice/job/memory.max", "max")
    v2.write("/sys/fs/cgroup/user.slice/memory.max", "2048")
    assert cgroups.cpu_quota(v2.root) == 2.0
    assert cgroups.memory_limit(v2.root) == 2048


def test_a_container_sees_its_own_group_at_the_mount_point(tree):
    """With a namespace of control groups the path is `/`; without one, the host's path, which is not mounted."""
    tree.mount("/sys/fs/cgroup", "cgroup2", top="/docker/abc")
    tree.write("/sys/fs/cgroup/cpu.max", "300000 100000")
    for group in ("/", "/docker/abc", "/docker/other", "/../other"):
        tree.groups(f"0::{group}")
        assert cgroups.cpu_quota(tree.root) == 3.0
    tree.write("/sys/fs/cgroup/inner/cpu.max", "100000 100000")
    tree.groups("0::/docker/abc/inner")
    assert cgroups.cpu_quota(tree.root) == 1.0


def test_version_1(tree):
    tree.mount("/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
    tree.mount("/sys/fs/cgroup/memory", "cgroup", "rw,memory")
    tree.groups("4:memory:/job", "1:cpu,cpuacct:/job")
    tree.write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "250000")
    tree.write("/sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000")
    tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1")
    tree.write("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000")
    tree.write("/sys/fs/cgroup/memory/job/memory.limit_in_bytes", "4096")
    tree.write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712")
    assert cgroups.cpu_quota(tree.root) == 2.5
    assert cgroups.memory_limit(tree.root) == 4096


def test_a_hierarchy_of_both_versions(tree):
    tree.mount("/sys/fs/cgroup/unified", "cgroup2")
    tree.mount("/sys/fs/cgroup/cpu", "cgroup", "rw,cpu")
    tree.groups("1:cpu:/", "0::/")
    tree.write("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000")
    tree.write("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000")
    assert cgroups.cpu_quota(tree.root) == 0.5


def test_a_mount_point_with_a_space(tree):
    tree.mount("/sys/fs/control\\040groups", "cgroup2")
    tree.groups("0::/")
    tree.write("/sys/fs/control groups/cpu.max", "100000 100000")
    assert cgroups.cpu_quota(tree.root) == 1.0


@pytest.mark.parametrize("content", ["", "max", "x y", "100000", "0 100000", "100000 0", "-1 100000"])
def test_a_file_of_another_form_is_no_error(content, v2):
    v2.write("/sys/fs/cgroup/cpu.max", content)
    quota = cgroups.cpu_quota(v2.root)
    assert quota is None or quota > 0


@pytest.mark.parametrize(
    ("quota", "cores"),
    [("max 100000", 8), ("150000 100000", 1), ("20000 100000", 1), ("300000 100000", 3), ("9900000 100000", 8)],
)
def test_usable_cores_are_within_the_quota(quota, cores, v2, monkeypatch):
    monkeypatch.setattr(environment, "allowed_cores", lambda: 8)
    v2.write("/sys/fs/cgroup/cpu.max", quota)
    assert environment.usable_cores(v2.root) == cores


def test_memory_is_within_the_limit(v2):
    v2.write("/proc/meminfo", "MemTotal:       1000 kB\nMemFree:  100 kB\nMemAvailable:    600 kB")
    assert environment.memory_bytes(v2.root) == (1000 * 1024, 600 * 1024)
    v2.write("/sys/fs/cgroup/user.slice/job/memory.max", str(700 * 1024))
    assert environment.memory_bytes(v2.root) == (700 * 1024, 600 * 1024)
    v2.write("/sys/fs/cgroup/user.slice/job/memory.max", str(500 * 1024))
    assert environment.memory_bytes(v2.root) == (500 * 1024, 500 * 1024)


def test_memory_of_a_system_without_proc(tmp_path):
    assert environment.memory_bytes(tmp_path) == (None, None)


def test_this_machine_answers():
    assert 1 <= environment.usable_cores() <= environment.allowed_cores()
    total, free = environment.memory_bytes()
    assert total is None or (total > 1 << 20 and (free is None or free <= total))


def test_a_variable_of_git_does_not_reach_the_record(tmp_path, monkeypatch):
    """As reported: GIT_DIR of another repository."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, env=git.environment(ROOT)
    ).stdout.strip()
    repository(tmp_path / "theirs", "theirs")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "theirs" / ".git"))
    assert environment.code_version()["commit"] == (commit or None)
