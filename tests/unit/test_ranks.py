"""Shares of a global batch, of its masks and of the work; and what torchrun says about the processes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.data.examples import Split
from bench.data.ragged import Ragged
from bench.errors import UserError
from bench.records import store
from bench.runs import cell as run_of_cells
from bench.runs import follower
from bench.runs.record import new_record
from bench.system import torchrun
from bench.system.signals import Interrupted, Stop
from bench.training import ranks
from bench.training.batches import Batch, Batcher
from bench.training.teacher_forcing import unpadded_features
from models.dropout import BatchShare, Dropout, set_dropout_generator
from tests.contract.arms import build
from tests.ranks import run, variables


@pytest.fixture
def as_rank(monkeypatch: pytest.MonkeyPatch):
    """Makes this process look like one of several, without a connection."""

    def set_rank(rank: int, count: int) -> None:
        monkeypatch.setattr(ranks, "rank", lambda: rank)
        monkeypatch.setattr(ranks, "count", lambda: count)

    return set_rank


@pytest.mark.parametrize("rows", [1, 2, 3, 10])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_every_row_belongs_to_one_process_in_order(rows: int, count: int, as_rank) -> None:
    shares = []
    for rank in range(count):
        as_rank(rank, count)
        shares.append(range(*ranks.own_rows(rows)))
    assert [row for share in shares for row in share] == list(range(rows))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_batches_are_shared_out_in_turns(as_rank) -> None:
    assert list(ranks.turns("abcde")) == list("abcde")
    shares = []
    for rank in range(2):
        as_rank(rank, 2)
        shares.append(list(ranks.turns(iter("abcde"))))
    assert shares == [["a", "c", "e"], ["b", "d"]]


def test_one_process_gets_its_own_back() -> None:
    amounts = np.arange(3.0)
    assert ranks.sums(amounts) is amounts and ranks.gather("x") == ["x"] and (ranks.rank(), ranks.count()) == (0, 1)
    with pytest.raises(KeyError), ranks.agreeing():
        raise KeyError


def splits() -> list[Split]:
    """Pairs with padding on both sides, pairs of one length, and one stack whose rows have 1, 0 and 2 answers."""
    src, tgt = Ragged.of([[4, 5, 6], [7], [8, 9]]), Ragged.of([[4], [5, 6, 7], [8, 9]])
    even = Ragged.of([[4, 5], [6, 7], [8, 9]])
    stack = Split("s", src, Ragged.of([[4], [], [5, 6]]), answered_at=Ragged.of([[2], [], [0, 1]]))
    return [Split("p", src, tgt), Split("e", even, even), stack]


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("bounds", [(0, 1), (1, 3), (0, 3), (2, 3)])
def test_a_part_of_a_batch_has_its_rows_and_targets(number: int, bounds: tuple[int, int]) -> None:
    split = splits()[number]
    batcher = Batcher(split, 100)
    whole = batcher.make(np.array([2, 0, 1]))
    part = batcher.part(whole, *bounds)
    start, stop = bounds
    assert torch.equal(part.src, whole.src[start:stop]) and torch.equal(part.tgt_out, whole.tgt_out[start:stop])
    assert (part.src_mask is None) == (whole.src_mask is None) and (part.tgt_in is None) == (whole.tgt_in is None)
    parts = [batcher.part(whole, *each) for each in ((0, start), (start, stop), (stop, 3)) if each[0] < each[1]]
    assert sum(each.target_tokens for each in parts) == whole.target_tokens
    assert sum(each.source_tokens for each in parts) == whole.source_tokens
    assert torch.equal(torch.cat([_targets(each) for each in parts]), _targets(whole))


def _targets(batch: Batch) -> torch.Tensor:
    flat = batch.tgt_out.flatten()
    return flat if batch.unpadded is None else flat[batch.unpadded]


def test_features_of_parts_are_those_of_the_whole_batch() -> None:
    batcher = Batcher(splits()[0], 100)
    whole = batcher.make(np.array([2, 0, 1]))
    model = build("lstm_dot")
    parts = [unpadded_features(model, batcher.part(whole, *each))[0] for each in ((0, 1), (1, 3))]
    assert torch.allclose(torch.cat(parts), unpadded_features(model, whole)[0], atol=1e-6)


def test_masks_of_processes_are_the_rows_of_the_global_mask() -> None:
    """Also of rows whose bits do not begin at a whole draw, and after several draws."""
    dropout, values = Dropout(0.4), torch.ones(5, 3)
    set_dropout_generator(dropout, torch.Generator().manual_seed(1))
    whole = [dropout(values) for _ in range(3)]
    share = BatchShare()
    masks = []
    for first, last in ((0, 2), (2, 5)):
        set_dropout_generator(dropout, torch.Generator().manual_seed(1), share)
        share.first, share.rows = first, 5
        masks.append([dropout(values[first:last]) for _ in range(3)])
    for n in range(3):
        assert torch.equal(torch.cat([masks[0][n], masks[1][n]]), whole[n])
    weights = Dropout(0.4, of_weights=True)
    set_dropout_generator(weights, torch.Generator().manual_seed(1), share)
    assert torch.equal(weights(values), whole[0]), "weights are the same in every process"


def test_a_clusters_own_variables_start_no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "8")
    monkeypatch.setenv("RANK", "3")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert (torchrun.size(), torchrun.rank(), torchrun.local_rank(), torchrun.local_size()) == (1, 0, 0, 1)
    for name, text in variables(3, 8, 1).items():
        monkeypatch.setenv(name, text)
    assert (torchrun.size(), torchrun.rank(), torchrun.local_rank(), torchrun.local_size()) == (8, 3, 3, 8)


def test_the_record_counts_processes_where_there_are_several(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.conf.compose import compose

    cell = compose(["task=reverse", "model=lstm_none", "budget=smoke"])
    assert "ranks" not in new_record(cell, None, "failed")["environment"]
    for name, text in variables(0, 4, 1).items():
        monkeypatch.setenv(name, text)
    record = new_record(cell, None, "failed")
    assert record["environment"]["ranks"] == 4 and record["cell"] == cell.name
    assert store.types.check(record, Path("record.json")) is None


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in variables(1, 2, 1).items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UserError, match="torch sees 1 GPUs; use --nproc-per-node 1"), ranks.joined("cuda"):
        pass


@pytest.fixture
def handlers() -> Iterator[None]:
    """The signal handlers of this process come back."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def _fail(error: BaseException, asked: bool) -> Callable[..., None]:
    def run_cell(*_: object, stop: Stop, **__: object) -> None:
        stop.requested = asked
        raise error

    return run_cell


