"""Where bytes live: list files, read a byte range."""

from __future__ import annotations

import os
import re

from forebear.errors import UsageError
from forebear.sources.base import File, Metered, Source
from forebear.sources.filesystem import LocalSource
from forebear.sources.ollama import PREFIX as OLLAMA
from forebear.sources.ollama import OllamaSource

__all__ = ["File", "LocalSource", "Metered", "OllamaSource", "Source", "open_source"]

_ELSEWHERE = re.compile(r"(?:hf|https?|s3|gs|api|index):|[\w.-]+/[\w.-]+(?:@[\w.-]+)?\Z")


def open_source(target: str) -> Source:
    """The source that a target names. A local path wins, then ``ollama:``; the rest is refused in words for now.

    Raises:
        UsageError: the target is neither a local path nor a model of the Ollama store.
        InputError: it exists and cannot be read.
    """
    if target.startswith(OLLAMA) and not os.path.lexists(target):
        return OllamaSource(target)
    if _ELSEWHERE.match(target) and not os.path.lexists(target):
        raise UsageError(
            f"{target}: no such file or directory",
            "this version reads local files only; download the model and give its folder",
        )
    return LocalSource(target)
