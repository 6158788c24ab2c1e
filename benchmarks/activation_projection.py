"""Learn along which directions training moves the geometry of any model, and write what the package ships.

    python benchmarks/activation_projection.py [--cache DIR] [--jobs 2] [--write]

Needs: pip install 'forebear[bench]'. From bases that no report is about and their trained descendants, built first by
benchmarks/zoo unless they are in the cache. Prints how much of what training changes lies in the directions.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from activation.models import learned, parted
from activation.scores import sketch_of
from activation.sketch import Sample, Seen, seen
from zoo.build import CACHE, build_all

from forebear.signals.activations import SLOTS, units
from forebear.signals.projection import VERSION, Projection

DATA = Path(__file__).resolve().parents[1] / "src" / "forebear" / "data" / "activations" / f"{VERSION}.npz"
DIRECTIONS = 8
"""Of every depth. With 4, 16 or 32 the report hardly differs (docs/activations.md)."""


def learn(pairs: Sequence[tuple[Seen, Seen]], count: int = DIRECTIONS) -> tuple[Projection, list[float]]:
    """The main directions of what differs between bases and descendants, and the share of it along them, by depth.

    A descendant's part along its base is left out: how far it came is no direction. The share that is taken off is that
    of a ridge at the first direction that is left alone.
    """
    both = [units([sketch_of(one) for one in side]) for side in zip(*pairs, strict=True)]
    mean = np.nanmean(both[0], axis=0)
    bases, children = (np.where(np.isfinite(x), x - mean, 0).astype(np.float64) for x in both)
    directions, shares, told = [], [], []
    for slot in range(SLOTS):
        base, child = bases[:, slot], children[:, slot]
        scale = (child * base).sum(axis=1) / np.maximum((base * base).sum(axis=1), 1e-12)
        _, sizes, axes = np.linalg.svd(child - base * scale[:, None], full_matrices=False)
        power = sizes**2
        directions.append(axes[:count])
        shares.append(1 - np.sqrt(power[count] / (power[:count] + power[count])))
        told.append(float(power[:count].sum() / power.sum()))
    return Projection(np.array(directions, dtype=np.float32), np.array(shares, dtype=np.float32)), told


def main() -> None:
    """Build, measure, learn."""
    parser = argparse.ArgumentParser(description="Forebear's projection of activations.")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--write", action="store_true", help=f"write {DATA.name}")
    given = parser.parse_args()
    families, _ = parted(learned())
    recipes = [r for f in families for r in (f.base, *f.children.values())]
    list(build_all(recipes, given.cache, given.jobs))
    samples = [Sample(r.digest, given.cache / r.digest) for r in recipes]
    found = {one.sample.key: one for one in seen(samples, given.cache / "activations", given.jobs)}
    pairs = [
        (found[f.base.digest], found[c.digest])
        for f in families
        for c in f.children.values()
        if found[f.base.digest].sketch is not None and found[c.digest].sketch is not None
    ]
    projection, told = learn(pairs)
    print(f"{len(pairs)} descendants of {len(families)} bases; share of what training changes, by depth:")
    print(", ".join(f"{share:.1%}" for share in told))
    if given.write:
        DATA.parent.mkdir(exist_ok=True)
        DATA.write_bytes(projection.to_bytes())
        print(f"{DATA}: {DATA.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
