"""From rows of codes to names: which of the rows that agree most are references, in a transaction of the caller's.

All rows are searched, also those that no record points to any more; what comes back is looked up, and more is asked
for where some of it is no reference. So a search reads no table that grows with the index.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

import numpy as np

from forebear.index.base import Hit, LayerHit, LayerPair
from forebear.index.kernels import Words
from forebear.index.layers import best_pairs, smallest, smallest_tails
from forebear.index.search import row_of, tops
from forebear.signals.binomial import log10_tail
from forebear.signals.sign_code import SignCode

SPARE = 8
"""Rows asked for beyond the limit, in case some are no references: a killed process leaves one or two."""


def last_row(db: sqlite3.Connection) -> int:
    """The last row that a record points to, -1 without records; ``ValueError`` where a record points nowhere."""
    low, high = db.execute("SELECT (SELECT min(row) FROM models), (SELECT max(row) FROM models)").fetchone()
    if low is None and high is None:
        return -1
    if not isinstance(low, int) or not isinstance(high, int):
        raise ValueError("a row that is no number")
    return high if low >= 0 else 2**63 - 1


def hits(db: sqlite3.Connection, rows: Words, codes: Sequence[SignCode], limit: int) -> tuple[tuple[Hit, ...], ...]:
    """What :meth:`Index.search_many` gives."""
    queries = [np.frombuffer(row_of(code), dtype=np.uint64) for code in codes]
    found: dict[int, tuple[Hit, ...]] = dict.fromkeys(range(len(codes)), ())
    waiting = list(range(len(codes))) if limit > 0 else []
    ask = limit + SPARE
    while waiting:
        top = dict(zip(waiting, tops(rows, [queries[k] for k in waiting], ask), strict=True))
        names = names_of(db, {int(row) for t in top.values() for row in t.rows})
        for k, t in top.items():
            three = zip(t.rows.tolist(), t.agree.tolist(), t.shared.tolist(), strict=True)
            live = [(names[row], a, n) for row, a, n in three if row in names][:limit]
            if len(live) == limit or len(t.rows) < ask:
                found[k] = tuple(Hit(name, a, n, log10_tail(a, n)) for name, a, n in live)
                waiting.remove(k)
        ask *= 8
    return tuple(found[k] for k in range(len(codes)))


def layer_hits(db: sqlite3.Connection, rows: Words, code: SignCode, limit: int) -> tuple[LayerHit, ...]:
    """What :meth:`Index.search_layers` gives; ``ValueError`` (or ``KeyError``, ``TypeError``) for a damaged record."""
    query = np.frombuffer(row_of(code), dtype=np.uint64)
    tails = smallest_tails(rows, query)
    ask, chosen, names = max(0, limit) + SPARE, [], dict[int, str]()
    while limit > 0:
        chosen = smallest(tails, ask).tolist()
        names = names_of(db, chosen)
        if len(names) >= limit or len(chosen) < ask:
            break
        ask *= 8
    found = []
    for row in [row for row in chosen if row in names][:limit]:
        log10_p, pairs = best_pairs(rows[row], query)
        text = db.execute("SELECT json_extract(record, '$.code.layers') FROM models WHERE row = ?", (row,)).fetchone()
        theirs = [int(layer) for layer in json.loads(text[0])]
        told = tuple(LayerPair(code.layers[p.mine], theirs[p.theirs], p.agree, p.n) for p in pairs)
        found.append(LayerHit(names[row], log10_p, told))
    return tuple(found)


def names_of(db: sqlite3.Connection, rows: Iterable[int]) -> dict[int, str]:
    """Names of those rows that a record points to."""
    wanted = json.dumps(list(rows))
    if wanted == "[]":
        return {}
    query = "SELECT models.row, name FROM json_each(?) JOIN models ON models.row = json_each.value"
    return dict(db.execute(query, (wanted,)).fetchall())
