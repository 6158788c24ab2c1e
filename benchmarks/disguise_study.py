"""Which disguises does Forebear see through, and whom does it accuse? Prints one Markdown table.

    python benchmarks/disguise_study.py [--cache DIR] [--results FILE.jsonl] [--jobs 2] [--rows NAME …] [--small]

Needs: pip install 'forebear[bench]'. Builds 22 bases of eight families and their children with benchmarks/zoo first,
unless they are in the cache. Results are kept as lines of JSON, under the digest of the package's own code, so that a
run that was cut off goes on and one after a change starts anew. ``--small`` takes two minutes, hardly trained models
and two pairs a row, and shows that everything runs; it supports no claim.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from disguise.bases import Base, bases
from disguise.measure import Result, make_index, measure
from disguise.rows import ROWS, Pair, a_few, pairs_of
from disguise.table import CAPTION, table
from zoo.build import CACHE, build_all

import disguises
import forebear
from forebear.errors import ForebearError

SMALL = 2
"""Pairs of a row in a small run."""
OTHERS = 4
"""Innocents that every model is compared with one by one; it is scanned against all of them in any case."""


def code_digest(*more: ModuleType) -> str:
    """BLAKE2b of the package's files, the disguises' and more: results of one code are not mixed with another's.

    What studies write into the package themselves is left out.
    """
    digest = hashlib.blake2b(digest_size=10)
    for root in (Path(module.__file__ or "").parent for module in (forebear, disguises, *more)):
        own = (p for p in root.rglob("*") if p.suffix in (".py", ".toml") and p.parent.name != "calibration")
        for path in sorted(own):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def kept(path: Path, code: str) -> dict[str, Result]:
    """Results of this code in a file, by key. A line that was cut off is left out."""
    found: dict[str, Result] = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            entry = json.loads(line)
            if entry.pop("code") == code:
                entry |= {k: tuple(entry[k]) for k in ("named", "accused")}
                found[entry["key"]] = Result(**entry)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def run(
    pairs: Sequence[Pair], chosen: Sequence[Base], cache: Path, path: Path, others: int, jobs: int
) -> Iterator[Result]:
    """Results of all pairs as they come, those that are kept first; new ones are appended to the file.

    Raises:
        ForebearError: a model cannot be read.
    """
    code = code_digest()
    there = kept(path, code)
    yield from (there[p.key] for p in pairs if p.key in there)
    missing = [p for p in pairs if p.key not in there]
    if not missing:
        return
    references = [(b.name, cache / b.recipe.digest) for b in chosen]
    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place, open(path, "a", encoding="utf-8") as stream:
        index = Path(place)
        make_index(index, references)
        with ProcessPoolExecutor(max(1, jobs), mp_context=multiprocessing.get_context("spawn")) as pool:
            work = [pool.submit(measure, p, cache, index, references, others) for p in missing]
            try:
                for done in as_completed(work):
                    result = done.result()
                    stream.write(json.dumps({"code": code, **asdict(result)}) + "\n")
                    stream.flush()
                    yield result
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # else hours may pass before the error is seen
                raise


def main() -> None:
    """Build, measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description="Forebear's disguise study.")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--results", type=Path, metavar="FILE.jsonl", help="default: beside the models")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rows", nargs="+", choices=[r.name for r in ROWS], metavar="NAME", help="only these rows")
    parser.add_argument("--others", type=int, default=None, metavar="N", help=f"default: {OTHERS}")
    parser.add_argument("--small", action="store_true", help="two minutes; supports no claim")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"  # for the processes that are started below
    began = time.time()
    chosen = bases(given.small)
    built = list(build_all([r for b in chosen for r in b.recipes], given.cache, given.jobs))
    print(f"{len(built)} models of {len(chosen)} bases: {time.time() - began:.0f} s", flush=True)
    rows = [r for r in ROWS if not given.rows or r.name in given.rows]
    pairs = [
        pair
        for turn, row in enumerate(rows)
        for pair in (a_few(row, chosen, SMALL, turn) if given.small else pairs_of(row, chosen))
    ]
    others = given.others if given.others is not None else 1 if given.small else OTHERS
    path = given.results or given.cache / ("disguises-small.jsonl" if given.small else "disguises.jsonl")
    found: dict[str, Result] = {}
    for result in run(pairs, chosen, given.cache, path, others, given.jobs):
        found[result.key] = result
        if len(found) % 100 == 0:
            print(f"{len(found)} of {len(pairs)} pairs: {time.time() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(found)} pairs: {time.time() - began:.0f} s\n")
    print(table([found[p.key] for p in pairs]) + "\n\n" + CAPTION)


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
