"""Ollama's Modelfiles: the model that FROM names, and adapters."""

from __future__ import annotations

import re
from collections.abc import Iterator

from forebear.mentions.base import FileReader, Hit, Kind, Lines, Position
from forebear.mentions.judge import WEIGHTS

_LINE = re.compile(r"^[ \t]*(?P<word>FROM|ADAPTER)[ \t]+(?P<value>[^\s#]{1,300})", re.IGNORECASE | re.MULTILINE)


def read(text: str) -> Iterator[Hit]:
    """The models of FROM and ADAPTER lines: names of Ollama's library, or paths."""
    lines = Lines(text)
    for match in _LINE.finditer(text):
        value = match["value"].strip("\"'")
        line, column = lines(match.start("value"))
        path = value.startswith((".", "/", "~")) or value.lower().endswith(WEIGHTS)
        kind = None if path else Kind.OLLAMA
        yield Hit(line, column, value, f"Modelfile {match['word'].upper()}", Position.LOADER, kind)


def _is_modelfile(path: str) -> bool:
    name = path.rsplit("/", 1)[-1]
    return name == "modelfile" or name.startswith("modelfile.") or name.endswith(".modelfile")


READER = FileReader("Ollama Modelfiles", _is_modelfile, read)
