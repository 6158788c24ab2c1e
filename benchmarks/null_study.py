"""Is every sign coin fair between independent models, and what does the test find? Writes docs/null-study.md's tables.

    python benchmarks/null_study.py [--seed 1] [--cache DIR] [--jobs 2] [--only PART | --families A,B] [--output FILE]

Needs: pip install 'forebear[bench]'. Builds the sets ``null``, ``replicate`` and ``shared-start`` of benchmarks/zoo
first (about twenty minutes of two cores unless they are in the cache), then counts and draws (about twenty minutes of
one). ``--only aligned`` counts coins after alignment alone, about eight of those minutes; ``--only disguise`` looks at
the second frame, the resemblance of neurons and the whole comparison, about fifteen. For both the set ``null`` is
enough. ``--families llama,mistral,qwen2,qwen3`` looks in the latter way at every pair of these (1,128 of 48 models),
about twenty minutes. The same seed, versions and processor give the same document.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import math
import os
import platform
import textwrap
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np
from null import experiments, plots, resembled, tables
from null.aligned import FRAMES, PRODUCT, aligned_counts, chosen_pairs, drifted_copies, repeating_pairs
from null.coins import Fairness, Table, clopper_pearson, fairness, simulated_codes, simulated_rows
from null.experiments import Located
from null.pairs import METHODS, POOLED, Counted, all_pairs, groups_of, open_model, table_of
from null.power import Power, drifted_models, simulated
from null.undone import GUESSED, RECOGNISED, SEEN, UNDONE, Looked, drawn_pairs, look
from zoo.build import CACHE, Built, build_all
from zoo.recipes import SETS

from forebear.errors import ForebearError
from forebear.lineage import Counts

T = TypeVar("T", bound=Counted)
DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "null-study.md"
SIMULATORS = {"codes": simulated_codes} | dict.fromkeys(("rows", *FRAMES, *SEEN), simulated_rows)
TRIALS, PARENTS, PADDED_PAIRS, CLONES, VERDICT_PAIRS = 100, 24, 45, 8, 400
CROSSED, DISGUISED = 5_000, 8


def locate(built: Iterable[Built]) -> list[Located]:
    """Open models with their folders, by the order of their recipes.

    Raises:
        InputError: a model cannot be read, or Forebear does not know its family.
    """
    return [(open_model(b.recipe.name, b.recipe.family, b.folder), b.folder) for b in built]


def built_set(name: str, cache: Path, jobs: int, families: Sequence[str] = ()) -> list[Built]:
    """All models of a set, or those of some families, in its order."""
    recipes = [r for r in SETS[name]() if not families or r.family in families]
    done = {built.recipe.digest: built for built in build_all(recipes, cache, jobs)}
    return [done[recipe.digest] for recipe in recipes]


def by_group(
    pairs: Sequence[Counted], seed: int, draws: int, groups: Sequence[str] = (), methods: Sequence[str] = METHODS
) -> dict[tuple[str, str], Fairness]:
    """Fairness of the pooled counts and of every group that at least two pairs have, or of some, by method."""
    wanted = groups or (POOLED, *groups_of(pairs, methods))
    found = {(m, g): table_of(pairs, m, g) for m in methods for g in wanted}
    return {key: fairness(t, SIMULATORS[key[0]], seed, draws) for key, t in found.items() if len(t.n) > 1}


def by_family(pairs: Sequence[Counted], seed: int, draws: int, method: str = "rows") -> dict[tuple[str, str], Fairness]:
    """Fairness of the pooled counts by rows, or another method, of all pairs in which a family takes part."""
    out = {}
    for family in dict.fromkeys(f for pair in pairs for f in pair.families):
        table = table_of([p for p in pairs if family in p.families], method)
        out[method, family] = fairness(table, SIMULATORS[method], seed, draws)
    return out


def sample(models: Sequence[Located], pairs: Sequence[Counted], count: int, seed: int) -> list[tuple[Located, Located]]:
    """Random pairs that have coins, all of them where there are fewer."""
    at = {model.name: (model, folder) for model, folder in models}
    chosen = np.random.default_rng(seed).permutation(len(pairs))[:count]
    return [(at[pairs[k].one], at[pairs[k].two]) for k in sorted(chosen.tolist())]


def write_counts(path: Path, pairs: Sequence[Counted], methods: Sequence[str] = METHODS) -> None:
    """Every count as compressed CSV (the same bytes for the same counts): pair, and coins and agreements by group."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    groups = groups_of(pairs, methods)
    names = [f"{m}_{g}_{x}" for m in methods for g in groups for x in ("n", "agree")]
    writer.writerow(["one", "two", *names])
    for pair in pairs:
        tails = [pair.of(m).groups.get(g) for m in methods for g in groups]
        writer.writerow([pair.one, pair.two, *(x for t in tails for x in ((t.n, t.agree) if t else ("", "")))])
    path.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def write_power(path: Path, points: Sequence[Power]) -> None:
    """Every point of the power curves as CSV."""
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(asdict(points[0])), lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(p).items()} for p in points)


