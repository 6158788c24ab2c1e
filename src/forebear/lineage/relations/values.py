"""Relations that show in the values: rounded, zeroed, or trained on in one way or another.

Numbers below are stated and not fitted; that of :data:`MANY` was chosen after what calibration models had shown.
"""

from __future__ import annotations

from collections import Counter
from statistics import median

from forebear.lineage.direction import Reason
from forebear.lineage.relations.base import Found, Observed, toward
from forebear.signals.change import Change
from forebear.signals.delta import OWN_ZEROS, PRUNED_AT_LEAST
from forebear.signals.floats import F16
from forebear.signals.rounding import HALF, KEPT, Rounding

HEAVY = 1 / 3
"""Drift of the body from which on training is called continued pretraining and not fine-tuning."""
MOSTLY_EQUAL = 0.5
"""Share of bit-identical 16-bit parameters from which on a change is like reinforcement learning: that leaves 68 to
96 %, supervised fine-tuning 6 to 15 % (Mukherjee et al. 2025, arXiv 2505.11711)."""
ALL_BUT = 1e-3
"""Share of matrices that may be told otherwise before "all" is no longer said."""
ROUNDED, FILLED, SEARCHED = 5.0, 4.0, 2.5
"""Log-odds of rounding to a grid, and of zeros, where nothing else changed: the reverse would have to guess values. The
third where a quantiser chose scales that do not show from where they came."""
FULL = 0.5
"""Share of groups that reach the end of their grid from which on they were scaled by their largest value."""
SPREAD = 0.4
"""Root mean square of the distance to the grid, in half steps, that weights which know nothing of it have at least; the
expectation is 0.58, less where most weights are in the middle cell."""
CHANCE = 20.0
"""Bits that the largest values have to be worth against somebody who filled the cells evenly: one in a million."""
STEP = 2.0
"""Root mean square of the distance to the rounded model, in half steps, up to which it may be a quantiser's doing: 0.58
for rounding to nearest, about 1 for those that make up for errors of others (GPTQ). A short training moves as far, so
this needs more: everything that quantisers leave alone is as it was."""
MANY = 300_000
"""Values that have to be in their cells, and nothing else changed, where not all were read: of a model that was trained
for some steps at a tiny rate one in 30,000 is in another cell than the base's (measured, docs/relations.md)."""
SLIGHT = 0.02
"""Drift after alignment below which it is the alignment's own."""


def quantized(observed: Observed) -> Found | None:
    """One lies on a quantiser's grid, or is stored so, and the other does not; or they differ by a float format."""
    sides = [g.main for g in observed.grids]
    if sides[0] is None and sides[1] is None:
        if not observed.lost.startswith("they differ as by rounding"):
            return None
        name = observed.lost.removeprefix("they differ as by rounding to ")
        words = f"rounded to {name}"
        return Found("quantized", f"Every value read fits: {observed.lost}.", words, {"format": {"name": name}})
    if sides[0] is not None and sides[1] is not None:
        bits = [s.bits or 0 for s in sides if s]
        if sides[0].words == sides[1].words or bits[0] == bits[1]:
            return None
        later = bits[1] < bits[0]
    else:
        later = sides[1] is not None
    lattice = sides[int(later)]
    assert lattice is not None
    grids = observed.grids[int(later)]
    who = "model" if later else "reference"
    rounding = observed.rounding.get("a_to_b" if later else "b_to_a")
    how = "is stored so" if grids.stored else "lies on that grid in every value that was sampled"
    text = f"{len(grids.found)} of {grids.sampled} matrices of the {who}: {lattice.words}; it {how}"
    reasons: tuple[Reason, ...] = ()
    excluded = made = ""
    nearest = rounding is not None and rounding.within == 1.0
    if not nearest and not observed.undone and not observed.excludes:
        return None  # that it was quantised is true, and says nothing about the other: two trainings from one start
    if rounding is not None:
        text += (
            f"; {rounding.within:.2%} of {rounding.values:,} values of the other are within half a step of it"
            f" (root mean square {rounding.rms:.2f} half steps, 0.58 for rounding to nearest)"
        )
        if rounding.within == 1.0 and sides[int(not later)] is None:
            seen = "" if observed.rounded else " that was looked at"
            excluded = f"every value of the {who}{seen} is the other's, rounded to a coarser grid"
            odds, how = _from_scales(rounding)
            name = "rounding, largest values kept" if odds == ROUNDED else "rounding"
            way = "a_to_b" if later else "b_to_a"
            alone = observed.rounded == way or (rounding.values >= MANY and observed.still_elsewhere)
            reasons = (toward(name, later, odds, f"{excluded}; {how}", no_siblings=alone),) if odds else ()
            text += f"; {how}"
            if odds == ROUNDED and observed.rounded and rounding.slack <= HALF:
                made = f"all of it is the other, rounded ({lattice.words})"
    details = {
        "format": {"name": lattice.format, "bits": lattice.bits, "groups": lattice.cut.words if lattice.cut else None},
        "quantized_side": "b" if later else "a",
        "stored_quantized": grids.stored,
        "within_half_a_step": rounding.within if rounding else None,
    }
    if lattice.symmetric is not None:
        details["symmetric"] = lattice.symmetric
    words = f"quantised: {lattice.words}"
    return Found("quantized", text + ".", words, details, reasons, excluded, made)


