"""How much of a family tree is right? Writes the tables of docs/tree.md.

    python benchmarks/tree_study.py [--cache DIR] [--collection DIR] [--split report|calibration] [--jobs 2] [--small]

Needs: pip install 'forebear[bench]'. Trains a zoo of families first (chains to the fourth generation, stars, siblings
on the same texts, adapters, edits, merges, twins of one start, strangers), unless it is in the cache: about two CPU
seconds a model. Rules and numbers of the tree were settled with the calibration half; the document shows the other.
With a folder of the collection of trained models that is no part of the repository (``--collection``, with its
``truth.json``), its tree is drawn as well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from null.tables import fill
from tree.measure import BINS, Score, Truth, score, share, table
from tree.zoo import Member, needed, zoo
from zoo.build import CACHE, build_all

from disguises.network import Inapplicable
from forebear.errors import ForebearError
from forebear.inspect import family_tree

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "tree.md"


def written(members: Sequence[Member], cache: Path, out: Path) -> tuple[list[str], list[Truth]]:
    """A folder of every member under its name, and what is true of those that could be made."""
    folders: dict[str, Path] = {}
    truths: list[Truth] = []
    for member in members:
        place = out / member.name
        try:
            made = member.write(cache, place, folders)
        except Inapplicable:
            continue
        if made != place:
            shutil.copytree(made, place)  # a model is called after its folder
        folders[member.name] = made
        family = member.start or member.family
        truths.append(Truth(member.name, family, member.parents, member.kind, bool(member.start)))
    return [str(out / name) for name in folders], truths


def collected(folder: Path) -> tuple[list[str], list[Truth]]:
    """The models of the collection, without adapters and what inherits no weights, and what is true of them."""
    entries = json.loads((folder / "truth.json").read_text("utf-8"))["models"]
    starts = {e["init_seed"]: e["id"] for e in entries if e["kind"] == "base" and not e["id"].endswith("sameinit")}
    targets, truths = [], []
    for e in entries:
        if e["kind"] == "adapter" or not e["weight_lineage"]:
            continue
        twin = starts.get(e["init_seed"], "") if e["id"].endswith("sameinit") else ""
        root = next((x["family"] for x in entries if x["id"] == twin), e["family"])
        targets.append(str(folder / "models" / e["id"]))
        truths.append(
            Truth(e["id"], root, tuple(p["id"] for p in e["parents"]), e["kind"], e["id"].endswith("sameinit"))
        )
    return targets, truths


def measured(targets: Sequence[str], truths: Sequence[Truth], jobs: int) -> tuple[Score, str]:
    """The score of one tree, and what it took in words."""
    began = time.time()
    tree = family_tree(targets, workers=jobs, on_step=lambda step: print(step, file=sys.stderr, end="\r"))
    for problem in tree.problems:
        print(problem, file=sys.stderr)
    found = score(tree, truths)
    took = f"{len(targets)} models, {len(tree.edges)} edges, {time.time() - began:.0f} s with {jobs} processes"
    return found, f"{took}, {tree.cost.peak_memory_bytes / 1e6:.0f} MB"


def blocks(name: str, found: Score, took: str) -> dict[str, str]:
    """The tables of one tree, by name of the block in the document."""
    rows = [
        ("parents that stand beside their child", share(found.undirected)),
        ("directions that are right, of those named", share(found.directed)),
        ("true edges that have a direction", share(found.answered)),
        ("merges told with their parents and no other", share(found.merges)),
        ("models falsely called a merge", str(found.false_merges)),
        ("edges between independent models", str(found.false_edges)),
        ("directions between two trainings from one start", str(found.false_starts)),
    ]
    kinds = [(kind, share(pair)) for kind, pair in sorted(found.links.items())]
    ends = dict(zip(BINS, (*BINS[1:-1], 1.0), strict=False))
    bins = [(f"{low:.2f} to {ends[low]:.2f}", share(pair)) for low, pair in found.drawn.items()]
    return {
        f"{name}-setting": took + ".",
        f"{name}-score": table(rows, "what", "found"),
        f"{name}-kinds": table(kinds, "child", "beside its parent"),
        f"{name}-support": table(bins, "support", "edges that are true"),
    }


def main() -> None:
    """Build, measure, print, and write where the run was that of the document."""
    parser = argparse.ArgumentParser(description="Forebear's study of family trees.")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR", help="where small models are kept")
    parser.add_argument("--collection", type=Path, metavar="DIR", help="with truth.json and models/")
    parser.add_argument("--split", choices=("report", "calibration"), default="report")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE.md")
    parser.add_argument("--small", action="store_true", help="hardly trained models; supports no claim")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"  # for the processes that are started below
    made: dict[str, str] = {}
    if given.collection and (given.collection / "truth.json").is_file():
        found, took = measured(*collected(given.collection), given.jobs)
        made |= blocks("collection", found, took)
        print(*found.wrong, sep="\n")
    else:
        print("the collection of trained models is not here (--collection): left out", file=sys.stderr)
    members = zoo(given.split, given.small)
    recipes = needed(members)
    for turn, model in enumerate(build_all(recipes, given.cache, given.jobs), 1):
        print(f"{turn:3} of {len(recipes)}  {model.line}", file=sys.stderr, flush=True)
    with TemporaryDirectory() as place:
        found, took = measured(*written(members, given.cache, Path(place)), given.jobs)
    made |= blocks("zoo", found, took)
    print(*found.wrong, sep="\n")
    print("\n\n".join(f"{name}\n{text}" for name, text in made.items()))
    if given.small or given.split != "report":
        print("\nNothing was written: only the report half is the study.")
        return
    given.output.write_text(fill(given.output.read_text("utf-8"), made), "utf-8")


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