def setting(built: Sequence[Built], pairs: Sequence[Counted], seed: int) -> str:
    """What was run, with which versions and seed."""
    families = ", ".join(f"{f} {n}" for f, n in Counter(b.recipe.family for b in built).items())
    seconds = [b.seconds for b in built]
    drop = [np.mean(b.losses[:5]) - np.mean(b.losses[-10:]) for b in built]
    versions = ", ".join(f"{p} {version(p).split('+')[0]}" for p in ("torch", "transformers", "tokenizers", "numpy"))
    return textwrap.fill(
        f"{len(built)} independent models ({families}); {len(pairs):,} of {len(built) * (len(built) - 1) // 2:,} pairs "
        f"have coins in common. Training took {sum(seconds):.0f} CPU seconds, {max(seconds):.1f} at most for "
        f"one model; the loss fell by {np.median(drop):.1f} nats per token (median; least {min(drop):.1f}). "
        f"Seed {seed}, Python {platform.python_version()}, {versions}, {platform.machine()}.",
        118,
    )


def summary(found: Sequence[Mapping[tuple[str, str], Fairness]], what: str = "The tables of this section print") -> str:
    """How small the smallest of all p-values is, beside how many there are."""
    values = [(p, *key, name) for part in found for key, f in part.items() for name, p in f.p.items()]
    least, method, group, name = min(values)
    below = sum(v[0] <= 0.05 for v in values)
    return textwrap.fill(
        f"{what} {len(values)} p-values, which are not independent of one another. "
        f"{below} are at or below .05 (expected {0.05 * len(values):.0f}); the smallest is {least:.3f} "
        f"({method}, {group}, {name}); paid for their number: {min(1.0, least * len(values)):.2f}.",
        118,
    )


def study(document: Path, cache: Path, seed: int, jobs: int, draws: int = 999) -> dict[str, str]:
    """Run everything, write data and plots beside the document, return its blocks.

    Raises:
        ForebearError: a model cannot be built or read.
    """
    folder = folder_of(document)
    built = built_set("null", cache, jobs)
    models = locate(built)
    pairs = list(all_pairs([model for model, _ in models]))
    say(f"{len(pairs)} pairs counted")
    groups, families = by_group(pairs, seed, draws), by_family(pairs, seed, draws)
    hardest = by_group(twins_of(pairs), seed, draws)
    every = {m: {g: table_of(pairs, m, g) for g in (POOLED, *groups_of(pairs))} for m in METHODS}
    pooled: dict[str, Table] = {m: every[m][POOLED] for m in METHODS}
    write_counts(folder / "pairs.csv.gz", pairs)
    plots.draw_null(folder / "z.svg", pooled)
    plots.draw_uniform(folder / "uniform.svg", every, seed)
    fresh = [m for m, _ in locate(built_set("replicate", cache, jobs))]
    again = by_group(list(all_pairs(fresh)), seed, draws)
    say("fairness done")

    llamas = [(m, f) for m, f in models if m.name.startswith("twin-")]
    grown = list(experiments.padded_pairs(llamas, PADDED_PAIRS))
    starts = locate(built_set("shared-start", cache, jobs))
    shared = list(experiments.outcomes(list(zip(starts[::2], starts[1::2], strict=True))))
    own = experiments.layers_against_layers([m for m, _ in models])
    repeating = sum(experiments.repeats_itself(m) for m, _ in models)
    caught, between, judged = experiments.cloned_layers(llamas[:CLONES])
    say("known cases done")

    points = [*simulated(seed, TRIALS), *drifted_models(llamas + models[12:PARENTS], seed)]
    write_power(folder / "power.csv", points)
    plots.draw_power(folder / "power.svg", points)
    say("power done")
    independent = list(experiments.outcomes(sample(models, pairs, VERDICT_PAIRS, seed)))

    return {
        "setting": setting(built, pairs, seed),
        "groups": tables.fair(groups, ("method", "group")),
        "summary": summary((groups, again, families, hardest)),
        "families": tables.fair(families, ("method", "with")),
        "replicate": tables.fair(again, ("method", "group")),
        "hardest": tables.fair(hardest, ("method", "group")),
        "levels": tables.levels(pooled, {m: experiments.below_verdict(pairs, m) for m in METHODS}),
        "padding": tables.padding(grown),
        "shared": tables.outcomes(shared),
        "selves": tables.fair({("rows", "two layers"): fairness(own, simulated_rows, seed, draws)}, ("method", "of"))
        + f"\n\n{repeating} of {len(models)} models were found to repeat themselves.",
        "cloned": f"{caught} of {CLONES} copies with a cloned layer were noticed. All pairs of such copies:\n\n"
        + tables.fair(by_group(between, seed, draws, (POOLED,)), ("method", "group"))
        + "\n\n"
        + tables.verdicts(judged),
        "power": tables.power(points),
        "verdicts": tables.verdicts(independent),
    }


