"""Forebear and the field's methods on trained models whose ancestry is known. Writes docs/lineage-benchmark.md.

    python benchmarks/lineage_study.py [--seed 1] [--cache DIR] [--jobs 2] [--zoo DIR] [--small]

Needs: pip install 'forebear[bench]'. Builds the bases, children and twins of the relation study first, unless they
are in the cache. One model in question is made at a time and held against its base and three independent models by
every method; what becomes of it is a line of JSON under the digest of all code that took part, so that a run that was
cut off goes on and one after a change starts anew. A whole run rewrites the document's blocks (``--output``) and the
picture (``--plot``). ``--zoo DIR`` runs all pairs of another zoo (``models``, ``truth.json``, ``pairs.csv``) instead,
with the same thresholds, and writes that block alone. ``--small`` (some minutes, hardly trained models, one query a
row) supports no claim and writes nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from disguise.bases import bases
from disguise.measure import make_index
from disguise_study import code_digest
from lineage.cases import FIT, NULL, REPORT, TIMED, TWIN, Query, queries
from lineage.measure import IMPOSSIBLE, Result, measure
from lineage.outside import ZOO, Listed, listed
from lineage.plots import coin_table, draw
from null.coins import fairness, simulated_rows
from null.tables import fair, fill
from zoo.build import CACHE, build_all
from zoo.recipes import Recipe

import derivations
from forebear.errors import ForebearError
from lineage import assignment, baselines, cases, outside, tables, view
from lineage import measure as measuring

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "lineage-benchmark.md"
PLOT = ROOT / "docs" / "lineage-benchmark.svg"
Case = Query | Listed
SIMULATED = 400
"""Tables of fair coins that the table of independent pairs is held against."""


def digest() -> str:
    """Of everything that a result follows from; what only shows results is left out."""
    state = hashlib.blake2b(code_digest(derivations, baselines).encode(), digest_size=10)
    for module in (assignment, cases, measuring, outside, view):
        state.update(Path(module.__file__ or "").read_bytes())
    return state.hexdigest()


def kept(path: Path, code: str) -> dict[str, list[Result]]:
    """Results of this code in a file, by the key of their query; a line that was cut off is left out."""
    found: dict[str, list[Result]] = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
            if entry["code"] == code:
                results = [Result.from_json(r) for r in entry["results"]]
                found[results[0].key] = results
        except (ValueError, KeyError, TypeError, IndexError):
            continue
    return found


def run(some: Sequence[Case], cache: Path, path: Path, seed: int, jobs: int, small: bool) -> Iterator[list[Result]]:
    """Results of all cases, a list for each as it comes, those that are kept first; new ones are appended to the file.

    Raises:
        ForebearError: a base cannot be read.
    """
    code = f"{digest()}-{seed}"
    there = kept(path, code)
    yield from (there[c.key] for c in some if c.key in there)
    missing = [c for c in some if c.key not in there]
    if not missing:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place, open(path, "a", encoding="utf-8") as stream:
        indexed = {b.name: cache / b.recipe.digest for b in bases(small) if not b.further}
        if any(isinstance(c, Query) and c.scanned for c in missing):
            make_index(Path(place), indexed.items())
        with ProcessPoolExecutor(max(1, jobs), mp_context=multiprocessing.get_context("spawn")) as pool:
            work: list[Future[tuple[Result, ...]]] = [
                pool.submit(measure, c, cache, Path(place), tuple(indexed), seed)
                if isinstance(c, Query)
                else pool.submit(c.measure)
                for c in missing
            ]
            try:
                for done in as_completed(work):
                    found = list(done.result())
                    stream.write(json.dumps({"code": code, "results": [asdict(r) for r in found]}) + "\n")
                    stream.flush()
                    yield found
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def needed(some: Sequence[Case]) -> list[Recipe]:
    """Everything that has to be built for these, with what it starts from."""
    found: dict[str, Recipe] = {}
    for recipe in (r for c in some if isinstance(c, Query) for r in c.recipes):
        step: Recipe | None = recipe
        while step is not None:
            found[step.digest] = step
            step = step.start
    return list(found.values())


def blocks(results: Sequence[Result], seed: int) -> dict[str, str]:
    """The document's blocks, but for the setting."""
    part = {p: [r for r in results if r.part == p] for p in (REPORT, FIT, NULL, TWIN, TIMED)}
    judge = tables.fitted(results)
    return {
        "methods": tables.by_method(part[REPORT], judge, part[TIMED]),
        "groups": tables.by_group(part[REPORT], judge),
        "rows": tables.by_row(part[REPORT], judge),
        "twins": tables.by_twin(part[TWIN], judge),
        "null": independent(part[NULL], seed),
        "refusals": tables.refusals(part[REPORT]),
    }


