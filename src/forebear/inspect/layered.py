"""Which references to open because single layers agree, where codes held slot against slot tell nothing.

Layers that were reordered, dropped or interleaved with another model's stand in other slots, and replaced embeddings
are silent. Then any layer may meet any. All pairs and all references are paid for, so of a thousand models that have no
ancestor in the index at most one has a reference opened in vain; what is opened is tested exactly, and pays again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from forebear.index import Entry, Index
from forebear.signals import Fingerprint
from forebear.types import Untested

LOG10_NOMINATED = -3.0
"""log10 of the rate of innocent models, with any reference, that is accepted for a nomination."""
MOST_REFERENCES = 2_000_000
"""References up to which layers are searched: ten times the work of a plain search, two seconds a million."""


@dataclass(frozen=True)
class Layered:
    """What a search by layers found: references to open, best first; whether it was made; or why it was not."""

    entries: tuple[Entry, ...] = ()
    searched: int = 0
    gaps: tuple[Untested, ...] = ()


def by_layers(mark: Fingerprint, index: Index, itself: str, limit: int) -> Layered:
    """References one of whose layers agrees with some layer of a model beyond chance.

    Args:
        mark: of the model.
        index: the references.
        itself: name of the model's own entry, if it is one.
        limit: how many to give.
    """
    total = index.count()
    if total > MOST_REFERENCES:
        why = f"layers are searched up to {MOST_REFERENCES:,} references, and there are {total:,}"
        return Layered(gaps=(Untested("layers in another order", why),))
    if not total or all(layer < 0 for layer in mark.code.layers):
        return Layered()
    looks = math.log10(total)
    hits = [h for h in index.search_layers(mark.code, limit + 1) if h.log10_p + looks <= LOG10_NOMINATED]
    entries = (index.get(h.name) for h in hits if h.name != itself)
    return Layered(tuple(e for e in entries if e is not None)[:limit], total)
