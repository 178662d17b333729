"""Translation of a user's own text: two files, a table, or a data set of the Hugging Face Hub.

    bench run task=bitext task.source=train.en task.target=train.de
    bench run task=bitext task.table=pairs.tsv task.source=1 task.target=2
    bench run task=bitext task.dataset=NAME task.revision=COMMIT task.source=en task.target=de

Source and target: what the text has, a line (a row) an example, as subword ids. A pair of this kind:
    source  The kettle is boiling.
    target  Das Wasser kocht.
Files are UTF-8, plain or `.gz`; they are read strictly (see `bench.data.text`). Validation and test sets are texts of
their own, or are split off by a hash of the source sentence, so that no source is in two of them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bench.data import hub
from bench.data.corpora.files import file_checksum
from bench.data.splits import fraction
from bench.data.text import Parallel, read_pair, read_table
from bench.errors import DataError, UserError
from bench.tasks.kinds.translation import Translation

HELD_OUT = 0.02
"""Share of the source sentences for validation, and as many for the test, where nothing else is said."""

SETS = ("valid", "test")


@dataclass
class Bitext(Translation):
    """A parallel text of the user's."""

    source: str | None = None  # a file; or a column of `table`, counted from 1; or a field of `dataset`
    target: str | None = None  # likewise, line for line
    table: str | None = None  # a file with tabs between its columns
    dataset: str | None = None  # a data set of the Hugging Face Hub; needs the library `datasets`
    subset: str | None = None  # of the data set, where it has several
    revision: str | None = None  # commit of the data set, so that the cell says which text it is
    split: str | None = None  # of the data set, to train on; null: train
    valid: list[str] | None = None  # [source file, target file], [table] or [split]; null: split off
    test: list[str] | None = None  # likewise
    held_out: float | None = None  # share of the sources in each set that is split off; null: 0.02
    files: dict[str, str] | None = None  # SHA-256 of every file; null: of those that are there now

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_place()
        for name in SETS:
            self._check_set(name)
        self._check_held_out()
        paths = self._paths()
        self._read_sides: dict[str, str] = {}
        if self.files is None:
            self.files = {path: file_checksum(path) for path in paths}
        if set(self.files) != set(paths):
            named = [", ".join(names) or "nothing" for names in (self.files, paths)]
            raise ValueError(f"files: checksums of {named[0]}, and what is read is {named[1]}")

    def texts(self, counts: Counter[str]) -> dict[str, Parallel]:
        self._refuse_nothing()
        for path, expected in self.files.items():
            if file_checksum(path) != expected:
                raise DataError(f"{path}: no longer the file this cell is of; run it again without task.files")
        apart = {name: self._read(getattr(self, name), counts) for name in SETS if getattr(self, name) is not None}
        rest = self._read(None, counts)
        for name in SETS:
            if name not in apart:
                rest, apart[name] = self._split_off(name, rest)
                counts[f"{name}_split_off"] = len(apart[name].sources)
        return {"train": rest, **{name: apart[name] for name in SETS}}

    def checksums(self) -> dict[str, str]:
        return {**self.files, **self._read_sides}

    def identity(self) -> dict[str, object]:
        """The fields: `files`, or `dataset` and `revision`, say which text it is."""
        self._refuse_nothing()
        return asdict(self)

    def _refuse_nothing(self) -> None:
        if self.source is None:
            raise UserError("which text? task.source=FILE task.target=FILE; or see bench/conf/task/bitext.yaml")

    def _check_place(self) -> None:
        """Whether it is clear where the training text is."""
        if self.table is not None and self.dataset is not None:
            raise ValueError(f"table={self.table!r} and dataset={self.dataset!r}: name one of them")
        if self.table is not None:
            self.source, self.target = self.source or "1", self.target or "2"
            for name in ("source", "target"):
                if not re.fullmatch("[1-9][0-9]*", getattr(self, name)):
                    raise ValueError(f"{name}={getattr(self, name)!r}: of a table, the number of a column, from 1 on")
        if self.dataset is not None and os.path.exists(self.dataset):
            raise ValueError(f"dataset={self.dataset!r}: is here, and no commit says what is in it; name its files")
        if self.dataset is not None and not re.fullmatch("[0-9a-f]{40}", self.revision or ""):
            raise ValueError(
                f"revision={self.revision!r}: not a commit (40 hexadecimal digits); the page of {self.dataset} on the "
                "Hub lists them under Files, History"
            )
        if self.dataset is None:
            for name in ("subset", "revision", "split"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name}={getattr(self, name)!r}: only a dataset has one, and there is none")
        if (self.source is None) != (self.target is None) or (self.dataset is not None and self.source is None):
            raise ValueError(f"source={self.source!r}, target={self.target!r}: name both")
        if self.source is not None and self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}")

    def _check_set(self, name: str) -> None:
        value = getattr(self, name)
        if value is None:
            return
        parts, form = (1, "[SPLIT]") if self.dataset is not None else (1, "[TABLE]")
        if self.dataset is None and self.table is None:
            parts, form = 2, "[SOURCE FILE, TARGET FILE]"
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != parts:
            raise ValueError(f"{name}={value!r}: write {name}={form}, or null to split it off")
        setattr(self, name, list(value))

    def _check_held_out(self) -> None:
        if None not in (self.valid, self.test):
            if self.held_out is not None:
                raise ValueError(f"held_out={self.held_out}: valid and test are given, so nothing is split off")
            return
        self.held_out = HELD_OUT if self.held_out is None else self.held_out
        if not 0 < self.held_out < 0.5:
            raise ValueError(f"held_out={self.held_out}: not a share above 0 and below 0.5")

    def _paths(self) -> list[str]:
        """Every file that is read."""
        if self.dataset is not None or self.source is None:
            return []
        train = [self.source, self.target] if self.table is None else [self.table]
        return list(dict.fromkeys([*train, *(self.valid or []), *(self.test or [])]))

    def _read(self, place: list[str] | None, counts: Counter[str]) -> Parallel:
        """The training text (None), from which pairs without text on a side are left out, or a held-out one."""
        blank = place is None
        if self.dataset is not None:
            (split,) = place or [self.split or "train"]
            fields = (self.source, self.target)
            text = hub.read_split(self.dataset, self.subset, self.revision, split, fields, counts, blank)
            self._read_sides |= {f"{split}.{field}": _checksum(side) for field, side in zip(fields, text)}
            return text
        if self.table is not None:
            (path,) = place or [self.table]
            return read_table(path, (int(self.source), int(self.target)), counts, blank)
        source, target = place or [self.source, self.target]
        return read_pair(source, target, counts, blank)

    def _split_off(self, name: str, text: Parallel) -> tuple[Parallel, Parallel]:
        """What is left of a text, and what a set gets of it. Raises UserError where that is nothing."""
        low = SETS.index(name) * self.held_out
        there = [low <= fraction(" ".join(line.split())) < low + self.held_out for line in text.sources]
        if not any(there) or all(there):
            raise UserError(f"held_out={self.held_out} of {len(there)} pairs leaves {name} or training empty")
        return text.where(not one for one in there), text.where(there)


def _checksum(lines: Sequence[str]) -> str:
    """SHA-256 of a side as a text file would hold it."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
