"""Every model below a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256

from forebear.crawl.base import Wanted
from forebear.crawl.listing.base import Filters
from forebear.errors import InputError
from forebear.inspect.discover import discover, stamp
from forebear.sources.filesystem import LocalSource


class TreeLister:
    """Folders. A model's name is its path below the folder, so a mirror of a hub has the hub's names."""

    def lists(self, source: str) -> bool:
        """See :meth:`Lister.lists <forebear.crawl.listing.base.Lister.lists>`."""
        return bool(source) and os.path.isdir(source)

    def models(self, source: str, filters: Filters) -> Iterator[Wanted]:
        """See :meth:`Lister.models <forebear.crawl.listing.base.Lister.models>`."""
        root = os.path.abspath(source)
        found = discover(root)
        if not found.models:
            raise InputError(
                "; ".join((f"{source}: no model in it or below", *found.problems[:2])), "is it the folder?"
            )
        for model in found.models:
            name = LocalSource(model.target).name if model.path == "." else model.path
            yield Wanted(model.target, name, state_of(model.target))
        if found.problems:
            more = f" and {len(found.problems) - 1} more" if len(found.problems) > 1 else ""
            raise InputError(f"{found.problems[0]}{more}")


def state_of(target: str) -> str:
    """What stands for the revision of local files: a digest of their names, sizes, inodes and times; "" where none."""
    try:
        return sha256(repr(stamp(target)).encode("utf-8", "surrogatepass")).hexdigest()[:40]
    except InputError:
        return ""
