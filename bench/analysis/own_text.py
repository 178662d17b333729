"""A user's own text in configurations. Cells share a text if their files have equal contents, whatever the paths; the
text is named after its files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bench.analysis.naming import digest

FILES = "task.files."
PATHS = ("task.source", "task.target", "task.table", "task.valid", "task.test")
TEXT = "task.text"
"""Key of the label that takes the place of the paths."""

Config = Mapping[str, object]


def with_labels(configs: Sequence[Config]) -> list[Config]:
    """The flat configurations, with one label in place of the paths and checksums of a user's files. Equal contents
    get the same label, that of the first such configuration, and different contents different ones."""
    labels: dict[str, str] = {}
    labelled: list[Config] = []
    for config in configs:
        checksums = {key.removeprefix(FILES): value for key, value in config.items() if key.startswith(FILES)}
        if not checksums:
            labelled.append(config)
            continue
        content = repr([_contents(config.get(key), checksums) for key in PATHS])
        if content not in labels:
            labels[content] = _label(config, content, set(labels.values()))
        kept = {key: value for key, value in config.items() if not key.startswith(FILES) and key not in PATHS}
        labelled.append(kept | {TEXT: labels[content]})
    return labelled


def _contents(value: object, checksums: Mapping[str, object]) -> object:
    if isinstance(value, list | tuple):
        return [_contents(each, checksums) for each in value]
    return checksums.get(str(value), value)


def _label(config: Config, content: str, used: set[str]) -> str:
    """The names of the files of the training text; if another text has these names, those of the test set too, and at
    last a digest of the content."""
    table, source, target = (config.get(key) for key in ("task.table", "task.source", "task.target"))
    label = f"{_name(source)} to {_name(target)}" if table is None else f"{_name(table)}, {source} to {target}"
    test = config.get("task.test")
    named = [label, *([f"{label}, test {_name(test[0])}"] if isinstance(test, list) and test else [])]
    return next((each for each in named if each not in used), f"{label}, {digest(content)}")


def _name(path: object) -> str:
    return re.split(r"[/\\]", str(path).rstrip("/\\"))[-1]
