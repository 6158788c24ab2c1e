"""Towers of references: a table beside the records, with a code of 1 KB for each, and its exact search."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

import numpy as np

from forebear.index.base import Hit, TowerHits
from forebear.index.records import code_data, code_of
from forebear.index.search import ROW_BYTES, agreements, best, row_of
from forebear.signals import Fingerprint
from forebear.signals.binomial import log10_tail
from forebear.signals.towers import TowerMark, comparable_towers

DAMAGE = (ValueError, KeyError, TypeError, IndexError)
"""What a damaged record raises when it is read."""


def put_towers(db: sqlite3.Connection, row: int, fingerprint: Fingerprint) -> None:
    """Keep the towers that were measured in place of those that were there; equal ones are left alone."""
    new = []
    for place, tower in enumerate(fingerprint.towers):
        data = {"component": tower.component, "shape": dict(tower.shape), "code": code_data(tower.code)}
        signature = tower.code.signature.astype("<f2").tobytes()
        new.append((row, place, json.dumps(data), row_of(tower.code), signature))
    columns = "row, place, record, code, signature"
    old = db.execute(f"SELECT {columns} FROM towers WHERE row = ? ORDER BY place", (row,)).fetchall()
    if [tuple(one) for one in old] != new:
        db.execute("DELETE FROM towers WHERE row = ?", (row,))
        db.executemany(f"INSERT INTO towers ({columns}) VALUES (?, ?, ?, ?, ?)", new)


def towers_of(db: sqlite3.Connection, row: int) -> tuple[TowerMark, ...]:
    """The towers of a row; one of :data:`DAMAGE` where a record is damaged."""
    return tuple(tower_of(found) for found in db.execute("SELECT * FROM towers WHERE row = ? ORDER BY place", (row,)))


def search_towers(db: sqlite3.Connection, tower: TowerMark, limit: int) -> TowerHits:
    """The references whose towers agree most. Streams every tower once, 5 KB each; raises as :func:`towers_of`."""
    names: list[str] = []
    codes: list[bytes] = []
    columns = "name, towers.record, code, towers.signature"
    for row in db.execute(f"SELECT {columns} FROM towers JOIN models USING (row) ORDER BY row, place"):
        if comparable_towers(tower_of(row), tower):
            names.append(row["name"])
            codes.append(row["code"])
    rows = np.frombuffer(b"".join(codes), dtype=np.uint64).reshape(len(codes), ROW_BYTES // 8)
    agree, shared = agreements(rows, np.frombuffer(row_of(tower.code), dtype=np.uint64))
    hits = ((names[k], int(agree[k]), int(shared[k])) for k in best(agree, shared, limit))
    return TowerHits(len(set(names)), tuple(Hit(name, k, n, log10_tail(k, n)) for name, k, n in hits))


def tower_of(row: sqlite3.Row | Mapping[str, Any]) -> TowerMark:
    """The tower of a record; one of :data:`DAMAGE` where it is damaged."""
    if len(row["code"]) != ROW_BYTES:
        raise ValueError("a code of another length")
    data = json.loads(row["record"])
    return TowerMark(str(data["component"]), dict(data["shape"]), code_of(data["code"], row["code"], row["signature"]))
