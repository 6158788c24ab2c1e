"""Readers of files that name models, one file each; every reader that takes a file reads it."""

from __future__ import annotations

from forebear.mentions.base import FileReader
from forebear.mentions.files import commands, config, modelfile, notebook, packages, prose, python, strings

__all__ = ["READERS"]

READERS: tuple[FileReader, ...] = (
    python.READER,
    notebook.READER,
    strings.READER,
    strings.HASHED,
    strings.DASHED,
    modelfile.READER,
    packages.READER,
    config.READER,
    commands.READER,
    prose.READER,
)
"""Every kind of file that is read."""
