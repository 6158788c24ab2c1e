"""Where bytes live: list files, read a byte range."""

from __future__ import annotations

import os
import re

from forebear.errors import UsageError
from forebear.sources.base import File, Metered, Range, Source, Traffic
from forebear.sources.filesystem import LocalSource

__all__ = ["File", "LocalSource", "Metered", "Range", "Source", "Traffic", "open_source"]

_ELSEWHERE = re.compile(r"(?:hf|https?|s3|gs|ollama|api|index):|[\w.-]+/[\w.-]+(?:@[\w.-]+)?\Z")


def open_source(target: str) -> Source:
    """The source that a target names. A local path wins; everything else is refused in words for now.

    Raises:
        UsageError: the target is not a local path.
        InputError: it exists and cannot be read.
    """
    if _ELSEWHERE.match(target) and not os.path.lexists(target):
        raise UsageError(
            f"{target}: no such file or directory",
            "this version reads local files only; download the model and give its folder",
        )
    return LocalSource(target)
