"""YAML from strangers: the safe loader, without merge keys and endless numbers, unfolded within a bound.

Aliases can make a few lines into a billion values; here what they unfold to is counted, and too much is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

from forebear.errors import FormatError, one_line

MAX_DIGITS = 20
FOLD = 2
"""Characters that values may unfold to, for each one that may be written."""


def load(text: str, path: str, what: str, limit: int, line: int = 1) -> Any:
    """A document as JSON's types only.

    Args:
        text: YAML.
        path: the file, for messages.
        what: what the text is, for messages (``its front matter``).
        limit: characters.
        line: number of the text's first line in its file.

    Raises:
        FormatError: longer than ``limit``, no YAML, or more than can be told.
    """
    if len(text) > limit:
        raise FormatError(path, f"{what} has {len(text):,} characters, more than {limit:,}")
    try:
        return _plain(yaml.load(text, _Loader), [FOLD * limit])
    except (yaml.YAMLError, ValueError, RecursionError, LookupError, AttributeError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + line}" if mark else ""
        raise FormatError(path, f"{what} is not valid YAML{where}") from None


def once(text: str, path: str) -> None:
    """Refuse a key that stands twice, of which one value would be lost unseen.

    Args:
        text: YAML that :func:`load` has read.
        path: the file, for messages.

    Raises:
        FormatError: which key, and on which line.
    """
    for mapping in _mappings(text):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                line = key.start_mark.line + 1
                raise FormatError(path, f"line {line}: {one_line(str(key.value), 60)} stands twice", "remove one")
            seen.add(str(key.value))


def _mappings(text: str) -> Iterator[yaml.MappingNode]:
    """Every mapping, each once however often an alias names it."""
    waiting, met = [yaml.compose(text, yaml.SafeLoader)], set[int]()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in met:
            continue
        met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


class _Loader(yaml.SafeLoader):
    """The safe loader without merge keys, which can double with every line, and without endless numbers."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Leave ``<<`` alone: it has no constructor and is refused."""

    def bounded_int(self, node: yaml.ScalarNode) -> int | str:
        """An integer, or its text where it is longer than any number that a card states."""
        return int(self.construct_yaml_int(node)) if len(node.value) <= MAX_DIGITS else str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.bounded_int)


def _plain(value: Any, room: list[int]) -> Any:
    """A copy made of JSON's types only; ``ValueError`` where aliases unfold to more than ``room[0]`` characters."""
    if isinstance(value, set):
        value = sorted(value, key=str)
    scalar = not isinstance(value, dict | list | tuple)
    room[0] -= 1 + (len(str(value)) if scalar else 0)
    if room[0] < 0:
        raise ValueError("too many values")
    if isinstance(value, dict):
        return {_plain(str(k), room): _plain(v, room) for k, v in value.items()}
    if not scalar:
        return [_plain(v, room) for v in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value).encode("utf-8", "replace").decode("utf-8")
