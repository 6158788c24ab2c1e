"""Places in a record, as profiles write them, and what stands there.

A place is a way of field names: ``model.name``, ``files.hashes``, ``relatives[slot=ancestor].licences``; lists
are gone through, a filter keeps the entries whose field has (or, for a list, holds) the value, with ``!`` before it
those whose field has another one. ``bill.…`` is the document itself.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import BaseModel

from forebear.bom.record import Record
from forebear.bom.score.bill import Bill

_STEP = re.compile(r"([a-z_0-9]+)(?:\[([^\]]*)\])?")
_FILTER = re.compile(r"([a-z_]+)=([^=,\]]*)")
_EMPTY = ("unknown", "unspecified")
"""Values of enumerations that say nothing."""


@dataclass(frozen=True)
class Step:
    """One field, and which entries of it are meant: those whose fields have these values."""

    field: str
    filters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Found:
    """A value that says something, and its JSON pointer in the record (``/bill/…`` for the document)."""

    pointer: str
    value: Any


def parse(place: str, root: type[BaseModel] | None = None) -> tuple[Step, ...]:
    """The steps of a place.

    Args:
        place: as a profile writes it.
        root: what it starts at; None for a record and its bill.

    Raises:
        ValueError: it is none, or a field does not exist; the message names the nearest.
    """
    kind, steps = root, []
    for part in re.split(r"\.(?![^\[]*\])", place):
        match = _STEP.fullmatch(part)
        if not match:
            raise ValueError(f"{place!r} is no place in a record")
        fields = _fields(kind)
        kind = _child(fields, match[1], place)
        filters = [_FILTER.fullmatch(text) for text in match[2].split(",")] if match[2] is not None else []
        for given in filters:
            if given is None or kind is None:
                raise ValueError(f"{place!r}: [{match[2]}] chooses nothing")
            _child(_fields(kind), given[1], place)
        steps.append(Step(match[1], tuple((f[1], f[2]) for f in filters if f)))
    return tuple(steps)


def model_at(place: str) -> type[BaseModel]:
    """What the entries at a place are; ``ValueError`` where they are plain values."""
    kind: type[BaseModel] | None = None
    for step in parse(place):
        kind = _child(_fields(kind), step.field, place)
    if kind is None:
        raise ValueError(f"{place!r} has no entries with fields")
    return kind


def find(thing: BaseModel | Mapping[str, BaseModel], steps: tuple[Step, ...], at: str = "") -> Iterator[Found]:
    """Everything at a place that says something: not "", not empty, not ``unknown``."""
    if not steps:
        if _says(thing):
            yield Found(at, thing)
        return
    step, rest = steps[0], steps[1:]
    value = thing.get(step.field) if isinstance(thing, Mapping) else getattr(thing, step.field)
    here = f"{at}/{step.field}"
    entries = enumerate(value) if isinstance(value, tuple) else ((None, value),)
    for number, entry in entries:
        if entry is None or not all(_holds(getattr(entry, key), value) for key, value in step.filters):
            continue
        yield from find(entry, rest, here if number is None else f"{here}/{number}")


def root(record: Record | None, bill: Bill) -> dict[str, BaseModel]:
    """What places start at; without a record only the bill."""
    own: dict[str, Any] = {name: getattr(record, name) for name in Record.model_fields} if record else {}
    return {**own, "bill": bill}


def _says(value: Any) -> bool:
    return value is not None and value != "" and value != () and str(value) not in _EMPTY


def _holds(value: Any, wanted: str) -> bool:
    if wanted.startswith("!"):
        return not _holds(value, wanted[1:])
    return wanted in [str(v) for v in value] if isinstance(value, tuple) else str(value or "") == wanted


@cache
def _fields(kind: type[BaseModel] | None) -> dict[str, Any]:
    if kind is None:
        return {**{name: info.annotation for name, info in Record.model_fields.items()}, "bill": Bill}
    return {name: info.annotation for name, info in kind.model_fields.items()}


def _child(fields: Mapping[str, Any], name: str, place: str) -> type[BaseModel] | None:
    """The model behind a field, None for a plain value."""
    if name not in fields:
        near = get_close_matches(name, list(fields), 1, 0.5)
        raise ValueError(f"{place!r}: no field {name!r}" + (f"; did you mean {near[0]}?" if near else ""))
    kind = fields[name]
    while typing.get_origin(kind) is not None:
        options = [o for o in typing.get_args(kind) if o not in (type(None), Ellipsis)]
        if typing.get_origin(kind) not in (tuple, typing.Union, types.UnionType, typing.Annotated) or not options:
            return None
        kind = options[0]
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
