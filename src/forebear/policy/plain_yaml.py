"""YAML from people and strangers, as plain values: no aliases, no tags, no key twice, bounded in every way."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import yaml

from forebear.errors import FormatError, InputError, UsageError, one_line

LARGEST = 1_000_000
"""Bytes of a file."""
MOST = 50_000
"""Values and keys."""
DEEPEST = 64
LONGEST = 20_000
"""Characters of a text or a number."""


class _Loader(yaml.SafeLoader):
    """Dates stay texts, and a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(keys)) != len(keys):
            twice = next(k for k in keys if keys.count(k) > 1)
            raise ValueError(f"line {node.start_mark.line + 1}: {one_line(str(twice), 60)} stands twice")
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_text(path: Path, purpose: str) -> str:
    """A file's text; "" beyond nothing.

    Raises:
        UsageError: it is not there.
        InputError: it cannot be read, is too large or no UTF-8.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file", f"give a file with {purpose}")
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise FormatError(str(path), f"larger than {LARGEST:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(str(path), f"no UTF-8 at byte {error.start:,}", "save it as UTF-8") from None


def plain(text: str, file: str) -> Any:
    """The value of a YAML (or JSON) text.

    Raises:
        FormatError: it is none, or uses aliases, tags, a key twice, or more than is read.
    """
    try:
        _check(text)
        value = yaml.load(text, _Loader)
        json.dumps(value, allow_nan=False)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError, AttributeError, OverflowError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark is not None else ""
        said = getattr(error, "problem", None) or str(error) or "nested too deeply"
        raise FormatError(file, f"{where}{one_line(str(said), 200)}", "write plain YAML or JSON") from None
    return value


def _check(text: str) -> None:
    """Refuses what grows: an alias, depth, number and length of values."""
    depth = count = 0
    for event in yaml.parse(text, yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"line {event.start_mark.line + 1}: anchors and aliases are not read")
        if isinstance(event, yaml.ScalarEvent):
            number = event.value[:1] in "-+.0123456789" and len(event.value) > 40 and event.implicit[0]
            if len(event.value) > LONGEST or (number and not math.isnan(_number(event.value))):
                raise ValueError(f"line {event.start_mark.line + 1}: a value is too long")
        count += isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST or count > MOST:
            raise ValueError(f"line {event.start_mark.line + 1}: more than is read")


def _number(text: str) -> float:
    try:
        return float(text.replace("_", "")[:400])
    except ValueError:
        return math.nan
