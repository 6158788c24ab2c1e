"""Files that people write for policies: rules, waivers, answers. Bounded, plain values only, no key twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forebear.artifacts import bounded_yaml
from forebear.errors import FormatError, InputError, UsageError

LARGEST = 1_000_000
"""Characters of a file."""


def read_text(path: Path, what: str) -> str:
    """A file's text.

    Raises:
        UsageError: it is not there.
        InputError: it cannot be read, is too large, or no UTF-8.
    """
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file", f"give a file with {what}")
    try:
        with path.open("rb") as stream:
            raw = stream.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise FormatError(str(path), f"larger than {LARGEST:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(str(path), f"no UTF-8 at byte {error.start:,}", "save it as UTF-8") from None


def plain(text: str, file: str) -> Any:
    """The value of a YAML or JSON text.

    Raises:
        FormatError: it is none, holds more than is read, or a key twice: of two lists of rules one would be lost.
    """
    value = bounded_yaml.load(text, file, "it", LARGEST)
    bounded_yaml.once(text, file)
    return value
