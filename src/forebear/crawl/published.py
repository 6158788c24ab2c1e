"""What an owner or a collection of a hub holds, as a set to scan.

It lies here and not beside :mod:`forebear.inspect.discover` because the lists are the crawl's, whose layer is above:
what is found passes down as a value.
"""

from __future__ import annotations

import os

from forebear.crawl.listing import Filters, models
from forebear.crawl.listing.collection import CollectionLister
from forebear.crawl.listing.hub import HubLister
from forebear.errors import InputError
from forebear.inspect.discover import Discovery, Found
from forebear.sources.hub import endpoint

WHOLE = "hf:"
"""A hub's every model: a matter for a crawl."""


def is_published(target: str) -> bool:
    """Whether a target is ``hf:org`` or ``hf:collections/OWNER/SLUG``; what is on this machine wins."""
    if target == WHOLE or os.path.lexists(target):
        return False
    return any(lister.lists(target) for lister in (CollectionLister(), HubLister()))


def published(target: str, limit: int | None = None) -> Discovery:
    """The models of an owner or a collection, each at the commit that it is at now; one that is not told is not pinned.

    All are kept, whatever the list says of their files: why one cannot be read is for the scan to say.

    Args:
        target: see :func:`is_published`.
        limit: most models, of those that the hub lists first.

    Raises:
        UsageError: the environment forbids the network.
        InputError: the list cannot be had, or names no model. One that breaks off is a problem of what there is.
    """
    found: list[Found] = []
    problems: tuple[str, ...] = ()
    try:
        for model in models(target, Filters(limit=limit)):
            pin = f"@{model.revision}" if model.revision else ""
            found.append(Found(model.name, f"{model.target}{pin}", model.name, bool(pin)))
    except InputError as error:
        if not found:
            raise
        problems = (str(error),)
    part = "" if limit is None else f"?limit={limit}"
    return Discovery(tuple(sorted(found, key=lambda m: m.path.split("/"))), problems, 0, f"{endpoint()}/{target}{part}")
