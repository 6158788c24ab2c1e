"""Declared lineage at the size of a hub: time and memory of the graph, its statistics and the audit of claims.

    python benchmarks/audit.py --small
    python benchmarks/audit.py --listings 3000000 [--through-index]
    python benchmarks/audit.py --zoo FOLDER

The listings are synthetic: nine of ten name a base, bases are chosen with a Zipf law (a few have most of the
derivatives), some by a former spelling, some that nobody lists, some in circles; the share of each is a guess and the
cost does not depend on it much. ``--through-index`` keeps them in a local index first and reads them from there.
``--zoo`` audits models of known ancestry (``models/`` and ``pairs.csv``), and holds every row and edge against it.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from forebear.errors import ForebearError
from forebear.index import Listing, LocalIndex
from forebear.inspect import enrol
from forebear.inspect.audit import audit
from forebear.inspect.audit_rows import Row
from forebear.inspect.statistics import statistics
from forebear.lineage.declared_graph import declared_graph

ORGANISATIONS = ("meta-llama", "Qwen", "mistralai", "google", "deepseek-ai", "microsoft", "someone", "elsewhere")
RELATIONS = ("finetune", "quantized", "adapter", "merge", "")
LICENCES = ("apache-2.0", "mit", "llama3.1", "gemma", "cc-by-nc-4.0", "other", "")


def synthetic(count: int, seed: int = 0) -> Iterator[Listing]:
    """Listings by name."""
    rng = np.random.default_rng(seed)
    bases = max(10, count // 300)
    step = max(1, count // bases)
    chosen = np.minimum(rng.zipf(1.3, count), bases) - 1
    draw = rng.random(count)
    kinds = rng.integers(0, len(RELATIONS), count)
    licences = rng.integers(0, len(LICENCES), count)
    for k in range(count):
        base = _name(int(chosen[k]) * step)
        if draw[k] < 0.1:
            named: tuple[str, ...] = ()
        elif draw[k] < 0.15:
            named = (f"gone/base-{chosen[k]}",)
        elif draw[k] < 0.2:
            named = (base.upper(),)
        elif draw[k] < 0.22:
            named = (base, _name(int(chosen[k] // 2) * step))
        else:
            named = (base,)
        month = 1 + k % 12
        when = f"{2022 + k % 4}-{month:02}-05T00:00:00Z"
        yield Listing(
            _name(k), f"{k:040x}", when, when, LICENCES[licences[k]], named, RELATIONS[kinds[k]], "2026-01-01T00:00:00Z"
        )


def _name(k: int) -> str:
    return f"{k:08}-{ORGANISATIONS[k % len(ORGANISATIONS)]}/model-{k % 70}B-{k}"


def memory() -> int:
    """Peak resident bytes of this process."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def zoo(place: Path, folder: Path) -> dict[str, object]:
    """Audit models of known ancestry: what was told, and whether the truth bears it out."""
    with (place / "pairs.csv").open(encoding="utf-8", newline="") as stream:
        truth = {frozenset((r["model_a"], r["model_b"])): r for r in csv.DictReader(stream)}
    index, left_out = LocalIndex(folder), []
    for model in sorted((place / "models").iterdir()):
        try:
            enrol(str(model), index, f"zoo/{model.name}", effort="quick")
        except ForebearError as error:
            left_out.append(f"{model.name}: {error.message}")
    found = audit(index, limit=0)

    def true(row: Row) -> str:
        pair = truth[frozenset(name.removeprefix("zoo/") for name in (row.who, row.other))]
        return f"related={pair['related']} ({pair['relation']})"

    measured = [r for r in found.rows if r.log10_p is not None]
    ties = [r for r in measured if r.finding.id == "ancestor-undeclared"]
    return {
        "models": found.models,
        "left_out": left_out,
        "declared_edges": found.edges,
        "borne_out": found.borne_out,
        "levels": dict(found.levels),
        "rows": [(r.kind, r.finding.level.value, r.who, r.other, r.log10_p, true(r)) for r in measured],
        "ties_that_are_none": sum(true(r).endswith("(independent)") for r in ties),
    }


def main() -> None:
    """Measure, and print a JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--listings", type=int, default=3_000_000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--through-index", action="store_true")
    parser.add_argument("--zoo", type=Path)
    asked = parser.parse_args()
    if asked.zoo is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(zoo(asked.zoo, Path(folder)), indent=2))
        return
    count = 20_000 if asked.small else asked.listings
    out: dict[str, float | int] = {"listings": count}

    def timed(name: str, started: float) -> None:
        out[f"{name}_cpu_seconds"] = round(time.process_time() - started, 2)

    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        index = LocalIndex(Path(folder))
        listings: Iterator[Listing] = synthetic(count)
        if asked.through_index:
            index.keep_listings(listings)
            timed("keep", started)
            listings = index.listings()
        else:
            for _ in synthetic(count):
                pass
            timed("generate", started)
        before = memory()
        started = time.process_time()
        graph = declared_graph(listings)
        timed("graph_with_reading", started)
        out["graph_bytes"] = memory() - before
        out |= {"edges": len(graph.base), "circles": len(graph.circles)}
        out["unknown_bases"] = int((graph.base < 0).sum())
        started = time.process_time()
        graph.roots()
        timed("roots", started)
        del graph
        if asked.through_index:
            started = time.process_time()
            found = audit(index, measure=False, limit=20)
            timed("audit_with_reading", started)
            out["rows"] = sum(found.counts.values())
            started = time.process_time()
            statistics(index, measure=False)
            timed("statistics_with_reading", started)
    out["peak_bytes"] = memory()
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
