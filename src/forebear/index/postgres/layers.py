"""Search by single layers: codes are streamed from the server and counted here, by the local index's own kernels."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

from forebear.index.base import LayerHit, LayerPair
from forebear.index.kernels import Words
from forebear.index.layers import best_pairs, smallest, smallest_tails
from forebear.index.postgres.bits import row_from
from forebear.index.postgres.database import Cursor
from forebear.index.search import row_of
from forebear.signals.sign_code import SignCode

EVERY_CODE = "SELECT id, code FROM codes ORDER BY id"
BLOCK = 16_384
"""Codes in memory at a time: 16 MB."""

Found = tuple[float, int, bytes]
"""log10 tail, id and packed row of a reference."""


def nearest(stream: Iterable[dict[str, Any]], code: SignCode, limit: int) -> list[Found]:
    """The references whose best pair of layers has the smallest tail, smallest first; ``ValueError`` where damaged."""
    query = _words(row_of(code))
    return heapq.nsmallest(limit, _candidates(iter(stream), query, limit), key=lambda f: f[:2]) if limit > 0 else []


def _candidates(stream: Iterator[dict[str, Any]], query: Words, limit: int) -> Iterator[Found]:
    while block := [(row["id"], row_from(row["code"])) for row in islice(stream, BLOCK)]:
        rows = _words(b"".join(packed for _, packed in block)).reshape(len(block), -1)
        tails = smallest_tails(rows, query)
        for place in smallest(tails, limit):
            yield float(tails[place]), *block[place]


def told(cursor: Cursor, found: list[Found], code: SignCode) -> tuple[LayerHit, ...]:
    """Names and layers of what was found; a reference that has gone meanwhile is left out.

    Raises:
        ValueError: a record is damaged (or ``KeyError``, ``TypeError``, ``IndexError``).
    """
    ids = [place for _, place, _ in found]
    records = cursor.execute(
        "SELECT id, name, record FROM models JOIN records USING (id) WHERE id = ANY(%s)", (ids,)
    ).fetchall()
    known = {row["id"]: (row["name"], json.loads(row["record"])["code"]["layers"]) for row in records}
    hits = []
    for _, place, packed in found:
        if place in known:
            name, theirs = known[place]
            log10_p, pairs = best_pairs(_words(packed), _words(row_of(code)))
            layers = tuple(LayerPair(code.layers[p.mine], int(theirs[p.theirs]), p.agree, p.n) for p in pairs)
            hits.append(LayerHit(name, log10_p, layers))
    return tuple(hits)


def _words(packed: bytes) -> Words:
    return np.frombuffer(packed, dtype=np.uint64)
