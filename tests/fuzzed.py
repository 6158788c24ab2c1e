"""What is fuzzed of everything that is read and is no model: a whole document, what makes it, and what reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from forebear.errors import ForebearError


class Paper(NamedTuple):
    """A document: the name of its file, what makes it in an empty folder, and what reads it.

    The reader returns what it told of parts that it could not read.
    """

    file: str
    write: Callable[[Path], bytes]
    read: Callable[[Path], tuple[str, ...]]


def refusal(paper: Paper, path: Path) -> tuple[str, str]:
    """What comes of a document: ``refused``, ``read``, or ``told`` and which parts were not read; and why."""
    try:
        lines = [line for line in paper.read(path) if line]
    except ForebearError as error:
        what, lines = "refused", [str(error)]
    else:
        what = "told" if lines else "read"
    for line in lines:
        assert line.isprintable() and len(line) < 2_000, line
    return what, "" if what == "read" else lines[0]


def copied(path: Path) -> Callable[[Path], bytes]:
    return lambda folder: path.read_bytes()


def text(value: Any) -> Callable[[Path], bytes]:
    """JSON, or text as it is."""
    return lambda folder: value.encode() if isinstance(value, str) else json.dumps(value).encode()


def nothing(read: Callable[[Path], object]) -> Callable[[Path], tuple[str, ...]]:
    """A reader that tells nothing beside what it refuses."""

    def call(path: Path) -> tuple[str, ...]:
        read(path)
        return ()

    return call
