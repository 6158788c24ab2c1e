"""Places in files where a model is named: what a reader hands on, and what is made of it.

A reader knows one kind of file. It says where a text stands and how strongly its position says that a model is meant;
whether the text can be a model's name is judged in one place for all (:mod:`forebear.mentions.judge`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

MAX_HITS = 1_000_000
"""Strings of one file that one reader hands on, about half a minute of work."""


class Position(StrEnum):
    """What the place of a text says about it.

    ``loader``: it takes a model and nothing else (``from_pretrained(…)``, ``ollama pull``). ``field``: a field,
    argument or variable that is called after models. ``text``: any string.
    """

    LOADER = "loader"
    FIELD = "field"
    TEXT = "text"


class Kind(StrEnum):
    """What a name leads to: weights in the repository, the hub, Ollama's library, a package, or a bare name."""

    FILE = "file"
    HUB = "hub"
    OLLAMA = "ollama"
    PACKAGE = "package"
    NAME = "name"


class Surety(StrEnum):
    """How sure it is that a model is named: see ``docs/check.md`` for how often each was right.

    ``certain``: the place takes models only. ``likely``: a field that is called after models, with a name of a known
    family or of the hub's form. ``possible``: a known family's name in any other string.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"

    @property
    def rank(self) -> int:
        """2 for certain, 0 for possible."""
        return 2 - list(Surety).index(self)


class Role(StrEnum):
    """What a file is for, by its path."""

    CODE = "code"
    EXAMPLE = "example"
    TEST = "test"
    DOCS = "docs"


@dataclass(frozen=True)
class Hit:
    """A text that may name a model, as a reader found it.

    Attributes:
        line, column: where it begins, from 1; columns count characters.
        value: the text; "" where a loader is called and what it loads cannot be told from the file.
        how: the place in words (``from_pretrained``, ``field model``).
        position: what that says.
        kind: what such a place leads to; None where it says nothing about it.
        revision: a commit, tag or branch that is asked for there.
        remote_code: whether code of the repository on the hub is run.
    """

    line: int
    column: int
    value: str
    how: str
    position: Position
    kind: Kind | None = None
    revision: str = ""
    remote_code: bool = False


@dataclass(frozen=True)
class Mention:
    """A model named at a place.

    Attributes:
        path: of the file, relative to the repository, ``/`` between parts.
        line, column, end_column: the place, from 1; the end is behind the last character. 0 for files of weights.
        model: the name, without scheme and revision.
        kind, surety, role: see there.
        how: the place in words.
        revision: as written there, "" for none.
        remote_code: see :class:`Hit`.
    """

    path: str
    line: int
    column: int
    end_column: int
    model: str
    kind: Kind
    surety: Surety
    role: Role
    how: str
    revision: str = ""
    remote_code: bool = False


@dataclass(frozen=True)
class Unnamed:
    """A call that loads a model whose name is not written there: it comes from elsewhere when the code runs.

    Attributes:
        path, line: the place.
        how: what is called.
    """

    path: str
    line: int
    how: str


@dataclass(frozen=True)
class Unread:
    """A file of which something was not looked at, so that what it names is not known.

    Attributes:
        path: relative to the repository.
        why: what kept it from being read, as the end of a sentence that begins with the path.
    """

    path: str
    why: str


@dataclass(frozen=True)
class FileReader:
    """What reads one kind of file.

    Attributes:
        name: of the kind.
        handles: whether a file is of it, by its path in lower case.
        read: the hits in a text. Whatever stands there, it raises nothing and takes time linear in it.
    """

    name: str
    handles: Callable[[str], bool]
    read: Callable[[str], Iterable[Hit]]


class Lines:
    """From a position in a text to line and column."""

    def __init__(self, text: str) -> None:
        self._starts = [0]
        at = text.find("\n")
        while at >= 0:
            self._starts.append(at + 1)
            at = text.find("\n", at + 1)

    def __call__(self, position: int) -> tuple[int, int]:
        """Line and column of a position, both from 1."""
        line = bisect_right(self._starts, position)
        return line, position - self._starts[line - 1] + 1