def _from_scales(rounding: Rounding) -> tuple[float, str]:
    """What grid and scales tell about who was rounded: somebody may have filled a quantised model's cells."""
    if rounding.rms < SPREAD:
        return 0.0, "the other lies too near to the grid for weights that were never on it"
    if rounding.ends >= KEPT:
        kept = f"{rounding.ends:.0%} of its groups keep the other's largest value"
        if rounding.bits < CHANCE:
            return 0.0, f"{kept}, of which there are too few to exclude chance"
        return ROUNDED, f"{kept}, as rounding does"
    if rounding.full >= FULL:
        return 0.0, f"only {rounding.ends:.0%} of its groups keep the other's largest value: it may have been filled in"
    return SEARCHED, "its scales were searched for, and do not tell"


def by_rounding(observed: Observed) -> bool:
    """Whether a quantiser explains all that lies between the two.

    Rounding to nearest does by itself. What strayed further may be a quantiser that makes up for errors, or a training
    before it: the latter moves what the former leaves alone.
    """
    found = quantized(observed)
    if found is None:
        return False
    if "quantized_side" not in found.details:
        return True
    rounding = observed.rounding.get("a_to_b" if found.details["quantized_side"] == "b" else "b_to_a")
    if rounding is None or rounding.within == 1.0:
        return True
    return rounding.rms <= STEP and observed.still_elsewhere


def pruned(observed: Observed) -> Found | None:
    """One has zeros where the other has values."""
    body = observed.changes.body if observed.changes else ()
    values = sum(c.values for c in body)
    if not values or any(g.main is not None for g in observed.grids):
        return None
    shares = [sum(getattr(c, k) for c in body) / values for k in ("zeros_a", "zeros_b")]
    later = shares[1] >= shares[0]
    if max(shares) < PRUNED_AT_LEAST or min(shares) > OWN_ZEROS:
        return None
    side = int(later)
    patterns = Counter(c.patterns[side] for c in body if (c.zeros_b if later else c.zeros_a))
    name, times = patterns.most_common(1)[0]
    pattern = name if times >= (1 - ALL_BUT) * sum(patterns.values()) else ""
    who = "model" if later else "reference"
    kept = observed.changes.drift_kept if observed.changes else None
    text = f"{shares[side]:.0%} of the body's values are zero in the {who} alone ({pattern or 'no pattern'})"
    assert observed.changes is not None
    untouched = not any(c.square_kept for c in observed.changes.each)
    if not untouched and not observed.excludes:
        return None  # that it was pruned is true, and says nothing about the other
    text += "; the others are untouched" if untouched else f"; the others moved by {kept:.1%}"
    fact = f"{shares[side]:.0%} of the values were lost in the {who}"
    name = f"zeros, others {'untouched' if untouched else 'trained'}"
    reasons = (toward(name, later, FILLED if untouched else 1.5, fact, no_siblings=untouched),)
    details = {"zeros": shares[side], "pattern": pattern or "unstructured", "pruned_side": "b" if later else "a"}
    words = f"pruned: {shares[side]:.0%} zeros{', ' + pattern if pattern else ''}"
    return Found("pruned", text + ".", words, details, reasons, fact if untouched else "")


