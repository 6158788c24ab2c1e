"""What there is to crawl: a hub, a collection, a file of names, a folder, a bucket."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from forebear.crawl.base import Wanted
from forebear.crawl.listing.base import Filters, Lister
from forebear.crawl.listing.bucket import BucketLister
from forebear.crawl.listing.collection import CollectionLister
from forebear.crawl.listing.hub import HubLister
from forebear.crawl.listing.names import NamesLister
from forebear.crawl.listing.tree import TreeLister
from forebear.errors import UsageError, one_line

LISTERS: tuple[Lister, ...] = (TreeLister(), NamesLister(), BucketLister(), CollectionLister(), HubLister())
"""Every kind of source, asked in this order: what is on this machine wins."""

__all__ = ["LISTERS", "Filters", "Lister", "is_whole", "models"]


def models(source: str, filters: Filters) -> Iterator[Wanted]:
    """The models of a source, at most ``filters.limit``.

    Raises:
        UsageError: it is no source, or a filter does not go with it.
        InputError: the listing cannot be had, or breaks off.
    """
    lister = next((each for each in LISTERS if each.lists(source)), None)
    if lister is None:
        raise UsageError(
            f"{one_line(source)[:200] or 'an empty source'}: nothing that can be crawled",
            "give hf:, hf:org or hf:collections/OWNER/SLUG, a file of names, a folder, s3://… or gs://…",
        )
    if not isinstance(lister, HubLister) and (option := filters.of_a_hub):
        raise UsageError(f"{option} goes with a hub", "leave it out, or crawl hf:")
    return islice(lister.models(source, filters), filters.limit)


def is_whole(source: str, filters: Filters) -> bool:
    """Whether a list of it is that of everything a hub, or an owner on one, has."""
    lister = next((each for each in LISTERS if each.lists(source)), None)
    return isinstance(lister, HubLister) and not filters.of_a_hub and filters.limit is None
