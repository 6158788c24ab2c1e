"""Which references to open where no coins line up, and which of those to name although no coins agree.

The first only orders: what is opened is tested exactly, and the whole index is paid for. The second is a resemblance
beyond all others that were opened, and establishes nothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from forebear.index import Entry, Index, Nominations
from forebear.index.nominate import FEWEST_FAMILIES
from forebear.lineage import Counts
from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.resemblance import Resemblance, best
from forebear.signals import Fingerprint
from forebear.signals.generators import comparable_shapes
from forebear.signals.match import Match
from forebear.signals.sign_code import compare_codes
from forebear.signals.vocabulary import jaccard

OUTSTANDING = 4.0
"""Score, in standard deviations of independent references, from which on large models are read for a nomination. It
decides about time alone."""


def nominated(mark: Fingerprint, index: Index, itself: str, limit: int) -> tuple[list[tuple[Entry, bool]], Nominations]:
    """Up to ``limit`` references, the likeliest first; the model's own entry is left out.

    First those whose sketches resemble the model's, then, where there are too few with sketches, those of its shape.

    Args:
        mark: what was measured of the model, its sketches included.
        index: the references.
        itself: name of the model's own entry, if it is one.
        limit: how many.

    Returns:
        Entries, and whether their sketches stand out so clearly that even large models are worth reading; and the whole
        search.
    """
    search = index.nominate(mark, limit + 1)
    ranked = {n.name: n.score for n in search.found if n.score is not None and n.name != itself}
    scaled = search.families >= FEWEST_FAMILIES
    known = [(index.get(name), score) for name, score in list(ranked.items())[:limit]]
    first = [(entry, scaled and score >= OUTSTANDING) for entry, score in known if entry is not None]
    if len(first) == limit:
        return first, search
    rest = (entry for entry in index.entries() if entry.name not in {itself, *ranked})
    others = heapq.nsmallest(limit - len(first), rest, key=lambda entry: _distance(mark, entry))
    return first + [(entry, False) for entry in others], search


def resembling(opened: Sequence[tuple[Entry, Match]]) -> tuple[str, Resemblance] | None:
    """The one reference that the model resembles beyond all others that were opened, None where there is none.

    Every other one is a control, unless the two are dependent themselves: a base and its child resemble the same.

    Args:
        opened: references, each held against the model neuron by neuron.
    """
    found = []
    for entry, match in opened:
        others = [m for e, m in opened if e.name != entry.name and m.views == match.views and not kin(entry, e)]
        found.append((entry.name, Resemblance(match, tuple(others))))
    return best(found)


def kin(one: Entry, two: Entry) -> bool:
    """Whether the codes of two references show that they are dependent."""
    a, b = one.fingerprint, two.fingerprint
    comparable, _ = comparable_shapes(a.shape, b.shape)
    return Counts(compare_codes(a.code, b.code, comparable)).log10_p <= LOG10_ALPHA


def _distance(mark: Fingerprint, entry: Entry) -> tuple[int, float, str]:
    """Fewer unlike sizes first, then more tokens in common, then the name."""
    ours, theirs = mark.shape, entry.fingerprint.shape
    unlike = sum(ours.get(k) != theirs.get(k) for k in ("width", "layers", "intermediate", "query_heads", "kv_heads"))
    both = mark.vocabulary is not None and entry.fingerprint.vocabulary is not None
    common = jaccard(mark.vocabulary, entry.fingerprint.vocabulary) if both else 0.0  # type: ignore[arg-type]
    return unlike, -common, entry.name
