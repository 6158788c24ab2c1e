"""A bill while it is read: what of it was understood, and what is wrong with it.

Every getter notes the leaf that it took over whole. A leaf that nobody asked for, that has the wrong type or that had
to be cleaned or cut is left, and :meth:`Trail.unread` tells its pointer: nothing is lost silently.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from forebear.bom.schemas import pointer
from forebear.bom.values import MAX_TEXT, Long
from forebear.errors import InputError, one_line

NAME, TEXT, PATH = 300, MAX_TEXT, 4_000
"""Longest texts of the record's fields."""
DEEPEST = 500
"""Levels of nesting that are followed; a parser of JSON gives up not far from there too."""
MOST_DEFECTS = 100
Key = str | int
_LONG: TypeAdapter[str] = TypeAdapter(Long)


def parts(document: Any) -> Iterator[tuple[Any, int]]:
    """Every object and list of a document with its depth, in order; ``InputError`` where it is too deep."""
    stack = [(document, 0)]
    while stack:
        value, depth = stack.pop()
        if depth > DEEPEST:
            raise InputError(f"the document is nested deeper than {DEEPEST} levels")
        yield value, depth
        inner = value.values() if isinstance(value, dict) else value
        stack += [(item, depth + 1) for item in inner if isinstance(item, dict | list)][::-1]


class Trail:
    """What one reading has understood so far.

    Attributes:
        refs: the object of every ``bom-ref``, the first where several have the same.
        defects: what is wrong, in words with a pointer, at most :data:`MOST_DEFECTS`.
        shadowed: what a native field says and a property of ours says otherwise.
        foreign: somebody else wrote it, so the proposed profile's statements are read; ours say the same themselves.
    """

    def __init__(self, document: Any = None, foreign: bool = False) -> None:
        self.foreign = foreign
        self.refs: dict[str, Mapping[str, Any]] = {}
        self.defects: list[str] = []
        self.shadowed: list[str] = []
        self._seen: list[tuple[int, Key]] = []
        for value, _ in parts(document if document is not None else {}):
            ref = value.get("bom-ref") if isinstance(value, dict) else None
            if isinstance(ref, str) and self.refs.setdefault(ref, value) is not value:
                self.defect("", f"two objects have the bom-ref {one_line(ref, 80)}")

    def defect(self, where: str, what: str) -> None:
        """Note what is wrong with a place."""
        if len(self.defects) < MOST_DEFECTS:
            self.defects.append(one_line(f"{where}: {what}" if where else what, 400))

    def shadow(self, where: str, name: str) -> None:
        """Note a field that is said twice, and not the same."""
        if len(self.shadowed) < MOST_DEFECTS:
            self.shadowed.append(f"{where or '/'}: its {name} is in a property too, otherwise, and that was read")

    def see(self, container: Any, key: Key) -> None:
        """A leaf was taken over; containers are told apart as objects, for JSON as parsed shares none."""
        self._seen.append((id(container), key))

    def mark(self) -> int:
        """A moment, to :meth:`back_to`."""
        return len(self._seen)

    def back_to(self, mark: int) -> None:
        """What was seen since is not in any record after all."""
        del self._seen[mark:]

    def unread(self, document: Any) -> tuple[str, ...]:
        """Pointers of all leaves (scalars and empty containers) that were not taken over, in order."""
        seen = set(self._seen)
        found: list[str] = []
        stack: list[tuple[Any, str]] = [(document, "")]
        while stack:
            value, where = stack.pop()
            inner: list[tuple[Any, str]] = []
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(item, dict | list) and item:
                    inner.append((item, where + pointer([key])))
                elif (id(value), key) not in seen:
                    found.append(where + pointer([key]))
            stack.extend(reversed(inner))
        return tuple(found)


class Node:
    """An object of a bill: typed access to what is in it."""

    __slots__ = ("_parent", "_steps", "trail", "value")

    def __init__(
        self, value: Mapping[str, Any], trail: Trail, parent: Node | None = None, steps: tuple[Key, ...] = ()
    ) -> None:
        self.value, self.trail, self._parent, self._steps = value, trail, parent, steps

    @property
    def pointer(self) -> str:
        """Where it stands."""
        steps: list[tuple[Key, ...]] = []
        node: Node | None = self
        while node is not None:
            steps.append(node._steps)
            node = node._parent
        return pointer(step for group in reversed(steps) for step in group)

    def wrong(self, *steps: Key, expected: str) -> None:
        """Note that something here is not what it should be."""
        self.trail.defect(self.pointer + pointer(steps), f"{expected} is expected here")

    def see(self, key: str) -> None:
        """The leaf was taken over."""
        self.trail.see(self.value, key)

    def text(self, key: str, limit: int = TEXT) -> str:
        """A printable line, "" where there is none."""
        return self._text(key, lambda text: one_line(text, limit))

    def long(self, key: str) -> str:
        """Printable lines."""
        return self._text(key, _LONG.validate_python)

    def _text(self, key: str, cleaned: Callable[[str], str]) -> str:
        if key not in self.value:
            return ""
        value = self.value[key]
        if not isinstance(value, str):
            self.wrong(key, expected="a text")
            return ""
        clean = cleaned(value)
        if clean and clean == value:
            self.see(key)
        return clean

    def texts(self, key: str, limit: int = TEXT) -> list[str]:
        """A list of printable lines."""
        found = []
        items = self._list(key)
        for number, item in enumerate(items):
            if not isinstance(item, str):
                self.wrong(key, number, expected="a text")
                continue
            found.append(one_line(item, limit))
            if found[-1] == item:
                self.trail.see(items, number)
        return found

    def number(self, key: str) -> float | None:
        """A finite number that is not negative."""
        if key not in self.value:
            return None
        value = self.value[key]
        if isinstance(value, bool) or not isinstance(value, int | float) or not _amount(value):
            self.wrong(key, expected="a number that is not negative")
            return None
        self.see(key)
        return float(value)

    def child(self, *keys: str) -> Node | None:
        """An object inside of this one, None where there is none."""
        node: Node | None = self
        for key in keys:
            if node is None or key not in node.value:
                return None
            value = node.value[key]
            if not isinstance(value, dict):
                node.wrong(key, expected="an object")
                return None
            node = Node(value, self.trail, node, (key,))
        return node

    def children(self, key: str) -> list[Node]:
        """The objects in a list."""
        found = []
        for number, item in enumerate(self._list(key)):
            if isinstance(item, dict):
                found.append(Node(item, self.trail, self, (key, number)))
            else:
                self.wrong(key, number, expected="an object")
        return found

    def items(self, key: str) -> list[Any]:
        """A list as it stands, empty where there is none; nothing counts as read."""
        value = self.value.get(key)
        return value if isinstance(value, list) else []

    def _list(self, key: str) -> list[Any]:
        if key in self.value and not isinstance(self.value[key], list):
            self.wrong(key, expected="a list")
        return self.items(key)


def _amount(value: int | float) -> bool:
    try:
        return math.isfinite(float(value)) and value >= 0
    except OverflowError:
        return False
