"""Where bytes live: list files, read a byte range."""

from __future__ import annotations

import os
import re

from forebear.errors import UsageError
from forebear.sources.base import File, Metered, Source
from forebear.sources.filesystem import LocalSource

__all__ = ["File", "LocalSource", "Metered", "Source", "is_distant", "network_allowed", "open_source"]

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


def is_distant(location: str) -> bool:
    """Whether a source's location is on a network."""
    return bool(_ELSEWHERE.match(location)) and not location.startswith(("ollama:", "index:"))


def network_allowed() -> bool:
    """Whether the environment lets this process use the network."""
    return not any(os.environ.get(name, "").strip().lower() in _YES for name in ("FOREBEAR_OFFLINE", "HF_HUB_OFFLINE"))


_YES = ("1", "true", "yes", "on")
