"""What every capture becomes: exchanges of messages, and the interface of the readers that make them.

Captures hold passwords and private talk. Whatever carries their content here stays out of ``repr``, so that no
traceback, log line or failed assertion can show it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from forebear.traffic.stream import Stream

Report = Callable[[str], None]
"""Told in one line what of a capture could not be read, without a word of its content."""


Wanted = Callable[[bytes], bool]
"""Whether there can be anything to see in the bytes of a record; a reader need not make what is not wanted."""


class Side(StrEnum):
    """Who speaks in a message."""

    REQUEST = "request"
    RESPONSE = "response"
    LOG = "log"


@dataclass(frozen=True)
class Message:
    """One side of an exchange, or a line of a log.

    Attributes:
        side: who speaks.
        url: address or path of a request; "" elsewhere.
        headers: names and values in order.
        body: text, bytes (perhaps compressed), a tree of JSON's types, or None.
        status: HTTP status of a response, else 0.
    """

    side: Side
    url: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Any = field(default=None, repr=False)
    status: int = 0

    def header(self, name: str) -> str:
        """The value of the first header of a name (lower case); "" where there is none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


@dataclass(frozen=True)
class Exchange:
    """A request with its answer, or a line; ``record`` counts from 1 in its file (of a log: the line's number)."""

    record: int
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Format:
    """A format of captures.

    Attributes:
        name: as people call it.
        handles: whether a file that starts with these bytes (64 KB, or all of it) is one.
        exchanges: reads a stream to its end; reports what it cannot read and goes on or stops there.
    """

    name: str
    handles: Callable[[bytes], bool]
    exchanges: Callable[[Stream, Report, Wanted], Iterator[Exchange]]


@dataclass
class Broken:
    """Numbers of records that could not be read, in order: a file may have a hundred million of them.

    Attributes:
        first: the first three.
        count: how many.
    """

    first: list[int] = field(default_factory=list)
    count: int = 0
    _last: int = 0

    def add(self, number: int) -> None:
        """One more; the same again is none."""
        if number == self._last:
            return
        self._last, self.count = number, self.count + 1
        if len(self.first) < 3:
            self.first.append(number)

    def __str__(self) -> str:
        """``7`` or ``7 and 1,200 more``; "" where there is none."""
        more = f" and {self.count - 1:,} more" if self.count > 1 else ""
        return f"{self.first[0]:,}{more}" if self.first else ""


def mapping(value: Any) -> dict[Any, Any]:
    """The value where it is a mapping, else an empty one: captures do not keep to their formats."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """The value where it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """A string, or bytes as one; "" for anything else."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
