"""The models of a Hugging Face hub, as ``GET /api/models`` lists them, page by page.

The answer says enough of a repository to pin it (``sha``), to see what it holds (``siblings``) and what it claims
(licence, base models): one request for a thousand of them, and none for those that are done at that commit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from forebear.crawl.base import Wanted
from forebear.crawl.listing.base import Filters
from forebear.errors import InputError, UsageError, one_line
from forebear.index import Listing
from forebear.sources.answers import Refused
from forebear.sources.http import Client
from forebear.sources.hub import WEIGHTS, endpoint, find_token
from forebear.types import created

PAGE = 1_000
MOST_PAGES = 100_000
TRIES = 3
"""Of a page that is no listing, before the listing is said to have broken off."""
MOST_BASES, MOST_TEXT = 50, 200
"""Base models that are kept of a repository, and characters of a licence's or a base's name."""
RELATIONS = ("finetune", "quantized", "merge", "adapter")
_SOURCE = re.compile(r"hf:(?P<author>[A-Za-z0-9][\w.-]*)?\Z", re.ASCII)
ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9_][\w.-]{0,95})?\Z", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_NEXT = re.compile(r'<([^<>]{1,4000})>;\s*rel="next"')
_ADAPTER = "adapter_config.json"


class HubLister:
    """``hf:`` for a whole hub, ``hf:org`` for one owner's models."""

    def lists(self, source: str) -> bool:
        """See :meth:`Lister.lists <forebear.crawl.listing.base.Lister.lists>`."""
        return _SOURCE.match(source) is not None

    def models(self, source: str, filters: Filters) -> Iterator[Wanted]:
        """See :meth:`Lister.models <forebear.crawl.listing.base.Lister.models>`."""
        found = _SOURCE.match(source)
        owner = found["author"] or "" if found else ""
        if owner and filters.author and owner != filters.author:
            raise UsageError(
                f"{source} and --author {one_line(filters.author)[:100]} contradict each other", "leave one of them out"
            )
        since = moment(filters.since) if filters.since else None
        client = Client(endpoint(), find_token())
        seen, none = created(), True
        for entry in _entries(client, _query(owner or filters.author, filters)):
            wanted = wanted_of(entry, filters.gguf, seen)
            if wanted is None:
                continue  # an entry that names no repository: what a hub sends now and then
            if since is not None and (changed := _moment(entry.get("lastModified"))) is not None and changed < since:
                return  # they come by their last change, the latest first
            if _number(entry.get("downloads")) < filters.least_downloads:
                if since is None:
                    return  # they come by downloads
                continue
            none = False
            yield wanted
        if none and since is None and not filters.least_downloads:
            raise InputError(f"{source}: the hub lists no model", "is the name right, and does HF_TOKEN see it?")


def moment(text: str) -> datetime:
    """A date or time as the user writes it; ``UsageError`` where it is none."""
    found = _moment(text)
    if found is None:
        raise UsageError(f"--since {one_line(text)[:60]}: not a date", "write 2026-01-31, or 2026-01-31T12:00:00Z")
    return found


def _moment(text: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _query(author: str, filters: Filters) -> str:
    asked: list[tuple[str, str]] = [("full", "true"), ("limit", str(min(PAGE, filters.limit or PAGE)))]
    asked += [("author", author)] if author else []
    asked += [("filter", tag) for tag in filters.tags]
    if filters.since:
        asked.append(("sort", "lastModified"))
    elif filters.least_downloads:
        asked.append(("sort", "downloads"))
    return f"/api/models?{urlencode(asked)}"


def _entries(client: Client, path: str) -> Iterator[Mapping[str, Any]]:
    """Entries of all pages; links are followed on our endpoint, also where a mirror names the original's host."""
    been: set[str] = set()
    for _ in range(MOST_PAGES):
        page, following = _page(client, f"{endpoint()}{path}")
        yield from (entry for entry in page if isinstance(entry, dict))
        if not following:
            return
        been.add(path)
        parts = urlsplit(following)
        path = f"{parts.path}?{parts.query}"
        if path in been or parts.path != "/api/models":
            raise InputError("the hub's listing: its next page leads nowhere new", "is HF_ENDPOINT a hub?")
    raise InputError(f"the hub's listing has more than {MOST_PAGES:,} pages")


def _page(client: Client, url: str) -> tuple[list[Any], str]:
    for _ in range(TRIES):
        raw, headers = client.document(url, "the hub's listing")
        try:
            page = json.loads(raw)
        except (ValueError, RecursionError):
            continue
        if isinstance(page, list):
            following = _NEXT.search(headers.get("Link", ""))
            return page, following[1] if following else ""
    raise Refused("the hub's listing: what it sends is none", "is HF_ENDPOINT a hub?")


def wanted_of(entry: Mapping[str, Any], gguf: bool, seen: str) -> Wanted | None:
    """One repository, from what the hub says of it in full; None for an entry that names none."""
    name = entry.get("id")
    if not isinstance(name, str) or not ID.match(name):
        return None
    sha = entry.get("sha")
    revision = sha if isinstance(sha, str) and _COMMIT.match(sha) else ""
    licence, bases, relation = claims(entry.get("tags"))
    listing = Listing(
        name, revision, _time(entry.get("createdAt")), _time(entry.get("lastModified")), licence, bases, relation, seen
    )
    return Wanted(f"hf:{name}", name, revision, unread(entry.get("siblings"), gguf), listing)


def claims(tags: Any) -> tuple[str, tuple[str, ...], str]:
    """Licence, base models and relation from a repository's tags.

    The hub writes ``license:…`` and, of every base, ``base_model:ORG/NAME`` and ``base_model:RELATION:ORG/NAME``.
    """
    licence, relation = "", ""
    bases: dict[str, None] = {}
    for tag in tags if isinstance(tags, list) else []:
        if not isinstance(tag, str) or len(tag) > MOST_TEXT:
            continue
        kind, _, value = tag.partition(":")
        if kind == "license" and not licence:
            licence = one_line(value)
        elif kind == "base_model":
            said, _, base = value.rpartition(":")
            if ID.match(base) and len(bases) < MOST_BASES:
                bases[base] = None
                relation = relation or (said if said in RELATIONS else "")
    return licence, tuple(bases), relation


def unread(siblings: Any, gguf: bool) -> str:
    """Why a repository is not read, from the names of its files; "" where it is, or where they are not told."""
    if not isinstance(siblings, list):
        return ""
    names = [s.get("rfilename") for s in siblings if isinstance(s, dict)]
    files = [name.lower() for name in names if isinstance(name, str)]
    weights = [name for name in files if name.endswith(WEIGHTS)]
    own = [name for name in weights if not name.rpartition("/")[2].startswith("adapter_model.")]
    if not weights:
        return "no weights"
    if any(name.rpartition("/")[2] == _ADAPTER for name in files) and not own:
        return "an adapter: its weights carry next to nothing of its base"
    if all(name.endswith(".gguf") for name in own) and not gguf:
        return "nothing but GGUF files (--gguf reads them)"
    return ""


def _time(value: Any) -> str:
    """RFC 3339 in seconds, "" for anything else."""
    found = _moment(value)
    usable = found is not None and 1 < found.year < 9999  # a zone may lead beyond the calendar's ends
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if found is not None and usable else ""
