"""Where bytes live: list files, read a byte range."""

from __future__ import annotations

import os
import re

from forebear.errors import UsageError
from forebear.sources.answers import FORBIDDEN, offline
from forebear.sources.base import File, Metered, Range, Source, Traffic
from forebear.sources.cache import RangeCache, cache_home
from forebear.sources.filesystem import LocalSource
from forebear.sources.ollama import PREFIX as OLLAMA
from forebear.sources.ollama import OllamaSource

__all__ = [
    "File",
    "LocalSource",
    "Metered",
    "OllamaSource",
    "Range",
    "RangeCache",
    "Source",
    "Traffic",
    "cache_home",
    "is_remote",
    "offline",
    "open_source",
]

_ADDRESS = re.compile(r"(https?|s3|gs)://", re.ASCII)
_LATER = re.compile(r"(?:api|index):")


def is_remote(target: str) -> bool:
    """Whether opening this target asks the network; a local path wins over a hub id of the same spelling."""
    if os.path.lexists(target):
        return False
    from forebear.sources.hub import is_hub

    return _ADDRESS.match(target) is not None or is_hub(target)


def open_source(target: str) -> Source:
    """The source that a target names: a local path, a hub repository, a web address or a bucket.

    Raises:
        UsageError: there is no such path, or it would take the network, which the environment forbids
            (``FOREBEAR_OFFLINE``, ``HF_HUB_OFFLINE``; ``--offline`` sets the first).
        InputError: it exists and cannot be read.
    """
    if target.startswith(OLLAMA) and not os.path.lexists(target):
        return OllamaSource(target)
    if not is_remote(target):
        if _LATER.match(target) and not os.path.lexists(target):
            hint = (
                "forebear probe URL --model NAME asks it"
                if target.startswith("api:")
                else "forebear compare takes it; here name its files"
            )
            raise UsageError(f"{target}: not a model's files", hint)
        return LocalSource(target)
    from forebear.sources.hub import HubSource, page_target
    from forebear.sources.remote import BucketSource, UrlSource, public_address

    if offline():
        public = public_address(target) if target.startswith("http") else target
        raise UsageError(f"{public}: not on this machine, and {FORBIDDEN}", "give a local folder")
    repository = page_target(target) if _ADDRESS.match(target) else target
    if repository:
        return HubSource(repository)
    return UrlSource(target) if target.startswith("http") else BucketSource(target)
