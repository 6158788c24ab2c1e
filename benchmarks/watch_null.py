"""Does a watch ever accuse an innocent model? Trained models, coins under the null, and the null study's pairs.

    python benchmarks/watch_null.py [--small] [--zoo DIR]

Three counts. Of a zoo with known lineage (``pairs.csv`` beside ``models/``), every model is guarded in turn and every
other one is watched: matches among independent pairs, by what the two have in common, and among related ones. Of
fair coins in the places of real codes, every pair. Of the trained models of docs/null-study, every pair's pooled coins
(what each layer alone shows is not in that file). It prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import math
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np

from forebear.attest.fingerprints import Mark
from forebear.attest.replay import coins
from forebear.errors import InputError
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.inspect.watch import price, watch
from forebear.lineage.counts import LOG10_ALPHA
from forebear.signals.binomial import log10_tail
from forebear.signals.layout import CODE_BITS

PAIRS = Path(__file__).resolve().parents[1] / "docs" / "null-study" / "pairs.csv.gz"
Row = tuple[str, int, int]


def upper(pairs: int, found: int = 0) -> float:
    """Clopper-Pearson, 95 %, one-sided, for no match among so many pairs; one where there was a match."""
    return 1 - 0.05 ** (1 / pairs) if pairs and not found else 1.0


def zoo_rows(zoo: Path, folder: Path, small: bool) -> Iterator[Row]:
    """Kind of pair, how many ordered pairs, how many matches."""
    index = LocalIndex(folder)
    names = []
    for model in sorted((zoo / "models").iterdir())[: 12 if small else None]:
        try:
            enrol(str(model), index, model.name, effort="quick")
        except InputError:
            continue  # an adapter has no coins of its own
        names.append(model.name)
    with open(zoo / "pairs.csv", encoding="utf-8") as stream:
        known = {frozenset((r["model_a"], r["model_b"])): r for r in csv.DictReader(stream)}
    tally: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for guarded in names:
        for name in names:
            row = known.get(frozenset((guarded, name)))
            if row is None:
                continue
            truth = "related" if row["related"] == "1" else "independent" if row["scored"] == "1" else "not decidable"
            kind = f"{truth}: {row['difficulty'].removeprefix('neg:')}"
            tally[kind][0] += 1
            tally[kind][1] += bool(watch(name, index, [guarded]))
    yield from ((kind, n, found) for kind, (n, found) in sorted(tally.items()))


def null_codes(like: Mark, count: int) -> list[Mark]:
    """Fair coins in the places of a real model's code."""
    rng = np.random.default_rng(1)
    made = (np.packbits(rng.integers(0, 2, CODE_BITS, dtype=np.uint8)) & like.code.valid for _ in range(count))
    return [replace(like, name=f"null {k}", code=replace(like.code, bits=bits)) for k, bits in enumerate(made)]


def smallest(marks: list[Mark]) -> tuple[int, float]:
    """Pairs, and the smallest log10 p of them."""
    found = [coins(a, b)[0].log10_p for a, b in combinations(marks, 2)]
    return len(found), min(found)


def study() -> tuple[int, int, float]:
    """Models and pairs of the null study, and the smallest log10 p of their pooled codes."""
    with gzip.open(PAIRS, "rt", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    models = {name for row in rows for name in (row["one"], row["two"])}
    tails = []
    for row in rows:
        n, agree = (
            sum(int(v) for k, v in row.items() if k.startswith("codes_") and k.endswith(end) and v)
            for end in ("_n", "_agree")
        )
        if n:
            tails.append(log10_tail(agree, n))
    return len(models), len(tails), min(tails)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", action="store_true", help="a few models and codes")
    parser.add_argument("--zoo", type=Path, help="a folder with models/ and pairs.csv")
    asked = parser.parse_args()
    os.environ["FOREBEAR_OFFLINE"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        demo = Path(__file__).resolve().parents[1] / "src" / "forebear" / "data" / "demo" / "base"
        index = LocalIndex(Path(folder) / "demo")
        mark = enrol(str(demo), index, effort="quick").fingerprint
        like = Mark(mark.name, mark.digest, mark.shape, replace(mark.code, repeats=()))
        print("| pairs | kind | matches | 95 % below |\n| --- | --- | --- | --- |")
        if asked.zoo is not None:
            for kind, n, found in zoo_rows(asked.zoo, Path(folder) / "zoo", asked.small):
                bound = f"{upper(n, found):.1e}" if kind.startswith("independent") else ""
                print(f"| {n:,} | {kind} | {found:,} | {bound} |")
        models, count, least = study()
        level = LOG10_ALPHA - math.log10(price(1, models))
        print(f"| {count:,} | null study, {models} trained models | {int(least <= level)} | {upper(count):.1e} |")
        print(f"\nSmallest p of the null study: 1e{least:.1f}; a watch of one over {models} asks for 1e{level:.1f}.")
        pairs, least = smallest(null_codes(like, 20 if asked.small else 120))
        print(f"Smallest p of {pairs:,} pairs of fair coins: 1e{least:.1f}.")


if __name__ == "__main__":
    main()
