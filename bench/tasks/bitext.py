"""Translation of a user's own text: two files, a table, or a data set of the Hugging Face Hub.

    bench run task=bitext task.source=train.en task.target=train.de
    bench run task=bitext task.table=pairs.tsv task.source=1 task.target=2
    bench run task=bitext task.table=pairs.csv task.header=true
    bench run task=bitext task.dataset=NAME task.revision=COMMIT task.source=en task.target=de

Source and target: a line (or row) of the text, as subword ids. A pair of this kind:
    source  The kettle is boiling.
    target  Das Wasser kocht.
Files are UTF-8, plain or `.gz`, and are read strictly (see `bench.data.text`); every line is normalised (see
`bench.data.unicode`). Validation and test sets are texts of
their own, or are split off by a hash of the source sentence, so that no source is in two of them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from bench.data import conservation, hub, unicode
from bench.data.corpora.files import file_checksum, require_unchanged
from bench.data.splits import fraction
from bench.data.tables import NONE, TableForm, read_table
from bench.data.text import DROPPED_EMPTY, ParallelText, read_pair
from bench.errors import UserError
from bench.tasks.kinds.text_languages import TextLanguages

HELD_OUT = 0.02
"""Default share of the source sentences for validation, and for the test set."""

SETS = ("valid", "test")


@dataclass
class Bitext(TextLanguages):
    """A parallel text of the user's. Raises ValueError for settings that name no text or contradict each other."""

    source: str | None = None  # a file; or a column of `table`, counted from 1; or a field of `dataset`
    target: str | None = None  # likewise, line for line
    table: str | None = None  # a file with columns
    separator: str | None = None  # of its columns: tab, comma, semicolon or one character; null: by its name
    quoting: str | None = None  # none, or csv where cells may stand in quotes; null: by its name
    header: bool = False  # whether the first line of every table has the names of the columns
    dataset: str | None = None  # a data set of the Hugging Face Hub; needs the library `datasets`
    subset: str | None = None  # of a data set that has several
    revision: str | None = None  # commit of the data set, so that the cell determines its text
    split: str | None = None  # of the data set, for training; null: train
    valid: list[str] | None = None  # [source file, target file], [table] or [split]; null: split off
    test: list[str] | None = None  # likewise
    held_out: float | None = None  # share of the sources in each set that is split off; null: 0.02
    files: dict[str, str] | None = None  # SHA-256 of every file; null: computed from the files
    max_length: int | None = None
    overlap: str = "source"  # the same source, and so the same pair, is what makes the answer of a test known

    escapes_reserved: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_training_text()
        for name in SETS:
            self._check_set(name)
        self._check_held_out()
        paths = self._paths()
        self._side_checksums: dict[str, str] = {}
        self._pairs_in_files: int | None = None
        if self.files is None:
            self.files = {path: file_checksum(Path(path)) for path in paths}
        if set(self.files) != set(paths):
            named, read = (", ".join(names) or "nothing" for names in (self.files, paths))
            raise ValueError(f"files: has checksums of {named}, but the task reads {read}")
        self._check_sets_differ()

    def texts(self, counts: Counter[str]) -> dict[str, ParallelText]:
        self._require_text()
        require_unchanged(self._file_checksums)
        held_out = {name: self._read_whole(name, counts) for name in SETS if getattr(self, name) is not None}
        train = self._read_whole("train", counts)
        for name in SETS:
            if name not in held_out:
                train, held_out[name] = self._split_off(name, train)
                counts[f"{name}_split_off"] = len(held_out[name].sources)
        _check_held_out_texts(held_out["valid"], held_out["test"])
        return {"train": train, **{name: held_out[name] for name in SETS}}

    def pairs_read(self, train: ParallelText, counts: Counter[str]) -> int:
        return super().pairs_read(train, counts) if self._pairs_in_files is None else self._pairs_in_files

    def checksums(self) -> dict[str, str]:
        return {**self._file_checksums, **self._side_checksums}

    def identity(self) -> dict[str, object]:
        """The fields: `files`, or `dataset` and `revision`, determine the text."""
        self._require_text()
        return asdict(self)

    def hashed_options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options with the contents of files in place of their paths."""
        checksums = self._file_checksums
        kept = {key: value for key, value in options.items() if key != "files"}
        for key in ("source", "target", "table", *SETS):
            value = kept.get(key)
            if isinstance(value, list):
                kept[key] = [checksums.get(each, each) for each in value]
            elif value is not None:
                kept[key] = checksums.get(value, value)
        plain = self._form_of(self.table or "").facts
        for name in SETS if self.table is not None else ():
            for path in getattr(self, name) or ():
                if (other := self._form_of(path).facts) != plain:
                    kept[f"{name}_form"] = other
        return kept | plain

    @property
    def side_names(self) -> tuple[str, str]:
        """Of files their contents, so that the vocabulary does not depend on the names."""
        source, target = super().side_names
        return (source, target) if self.table or self.dataset else (self._checksum(source), self._checksum(target))

    def _checksum(self, path: str) -> str:
        return self._file_checksums.get(path, path)

    @property
    def _file_checksums(self) -> dict[str, str]:
        assert self.files is not None, "__post_init__ sets it"
        return self.files

    def _require_text(self) -> None:
        if self.source is None:
            raise UserError(
                "task=bitext needs a text: task.source=FILE task.target=FILE; see bench/conf/task/bitext.yaml"
            )

    def _check_training_text(self) -> None:
        """Raises ValueError unless the fields name one training text, or none."""
        if self.table is not None and self.dataset is not None:
            raise ValueError(f"table={self.table!r} and dataset={self.dataset!r}: give only one of them")
        if self.table is not None:
            self.source, self.target = self.source or "1", self.target or "2"
            for name in ("source", "target"):
                if not re.fullmatch("[1-9][0-9]*", getattr(self, name)):
                    raise ValueError(f"{name}={getattr(self, name)!r}: with a table, give a column number from 1 on")
        elif (self.separator, self.quoting, self.header) != (None, None, False):
            raise ValueError("separator, quoting and header apply only to a table; give task.table too")
        self._form_of(self.table or "")
        if self.dataset is not None and os.path.exists(self.dataset):
            raise ValueError(
                f"dataset={self.dataset!r}: a local path has no commit; give its files as source and target"
            )
        if self.dataset is not None and not re.fullmatch("[0-9a-f]{40}", self.revision or ""):
            raise ValueError(
                f"revision={self.revision!r}: not a commit (40 hexadecimal digits); the page of {self.dataset} on the "
                "Hub lists them under Files, History"
            )
        if self.dataset is None:
            for name in ("subset", "revision", "split"):
                if getattr(self, name) is not None:
                    raise ValueError(
                        f"{name}={getattr(self, name)!r}: applies only to a dataset; give task.dataset too"
                    )
        if (self.source is None) != (self.target is None) or (self.dataset is not None and self.source is None):
            raise ValueError(f"source={self.source!r}, target={self.target!r}: give both")
        if self.source is not None and self.source == self.target:
            raise ValueError(f"source and target are both {self.source!r}")

    def _check_set(self, name: str) -> None:
        """Raises ValueError unless the field of a held-out set is null or a list of the right length."""
        value = getattr(self, name)
        if value is None:
            return
        length, form = (1, "[SPLIT]") if self.dataset is not None else (1, "[TABLE]")
        if self.dataset is None and self.table is None:
            length, form = 2, "[SOURCE FILE, TARGET FILE]"
        if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != length:
            raise ValueError(f"{name}={value!r}: write {name}={form}, or null to split it off")
        setattr(self, name, list(value))

    def _check_held_out(self) -> None:
        if None not in (self.valid, self.test):
            if self.held_out is not None:
                raise ValueError(f"held_out={self.held_out}: nothing is split off when valid and test are both set")
            return
        self.held_out = HELD_OUT if self.held_out is None else self.held_out
        if not 0 < self.held_out < 0.5:
            raise ValueError(f"held_out={self.held_out}: not a share above 0 and below 0.5")

    def _form_of(self, table: str) -> TableForm:
        """The form of a table: what is not set is decided by its own name."""
        return TableForm.of(table, self.separator, self.quoting, self.header)

    def _location(self, name: str) -> list[str] | None:
        """Where the text of a set is: its files, its table or its split of the data set. None: it is split off."""
        if name != "train":
            return getattr(self, name)
        if self.dataset is not None:
            return [self.split or "train"]
        return [self.table] if self.table is not None else [str(self.source), str(self.target)]

    def _check_sets_differ(self) -> None:
        """Raises ValueError where two sets have the same sources: the same split, or files with the same content."""
        seen: dict[str, tuple[str, str]] = {}
        for name in ("train", *SETS):
            location = self._location(name) if self.source is not None else None
            if location is None:
                continue
            content = self._checksum(location[0])
            if content in seen:
                other, where = seen[content]
                same = repr(where) if where == location[0] else f"{where!r} and {location[0]!r}"
                raise ValueError(
                    f"{name} and {other} are the same text ({same}); give {name} a text of its own, or leave it out, "
                    "and it is split off from training"
                )
            seen[content] = name, location[0]

    def _paths(self) -> list[str]:
        """Every file that the task reads."""
        if self.dataset is not None or self.source is None or self.target is None:
            return []
        return list(dict.fromkeys(path for name in ("train", *SETS) for path in self._location(name) or ()))

    def _read(self, location: list[str], counts: Counter[str], allow_blank: bool) -> ParallelText:
        """The text at a location, see `_location`. allow_blank: leave out the pairs that have an empty side."""
        assert self.source is not None and self.target is not None, "_require_text comes first"
        if self.dataset is not None:
            assert self.revision is not None, "__post_init__ requires it"
            (split,) = location
            fields = (self.source, self.target)
            text = hub.read_split(self.dataset, self.subset, self.revision, split, fields, counts, allow_blank)
            self._side_checksums |= {f"{split}.{field}": _checksum(side) for field, side in zip(fields, text)}
            return text
        if self.table is not None:
            (path,) = location
            columns = int(self.source), int(self.target)
            return read_table(
                path, columns, counts, allow_blank, form=self._form_of(path), normalised=True, warnings=self.warnings
            )
        source, target = location
        return read_pair(source, target, counts, allow_blank, normalised=True)

    def _read_whole(self, name: str, counts: Counter[str]) -> ParallelText:
        """The text of a set as `_read` reads it, compared with a second reading where it comes from files."""
        before = counts[DROPPED_EMPTY]
        location = self._location(name)
        assert location is not None, "a set that is split off is not read"
        text = self._read(location, counts, allow_blank=name == "train")
        self.warnings += unicode.misread_warnings(text, " and ".join(location))
        if self.dataset is None:
            dropped = counts[DROPPED_EMPTY] - before
            number = conservation.check_reading(" and ".join(location), self._plain_pairs(location), text, dropped)
            if name == "train":
                self._pairs_in_files = number
        return text

    def _plain_pairs(self, location: Sequence[str]) -> Iterator[tuple[str, str]]:
        """The pairs of a file or of two, by a reading of their own."""
        if self.table is None:
            source, target = (conservation.plain_lines(path) for path in location)
            yield from zip(source, target, strict=True)
            return
        columns = [int(str(side)) - 1 for side in (self.source, self.target)]
        form = self._form_of(location[0])
        for fields in conservation.plain_rows(location[0], form.separator, form.quoting != NONE, form.header):
            yield fields[columns[0]], fields[columns[1]]

    def _split_off(self, name: str, text: ParallelText) -> tuple[ParallelText, ParallelText]:
        """The rest of a text, and the set that is split off. Raises UserError if either is empty."""
        assert self.held_out is not None, "__post_init__ sets it if a set is split off"
        low = SETS.index(name) * self.held_out
        inside = [low <= fraction(" ".join(line.split())) < low + self.held_out for line in text.sources]
        if not any(inside) or all(inside):
            raise UserError(
                f"held_out={self.held_out} of {len(inside)} pairs leaves {name} or training empty: pairs with one "
                f"source stay together; change task.held_out, or give task.{name} a text of its own"
            )
        return text.where(not one for one in inside), text.where(inside)


def _check_held_out_texts(valid: ParallelText, test: ParallelText) -> None:
    """Raises UserError where validation has every source of the test set: the model would be chosen on the test."""
    of_valid, of_test = ({" ".join(line.split()) for line in side.sources} for side in (valid, test))
    if of_test <= of_valid:
        raise UserError(
            f"all {len(test.sources):,} sources of test are also in valid; give task.valid a text of its own, or "
            "leave it out, and it is split off from training"
        )


def _checksum(lines: Sequence[str]) -> str:
    """SHA-256 of one side as a text file."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
