"""Where things lie on this machine, taken out of whatever a job tells: its document, its steps, its error.

Errors name files, and references are known by where they were added from. All of that passes here, whoever wrote it,
so that no new message has to think of it. A path that stands in a stranger's own file is left as it is, unless it is
one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from forebear.errors import ForebearError
from forebear.index import Index, open_index
from forebear.inspect.compare_indexed import PREFIX

OWN = "a file of this service"
"""What stands for a file of the index, the cache or the installation."""
_ABSOLUTE = re.compile(r"(?<![\w./~-])/(?=[^/\s])")
"""Where an absolute path may begin; no address, no ``org/name``, no relative path."""
_END = re.compile(r"(?![\w-]|\.\w)")
"""Where a path of a folder may end: it is that folder, or lies in it, and is not one whose name goes on."""
_REST = r"[^\s:;,\"'()]*"
_ANY = re.compile(_ABSOLUTE.pattern + _REST)


class Places:
    """The places of one service.

    Args:
        own: folders whose files have no name for a stranger, with links and where these lead; addresses of databases.
        index: opens the references, whose folders are told as theirs.
    """

    def __init__(self, own: Iterable[str], index: Callable[[], Index] = open_index) -> None:
        given = [path.rstrip("/") for path in own if "://" in path or path.startswith("/")]
        real = [str(Path(path).resolve()) for path in own if path and "://" not in path]
        longest = sorted({path for path in (*given, *real) if path.strip("/")}, key=len, reverse=True)
        pattern = "|".join(map(re.escape, longest)) or r"\Z\A."
        self._own = re.compile(rf"(?<![\w.-])(?:{pattern}){_END.pattern}(?:/{_REST})?")
        self._index = index

    def hidden(self, value: Any, folder: str) -> Any:
        """A text, or a JSON document with all of its texts, without places.

        A path of the job's folder becomes relative to it. The place of a reference becomes ``index:NAME`` where it is
        the whole text, and "the folder of NAME" within one.

        Args:
            value: what is told.
            folder: of the job.
        """
        return _Hiding(self._index, self._own, folder).of(value)


class _Hiding:
    """One document on its way out; the references are looked up once, and only where an absolute path is left."""

    def __init__(self, index: Callable[[], Index], own: re.Pattern[str], folder: str) -> None:
        self._index, self._own, self._folder = index, own, folder
        self._known: dict[str, list[str]] | None = None
        self._lengths: list[int] = []

    def of(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            return self._text(value, name)
        if isinstance(value, dict):
            called = value.get("name")
            return {self._text(k): self.of(v, called if isinstance(called, str) else "") for k, v in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(item, name) for item in value]
        return value

    def _text(self, text: str, name: str = "") -> str:
        if "/" not in text:
            return text
        text = text.replace(f"{self._folder}/", "").replace(self._folder, ".")
        if _ABSOLUTE.search(text):
            try:
                known = self._references()
            except ForebearError:  # of an index that cannot be read nobody can say what is its
                return _ANY.sub(OWN, text)
            if text in known:
                return f"{PREFIX}{name if name in known[text] else known[text][0]}"
            text = self._named(text, known)
        return self._own.sub(OWN, text)

    def _references(self) -> dict[str, list[str]]:
        """Names of references by where they were added from."""
        if self._known is None:
            self._known = {}
            for name, location in self._index().places():
                self._known.setdefault(location, []).append(name)
            self._lengths = sorted({len(location) for location in self._known}, reverse=True)
        return self._known

    def _named(self, text: str, known: dict[str, list[str]]) -> str:
        """A text in which the folders of references are told as theirs."""
        out, at = [], 0
        for match in _ABSOLUTE.finditer(text):
            start = match.start()
            if start < at:
                continue
            for length in self._lengths:
                place = text[start : start + length]
                if place in known and _END.match(text, start + length):
                    out += [text[at:start], f"the folder of {known[place][0]}"]
                    at = start + length
                    break
        return "".join((*out, text[at:]))
