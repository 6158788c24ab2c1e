"""The models of a collection of a hub, as ``GET /api/collections/{owner}/{slug}`` lists them.

A collection names its models and no commits. One request for each says which commit it is at, what it holds and what
it claims, so that a model is pinned as in a hub's own list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from forebear.crawl.base import Wanted
from forebear.crawl.listing.base import Filters
from forebear.crawl.listing.hub import ID, wanted_of
from forebear.errors import InputError
from forebear.sources.answers import Refused
from forebear.sources.http import Client
from forebear.sources.hub import endpoint, find_token
from forebear.types import created

_SOURCE = re.compile(r"hf:collections/(?P<path>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,200})\Z", re.ASCII)
_NOT_FOR_US = (401, 403, 404, 410)


class CollectionLister:
    """``hf:collections/OWNER/SLUG``, as the address of its page on the hub ends."""

    def lists(self, source: str) -> bool:
        """See :meth:`Lister.lists <forebear.crawl.listing.base.Lister.lists>`."""
        return _SOURCE.match(source) is not None

    def models(self, source: str, filters: Filters) -> Iterator[Wanted]:
        """See :meth:`Lister.models <forebear.crawl.listing.base.Lister.models>`; what is no model is left out."""
        client = Client(endpoint(), find_token())
        found = _SOURCE.match(source)
        answer = _asked(client, f"/api/collections/{found['path'] if found else ''}", source)
        items = answer.get("items")
        if not isinstance(items, list):
            raise InputError(f"{source}: what the hub sends is no collection", "is HF_ENDPOINT a hub?")
        names = dict.fromkeys(
            item["id"]
            for item in items
            if isinstance(item, dict) and item.get("type") == "model" and _is_name(item.get("id"))
        )
        if not names:
            raise InputError(f"{source}: there is no model in it", "is it a collection of models?")
        for name in names:
            yield _pinned(client, name, filters.gguf)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and ID.match(value) is not None


def _pinned(client: Client, name: str, gguf: bool) -> Wanted:
    """A model at its commit; without one where it is not there for us, so that whoever reads it is told why."""
    try:
        entry = _asked(client, f"/api/models/{name}", f"hf:{name}")
    except Refused as error:
        if error.status not in _NOT_FOR_US:
            raise
        return Wanted(f"hf:{name}", name)
    wanted = wanted_of({**entry, "id": name}, gguf, created())  # a renamed repository answers under its new name
    return wanted if wanted is not None else Wanted(f"hf:{name}", name)


def _asked(client: Client, path: str, name: str) -> dict[str, Any]:
    raw, _ = client.document(f"{endpoint()}{path}", name)
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise InputError(f"{name}: what the hub sends is not what a hub sends", "is HF_ENDPOINT a hub?")
    return answer
