"""What hubs say about repositories, beside the records: a table that keeps every revision it was told of."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

from forebear.index.base import Listing
from forebear.index.records import text_bytes

GONE = "gone"
"""Key of a record that says that a repository is no longer listed; others have none."""


def listing_record(listing: Listing) -> str:
    """A listing as it is stored, without when it was seen: the same words twice are one record."""
    data = {key: value for key, value in vars(listing).items() if key not in ("name", "revision", "seen", "gone")}
    return json.dumps({**data, GONE: True} if listing.gone else data, sort_keys=True)


def listing_of(name: str, revision: str, seen: str, record: str) -> Listing:
    """A listing from what is stored; ``ValueError`` (or ``KeyError``, ``TypeError``) where that is damaged."""
    data: dict[str, Any] = json.loads(record)
    known = {field.name for field in fields(Listing)}
    data = {key: value for key, value in data.items() if key in known}
    return Listing(
        **{**data, "name": name, "revision": revision, "base_models": tuple(data["base_models"]), "seen": seen}
    )


def put_listings(db: sqlite3.Connection, listings: Iterable[Listing]) -> int:
    """Keep listings; how many said something new. A repository that is listed again is no longer gone."""
    listings = tuple(listings)
    db.executemany(
        "DELETE FROM listings WHERE name = CAST(? AS TEXT)"
        f" AND json_valid(record) AND json_extract(record, '$.{GONE}')",
        ((text_bytes(one.name),) for one in listings if not one.gone),
    )
    before = db.total_changes
    db.executemany(
        "INSERT INTO listings (name, revision, seen, record) VALUES (CAST(? AS TEXT), ?, ?, CAST(? AS TEXT))"
        " ON CONFLICT DO NOTHING",
        ((text_bytes(one.name), one.revision, one.seen, text_bytes(listing_record(one))) for one in listings),
    )
    return db.total_changes - before


def listings_in(db: sqlite3.Connection, name: str | None) -> Iterator[Listing]:
    """Listings by name, then by when they were seen; raises as :func:`listing_of`."""
    where, values = ("", ()) if name is None else ("WHERE name = ?", (name,))
    for row in db.execute(
        f"SELECT name, revision, seen, record FROM listings {where} ORDER BY name, seen, revision", values
    ):
        yield listing_of(*row)
