"""Where bytes live: list files, read a byte range."""

from forebear.sources.base import File, Metered, Source
from forebear.sources.filesystem import LocalSource

__all__ = ["File", "LocalSource", "Metered", "Source", "open_source"]


def open_source(target: str) -> Source:
    """The source that a target names; local paths for now, in the one grammar of targets.

    Raises:
        UsageError: the target is not a local path.
        InputError: it exists and cannot be read.
    """
    return LocalSource(target)
