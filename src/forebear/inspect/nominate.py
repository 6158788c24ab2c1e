"""Which references to open where no coins line up: those that resemble the model in what a disguise leaves alone.

It only orders. What is opened is tested exactly, and the whole index is paid for.
"""

from __future__ import annotations

from forebear.index import Entry, Index
from forebear.signals import Fingerprint
from forebear.signals.vocabulary import jaccard


def nominated(mark: Fingerprint, index: Index, itself: str, limit: int) -> list[Entry]:
    """Up to ``limit`` references, the likeliest first; the model's own entry is left out.

    Args:
        mark: what was measured of the model.
        index: the references.
        itself: name of the model's own entry, if it is one.
        limit: how many.
    """
    others = [entry for entry in index.entries() if entry.name != itself]
    return sorted(others, key=lambda entry: _distance(mark, entry))[:limit]


def _distance(mark: Fingerprint, entry: Entry) -> tuple[int, float, str]:
    """Fewer unlike sizes first, then more tokens in common, then the name."""
    ours, theirs = mark.shape, entry.fingerprint.shape
    unlike = sum(ours.get(k) != theirs.get(k) for k in ("width", "layers", "intermediate", "query_heads", "kv_heads"))
    both = mark.vocabulary is not None and entry.fingerprint.vocabulary is not None
    common = jaccard(mark.vocabulary, entry.fingerprint.vocabulary) if both else 0.0  # type: ignore[arg-type]
    return unlike, -common, entry.name