def study_aligned(document: Path, models: Sequence[Located], seed: int, draws: int = 999) -> dict[str, str]:
    """The coins after alignment of independent models: data and plots beside the document, and its blocks.

    Raises:
        InputError: a model cannot be read.
    """
    folder = folder_of(document)
    chosen = chosen_pairs([model for model, _ in models], CROSSED, seed)
    pairs = list(aligned_counts(chosen))
    say(f"{len(pairs)} pairs aligned")
    groups = by_group(pairs, seed, draws, methods=FRAMES)
    hardest = by_group(twins_of(pairs), seed, draws, methods=FRAMES)
    families = by_family(pairs, seed, draws, PRODUCT)
    pooled = {m: table_of(pairs, m) for m in FRAMES}
    write_counts(folder / "aligned-pairs.csv.gz", pairs, FRAMES)
    plots.draw_null(folder / "aligned-z.svg", pooled)
    say("fairness after alignment done")
    parents = [(m, f) for m, f in models if m.family in ("llama", "mistral") and not m.name.startswith("twin-")]
    made = {
        (what, group): f
        for what, several in repeating_pairs(models, seed).items()
        for (_, group), f in by_group(several, seed, draws, methods=(PRODUCT,)).items()
    }
    copies = list(drifted_copies(parents[:DISGUISED], seed))
    within = sum(a.family == b.family for a, b in chosen)
    return {
        "aligned-setting": textwrap.fill(
            f"{within:,} pairs within a family and {len(chosen) - within:,} random ones between families; "
            f"{len(pairs):,} of them, of {pooled[PRODUCT].models} models, have coins in common after alignment. "
            f"Seed {seed}.",
            118,
        ),
        "aligned-groups": tables.fair(groups, ("frame", "group")),
        "aligned-summary": summary(
            (groups, hardest, made, families), "The tables of this section and one by family hold"
        ),
        "aligned-hardest": tables.fair(hardest, ("frame", "group")),
        "aligned-made": tables.fair(made, ("both have", "group")),
        "aligned-levels": tables.levels(pooled, {m: experiments.below_verdict(pairs, m) for m in FRAMES}),
        "aligned-power": tables.drifted(copies),
    }


