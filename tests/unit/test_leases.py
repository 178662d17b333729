"""A lease has one holder; it is free when an observer's own clock says that it has not changed for long enough."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from bench.errors import StorageError, UserError
from bench.records import store
from bench.system import leases
from bench.system.leases import Lease, Lost, Watch, take
from bench.training.checkpoint import CheckpointStore
from tests.report.conftest import Folder


class Clock:
    """A clock that shows what it is set to."""

    def __init__(self, now: float = 0.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "a.lease"


def taken(path: Path) -> Lease:
    lease = take(path, Watch(60))
    assert lease is not None
    return lease


def taken_over(path: Path) -> Lease:
    """By a process that has waited long enough."""
    clock = Clock()
    watch = Watch(60, clock)
    assert take(path, watch) is None
    clock.now = 60.0
    lease = take(path, watch)
    assert lease is not None
    return lease


def test_a_lease_is_of_one_process_until_it_is_released(path: Path) -> None:
    first = taken(path)
    assert take(path, Watch(60)) is None and first.is_held()
    first.release()
    assert list(path.parent.iterdir()) == []
    second = taken(path)
    assert second.is_held() and not first.is_held()
    first.release()
    assert second.is_held(), "a lease that is not one's own is left alone"


@pytest.mark.parametrize("start", [0.0, -1e9, 1.7e9])
def test_its_age_is_that_of_the_observers_clock_alone(path: Path, start: float, monkeypatch) -> None:
    monkeypatch.setattr("time.time", lambda: 4e9)  # the holder's clocks are wrong, and its files are from the future
    first = taken(path)
    clock = Clock(start)
    watch = Watch(60, clock)
    for seconds in range(0, 300, 30):
        clock.now = start + seconds
        os.utime(path, (seconds * 1e7, seconds * 1e7))
        assert take(path, watch) is None, "it is renewed"
        first.beat()
    clock.now = start + 300
    assert watch.look(path).alive
    for seconds in range(300, 360, 10):
        clock.now = start + seconds
        os.utime(path, (4e9, 4e9))
        assert take(path, watch) is None, f"{seconds - 300} seconds without a change"
    clock.now = start + 360
    assert take(path, watch).is_held() and not first.is_held()


def test_an_observer_that_has_just_come_waits_the_whole_time(path: Path) -> None:
    taken(path)
    os.utime(path, (0, 0))
    clock = Clock(1e6)
    assert take(path, Watch(60, clock)) is None


def test_who_lost_it_can_neither_renew_nor_release_it(path: Path) -> None:
    first = taken(path)
    second = taken_over(path)
    for action in (first.beat, first.check):
        with pytest.raises(Lost):
            action()
    first.release()
    second.check()
    second.beat()
    second.release()
    with pytest.raises(Lost):
        first.beat()
    assert list(path.parent.iterdir()) == [], "it is not made anew"


def test_of_a_machine_whose_lock_is_free_it_is_dead_at_once(path: Path, monkeypatch) -> None:
    taken(path)
    assert take(path, Watch(60), dead="another machine") is None
    assert take(path, Watch(60), dead=leases.machine()).is_held()


def test_of_many_observers_one_takes_over(path: Path) -> None:
    for _ in range(30):
        path.unlink(missing_ok=True)
        taken(path)
        clocks = [Clock() for _ in range(8)]
        watches = [Watch(60, clock) for clock in clocks]
        assert all(watch.look(path) for watch in watches)
        for clock in clocks:
            clock.now = 60.0
        holders, barrier = [], threading.Barrier(8)

        def work(watch: Watch) -> None:
            barrier.wait()
            if (lease := take(path, watch)) is not None:
                holders.append(lease)

        threads = [threading.Thread(target=work, args=(watch,)) for watch in watches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [lease.is_held() for lease in holders] == [True]
        assert list(path.parent.iterdir()) == [path]


def test_who_dies_while_taking_over_blocks_nobody_for_ever(path: Path) -> None:
    first = taken(path)
    heir = path.with_name(f"{path.name}.{first.token}")
    Lease(path).create(heir)
    clock = Clock()
    watch = Watch(60, clock)
    for now in (0, 60, 60, 121):
        clock.now = now
        assert take(path, watch) is None
    assert take(path, watch).is_held() and not heir.exists()


@pytest.mark.parametrize("raw", [b"", b"\0" * 100, b"{", b"[1]", b'{"token": "a", "more": 1}'])
def test_a_broken_lease_is_free_after_a_while(path: Path, raw: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(raw)
    assert taken_over(path).is_held()


@pytest.mark.parametrize("text", ["0", "-1", "x", "nan", "inf"])
def test_a_bad_duration_is_one_line(text: str, monkeypatch) -> None:
    monkeypatch.setenv(leases.VARIABLE, text)
    with pytest.raises(UserError, match=leases.VARIABLE):
        leases.duration()


def test_a_note_of_any_length_and_script_fits(path: Path) -> None:
    lease = taken(path)
    lease.beat("\N{GRINNING FACE}" * 1000)
    assert path.stat().st_size == leases.FILE_BYTES and leases.Content.parse(path.read_bytes()).token == lease.token


# What the holder of a lease writes


def record_of(tmp_path: Path, status: str) -> dict:
    """A record that another folder's cell has."""
    return dict(Folder(tmp_path / "elsewhere").cell(status=status))


