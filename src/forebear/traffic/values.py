"""The strings of a tree, each with the way to it: without recursion, and with ways made only for who asks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from forebear.traffic.fields import normal, shown_key

DEEPEST = 24
"""Steps of a pointer that are shown."""


class Node(NamedTuple):
    """A place in a tree.

    Attributes:
        above: the place that it is in.
        key: its key or position there.
        label: the name of the field that it is: its key, or what a pair of ``name`` and ``value`` calls it.
        siblings: the mapping that it stands in, else None.
    """

    above: Node | None
    key: str | int
    label: str
    siblings: dict[str, Any] | None

    def labels(self) -> Iterator[str]:
        """The labels of all places above, nearest first."""
        node = self.above
        while node is not None:
            yield node.label
            node = node.above

    def pointer(self) -> str:
        """A JSON pointer (RFC 6901) with ``*`` for keys that must not be shown."""
        keys: list[str | int] = []
        node: Node | None = self
        while node is not None:
            keys.append(node.key)
            node = node.above
        shown = [shown_key(key) for key in reversed(keys)]
        if len(shown) > DEEPEST:
            shown = [*shown[: DEEPEST // 2], "…", *shown[-DEEPEST // 2 :]]
        return "".join(f"/{key}" for key in shown)


def strings(tree: Any, above: Node | None = None) -> Iterator[tuple[Node, str]]:
    """Every string of a tree in order of depth, and every key that is one of a mapping's own."""
    stack: list[tuple[Node | None, Any]] = [(above, tree)]
    while stack:
        node, value = stack.pop()
        deeper: list[tuple[Node | None, Any]] = []
        if isinstance(value, dict):
            called = _called(value)
            outer = node.label if node is not None else ""
            for key, item in value.items():
                label = called if called and key == "value" else key
                if outer and normal(key) in ("stringvalue", "string_value"):  # a typed value of OpenTelemetry
                    label = outer
                if isinstance(item, str):
                    yield Node(node, key, label, value), item
                elif isinstance(item, dict | list):
                    deeper.append((Node(node, key, label, value), item))
        elif isinstance(value, list):
            label = node.label if node is not None else ""
            for k, item in enumerate(value):
                if isinstance(item, str):
                    yield Node(node, k, label, None), item
                elif isinstance(item, dict | list):
                    deeper.append((Node(node, k, label, None), item))
        stack += reversed(deeper)


def keys(tree: Any) -> Iterator[str]:
    """Every key of a tree, which may be a number: a body in YAML needs no quotes."""
    stack = [tree]
    while stack:
        value = stack.pop()
        items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if isinstance(value, dict):
            yield from (key for key in value if isinstance(key, str))
        stack += [item for item in items if isinstance(item, dict | list)]


def _called(value: dict[str, Any]) -> str:
    """What a mapping with ``name`` (or ``key``) and ``value`` calls its value."""
    if "value" not in value:
        return ""
    name = value.get("name", value.get("key", ""))
    return name if isinstance(name, str) else ""
