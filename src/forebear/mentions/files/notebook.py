"""Jupyter notebooks: the code of every cell, read as Python; places are lines of the notebook's own file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from forebear.mentions.base import FileReader, Hit
from forebear.mentions.files import commands, python

MOST_CELLS = 5_000


def read(text: str) -> Iterator[Hit]:
    """Hits in the code cells of a notebook; cells of other languages and text are left out."""
    try:
        document = json.loads(text)
        cells = document["cells"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    lines = text.splitlines()
    after = 0
    for cell in cells[:MOST_CELLS] if isinstance(cells, list) else ():
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        source = cell.get("source")
        code = "".join(map(str, source)) if isinstance(source, list) else source if isinstance(source, str) else ""
        shell = "\n".join(
            row.lstrip()[1:] if row.lstrip()[:1] in "!%" and row.strip() else "" for row in code.split("\n")
        )
        plain = "\n".join("" if row.lstrip()[:1] in ("!", "%") else row for row in code.split("\n"))
        for hit in (*python.read(plain), *commands.read(shell)):
            # A line of the cell is a line of the file in notebooks as they are written; else the file's beginning.
            row = _escaped(code.split("\n")[hit.line - 1]) if hit.line <= code.count("\n") + 1 else ""
            at = next((k for k in range(after, len(lines)) if row and row in lines[k]), None)
            if at is None:
                yield replace(hit, line=1, column=1)
                continue
            yield replace(hit, line=at + 1, column=lines[at].find(_escaped(hit.value)) + 1 or 1)
        first = _escaped(code.split("\n")[0])
        after = next((k for k in range(after, len(lines)) if first and first in lines[k]), after)


def _escaped(row: str) -> str:
    """A line as JSON writes it."""
    return json.dumps(row, ensure_ascii=False)[1:-1]


READER = FileReader("Jupyter notebooks", lambda path: path.endswith(".ipynb"), read)
