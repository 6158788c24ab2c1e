"""Markdown and other text for people: the code blocks in it, as commands and names. All of it is documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from forebear.mentions.base import FileReader, Hit
from forebear.mentions.files import commands, strings

_FENCE = re.compile(r"^[ \t]{0,12}(?:```|~~~)")


def read(text: str) -> Iterator[Hit]:
    """Hits in fenced code blocks; prose between them only where it holds an address of a model."""
    block: list[str] = []
    inside, first = False, 0
    for number, row in enumerate(text.split("\n"), 1):
        if not _FENCE.match(row):
            if inside:
                block.append(row)
            continue
        if inside:
            yield from _of_block("\n".join(block), first)
        block, inside, first = [], not inside, number


def _of_block(code: str, before: int) -> Iterator[Hit]:
    for hit in (*commands.read(code), *strings.read(code)):
        yield replace(hit, line=hit.line + before)


READER = FileReader("documents", lambda path: path.endswith((".md", ".mdx", ".markdown", ".rst", ".qmd", ".rmd")), read)
