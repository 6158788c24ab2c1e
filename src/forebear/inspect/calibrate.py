"""The nulls of sketches, made anew from a user's own references: ``forebear index calibrate``.

Two references are taken for independent unless their codes agree beyond chance or their cards tie them together. What
neither shows (a relative with scrambled coordinates and an empty card) stays in the null, where it makes p-values
larger and never smaller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isfinite

from forebear.errors import UsageError
from forebear.index import Index
from forebear.index.independent import SAME_LINEAGE
from forebear.index.nominate import MOST_FAMILIES, Sketched
from forebear.index.nulls import pair_scores
from forebear.lineage import Counts
from forebear.lineage.calibration import (
    ANY,
    FEWEST_NULL,
    FEWEST_RELATED,
    STRATA,
    Calibration,
    Scores,
    pairs_of,
)
from forebear.lineage.counts import LOG10_ALPHA
from forebear.signals import Fingerprint, spectra, token_geometry
from forebear.signals.declared import names_match
from forebear.signals.generators import comparable_shapes
from forebear.signals.sign_code import compare_codes
from forebear.types import created
from forebear.version import __version__

Step = Callable[[str], None]
SIGNALS = (spectra.NAME, token_geometry.NAME)
POOL = 256
"""References that take part: the first by digest, which is as good as by lot."""
SEED = 1


@dataclass(frozen=True)
class Lineage:
    """References that depend on each other: the one that stands for them, and those that are proved to depend on it."""

    first: Fingerprint
    relatives: tuple[Fingerprint, ...] = ()


def calibrate(index: Index, seed: int = SEED, on_step: Step = lambda _: None) -> Calibration:
    """Nulls, and scores of relatives, of an index's own references, from what it keeps of them.

    Args:
        index: the references; nothing is kept there, see :meth:`Index.keep_calibration`.
        seed: of the lot that draws pairs and consensus.
        on_step: told what is being done.

    Raises:
        UsageError: there are too few independent references with sketches.
        InputError: the index cannot be read.
    """
    on_step("reading references")
    marks = sketched_references(index)
    on_step(f"telling {len(marks)} references apart")
    found = lineages(marks)
    if len(found) < 2 * FEWEST_NULL:
        raise UsageError(
            f"{len(found)} independent references with sketches are too few for a calibration: it takes "
            f"{2 * FEWEST_NULL}",
            "add more local base models (forebear index add); until then the calibration that comes with it holds",
        )
    on_step("scoring pairs")
    consensus = min(MOST_FAMILIES, len(found) - 1)
    made: dict[str, str | int] = {
        "source": f"{len(found)} independent references of this index, as far as codes and cards tell",
        "models": len(found),
        "families": len({str(x.first.shape.get("family")) for x in found}),
        "references": len(marks),
        "left_out": len(marks) - len(found),
        "consensus": consensus,
        "seed": seed,
        "forebear_version": __version__,
        "created": created(),
        "cannot_exclude": "relatives whose codes and cards do not show it; they make p-values larger",
    }
    return Calibration(made, scores_of(found, consensus, seed))


def sketched_references(index: Index) -> list[Fingerprint]:
    """References with a sketch, by digest, at most :data:`POOL`."""
    out = []
    for entry in sorted(index.entries(), key=lambda e: e.fingerprint.digest):
        whole = index.get(entry.name)
        if whole is not None and (whole.fingerprint.spectra is not None or whole.fingerprint.tokens is not None):
            out.append(whole.fingerprint)
        if len(out) == POOL:
            break
    return out


def lineages(marks: Sequence[Fingerprint]) -> list[Lineage]:
    """References put together where codes or cards tie them; of each lineage the first stands for it."""
    parent = list(range(len(marks)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    by_code: set[tuple[int, int]] = set()
    for one, two in combinations(range(len(marks)), 2):
        tail = code_tail(marks[one], marks[two])
        if tail <= LOG10_ALPHA:
            by_code.add((one, two))
        if tail <= SAME_LINEAGE or declared_relatives(marks[one], marks[two]):
            parent[root(two)] = root(one)
    members: dict[int, list[int]] = {}
    for k in range(len(marks)):
        members.setdefault(root(k), []).append(k)
    return [
        Lineage(marks[first], tuple(marks[k] for k in rest if (first, k) in by_code))
        for first, *rest in sorted(members.values())
    ]


def code_tail(one: Fingerprint, two: Fingerprint) -> float:
    """log10 p of two codes: up to 1e-4 two are put together, which only costs a reference; related from 1e-6 on."""
    comparable, _ = comparable_shapes(one.shape, two.shape)
    return Counts(compare_codes(one.code, two.code, comparable)).log10_p


def declared_relatives(one: Fingerprint, two: Fingerprint) -> bool:
    """Whether a card names the other model, or both name the same base."""
    ours, theirs = one.declared.base_models, two.declared.base_models
    named = any(names_match(b, two.name) for b in ours) or any(names_match(b, one.name) for b in theirs)
    return named or any(names_match(a, b) for a in ours for b in theirs)


def scores_of(found: Sequence[Lineage], consensus: int, seed: int) -> dict[str, Scores]:
    """Scores by signal: nulls of every stratum, and of one relative of every lineage that has one."""
    firsts = [_sketched(x.first) for x in found]
    null: dict[str, dict[str, tuple[float, ...]]] = {name: {} for name in SIGNALS}
    for kind in (*STRATA, ANY):
        pairs = pairs_of([x.first for x in found], kind, seed)
        raw = list(pair_scores(firsts, firsts, pairs, range(len(firsts)), consensus, seed))
        for at, name in enumerate(SIGNALS):
            null[name][kind] = tuple(sorted(r[at] for r in raw if isfinite(r[at])))
    children = [(k, x.relatives[0]) for k, x in enumerate(found) if x.relatives]
    queries = [_sketched(child) for _, child in children]
    pairs = [(at, k) for at, (k, _) in enumerate(children)]
    raw = list(pair_scores(queries, firsts, pairs, [None] * len(queries), consensus, seed))
    related = {name: tuple((r[at],) for r in raw if isfinite(r[at])) for at, name in enumerate(SIGNALS)}
    return {
        name: Scores(consensus, null[name], related[name] if len(related[name]) >= FEWEST_RELATED else ())
        for name in SIGNALS
        if len(null[name][ANY]) >= FEWEST_NULL
    }


def _sketched(mark: Fingerprint) -> Sketched:
    return Sketched(mark.name, mark.spectra, mark.tokens)
