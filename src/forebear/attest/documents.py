"""Files and JSON as signing needs them: bounded, strict, and with one form for one content."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from typing import Any

from forebear.artifacts.text import load_json
from forebear.errors import FormatError, InputError, UsageError

MAX_DOCUMENT = 64_000_000
"""Bytes of a signed document; a bill of a model with a hundred thousand files has some thirty million."""


def read_file(path: str | os.PathLike[str], limit: int = MAX_DOCUMENT) -> bytes:
    """All bytes of a regular file.

    Raises:
        UsageError: there is no such file.
        InputError: it cannot be read, is none, or is larger than ``limit`` bytes.
    """
    name = os.fspath(path)
    try:
        if not os.path.lexists(name):
            raise UsageError(f"{name}: no such file", "give a file that is there")
        if not os.path.isfile(name):
            raise InputError(f"{name}: no regular file")
        with open(name, "rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise InputError(f"{name}: cannot be read ({error.strerror})") from None
    except ValueError:  # a name that no file can have
        raise UsageError("a file name that no file can have", "is a variable of the script empty or binary?") from None
    if len(raw) > limit:
        raise InputError(f"{name}: more than the {limit:,} bytes that are read")
    return raw


def canonical(document: Any) -> bytes:
    """JSON in the form that is written here: keys sorted, no spaces, UTF-8, one line feed at the end.

    Raises:
        InputError: it holds what JSON cannot (infinities, half characters), or is nested too deeply.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8") + b"\n"
    except (ValueError, RecursionError):
        raise InputError("a document with numbers or characters that JSON cannot hold, or nested too deeply") from None


def load_object(raw: bytes, name: str, what: str = "file") -> dict[str, Any]:
    """Strict JSON that is an object; ``FormatError`` otherwise."""
    if len(raw) > MAX_DOCUMENT:
        raise FormatError(name, f"more than the {MAX_DOCUMENT:,} bytes that are read")
    data = load_json(raw, name, what)
    if not isinstance(data, dict):
        raise FormatError(name, f"its {what} is no JSON object")
    return data


def only_keys(data: Mapping[str, Any], known: Collection[str], name: str, where: str) -> None:
    """Refuse what no signature covers and nobody reads; ``FormatError`` names the first such key."""
    for key in data:
        if key not in known:
            raise FormatError(name, f"{where} has a key that is not known: {key[:80]}")


def strict_base64(text: Any, name: str, what: str) -> bytes:
    """Bytes of standard base64 with padding, in its one form; ``FormatError`` otherwise.

    Decoders differ in what they overlook: line breaks, missing padding, bits behind the last byte. Nothing is here, so
    that a signature has one spelling.
    """
    try:
        if isinstance(text, str):
            raw = base64.b64decode(text.encode("ascii"), validate=True)
            if base64.b64encode(raw).decode() == text:
                return raw
    except (binascii.Error, UnicodeEncodeError, ValueError):
        pass
    raise FormatError(name, f"{what} is no base64 in its standard form")


def sha256(raw: bytes) -> str:
    """Hexadecimal SHA-256."""
    return hashlib.sha256(raw).hexdigest()
