"""From a table of a data file to a frozen value, strictly: every key known, every fact with a source.

A dataclass is the grammar of its table. The fields of a :class:`~forebear.catalogue.facts.Basis` stand in the table
itself (``sources``, ``as_of``, ``confidence``); ``as_of`` may be left to the table around it. Nothing is guessed: a key
that is not a field is refused with the nearest one that is.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

from forebear.catalogue.facts import Basis, Confidence
from forebear.errors import FormatError
from forebear.types import finite

T = TypeVar("T")

LONGEST = 4_000
"""Characters of a text in a data file."""
MOST = 2_000
"""Entries of a list in a data file."""
_BASIS = ("sources", "as_of", "confidence")
_DAY = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,79}")


def build(kind: type[T], entry: Mapping[str, Any], file: str, where: str, as_of: str = "") -> T:
    """One value of a dataclass from a table.

    Args:
        kind: the dataclass.
        entry: the table, as read from TOML.
        file, where: what messages name.
        as_of: the day of the table around this one, for tables that say none.

    Raises:
        FormatError: a key is unknown, missing or of the wrong type, or a day, number or identifier is none.
    """
    kinds = _fields(typing.cast("Any", kind))
    has_basis = "basis" in kinds
    known = {*kinds, *_BASIS} - {"basis"} if has_basis else set(kinds)
    for key in entry:
        if key not in known:
            near = get_close_matches(str(key), sorted(known), 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else f"known keys: {', '.join(sorted(known))}"
            raise FormatError(file, f"{where}: unknown key {key!r}", hint)
    day = entry.get("as_of", as_of)
    values: dict[str, Any] = {}
    if has_basis:
        values["basis"] = _basis(entry, file, where, day)
    for name, (hint_type, required) in kinds.items():
        if name == "basis":
            continue
        if name not in entry:
            if required:
                raise FormatError(file, f"{where} has no {name}")
            continue
        values[name] = _value(hint_type, entry[name], file, f"{where}: {name}", day)
    return kind(**values)


def identifier(text: Any, file: str, where: str) -> str:
    """A text that is an identifier: letters, digits and ``._+-``, at most 80.

    Raises:
        FormatError: it is none.
    """
    if not isinstance(text, str) or not _ID.fullmatch(text):
        raise FormatError(file, f"{where}: {text!r} is not an identifier", "letters, digits, '.', '_', '+' and '-'")
    return text


def day(text: str, file: str, where: str) -> str:
    """A text that is an ISO day; ``FormatError`` where it is none."""
    if not _DAY.fullmatch(text):
        raise FormatError(file, f"{where}: {text!r} is not a day", "write it as 2026-11-29")
    return text


@cache
def _fields(kind: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Name, resolved type and whether it has to be given."""
    hints = typing.get_type_hints(kind)
    return {f.name: (hints[f.name], f.default is MISSING and f.default_factory is MISSING) for f in fields(kind)}


def _basis(entry: Mapping[str, Any], file: str, where: str, as_of: Any) -> Basis:
    sources = entry.get("sources")
    if not isinstance(sources, list) or not sources or not all(isinstance(s, str) for s in sources):
        raise FormatError(file, f"{where} has no sources", "nothing is in the catalogue without a source")
    if "confidence" not in entry:
        raise FormatError(file, f"{where} has no confidence", f"one of {', '.join(Confidence)}")
    if not isinstance(as_of, str) or not as_of:
        raise FormatError(file, f"{where} has no as_of", "the day for which the fact is stated, as 2026-11-29")
    confidence = _value(Confidence, entry["confidence"], file, f"{where}: confidence", "")
    return Basis(tuple(sources), day(as_of, file, f"{where}: as_of"), confidence)


def _value(kind: Any, value: Any, file: str, where: str, as_of: str) -> Any:
    """A value of one field's type."""
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = (option for option in typing.get_args(kind) if option is not type(None))
    if typing.get_origin(kind) is tuple:
        return _list(typing.get_args(kind)[0], value, file, where, as_of)
    if is_dataclass(kind):
        if not isinstance(value, dict):
            raise FormatError(file, f"{where} is not a table")
        return build(typing.cast("type[Any]", kind), value, file, where, as_of)
    if kind is float and type(value) in (int, float):
        return _number(finite(value), file, where)
    if issubclass(kind, StrEnum):
        if value not in list(kind):
            raise FormatError(file, f"{where}: {value!r} is not one of {', '.join(kind)}")
        return kind(value)
    if type(value) is not kind:
        words = {str: "a text", bool: "true or false", float: "a number"}
        raise FormatError(file, f"{where} is not {words.get(kind, kind.__name__)}")
    if isinstance(value, str) and len(value) > LONGEST:
        raise FormatError(file, f"{where} is longer than {LONGEST:,} characters")
    return value


def _number(value: float | None, file: str, where: str) -> float:
    if value is None or not 0 <= value < 1e15:
        raise FormatError(file, f"{where} is not a number from 0 on")
    return value


def _list(kind: Any, value: Any, file: str, where: str, as_of: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise FormatError(file, f"{where} is not a list")
    if len(value) > MOST:
        raise FormatError(file, f"{where} has more than {MOST:,} entries")
    return tuple(_value(kind, item, file, f"{where}[{i}]", as_of) for i, item in enumerate(value, 1))
