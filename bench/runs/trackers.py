"""Send the rows of curve.csv, as they are measured, to a tracker of experiments: TensorBoard or MLflow.

Off unless BENCH_TRACK names one or both (`BENCH_TRACK=tensorboard,mlflow`), and nothing is imported before. A tracker
changes no cell: it is no part of the configuration, and where it fails, a line says so and the cell goes on. A resumed
cell goes on in its own run; a row that was measured again after the saved state is sent again, for the same step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from bench.conf.schema import Cell
from bench.errors import UserError
from bench.system import torchrun

VARIABLE = "BENCH_TRACK"
QUICK = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
"""Defaults for variables that you have not set: MLflow would retry for minutes, and the cell would wait."""

PACKAGES = {"tensorboard": "tensorboard", "mlflow": "mlflow"}
"""Names of trackers and of the packages that they need."""

ADDRESS = "MLFLOW_TRACKING_URI"
EXPERIMENT = "seq2seq-bench"


class Tracker(Protocol):
    """Where the rows of one cell go."""

    def row(self, row: Mapping[str, float | None]) -> None:
        """A row of curve.csv: `step` and measurements, None where there is none."""

    def end(self, status: str, scores: Sequence[Mapping[str, Any]]) -> None:
        """The status of the cell and its scores, as in its record; those of whole splits are sent. Sends nothing
        afterwards."""


def chosen() -> list[str]:
    """The trackers that BENCH_TRACK names. Raises UserError for an unknown one, one whose package is missing, and
    MLflow without the address of its server."""
    names = list(dict.fromkeys(name.strip() for name in os.environ.get(VARIABLE, "").split(",") if name.strip()))
    for name in names:
        if name not in PACKAGES:
            raise UserError(f"{VARIABLE} must name {' or '.join(PACKAGES)}; got {name!r}")
        if find_spec(PACKAGES[name]) is None:
            raise UserError(
                f"{VARIABLE}={name} needs the package {PACKAGES[name]}: pip install -c constraints.txt '.[track]'"
            )
    if "mlflow" in names and not os.environ.get(ADDRESS):
        raise UserError(f"{VARIABLE}=mlflow needs {ADDRESS}, the address of your server")
    return names


class Trackers:
    """The chosen trackers of one cell; of several processes that train it, process 0 has them. say: shows a line where
    one fails; nothing more is sent to it."""

    def __init__(self, cell: Cell, out: Path, suite: str | None, say: Callable[[str], None]) -> None:
        """out: the results folder, where local trackers write. Raises UserError as `chosen`."""
        self.say = say
        self.by_name: dict[str, Tracker] = {}
        for name in chosen() if torchrun.rank() == 0 else ():
            with self._guarded(name):
                self.by_name[name] = TensorBoard(cell, out) if name == "tensorboard" else MLflow(cell, suite)

    def row(self, row: Mapping[str, float | None]) -> None:
        """See `Tracker.row`."""
        self._send(lambda tracker: tracker.row(row))

    def end(self, status: str, scores: Sequence[Mapping[str, Any]]) -> None:
        """See `Tracker.end`."""
        self._send(lambda tracker: tracker.end(status, scores))

    def _send(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self.by_name.items()):
            with self._guarded(name):
                call(tracker)

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        # Whatever a tracker raises, such as an error of its server, must not end a cell of hours.
        try:
            yield
        except Exception as error:
            self.by_name.pop(name, None)
            self.say(f"{name} failed, and nothing more is sent to it: {' '.join(str(error).split())}")


class TensorBoard:
    """Writes to `<results folder>/tensorboard/<cell>`: `tensorboard --logdir <results folder>/tensorboard`."""

    def __init__(self, cell: Cell, out: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.step = 0
        self.writer = SummaryWriter(str(out / "tensorboard" / cell.name))

    def row(self, row: Mapping[str, float | None]) -> None:
        self.step = int(row["step"] or 0)
        for name, number in _measured(row).items():
            self.writer.add_scalar(f"curve/{name}", number, self.step)
        self.writer.flush()

    def end(self, status: str, scores: Sequence[Mapping[str, Any]]) -> None:
        for name, number in _whole(scores).items():
            self.writer.add_scalar(name, number, self.step)
        self.writer.add_text("status", status, self.step)
        self.writer.close()


class MLflow:
    """A run of the experiment EXPERIMENT at MLFLOW_TRACKING_URI, with the cell's configuration as its parameters."""

    def __init__(self, cell: Cell, suite: str | None) -> None:
        for variable, number in QUICK.items():
            os.environ.setdefault(variable, number)
        from mlflow import MlflowClient

        self.client = MlflowClient()
        experiment = self.client.get_experiment_by_name(EXPERIMENT)
        where = experiment.experiment_id if experiment else self.client.create_experiment(EXPERIMENT)
        earlier = self.client.search_runs([where], f"tags.cell = '{cell.name}' and attributes.status != 'FINISHED'")
        if earlier:
            self.run = earlier[0].info.run_id
        else:
            tags = {"cell": cell.name, **({"suite": suite} if suite else {})}
            self.run = self.client.create_run(where, tags=tags, run_name=cell.name).info.run_id
            for section, settings in cell.config.items():
                for name, setting in settings.items() if isinstance(settings, Mapping) else [("", settings)]:
                    self.client.log_param(self.run, f"{section}.{name}".rstrip("."), setting)

    def row(self, row: Mapping[str, float | None]) -> None:
        for name, number in _measured(row).items():
            self.client.log_metric(self.run, name, number, step=int(row["step"] or 0))

    def end(self, status: str, scores: Sequence[Mapping[str, Any]]) -> None:
        for name, number in _whole(scores).items():
            self.client.log_metric(self.run, name, number)
        self.client.set_terminated(self.run, "FINISHED" if status == "done" else "FAILED")


def _measured(row: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(number) for name, number in row.items() if name != "step" and number is not None}


def _whole(scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """`split/search/metric` of the scores of whole splits."""
    return {
        f"{score['split']}/{score['search']}/{score['metric']}": float(score["value"])
        for score in scores
        if score["axis"] is None and score["value"] is not None
    }
