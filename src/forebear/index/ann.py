"""Which sketches are worth comparing among many: an approximate search whose candidates are then scored exactly.

Comparing every sketch reads 25 KB of each reference. From :data:`FEWEST` of them on, and with ``forebear[ann]``, a file
beside the index holds a short vector of each: what its spectra and its token geometry have beyond the consensus, by
fixed random projections, so that inner products are about the sum of both similarities. An inverted file (FAISS, IVF
with half-precision vectors) gives the nearest ones. Rows of an index are never used twice, so the file stays right
while references come and go: later rows are compared exactly, removed ones are no longer found.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.index import tally
from forebear.index.nominate import Sketched
from forebear.index.records import sketched
from forebear.signals import spectra as spectral
from forebear.signals.spectra import Spectra
from forebear.signals.token_geometry import TokenGeometry

F32 = NDArray[np.float32]

FEWEST = 20_000
"""Sketched references from which on candidates are looked for; fewer are all compared, in a second or two."""
CANDIDATES = 1_000
LATER = 0.25
"""Share of later references from which on the file is made anew; until then they are all compared."""
SPECTRAL, TOKENS = 128, 256
"""Dimensions of the two parts of a vector."""
TRAINED_ON = 16_384
PROBES = 64
"""Cells that are looked into."""
BLOCK = 1_024
FILE, ABOUT = "sketches.faiss", "sketches.json"
VERSION = 1
WITH_SKETCH = "FROM sketches JOIN models ON models.row = sketches.row WHERE (spectra IS NOT NULL OR tokens IS NOT NULL)"


class Space:
    """The vectors: a function of a consensus, which is kept beside them.

    Args:
        families: independent references, of which the consensus is taken.
    """

    def __init__(self, families: Sequence[Sketched]) -> None:
        self._common = spectral.consensus([f.spectra for f in families if f.spectra is not None])
        known = [counted(f.tokens) for f in families if f.tokens is not None]
        self._middle = np.mean(known, axis=0) if known else np.zeros(TOKENS)

    def vectors(self, some: Sequence[Sketched]) -> F32:
        """``(n, 384)`` float32: two unit vectors each, zeros where a sketch is missing."""
        out = np.zeros((len(some), SPECTRAL + TOKENS), dtype=np.float32)
        have = [(k, s.spectra) for k, s in enumerate(some) if s.spectra is not None]
        if have:
            flat = self._residual([s for _, s in have])
            out[[k for k, _ in have], :SPECTRAL] = _unit(flat @ _projection(flat.shape[1]))
        for k, one in enumerate(some):
            if one.tokens is not None:
                out[k, SPECTRAL:] = _unit(self._peculiar(counted(one.tokens))[None])[0]
        return out

    def _residual(self, some: Sequence[Spectra]) -> F32:
        """``(n, 3072)``: every part without the consensus, in units of its own size."""
        stack = np.stack([s.profiles.astype(np.float32) for s in some])
        parts = spectral.by_part(np.where(np.isfinite(stack), stack - self._common.mean, 0.0), self._common)
        size = np.linalg.norm(parts, axis=2, keepdims=True)
        unit = np.divide(parts, size, out=np.zeros_like(parts), where=size > 0)
        return np.asarray(unit.reshape(len(some), -1), dtype=np.float32)

    def _peculiar(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        power = float(self._middle @ self._middle)
        return counts - (float(counts @ self._middle) / power * self._middle if power > 0 else 0.0)


def counted(tokens: TokenGeometry) -> NDArray[np.float64]:
    """A geometry as a count sketch ``(256,)``: every pair of tokens adds to a place, with a sign, that its hashes say.

    Whatever tokens two models have, their inner product is about that over the pairs which both have (Charikar, Chen
    and Farach-Colton 2002).
    """
    first, second = _upper(len(tokens.hashes))
    hashes = tokens.hashes.astype(np.uint64)
    mixed = hashes[first] * np.uint64(0x9E3779B97F4A7C15) ^ hashes[second] * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    place, sign = (mixed >> np.uint64(40)) % np.uint64(TOKENS), (mixed >> np.uint64(33)) & np.uint64(1)
    values = tokens.values - tokens.values.mean()
    return np.asarray(
        np.bincount(place.astype(np.int64), np.where(sign == 0, values, -values), TOKENS), dtype=np.float64
    )


@cache
def _upper(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    return np.triu_indices(count, 1)


@cache
def _projection(size: int) -> F32:
    return np.random.default_rng(1).standard_normal((size, SPECTRAL), dtype=np.float32)


def _unit(rows: Any) -> F32:
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, size, out=np.zeros_like(rows), where=size > 0), dtype=np.float32)


@dataclass(frozen=True)
class Few:
    """References whose sketches are worth comparing.

    Attributes:
        rows: theirs, as a JSON list.
        note: how they were chosen, a clause.
    """

    rows: str
    note: str


def candidates(
    db: sqlite3.Connection, folder: Path, mark: Sketched, families: Sequence[Sketched], most: int = CANDIDATES
) -> Few | None:
    """The references whose sketches are worth comparing with a model's.

    Args:
        db: the index, inside a transaction.
        folder: of the index; the file is made there where it is missing or stale.
        mark: the model.
        families: independent references.
        most: candidates to give, beside those that were added after the file was made.

    Returns:
        None where every sketch should be compared: there are few of them, ``forebear[ann]`` is not installed, or the
        file can neither be read nor written, or a sketch is damaged, which comparing them all will tell.
    """
    total = tally.sketched(db)
    if total < FEWEST:
        return None
    try:
        import faiss
    except (ImportError, OSError):
        return None
    try:
        about = _about(db, folder) or build(db, folder, families)
        found: Any = faiss.read_index(str(folder / FILE), faiss.IO_FLAG_MMAP)
        space = Space(_families(db, about["families"]))
    except (OSError, RuntimeError, ValueError):  # FAISS raises the second for a file that it cannot read or write
        return None
    found.nprobe = min(PROBES, found.nlist)
    _, near = found.search(space.vectors([mark]), most)
    later = db.execute("SELECT row FROM sketches WHERE row > ?", (about["last"],))
    rows = [int(row) for row in near[0] if row >= 0] + [int(row[0]) for row in later]
    note = f"an approximate search chose {len(rows):,} of {total:,} sketched references to compare"
    return Few(json.dumps(rows), note)


def _about(db: sqlite3.Connection, folder: Path) -> dict[str, Any] | None:
    """What is known of the file, None where it has to be made."""
    try:
        about = json.loads((folder / ABOUT).read_text("utf-8"))
        born, last, covered = about["born"], int(about["last"]), int(about["covered"])
        families = [int(row) for row in about["families"]]
        size = int(about["bytes"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    after = db.execute(f"SELECT count(*) {WITH_SKETCH} AND sketches.row > ?", (last,)).fetchone()[0]
    before = tally.sketched(db) - after
    same = about.get("version") == VERSION and born == db.execute("SELECT born FROM tally").fetchone()[0]
    there = (folder / FILE).stat().st_size == size if (folder / FILE).exists() else False
    if (
        not same
        or not there
        or before > covered
        or after > LATER * covered
        or len(_families(db, families)) < len(families)
    ):
        return None
    return {"last": last, "families": families}


def build(db: sqlite3.Connection, folder: Path, families: Sequence[Sketched]) -> dict[str, Any]:
    """Make the file: two passes over the sketches, a block in memory at a time; the same sketches give the same file.

    Raises:
        OSError: it cannot be written.
        RuntimeError: FAISS cannot write it.
    """
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)  # sums in another order would train other cells
    try:
        names = json.dumps([family.name for family in families])
        own = db.execute("SELECT row FROM models WHERE name IN (SELECT value FROM json_each(?)) ORDER BY row", (names,))
        consensus = [int(row[0]) for row in own]
        space = Space(_families(db, consensus))
        last, covered = db.execute(f"SELECT max(sketches.row), count(*) {WITH_SKETCH}").fetchone()
        sample = db.execute(f"SELECT name, spectra, tokens {WITH_SKETCH} ORDER BY digest LIMIT {TRAINED_ON}")
        trained_on = np.concatenate([space.vectors(some) for _, some in _blocks(sample)])
        cells = max(1, min(round(4 * math.sqrt(covered)), len(trained_on) // 39))
        made = faiss.index_factory(SPECTRAL + TOKENS, f"IVF{cells},SQfp16", faiss.METRIC_INNER_PRODUCT)
        made.train(trained_on)
        every = db.execute(f"SELECT sketches.row, name, spectra, tokens {WITH_SKETCH} ORDER BY sketches.row")
        for rows, some in _blocks(every):
            made.add_with_ids(space.vectors(some), np.array(rows, dtype=np.int64))
        part = folder / f".{FILE}.{os.getpid()}.part"
        try:
            faiss.write_index(made, str(part))
            about = {
                "version": VERSION,
                "born": db.execute("SELECT born FROM tally").fetchone()[0],
                "last": last,
                "covered": covered,
                "families": consensus,
                "bytes": part.stat().st_size,
            }
            (folder / ABOUT).unlink(missing_ok=True)
            part.replace(folder / FILE)
            (folder / ABOUT).write_text(json.dumps(about), "utf-8")
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return about
    finally:
        faiss.omp_set_num_threads(threads)


def _families(db: sqlite3.Connection, rows: Sequence[int]) -> list[Sketched]:
    query = (
        "SELECT name, spectra, tokens FROM json_each(?) JOIN sketches ON sketches.row = json_each.value"
        " JOIN models ON models.row = sketches.row ORDER BY sketches.row"
    )
    return [sketched(row) for row in db.execute(query, (json.dumps(list(rows)),))]


def _blocks(cursor: sqlite3.Cursor) -> Iterator[tuple[list[int], list[Sketched]]]:
    """Row numbers (where they were asked for) and sketches, a block at a time."""
    while block := cursor.fetchmany(BLOCK):
        numbers = [int(row["row"]) for row in block] if "row" in block[0].keys() else []  # noqa: SIM118
        yield numbers, [sketched(row) for row in block]