def study_disguise(
    document: Path, looks: Sequence[Looked], seed: int, draws: int = 999, part: str = "disguise"
) -> dict[str, str]:
    """Independent models with their coordinates put together: counts beside the document, and its blocks.

    They are about frames, about neurons, and about whole comparisons; ``part`` is what the blocks are called after.
    """
    name = "undone-pairs" if part == "disguise" else f"undone-pairs-{part}"
    write_counts(folder_of(document) / f"{name}.csv.gz", looks, SEEN)
    groups = by_group(looks, seed, draws, methods=SEEN)
    hardest = by_group(twins_of(looks), seed, draws, (POOLED,), SEEN)
    say("fairness in forced frames done")
    asked = resembled.asked(looks)
    second, models = sum(x.second for x in looks), {name for x in looks for name in (x.one, x.two)}
    bound = clopper_pearson(second, len(looks))[1]
    within = sum(x.families[0] == x.families[1] for x in looks)
    met = sum(x.of(RECOGNISED).pooled.n > 0 for x in looks)
    drawn = "random ones between" if part == "disguise" else "between"
    return {
        f"{part}-setting": textwrap.fill(
            f"{len(looks):,} pairs of {len(models)} models: {within:,} within a family and {len(looks) - within:,} "
            f"{drawn} families. {second} of them have a second frame (at most {bound:.2%}, 95 % "
            f"Clopper-Pearson); {met:,} have coins in one that takes whatever neurons pass. Seed {seed}.",
            118,
        ),
        f"{part}-groups": tables.fair(groups, ("frame", "group")),
        f"{part}-hardest": tables.fair(hardest, ("frame", "group")),
        f"{part}-summary": summary((groups, hardest), "The two tables hold"),
        f"{part}-p": tables.conservative(final_p(looks)),
        f"{part}-neurons": tables.shares(resembled.by_kind(asked, seed)),
        f"{part}-named": tables.named(resembled.nominations(asked, seed)),
        f"{part}-ranks": tables.ranks(resembled.ranked(asked, seed)),
        f"{part}-verdicts": tables.comparisons(looks),
    }


def final_p(looks: Sequence[Looked]) -> dict[str, list[float]]:
    """log10 of the p-values that pairs end with: as they are printed, and without the share of the level.

    Without it, looks and frames are still paid for, and what is left of a pair's p is not cut off at 1.
    """

    def unshared(counts: Counts) -> float:
        return replace(counts, log10_paid=math.log10(2)).log10_p

    taken = [(x, x.of(x.better)) for x in looks if x.better and x.of(x.better).pooled.n]
    return {
        "of what `undo` returns": [x.of(UNDONE).log10_p for x in looks if x.of(UNDONE).pooled.n],
        "of the better of two frames": [counts.log10_p for _, counts in taken],
        "the same, the share of the level not paid for": [unshared(counts) for _, counts in taken],
        "of the frame with the smaller p, not paid for either": [
            min(unshared(x.of(UNDONE)), unshared(x.of(GUESSED))) for x, _ in taken
        ],
    }


def twins_of(pairs: Iterable[T]) -> list[T]:
    """Pairs of the hardest negatives."""
    return [p for p in pairs if p.one.startswith("twin-") and p.two.startswith("twin-")]


def folder_of(document: Path) -> Path:
    """Where the data and plots of a document lie."""
    folder = document.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def say(what: str) -> None:
    """Progress, with the CPU seconds so far."""
    print(f"{time.process_time():6.0f} s  {what}", flush=True)


def main() -> None:
    """Run the study and rewrite the document's blocks."""
    parser = argparse.ArgumentParser(description="Forebear's null study.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--only", choices=("aligned", "disguise"), help="this part alone")
    parser.add_argument("--output", type=Path, default=DOCUMENT, metavar="FILE.md")
    parser.add_argument("--families", metavar="A,B", help="every pair of these, as --only disguise looks at pairs")
    given = parser.parse_args()
    if given.families:
        some = given.families.split(",")
        models = locate(built_set("null", given.cache, given.jobs, some))
        pairs = drawn_pairs(models, given.seed, families=some)
        blocks = study_disguise(given.output, [look(a, b) for a, b in pairs], given.seed, part="every")
        blocks = {name: text for name, text in blocks.items() if f"<!-- {name} -->" in given.output.read_text("utf-8")}
        given.output.write_text(tables.fill(given.output.read_text("utf-8"), blocks), "utf-8")
        return
    blocks = {} if given.only else study(given.output, given.cache, given.seed, given.jobs)
    models = locate(built_set("null", given.cache, given.jobs))
    if given.only != "disguise":
        blocks |= study_aligned(given.output, models, given.seed)
    if given.only != "aligned":
        pairs = drawn_pairs(models, given.seed)
        blocks |= study_disguise(given.output, [look(a, b) for a, b in pairs], given.seed)
    given.output.write_text(tables.fill(given.output.read_text("utf-8"), blocks), "utf-8")
    print("\n\n".join(blocks.values()))


if __name__ == "__main__":
    try:
        main()
    except ForebearError as error:
        raise SystemExit(f"error: {error}") from None
