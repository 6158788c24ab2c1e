"""Bills of materials from files of strangers: bounded, and refused in one line that names the file and its defect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from forebear.artifacts.text import load_json
from forebear.bom.formats import read_bom
from forebear.bom.reading import Reading
from forebear.errors import InputError, UsageError

MAX_BOM = 200_000_000
"""Bytes of a bill."""
XML = "XML is not read; export the bill as JSON"


def read(raw: bytes, name: str) -> Reading:
    """A bill of whichever format.

    Raises:
        InputError: it cannot be read, or is none; one line that names the file and its own defect.
    """
    document = parsed(raw, name)
    try:
        return read_bom(document)
    except InputError as error:
        raise InputError(f"{name}: {error.message}", error.hint) from None


def parsed(raw: bytes, name: str) -> Mapping[str, Any]:
    """A bill as JSON; ``InputError`` in one line that names its own defect."""
    text = raw.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise InputError(f"{name}: an empty file, no bill of materials")
    if text.startswith(b"<"):
        raise InputError(f"{name}: {XML}")
    document = load_json(raw.removeprefix(b"\xef\xbb\xbf"), name, "text")
    if not isinstance(document, Mapping):
        raise InputError(f"{name}: JSON, but no object, so no bill of materials")
    return document


def read_bytes(path: str | Path, limit: int) -> bytes:
    """A file of at most so many bytes.

    Raises:
        UsageError: there is none.
        InputError: it is larger, or cannot be read.
    """
    try:
        if os.path.isdir(path):
            raise UsageError(f"{path}: a folder; a bill of materials is one file", "give the file in it")
        size = os.path.getsize(path)
        if size > limit:
            raise InputError(f"{path}: {size:,} bytes, more than the {limit:,} that are read")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file", "forebear bom TARGET --output FILE writes one") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
