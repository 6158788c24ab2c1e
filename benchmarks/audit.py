"""Declared lineage at the size of a hub: time and memory of the graph, its statistics and the audit of claims.

    python benchmarks/audit.py --small
    python benchmarks/audit.py --listings 3000000 [--through-index]

The listings are synthetic: nine of ten name a base, bases are chosen with a Zipf law (a few have most of the
derivatives), some by a former spelling, some that nobody lists, some in circles; the share of each is a guess and the
cost does not depend on it much. ``--through-index`` keeps them in a local index first and reads them from there.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from forebear.index import Listing, LocalIndex
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


def main() -> None:
    """Measure, and print a JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--listings", type=int, default=3_000_000)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--through-index", action="store_true")
    asked = parser.parse_args()
    count = 20_000 if asked.small else asked.listings
    out: dict[str, float | int] = {"listings": count}

    def timed(name: str, started: float) -> None:
        out[f"{name}_cpu_seconds"] = round(time.process_time() - started, 2)

    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        listings: Iterator[Listing] = synthetic(count)
        if asked.through_index:
            index = LocalIndex(Path(folder))
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
        timed("graph", started)
    out["graph_bytes"] = memory() - before
    out["edges"] = len(graph.base)
    out["unknown_bases"] = int((graph.base < 0).sum())
    out["circles"] = len(graph.circles)
    started = time.process_time()
    graph.roots()
    timed("roots", started)
    out["peak_bytes"] = memory()
    print(json.dumps(out, indent=2))


if __name__ == "__main__":
    main()
