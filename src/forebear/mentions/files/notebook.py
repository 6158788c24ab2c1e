"""Jupyter notebooks: the code of every cell, read as Python; places are lines of the notebook's own file."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace

from forebear.mentions.base import FileReader, Hit
from forebear.mentions.files import commands, python, strings


def read(text: str) -> Iterator[Hit]:
    """Hits in the code cells of a notebook; cells of other languages and text are left out."""
    lines = text.split("\n")
    try:
        document = json.loads(text)
        cells = document["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):  # cut off, or a merge that was left half done
        yield from _of_lines(lines)
        return
    written = _written(lines)
    after = 0
    for cell in cells if isinstance(cells, list) else ():
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source")
        code = "".join(map(str, source)) if isinstance(source, list) else source if isinstance(source, str) else ""
        rows = code.split("\n")
        shell = "\n".join(row.lstrip()[1:] if row.lstrip()[:1] in ("!", "%") else "" for row in rows)
        plain = "\n".join("" if row.lstrip()[:1] in ("!", "%") else row for row in rows)
        places: dict[int, int] = {}
        for number, row in enumerate(rows, 1):
            # A line of the cell is a line of the file in notebooks as they are written; else the file's beginning.
            known = written.get(row, [])
            if (k := bisect_left(known, after)) < len(known):
                places[number] = known[k]
                after = known[k] if isinstance(source, str) else known[k] + 1
        for hit in (*python.read(plain), *commands.read(shell)):
            place = places.get(hit.line)
            if place is None:
                yield replace(hit, line=1, column=1)
                continue
            yield replace(hit, line=place + 1, column=lines[place].find(_escaped(hit.value)) + 1 or 1)


def _of_lines(lines: list[str]) -> Iterator[Hit]:
    """Hits in the lines that hold a string each, whatever stands around them."""
    rows = "\n".join(_unquoted(line).replace("\n", " ") for line in lines)
    for hit in (*strings.read(rows), *commands.read(rows)):
        yield replace(hit, column=lines[hit.line - 1].find(_escaped(hit.value)) + 1 or 1)


def _written(lines: list[str]) -> dict[str, list[int]]:
    """Lines of code by their text, with the lines of the file that hold them, numbered from 0."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        for row in set(_unquoted(line).removesuffix("\n").split("\n")):
            if row:
                found.setdefault(row, []).append(number)
    return found


def _unquoted(line: str) -> str:
    """The string that a line of the file holds, "" where it holds none."""
    quoted = line.strip().removeprefix('"source":').strip().removesuffix(",")
    if len(quoted) < 2 or quoted[0] != '"' or quoted[-1] != '"':
        return ""
    try:
        return str(json.loads(quoted))
    except ValueError:
        return ""


def _escaped(row: str) -> str:
    """A line as JSON writes it."""
    return json.dumps(row, ensure_ascii=False)[1:-1]


READER = FileReader("Jupyter notebooks", lambda path: path.endswith(".ipynb"), read)