def independent(results: Sequence[Result], seed: int) -> str:
    """Whether the coins of independent pairs are fair, and the picture of them."""
    table = coin_table(results)
    if not len(table.n):
        return "No pair has coins."
    found = fairness(table, simulated_rows, seed, SIMULATED)
    picture = f"![p-values of independent pairs, and scores of all methods]({PLOT.name})"
    return fair({("independent pairs", "in place"): found}, ("what", "coins")) + f"\n\n{picture}"


def zoo_block(results: Sequence[Result]) -> str:
    """The tables of another zoo: by method, by difficulty, and what is not scored."""
    judge = tables.fitted(results)
    own = [r for r in results if r.part == ZOO]
    scored = [r for r in own if r.what in (outside.RELATED, outside.INDEPENDENT)]
    rest = [r for r in own if r not in scored]
    made = [tables.by_method(scored, judge, ()), tables.by_difficulty(scored, judge)]
    return "\n\n".join([*made, *([tables.by_twin(rest, judge)] if rest else [])])


def setting(results: Sequence[Result], built: int, seed: int) -> str:
    """What was run, with which versions and seed."""
    count = {p: sum(r.part == p and r.verdict != IMPOSSIBLE for r in results) for p in (REPORT, FIT, NULL, TWIN)}
    versions = ", ".join(f"{p} {version(p).split('+')[0]}" for p in ("torch", "transformers", "numpy"))
    clusters = len({r.cluster for r in results if r.part == REPORT})
    return textwrap.fill(
        f"{built} trained models; {clusters} bases are reported. {count[REPORT]:,} pairs are reported, {count[FIT]} "
        f"set thresholds, {count[NULL]} of independent starts show the nulls, {count[TWIN]} share a start. "
        f"Seed {seed}, Python {platform.python_version()}, {versions}, {platform.machine()}. The interval (95 %) of "
        f"each number of eight pairs of eight bases is {tables.intervals(8)}.",
        118,
    )


def main() -> None:
    """Build, measure what is missing, print, and write where the run was whole."""
    parser = argparse.ArgumentParser(description="Forebear beside the field's methods.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="default: beside the models")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--zoo", type=Path, metavar="DIR", help="all pairs of another zoo instead")
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE.md")
    parser.add_argument("--plot", type=Path, default=PLOT, metavar="FILE.svg")
    parser.add_argument("--small", action="store_true", help="some minutes; supports no claim")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"  # for the processes that are started below
    began = time.time()
    some: list[Case] = [q for q in queries(given.small) if given.zoo is None or q.part == FIT]
    if given.zoo is not None:
        some += listed(given.zoo)
    recipes = needed(some)
    for turn, model in enumerate(build_all(recipes, given.cache, given.jobs), 1):
        print(f"{turn:3} of {len(recipes)}  {model.line}", file=sys.stderr, flush=True)
    path = given.results or given.cache / ("lineage-small.jsonl" if given.small else "lineage.jsonl")
    found: dict[str, list[Result]] = {}
    for several in run(some, given.cache, path, given.seed, given.jobs, given.small):
        found[several[0].key] = several
        if len(found) % 100 == 0:
            print(f"{len(found)} of {len(some)} models: {time.time() - began:.0f} s", file=sys.stderr, flush=True)
    results = [r for c in some for r in found[c.key]]
    if given.zoo is not None:
        made = {"zoo": zoo_block(results)}
    else:
        made = {"setting": setting(results, len(recipes), given.seed), **blocks(results, given.seed)}
    print("\n\n".join(made.values()))
    print(f"\n{len(results):,} pairs: {time.time() - began:.0f} s")
    if given.small:
        print("Nothing was written: only a whole run is the study.")
        return
    given.output.write_text(fill(given.output.read_text("utf-8"), made), "utf-8")
    if given.zoo is None:
        draw(given.plot, [r for r in results if r.part == NULL], tables.fitted(results), given.seed)


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