def _changed(observed: Observed) -> list[Change]:
    """Matrices of the body that were touched beyond rounding."""
    return [c for c in observed.changes.body if not c.untouched] if observed.changes else []


def lora(observed: Observed) -> Found | None:
    """All matrices that changed did so by a low rank, and nothing else changed."""
    changed = [c for c in _changed(observed) if c.rank is not None]
    if not changed or not all(c.rank is not None and c.rank.low for c in changed):
        return None
    assert observed.changes is not None
    if observed.changes.whole and len(changed) != len(_changed(observed)):
        return None
    ranks = Counter(c.rank.rank for c in changed if c.rank is not None and c.rank.rank)
    if not ranks:
        return None
    rank = max(ranks.items(), key=lambda one: (one[1], one[0] or 0))[0]
    body = observed.changes.body
    others = [c for c in observed.changes.each if c.values and not c.body and c.layer is not None]
    if not all(c.untouched for c in others):
        return None
    where = sorted({c.other.split(".")[-1] for c in changed})
    if _own(changed):
        return _edited(changed, rank, where)
    text = (
        f"The difference of {len(changed)} of {len(body)} matrices of the body has a low rank above the edge of "
        f"rounding ({', '.join(f'{r} in {n}' for r, n in ranks.most_common(3))}); the others are untouched"
    )
    fact = f"the difference has rank {rank}, which a training of all weights does not give"
    details = {"lora_rank": rank, "lora_targets": where}
    return Found("finetune", text + ".", f"fine-tuned, adapter of rank {rank} merged", details, (), fact)


def _own(changed: list[Change]) -> bool:
    """Whether most of the changes are of the weights' own directions and not something added.

    Of few rows of a matrix it is not seen what was removed from what it writes: there few directions of matrices that
    write into the stream are taken for that, too.
    """
    told = [c for c in changed if c.removal is not None]
    own = sum(c.removal is not None and (c.removal.own or (c.removal.written is None and _writes(c))) for c in told)
    return bool(told) and 2 * own > len(changed)


def _writes(change: Change) -> bool:
    return change.other.endswith(("attn.o", ".down"))


def _edited(changed: list[Change], rank: int, where: list[str]) -> Found:
    """Directions that were removed or scaled, as the removal of a refusal direction does."""
    losers = Counter(c.removal.lacking for c in changed if c.removal is not None and c.removal.lacking is not None)
    what = f"{rank} direction{'s' * (rank > 1)}"
    text = (
        f"The difference of {len(changed)} matrices has rank {rank} and is the weights' own action on {what}; the "
        "others are untouched"
    )
    reasons: tuple[Reason, ...] = ()
    if len(losers) == 1 and 2 * losers.total() > len(changed):
        later = 1 in losers
        who = "model" if later else "reference"
        fact = f"the {who} has nothing left in {what} in which the other has ordinary energy"
        reasons = (toward("removed directions", later, FILLED, fact, no_siblings=True),)
        text += f"; {fact}"
    details = {"edited_directions": rank, "lora_targets": where}
    excluded = f"the difference has rank {rank}, which a training of all weights does not give"
    words = f"edited: {what} of its own weights removed or scaled, as abliteration does"
    return Found("finetune", text + ".", words, details, reasons, excluded)