@pytest.mark.parametrize("status", ["done", "failed", "diverged"])
@pytest.mark.parametrize("before", [None, "failed"])
@pytest.mark.parametrize("moment", ["before", "between"])
def test_who_lost_its_lease_writes_no_record(tmp_path: Path, status: str, before: str | None, moment: str) -> None:
    """moment: of the loss, before the check or between the check and the rename, where a frozen process may be."""
    out, record = tmp_path / "out", record_of(tmp_path, "done")
    cell = record["cell"]
    if before is not None:
        store.write(out, record | {"status": before, "reason": "the first"})
    first = taken(store.lease_file(out, cell))

    def lose() -> None:
        second = taken_over(store.lease_file(out, cell))
        store.clear_unfinished(out, cell)
        store.write(out, record | {"status": status, "reason": "the next holder's"}, lease=second)

    if moment == "before":
        lose()
    else:
        check, checks = first.check, []

        def check_and_freeze() -> None:
            check()
            checks.append(1)
            if len(checks) == 2:
                lose()

        first.check = check_and_freeze
    with pytest.raises(Lost):
        store.write(out, record | {"reason": "the late one's"}, lease=first)
    assert store.read(out / cell)["reason"] == "the next holder's"
    first.release()
    assert store.lease_file(out, cell).exists()


def test_a_record_that_is_done_is_not_written_again(tmp_path: Path) -> None:
    out, record = tmp_path / "out", record_of(tmp_path, "done")
    lease = taken(store.lease_file(out, record["cell"]))
    store.write(out, record, lease=lease)
    with pytest.raises(Lost):
        store.write(out, record | {"reason": "again"}, lease=lease)
    assert store.read(out / record["cell"])["reason"] != "again"


@pytest.mark.parametrize("moment", ["before", "between"])
def test_who_lost_its_lease_saves_no_state(tmp_path: Path, moment: str) -> None:
    path, folder = store.lease_file(tmp_path, "a"), store.work_folder(tmp_path, "a")
    first = taken(path)
    states = CheckpointStore(folder, lease=first)
    states.save({"steps": 1})

    def lose() -> None:
        second = CheckpointStore(folder, lease=taken_over(path))
        store.clear_unfinished(tmp_path, "a")
        second.save({"steps": 20})

    if moment == "before":
        lose()
    else:
        check, checks = first.check, []

        def check_and_freeze() -> None:
            check()
            checks.append(1)
            if len(checks) == 2:
                lose()

        first.check = check_and_freeze
    with pytest.raises(Lost):
        states.save({"steps": 2})
    assert CheckpointStore(folder).load("cpu")[0]["steps"] == 20
    assert sorted(each.name for each in folder.iterdir()) == sorted([states.latest.name, states.previous.name])


def test_a_full_disk_is_still_one_line(tmp_path: Path, monkeypatch) -> None:
    record = record_of(tmp_path, "done")
    lease = taken(store.lease_file(tmp_path / "out", record["cell"]))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "replace", full)
    with pytest.raises(StorageError, match="No space left"):
        store.write(tmp_path / "out", record, lease=lease)
