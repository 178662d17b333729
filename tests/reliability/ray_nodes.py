"""A Ray cluster of two nodes on this machine, one of which can be lost with all its processes."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.reliability.bed import children, kill

GIB = 1 << 30


class RayNodes:
    """The head and one more node, each with a core and memory for one worker. Raises ImportError without Ray."""

    def __init__(self, **resources: int) -> None:
        from ray.cluster_utils import Cluster

        self._folder = tempfile.mkdtemp(prefix="nodes-", dir="/tmp")  # paths of sockets must be short
        (Path(self._folder) / "ray").mkdir()
        os.environ |= {"RAY_TMPDIR": self._folder, "RAY_USAGE_STATS_ENABLED": "0"}
        self._options = {"num_cpus": 1, "memory": 8 * GIB, "include_dashboard": False, **resources}
        # An exit hook would set a handler of SIGTERM, which only the main thread may do; __exit__ ends the nodes.
        self._cluster = Cluster(True, head_node_args=self._options, shutdown_at_exit=False)
        self._other = self._cluster.add_node(**self._options)
        self.address: str = self._cluster.address

    def __enter__(self) -> RayNodes:
        return self

    def __exit__(self, *_: object) -> None:
        self._cluster.shutdown()
        for name in ("RAY_TMPDIR", "RAY_USAGE_STATS_ENABLED"):
            os.environ.pop(name)
        shutil.rmtree(self._folder, ignore_errors=True)

    def lose(self) -> None:
        """All processes of the other node die at once."""
        tree = _stopped(_raylet(self._other))
        for pid in tree:
            kill(pid)
        self._cluster.remove_node(self._other, allow_graceful=False)

    def add(self) -> None:
        """A node in the place of the lost one."""
        self._other = self._cluster.add_node(**self._options)

    def workers(self) -> list[int]:
        """The processes of `bench.runs.shared_worker`."""
        return [child for pid in self.jobs() for child in children(pid)]

    def jobs(self) -> list[int]:
        """The actors of arrays, and the tasks that hold workers."""
        return [
            pid
            for node in self._cluster.list_all_nodes()
            for pid in children(_raylet(node))
            if _command(pid).startswith("ray::")
            and not _command(pid).startswith(("ray::IDLE", "ray::Dash", "ray::Run"))
        ]


def _raylet(node: Any) -> int:
    return int(node.all_processes["raylet"][0].process.pid)


def _stopped(pid: int) -> list[int]:
    """A process and all below it, from the top down, each suspended, so that none sees another one die."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    return [pid, *(each for child in children(pid) for each in _stopped(child))]


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")
    except OSError:
        return ""
