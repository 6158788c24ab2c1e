"""How often the approximate search has the reference that comparing every sketch finds: python ann_recall.py [--small]

Random sketches that share a trend, as those of real models do, and disguised copies that drifted by several amounts.
For each the exact scores of all references are computed, and it is asked whether the best of them, and the first ten,
are among the candidates. Needs ``forebear[ann]``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from forebear.index import Addition, LocalIndex, ann
from forebear.index.independent import independent
from forebear.index.nominate import MOST_FAMILIES, Query, Sketched
from forebear.index.search import row_of
from forebear.index.storage import Storage
from forebear.signals import Fingerprint
from forebear.signals.spectra import Spectra
from forebear.signals.token_geometry import TokenGeometry
from index.fingerprints import make_sketched

FEW = (50, 200, 1_000)
DRIFTS = (0.5, 1.0, 2.0, 4.0)
"""In units of the drift that the tests call a little training."""


def drifted(mark: Fingerprint, size: float, seed: int) -> Sketched:
    """A reference's sketches after more or less training."""
    assert mark.spectra is not None and mark.tokens is not None
    rng = np.random.default_rng([seed, 9])
    profiles = mark.spectra.profiles + 0.03 * size * rng.standard_normal(mark.spectra.profiles.shape)
    moved = np.round(6 * size * rng.uniform(-1, 1, mark.tokens.codes.shape))
    codes = np.clip(mark.tokens.codes + moved, -127, 127).astype(np.int8)
    return Sketched("query", Spectra(profiles.astype(np.float16)), TokenGeometry(mark.tokens.hashes, codes))


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a thousand references")
    parser.add_argument("--models", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=20, help="of each drift")
    arguments = parser.parse_args()
    count = 1_000 if arguments.small else arguments.models
    ann.FEWEST = 1
    with tempfile.TemporaryDirectory() as folder:
        index = LocalIndex(Path(folder))
        every: list[Sketched] = []
        for first in range(0, count, 1_000):
            marks = [make_sketched(f"m{k}", k) for k in range(first, min(count, first + 1_000))]
            marks = [replace(m, code=replace(m.code, repeats=())) for m in marks]
            index.add_many([Addition(m, "/m") for m in marks])
            every += [Sketched(m.name, m.spectra, m.tokens) for m in marks]
            if not first:
                rows = np.frombuffer(b"".join(row_of(m.code) for m in marks), dtype=np.uint64).reshape(len(marks), -1)
                families = [every[k] for k in independent(rows[:256], MOST_FAMILIES)[0]]
                known = marks
        with Storage(Path(folder)).open() as db:
            start = time.perf_counter()
            ann.build(db, Path(folder), families)
            built = time.perf_counter() - start
            size = (Path(folder) / ann.FILE).stat().st_size
            print(f"{count:,} references; the file: {size / 1e6:.1f} MB, made in {built:.0f} s\n")
            print("| drift | candidates | best is among them | first ten among them | s, all | s, candidates |")
            print("| --- | --- | --- | --- | --- | --- |")
            for drift in DRIFTS:
                queries = [drifted(known[100 + k], drift, k) for k in range(arguments.queries)]
                table = []
                for query in queries:
                    start = time.perf_counter()
                    scores = Query(query, families).scores(every)
                    exact = time.perf_counter() - start
                    units = (scores - np.nanmean(scores, axis=0)) / np.nanstd(scores, axis=0)
                    order = np.argsort(-units.sum(axis=1), kind="stable")[:10].tolist()
                    for few in FEW:
                        start = time.perf_counter()
                        found = ann.candidates(db, Path(folder), query, families, few)
                        took = time.perf_counter() - start
                        assert found is not None
                        chosen = set(json.loads(found.rows))
                        table.append((few, order[0] in chosen, len(chosen & set(order)) / 10, exact, took))
                for few in FEW:
                    mine = np.array([row[1:] for row in table if row[0] == few], dtype=np.float64).mean(axis=0)
                    print(
                        f"| {drift} | {few} | {mine[0]:.3f} | {mine[1]:.3f} | {mine[2]:.2f} | {mine[3]:.3f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
