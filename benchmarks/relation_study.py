"""How are two models related, and who came first? Writes the tables of docs/relations.md and the calibration.

    python benchmarks/relation_study.py [--seed 1] [--cache DIR] [--jobs 2] [--classes NAME …] [--small]

Needs: pip install 'forebear[bench]'. Builds bases of eight families (those of the disguise study), two wide ones,
their children and the twins of their starts first, unless they are in the cache. Every pair is compared in both orders,
merges are scanned. Results are kept as lines of JSON under the digest of the package's own code, so that a run that was
cut off goes on and one after a change starts anew. A whole run rewrites the document's blocks (``--output``) from the
report bases and ``src/forebear/data/calibration/relations.toml`` (``--calibration``) from the others. One of some
classes, or a ``--small`` one (some minutes, hardly trained models, one pair a row), supports no claim and writes
neither.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from disguise_study import code_digest
from null.tables import fill
from relation import tables
from relation.kin import CALIBRATION, REPORT, kin
from relation.measure import IMPOSSIBLE, Result, index_of, make_index, measure, measure_blend
from relation.pairs import MERGES, Blend, Pair, a_few, merges_of, pairs_of
from zoo.build import CACHE, build_all
from zoo.recipes import Recipe

import derivations
from forebear.errors import ForebearError

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "relations.md"
SHARES = ROOT / "src" / "forebear" / "data" / "calibration" / "relations.toml"
SMALL = 1
"""Pairs of a row in a small run."""
Case = Pair | Blend


def kept(path: Path, code: str) -> dict[str, Result]:
    """Results of this code in a file, by key. A line that was cut off is left out."""
    found: dict[str, Result] = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
            if entry.pop("code") == code:
                found[entry["key"]] = Result.from_json(entry)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def done_of(case: Case, seed: int, there: Mapping[str, Result]) -> list[Result]:
    """Results of a case that are there; none where one of two orders is missing."""
    key = case.key(seed)
    if key in there:
        return [there[key]]
    both = [there[k] for k in (f"{key}|straight", f"{key}|turned") if k in there]
    return both if len(both) == 2 else []


def needed(cases: Sequence[Case]) -> list[Recipe]:
    """Everything that has to be built for these."""
    found: dict[str, Recipe] = {}
    for case in cases:
        own = [case.base]
        if isinstance(case, Blend):
            own += case.parents.values()
        else:
            own += [r for m in (case.a, case.b) for r in (m.recipe, m.other) if r is not None]
            own += [case.start] if case.start else []
        for recipe in own:
            step: Recipe | None = recipe
            while step is not None:
                found[step.digest] = step
                step = step.start
    return list(found.values())


def run(cases: Sequence[Case], cache: Path, path: Path, seed: int, jobs: int) -> Iterator[Result]:
    """Results of all cases as they come, those that are kept first; new ones are appended to the file.

    Raises:
        ForebearError: a base cannot be read.
    """
    code = code_digest(derivations)
    there = kept(path, code)
    missing = []
    for case in cases:
        ready = done_of(case, seed, there)
        yield from ready
        if not ready:
            missing.append(case)
    if not missing:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place, open(path, "a", encoding="utf-8") as stream:
        index = Path(place)
        make_index(index, [(n, cache / r.digest) for n, r in index_of([c for c in missing if isinstance(c, Blend)])])
        with ProcessPoolExecutor(max(1, jobs), mp_context=multiprocessing.get_context("spawn")) as pool:
            work = [
                pool.submit(measure_blend, c, cache, index, seed)
                if isinstance(c, Blend)
                else pool.submit(measure, c, cache, seed)
                for c in missing
            ]
            for done in as_completed(work):
                for result in done.result():
                    stream.write(json.dumps({"code": code, **asdict(result)}) + "\n")
                    yield result
                stream.flush()


def blocks(results: Sequence[Result], seed: int) -> dict[str, str]:
    """The document's blocks, but for what was run: of the report bases; false accusations of all of them."""
    own = [r for r in results if r.split == REPORT]
    return {
        "accuracy": tables.accuracy(own, seed),
        "confusion": tables.confusion(own),
        "named": tables.named(own),
        "direction": tables.directions(own, seed),
        "false": tables.false_accusations(results),
        "merges": tables.merges(own),
        "undecidable": tables.undecidable(own),
    }


def setting(built: int, results: Sequence[Result], seed: int) -> str:
    """What was run, with which versions and seed."""
    bases = {s: len({r.base for r in results if r.split == s}) for s in (REPORT, CALIBRATION)}
    impossible = sum(r.answer.verdict == IMPOSSIBLE for r in results)
    seconds = [r.answer.seconds for r in results]
    versions = ", ".join(f"{p} {version(p).split('+')[0]}" for p in ("torch", "transformers", "numpy"))
    return textwrap.fill(
        f"{built} trained models; {bases[REPORT]} bases are reported, {bases[CALIBRATION]} are for calibration. "
        f"{len(results):,} answers, {impossible} of them left out because the model could not be made; they took "
        f"{sum(seconds):.0f} CPU seconds, {max(seconds, default=0.0):.1f} at most. Seed {seed}, "
        f"Python {platform.python_version()}, {versions}, {platform.machine()}.",
        118,
    )


def main() -> None:
    """Build, measure what is missing, print, and write where the run was whole."""
    parser = argparse.ArgumentParser(description="Forebear's relation study.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="default: beside the models")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--classes", nargs="+", metavar="NAME", help="only these, as pairs are made")
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE.md")
    parser.add_argument("--calibration", type=Path, default=SHARES, metavar="FILE.toml")
    parser.add_argument("--small", action="store_true", help="a few minutes; supports no claim")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"  # for the processes that are started below
    began = time.time()
    everybody = kin(given.small)
    pairs = [p for one in everybody for p in pairs_of(one)]
    merges = [m for one in everybody for m in merges_of(one)]
    if given.small:
        pairs, merges = a_few(pairs, SMALL), merges[: len(MERGES)]
    cases: list[Case] = [p for p in pairs if not given.classes or p.truth in given.classes]
    cases += [m for m in merges if not given.classes or "merge" in given.classes]
    recipes, took = needed(cases), 0.0
    for turn, model in enumerate(build_all(recipes, given.cache, given.jobs), 1):
        took += model.seconds
        print(f"{turn:3} of {len(recipes)}  {model.line}", file=sys.stderr, flush=True)
    print(f"{len(recipes)} models ({took:.0f} CPU seconds): {time.time() - began:.0f} s", flush=True)
    path = given.results or given.cache / ("relations-small.jsonl" if given.small else "relations.jsonl")
    found: dict[str, Result] = {}
    for result in run(cases, given.cache, path, given.seed, given.jobs):
        found[result.key] = result
        if len(found) % 100 == 0:
            print(f"{len(found)} answers: {time.time() - began:.0f} s", file=sys.stderr, flush=True)
    results = [r for case in cases for r in done_of(case, given.seed, found)]
    made = {"setting": setting(len(recipes), results, given.seed), **blocks(results, given.seed)}
    print("\n\n".join(made.values()))
    shares = tables.calibration([r for r in results if r.split == CALIBRATION], given.seed)
    if given.small or given.classes:
        print("\nNothing was written: only a whole run is the study." + ("" if given.small else f"\n\n{shares}"))
        return
    given.output.write_text(fill(given.output.read_text("utf-8"), made), "utf-8")
    given.calibration.parent.mkdir(parents=True, exist_ok=True)
    given.calibration.write_text(shares, "utf-8")


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
