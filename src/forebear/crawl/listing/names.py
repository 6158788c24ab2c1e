"""A file of targets, one a line.

A repository that stands there at several revisions is several models: those that are pinned are named by theirs, too.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import suppress

from forebear.crawl.base import Wanted
from forebear.crawl.listing.base import Filters
from forebear.crawl.listing.tree import state_of
from forebear.errors import FormatError, InputError, one_line
from forebear.sources.hub import is_hub

MOST_LINE = 2_000
"""Characters of one line; a file of names has no longer ones."""
COMMENT = "#"


class NamesLister:
    """Text files. Each line is a target as everywhere; what follows a ``#`` at its start or after a space is left."""

    def lists(self, source: str) -> bool:
        """See :meth:`Lister.lists <forebear.crawl.listing.base.Lister.lists>`."""
        return bool(source) and os.path.isfile(source)

    def models(self, source: str, filters: Filters) -> Iterator[Wanted]:
        """See :meth:`Lister.models <forebear.crawl.listing.base.Lister.models>`."""
        several, none = _several(source), True
        for target in _targets(source):
            none = False
            yield _wanted(target, several)
        if none:
            raise InputError(f"{one_line(source)}: names no model", "write one target a line")


def _targets(source: str) -> Iterator[str]:
    try:
        with open(source, encoding="utf-8-sig") as lines:
            number = 0
            while line := lines.readline(MOST_LINE + 1):
                number += 1
                if len(line) > MOST_LINE or not line.strip("\r\n").replace("\t", " ").isprintable():
                    raise FormatError(source, f"line {number} is no target", "write one target a line")
                if target := _bare(line):
                    yield target
    except UnicodeDecodeError:
        raise FormatError(source, "is not UTF-8 text", "give a file of names, one a line") from None
    except OSError as error:
        raise InputError(f"{one_line(source)}: cannot be read ({error.strerror})") from None


def _several(source: str) -> frozenset[str]:
    """Repositories that a file names at more than one revision."""
    seen: dict[str, str] = {}
    several: set[str] = set()
    with suppress(InputError):  # what is wrong with the file is told when its models have been listed
        for target in _targets(source):
            if is_hub(target):
                path, _, revision = target.removeprefix("hf:").partition("@")
                if seen.setdefault(path, revision) != revision:
                    several.add(path)
    return frozenset(several)


def _bare(line: str) -> str:
    text = line.strip()
    return "" if text.startswith(COMMENT) else text.partition(f" {COMMENT}")[0].strip()


def _wanted(target: str, several: Collection[str]) -> Wanted:
    """A target, taken apart: a hub id is pinned where it names a revision, a local path to its state."""
    if os.path.lexists(target):
        return Wanted(os.path.abspath(target), "", state_of(target))
    if is_hub(target):
        path, _, revision = target.removeprefix("hf:").partition("@")
        return Wanted(f"hf:{path}", f"{path}@{revision}" if revision and path in several else path, revision)
    return Wanted(target, "")