def rl(observed: Observed) -> Found | None:
    """Most 16-bit parameters are bit for bit the same, in tensors that did change."""
    changed = _changed(observed)
    changes = observed.changes
    if not changed or changes is None or by_rounding(observed) or lora(observed) is not None:
        return None
    if pruned(observed) is not None:
        return None
    if any(max(c.precision) > F16 for c in changed) or 2 * len(changed) < len(changes.body):
        return None
    equal = sum(c.equal for c in changed) / max(1, sum(c.nonzero for c in changed))
    if equal < MOSTLY_EQUAL:
        return None
    text = (
        f"{equal:.0%} of the parameters of the {len(changed)} matrices that changed are bit for bit the same "
        "(reinforcement learning leaves 68 to 96 %, supervised fine-tuning 6 to 15 %, arXiv 2505.11711); "
        "very few steps or a tiny rate look alike"
    )
    fact = f"{equal:.0%} of the parameters are bit for bit the same"
    return Found("rl", text + ".", f"like reinforcement learning ({equal:.0%} bit-identical)", {}, (), fact)


def _training(observed: Observed) -> float | None:
    """The drift where it is training's and no other relation explains it; None otherwise."""
    drift = observed.drift
    if drift is None or observed.lost.startswith("they differ as by rounding"):
        return None
    if observed.changes is not None and observed.changes.body:
        trained = [c.drift_kept for c in _changed(observed) if c.square_kept]
        if not trained:
            return None
        drift = drift or median(trained)  # few matrices were trained: theirs
    elif drift <= SLIGHT:
        return None
    if by_rounding(observed) or lora(observed) is not None or rl(observed) is not None:
        return None
    return drift


def _how(observed: Observed) -> str:
    if observed.changes is not None and observed.changes.body:
        sample = "" if observed.changes.whole else ", a sample of rows"
        return f"the median over {len(observed.changes.body)} matrices of attention and MLPs{sample}"
    return "estimated from the cosine of aligned rows"


def finetune(observed: Observed) -> Found | None:
    """The body drifted by less than a third, and a merely shared start is excluded."""
    drift = _training(observed)
    if drift is None or drift >= HEAVY or not observed.excludes:
        return None
    text = f"The relative drift is {drift:.1%}, below one third: {_how(observed)}."
    return Found("finetune", text, f"fine-tuned (relative drift {_percent(drift)})", {"drift": drift})


def continued_pretraining(observed: Observed) -> Found | None:
    """The body drifted by a third or more, and a merely shared start is excluded."""
    drift = _training(observed)
    if drift is None or drift < HEAVY or not observed.excludes:
        return None
    text = f"The relative drift is {drift:.1%}, at least one third: {_how(observed)}. Excluded: a merely shared start."
    return Found("continued_pretraining", text, f"pretrained on (relative drift {_percent(drift)})", {"drift": drift})


def undecided(observed: Observed) -> Found | None:
    """The same where nothing excludes a shared start: two trainings from it look alike."""
    drift = _training(observed)
    if drift is None or observed.excludes:
        return None
    heavy = drift >= HEAVY
    text = (
        f"The relative drift is {drift:.1%}, {'at least' if heavy else 'below'} one third ({_how(observed)}), and "
        "nothing excludes two trainings from one random start."
    )
    candidates = {"candidates": ["continued_pretraining" if heavy else "finetune", "same_init"], "drift": drift}
    trained = "pretrained on" if heavy else "fine-tuned"
    for who, grids in zip(("reference", "model"), observed.grids, strict=True):
        text += f" The {who} is quantised ({grids.main.words})." if grids.main is not None else ""
    words = f"{trained}, or only the same random start (relative drift {_percent(drift)})"
    return Found("unknown", text, words, candidates)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.01 else f"{share:.1%}"
