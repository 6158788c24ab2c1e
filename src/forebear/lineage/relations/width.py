"""Relations that show in widths: neurons, heads, residual dimensions or experts more or fewer.

Which of the two came first is told from what the wider one has more; see :mod:`forebear.signals.parts`. A direction
is named only where every part of the narrower model was found in the wider one as it is: else each may have been made
from a third, and so it is where each has something more than the other.
"""

from __future__ import annotations

from dataclasses import dataclass

from forebear.lineage.direction import Reason
from forebear.lineage.relations.base import Found, Observed, toward
from forebear.lineage.relations.structure import LIKELY, SURE, moved
from forebear.signals.parts import Extras

SIZES = {
    "width": ("dimensions of the residual stream", "dimensions"),
    "intermediate": ("neurons", "neurons"),
    "heads": ("heads", "heads"),
    "experts": ("experts", "experts"),
}
"""Size to its words, and to the kind of parts that are looked for."""


@dataclass(frozen=True)
class Widths:
    """In which widths two models differ.

    Attributes:
        wider_is_b: whether B is wider in most of them.
        one_way: whether it is the same model that is wider in all of them.
        sizes: of A and B, those that are unequal.
        extras: what the wider one has more in each of them, None where that was not asked of every one.
        equal: whether all that both have is equal.
    """

    wider_is_b: bool
    one_way: bool
    sizes: dict[str, tuple[int, int]]
    extras: tuple[Extras, ...] | None
    equal: bool

    @property
    def expanded(self) -> bool:
        """Whether what the wider one has more is copies, or nothing.

        One part of its own is enough for "no" where all else is equal. Elsewhere copies were trained, as were others:
        the larger number tells.
        """
        total = sum(self.extras or (), Extras())
        if not total.total or total.untold:
            return False
        return not total.own if self.equal else 2 * total.own < total.total

    @property
    def told(self) -> bool:
        """Whether the direction is: all else is equal, and what the wider one has more leaves no doubt.

        That is parts of its own in every size in which the two differ, or in all of them nothing but exact copies and
        parts that do nothing.
        """
        if not self.extras or not self.equal or not self.one_way or any(e.untold for e in self.extras):
            return False
        owns, exact = (e.own > 0 for e in self.extras), (e.total > 0 and not e.own and not e.near for e in self.extras)
        return all(owns) or all(exact)


def _widths(observed: Observed) -> Widths | None:
    """How the widths of two models differ; None where they do not."""
    ours, theirs = observed.sizes
    dense = bool(ours.experts) == bool(theirs.experts)
    pairs = {k: (getattr(ours, k), getattr(theirs, k)) for k in SIZES if dense or k not in ("intermediate", "experts")}
    sizes = {k: (a, b) for k, (a, b) in pairs.items() if a and b and a != b}
    if not sizes:
        return None
    grown = [b > a for a, b in sizes.values()]
    extras = {k.what: k.extras for k in observed.kept if k.extras is not None}
    asked = [extras.get(SIZES[k][1]) for k in sizes]
    each = [e for e in asked if e is not None]
    known = tuple(each) if len(each) == len(asked) else None
    return Widths(2 * sum(grown) > len(grown), len(set(grown)) == 1, sizes, known, _equal(observed))


def _equal(observed: Observed) -> bool:
    """Whether everything that both have is equal: the parts that were matched, and what could be compared in place."""
    body = observed.changes.body if observed.changes is not None else ()
    if not body and not {"neurons", "heads"} <= {k.what for k in observed.kept}:
        return False
    return bool(observed.kept) and all(k.equal for k in observed.kept) and not any(moved(c) for c in body)


def _reason(widths: Widths, name: str, b_is_later: bool, text: str) -> Reason:
    full = f"{name}, {'parts in common equal' if widths.equal else 'trained'}"
    return toward(full, b_is_later, SURE if widths.told else LIKELY, text, no_siblings=widths.told)


def _told(observed: Observed, widths: Widths, kind: str, reason: Reason) -> Found:
    sizes = ", ".join(f"{SIZES[k][0]} {a:,} and {b:,}" for k, (a, b) in widths.sizes.items())
    said = [f"{k.found:,} of {k.of:,} {k.what} of the smaller one were found in the other" for k in observed.kept]
    if widths.extras is not None:
        said.append(f"what the larger one has more: {_listed(sum(widths.extras, Extras()))}")
    return Found(
        kind,
        f"They differ in {'; '.join([sizes, *said])}.",
        f"{'narrower' if kind == 'width_pruned' else 'wider'}: {sizes}",
        {
            "sizes": {k: list(v) for k, v in widths.sizes.items()},
            "kept": {k.what: {"found": k.found, "of": k.of, "map": dict(k.map)} for k in observed.kept},
        },
        (reason,),
    )


def _listed(extras: Extras) -> str:
    """What a wider model has more, in words."""
    said = {
        "of its own": extras.own,
        "copies": extras.copies,
        "that do nothing": extras.idle,
        "that may be either": extras.near,
        "that could not be told": extras.untold,
    }
    return ", ".join(f"{count:,} {words}" for words, count in said.items() if count) or "nothing that was found"


def width_pruned(observed: Observed) -> Found | None:
    """One has fewer dimensions, neurons, heads or experts; what the other has more is its own, or that is not known."""
    widths = _widths(observed)
    if widths is None or widths.expanded:
        return None
    fact = "the narrower model lacks parts of the other"
    return _told(observed, widths, "width_pruned", _reason(widths, "missing parts", not widths.wider_is_b, fact))


def width_expanded(observed: Observed) -> Found | None:
    """What the wider one has more is copies, or does nothing."""
    widths = _widths(observed)
    if widths is None or not widths.expanded:
        return None
    fact = "the wider model has copies or zeros more"
    return _told(observed, widths, "width_expanded", _reason(widths, "copied parts", widths.wider_is_b, fact))
