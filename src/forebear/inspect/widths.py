"""Which parts of the narrower of two models the wider one has: all of them read where that is allowed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from forebear.artifacts import Artifact
from forebear.inspect.disguise import Undone
from forebear.signals.part_dimensions import dimensions_kept
from forebear.signals.part_heads import heads_kept
from forebear.signals.part_neurons import neurons_kept
from forebear.signals.parts import Indices, Kept, in_place, shown

SIZES = ("width", "intermediate", "heads", "kv_heads")


def kept_parts(
    a: Artifact, b: Artifact, layers: Sequence[tuple[int, int]], undone: Undone | None, whole: bool
) -> tuple[Kept, ...]:
    """Which neurons, heads and dimensions of the smaller model the larger one has, where their numbers differ.

    Where coordinates were put together, parts whose numbers do not differ are held against each other as well: it has
    to be known whether they are equal, and no values in their places can tell.

    Args:
        a: the reference.
        b: the model in question.
        layers: pairs of layers that belong together.
        undone: how coordinates were put together, None where they are in their places.
        whole: whether every value may be read.

    Raises:
        InputError: rows could not be read.
    """
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None or all(getattr(ga, k) == getattr(gb, k) for k in SIZES):
        return ()
    if not whole:
        return _sampled(a, b, undone) if undone is not None else ()
    if undone is None and ga.width != gb.width:
        return ()
    frame = undone.frame if undone is not None else in_place(ga.width)
    pairs = undone.aligned.layers if undone is not None else layers
    found: list[Kept | None] = [dimensions_kept(a, b, frame)]
    if undone is not None or ga.intermediate != gb.intermediate:
        found.append(neurons_kept(a, b, pairs, frame))
    if undone is not None or ga.heads != gb.heads:
        found.append(heads_kept(a, b, pairs, frame))
    return tuple(kept for kept in found if kept is not None)


def _sampled(a: Artifact, b: Artifact, undone: Undone) -> tuple[Kept, ...]:
    """The same from what the alignment has read: of the larger one's other parts nothing is known."""
    ga, gb = a.geometry, b.geometry
    assert ga is not None and gb is not None
    out: list[Kept] = []
    if undone.frame.dims is not None and ga.width != gb.width:
        dims = undone.frame.dims
        out.append(Kept("dimensions", len(dims), min(ga.width, gb.width), shown({"": dims.tolist()})))
    if undone.match is not None and ga.intermediate != gb.intermediate:
        ours, theirs = (sum(m.neurons[side] for m in undone.match.layers) for side in (0, 1))  # of all experts
        smaller = int(theirs < ours)
        # B's neurons looked for their like: of A's, the smaller one's, that tells the number where all of B's did.
        told = [m for m in undone.match.layers if smaller or m.probes == m.neurons[1]]
        of = sum(m.probes if smaller else m.neurons[0] for m in told)
        if of:
            out.append(_of_the_smaller("neurons", {m.b: m.kept for m in told}, smaller, of))
    if ga.kv_heads != gb.kv_heads and ga.kv_heads and gb.kv_heads and undone.aligned.heads:
        heads, smaller = undone.aligned.heads, int(gb.kv_heads < ga.kv_heads)
        out.append(_of_the_smaller("key/value heads", heads, smaller, min(ga.kv_heads, gb.kv_heads) * len(heads)))
    return tuple(out)


def _of_the_smaller(what: str, pairs: Mapping[int, Indices], smaller: int, of: int) -> Kept:
    """How many parts of the smaller model were found; one that the larger has several copies of was found once."""
    found = sum(len(np.unique(p[:, smaller])) for p in pairs.values())
    return Kept(what, found, of, shown({str(layer): p.tolist() for layer, p in pairs.items()}))
