"""What do scores of independent models look like, and what is a score worth? Writes docs/calibration.md's tables.

    python benchmarks/calibration_study.py [--seed 1] [--cache DIR] [--jobs 2]

Needs: pip install 'forebear[bench]'. Builds the set ``null`` of benchmarks/zoo and the disguise study's bases with two
children each first (about thirty minutes of two cores unless they are in the cache), then scores pairs (about five
minutes). Writes the tables and plots of the document (``--output``) and what the package ships
(``--calibration``). The same seed, versions and processor give the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import textwrap
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from calibration import plots, tables
from calibration.quality import held_out, ratios
from calibration.scores import CONSENSUS, Model, Scored, independent, matched, null_pairs, opened, related, scores_of
from disguise.bases import bases
from null.tables import fill
from zoo.build import CACHE, Built, build_all
from zoo.recipes import SETS, Recipe

from forebear.errors import ForebearError
from forebear.lineage.calibration import SHIPPED, Calibration
from forebear.version import __version__

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "calibration.md"
KEPT = ROOT / "src" / "forebear" / "data" / "calibration" / SHIPPED
CONSENSUSES = (3, CONSENSUS, 20, 48)
PACKAGES = ("torch", "transformers", "tokenizers", "numpy")


def built(recipes: Iterable[Recipe], cache: Path, jobs: int) -> dict[str, Built]:
    """Models by the digests of their recipes."""
    return {b.recipe.digest: b for b in build_all(recipes, cache, jobs)}


def study(cache: Path, jobs: int, seed: int) -> tuple[list[Model], list[tuple[Model, Model]], list[Scored]]:
    """Independent models, children with their bases, and all scores.

    Raises:
        ForebearError: a model cannot be built or read.
    """
    null, several = SETS["null"](), bases()
    there = built([*null, *(r for b in several for r in (b.recipe, b.light, b.long))], cache, jobs)
    models = [opened(there[r.digest]) for r in null]
    children = []
    for b in several:
        base = opened(there[b.recipe.digest])
        children += [(opened(there[r.digest]), base) for r in (b.light, b.long)]
    found = [*independent(models, seed), *related(children, models, seed), *matched(models, children, seed)]
    return models, children, found


def calibration_of(
    models: Sequence[Model], children: Sequence[tuple[Model, Model]], found: Sequence[Scored], seed: int
) -> Calibration:
    """What is shipped."""
    digests = [m.built.recipe.digest for m in (*models, *(m for pair in children for m in pair))]
    made: dict[str, str | int] = {
        "source": f"{len(models)} small independent models that were trained for this (docs/calibration.md)",
        "models": len(models),
        "families": len({m.family for m in models}),
        "related_bases": len({base.name for _, base in children}),
        "related_families": len({base.family for _, base in children}),
        "consensus": CONSENSUS,
        "recipes": hashlib.blake2b(" ".join(digests).encode(), digest_size=10).hexdigest(),
        "seed": seed,
        "forebear_version": __version__,
        "made_with": ", ".join(f"{p} {version(p).split('+')[0]}" for p in PACKAGES),
        "written_by": "benchmarks/calibration_study.py",
    }
    return Calibration(made, {s: scores_of(s, found) for s in dict.fromkeys(x.signal for x in found)})


def setting(models: Sequence[Model], children: Sequence[tuple[Model, Model]], seed: int) -> str:
    """What was run, and why there is no calibration of experts."""
    routed = [m for m in models if m.mark.shape.get("experts")]
    pairs = len(null_pairs(routed, "twin", seed))
    versions = ", ".join(f"{p} {version(p).split('+')[0]}" for p in PACKAGES)
    return textwrap.fill(
        f"{len(models)} independent models of {len({m.family for m in models})} families; "
        f"{len({b.name for _, b in children})} bases of {len({b.family for _, b in children})} families with "
        f"{len(children)} descendants. Of models with experts there are {len(routed)}, which make {pairs} disjoint "
        f"pairs of one shape and tokenizer. Seed {seed}, Python {platform.python_version()}, {versions}, "
        f"{platform.machine()}.",
        118,
    )


def main() -> None:
    """Run the study and write what it found."""
    parser = argparse.ArgumentParser(description="Calibrate Forebear's scores on models of known ancestry.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE")
    parser.add_argument("--calibration", type=Path, default=KEPT, metavar="FILE")
    given = parser.parse_args()
    document = given.output.read_text("utf-8")
    models, children, found = study(given.cache, given.jobs, given.seed)
    held = {signal: list(held_out(signal, found)) for signal in dict.fromkeys(s.signal for s in found)}
    by_size = {size: list(independent(models, given.seed, size)) for size in CONSENSUSES}
    folder = given.output.with_suffix("")
    folder.mkdir(exist_ok=True)
    for signal, several in held.items():
        own = [s for s in found if s.signal == signal and s.kind != "any"]
        plots.draw(folder / f"{signal.split('/')[0]}.svg", own, ratios(several))
    blocks = {
        "setting": setting(models, children, given.seed),
        "nulls": tables.nulls(found),
        "uniformity": tables.uniformity(held),
        "quality": tables.quality(held),
        "sizes": tables.sizes(by_size),
    }
    given.output.write_text(fill(document, blocks), "utf-8")
    given.calibration.write_text(calibration_of(models, children, found, given.seed).to_text(), "utf-8")
    for text in blocks.values():
        print(f"{text}\n")


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