@pytest.mark.parametrize(
    ("error", "asked", "status", "line"),
    [
        (UserError("no room"), False, 2, "bench: process 3: no room"),
        (KeyError("x"), False, 1, "KeyError: 'x'"),
        (ranks.RankLost("gone"), False, 0, ""),
        (Interrupted(), True, 143, ""),
    ],
)
def test_a_follower_reports_its_own_errors_alone(
    error: BaseException, asked: bool, status: int, line: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], handlers: None,
) -> None:  # fmt: skip
    order = {"overrides": ["task=reverse", "model=lstm_none", "budget=smoke"], "out": "nowhere"}
    monkeypatch.setattr(torchrun, "announcement", lambda: json.dumps(order))
    monkeypatch.setattr(torchrun, "rank", lambda: 3)
    monkeypatch.setattr(follower, "PATIENCE", 0.0)
    monkeypatch.setattr(run_of_cells, "run_cell", _fail(error, asked))
    assert follower.main() == status
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.rstrip().splitlines()[-1:] == ([line] if line else [])


def test_a_dismissed_follower_does_nothing(monkeypatch: pytest.MonkeyPatch, handlers: None) -> None:
    monkeypatch.setattr(torchrun, "announcement", lambda: "")
    assert follower.main() == 0


def connected(out: str) -> None:
    """Sums, gathering, and errors of one of three processes."""
    with ranks.joined("cpu"):
        assert ranks.count() == 3
        assert ranks.gather(ranks.rank()) == [0, 1, 2]
        assert ranks.sums([ranks.rank(), 0.5]).tolist() == [3.0, 1.5]
        assert ranks.sums(np.array([ranks.rank() == 1, False])).tolist() == [True, False]
        used, unused = torch.zeros(2, requires_grad=True), torch.zeros(2, requires_grad=True)
        (used.sum() * ranks.rank()).backward()
        loss, stop = ranks.sum_gradients([used, unused], torch.tensor(float(ranks.rank())), ranks.rank() == 2)
        assert used.grad.tolist() == [3.0, 3.0] and unused.grad is None and float(loss) == 3.0 and stop
        assert not ranks.sum_gradients([used], torch.tensor(1.0), False)[1]
        try:
            with ranks.agreeing():
                if ranks.rank() == 1:
                    raise ValueError("no room")
        except (ValueError, UserError) as error:
            text = str(error)
        assert text == ("no room" if ranks.rank() == 1 else "process 1 of this cell failed: ValueError: no room")
        Path(out, str(ranks.rank())).touch()


def lost(out: str) -> None:
    """Process 1 ends, and the other one learns it."""
    with ranks.joined("cpu"):
        if ranks.rank() == 1:
            return
        try:
            ranks.gather(None)
        except ranks.RankLost as error:
            assert "another process of this cell has ended" in str(error)
            Path(out, "lost").touch()


def test_connected_processes(tmp_path: Path) -> None:
    run([(3, f"{__name__}:connected", [str(tmp_path)]), (2, f"{__name__}:lost", [str(tmp_path)])])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "lost"]
