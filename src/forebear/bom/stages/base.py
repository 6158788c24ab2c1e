"""What every reader of training files has: the files beside a model, read within bounds, and stated values as texts.

Files come from strangers. A key that is there with a value of another type than it is meant to have is left out, a
file that cannot be read costs its own part of the answer and a line in ``problems``. Nothing is inferred from what is
absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from forebear.artifacts import bounded_yaml
from forebear.artifacts.adapter import claimed_name
from forebear.artifacts.documents import CARD, MAX_CARD, decode, split_card
from forebear.artifacts.text import load_json, read_whole
from forebear.bom.training import Dataset, DatasetRole, Input, InputKind, Training
from forebear.bom.values import Said, Setting
from forebear.errors import ForebearError, FormatError
from forebear.sources import Source

MAX_FILE = 2_000_000
MAX_STATE = 60_000_000
"""Bytes of a ``trainer_state.json``, which logs every few steps."""
MAX_ITEMS = 200
"""Models of a merge, datasets of a training, settings: more are not listed."""
MAX_VALUE = 400

Plain = Mapping[str, Any]
_PATH = re.compile(r"(?:[A-Za-z]:[/\\\\]|[/~])[^ ]*[/\\\\]")


@dataclass
class Papers:
    """The small files beside a model.

    Attributes:
        source: where they are.
        problems: one line per file that could not be read, in the order in which they were met.
    """

    source: Source
    problems: list[str] = field(default_factory=list)

    @cached_property
    def names(self) -> frozenset[str]:
        """Paths of all files."""
        return frozenset(f.path for f in self.source.files())

    def has(self, *names: str) -> str:
        """The first of these files that is there, else ""."""
        return next((n for n in names if n in self.names), "")

    def text(self, name: str, limit: int = MAX_FILE) -> str:
        """A file as text, "" where it is absent or cannot be read."""
        return self._read(name, limit, lambda raw: decode(raw, name)[0]) or ""

    def json(self, name: str, limit: int = MAX_FILE) -> Plain | None:
        """A JSON object, None where the file is absent, damaged or something else."""
        return self._mapping(name, limit, lambda raw: load_json(raw, name))

    def yaml(self, name: str) -> Plain | None:
        """A YAML mapping, None where the file is absent, damaged or something else."""

        def load(raw: bytes) -> Any:
            return bounded_yaml.load(decode(raw, name)[0], name, "it", MAX_FILE)

        return self._mapping(name, MAX_FILE, load)

    @cached_property
    def card(self) -> tuple[Plain, str]:
        """Front matter and text of the card; where it is damaged, what remains: its reader elsewhere tells of it."""
        if CARD not in self.names:
            return {}, ""
        text = ""
        try:
            text, _ = decode(read_whole(self.source, CARD, MAX_CARD), CARD)
            return split_card(text)
        except ForebearError:
            return {}, text

    def _mapping(self, name: str, limit: int, load: Callable[[bytes], Any]) -> Plain | None:
        data = self._read(name, limit, load)
        if data is not None and not isinstance(data, dict):
            self.problems.append(str(FormatError(name, "no mapping of names to values")))
            return None
        return data

    def _read(self, name: str, limit: int, load: Callable[[bytes], Any]) -> Any:
        if name not in self.names:
            return None
        try:
            return load(read_whole(self.source, name, limit))
        except ForebearError as error:
            self.problems.append(str(error))
            return None


@dataclass(frozen=True)
class Reader:
    """What reads one kind of training file.

    Attributes:
        kind: in words.
        read: what the files of that kind say; nothing where there is none, and it raises nothing.
    """

    kind: str
    read: Callable[[Papers], Training]


def said(name: str, note: str = "") -> Said:
    """Declared in a file."""
    return Said(by=name, note=note)


def text(value: Any) -> str:
    """A text, "" for anything else."""
    return value.strip() if isinstance(value, str) else ""


def flat(value: Any) -> str:
    """A stated value as text: scalars as they are, lists of them with commas, anything deeper as JSON; "" for null.

    Of a path on somebody's disk the last part stays: a bill of materials is handed to others.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return (dataset_name(value) if _PATH.match(value) else value)[:MAX_VALUE]
    if isinstance(value, int | float):
        return str(value)[:MAX_VALUE]
    if isinstance(value, list) and all(isinstance(v, str | int | float) for v in value):
        return ", ".join(flat(v) for v in value[:MAX_ITEMS])[:MAX_VALUE]
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str)[:MAX_VALUE]


def settings(data: Plain, keys: Iterable[str]) -> tuple[Setting, ...]:
    """The listed keys that are stated, in the order of the list."""
    return tuple(Setting(name=k, value=flat(data[k])) for k in keys if data.get(k) not in (None, "", [], {}))


def number(value: Any) -> float | None:
    """A finite number above 0, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e40:
        return None
    return float(value)


def model_input(
    stated: Any, kind: InputKind = InputKind.MODEL, revision: Any = "", role: str = ""
) -> tuple[Input, ...]:
    """A model by its hub id, or by the last folder of a path on somebody's disk; nothing where none is stated."""
    name = claimed_name(text(stated)[:1_000])
    return (Input(kind=kind, name=name, revision=text(revision), role=role),) if name.strip() else ()


def dataset_name(stated: Any) -> str:
    """A hub id or file name as it is; of a path on somebody's disk, its last part."""
    name = text(stated)[:1_000]
    if not re.match(r"(?:[A-Za-z]:)?[/\\~.]", name):
        return name
    return next((part for part in reversed(re.split(r"[/\\]", name)) if part.strip(". ~")), "")


def datasets(names: Iterable[str], role: DatasetRole, file: str) -> tuple[Dataset, ...]:
    """Datasets by name, each once."""
    known = [n for n in dict.fromkeys(n.strip() for n in names) if n][:MAX_ITEMS]
    return tuple(Dataset(name=n, roles=(role,), said=said(file)) for n in known)


def listed(value: Any) -> list[Any]:
    """A list as far as it is read, one value as a list of one, [] for null."""
    if value is None:
        return []
    return value[:MAX_ITEMS] if isinstance(value, list) else [value]


__all__ = [
    "MAX_ITEMS",
    "MAX_STATE",
    "Papers",
    "Plain",
    "Reader",
    "dataset_name",
    "datasets",
    "flat",
    "listed",
    "model_input",
    "number",
    "said",
    "settings",
    "text",
]
