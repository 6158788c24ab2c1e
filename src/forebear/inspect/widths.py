"""Which parts of the narrower of two models the wider one has: all of them read where that is allowed."""

from __future__ import annotations

from collections.abc import Sequence

from forebear.artifacts import Artifact
from forebear.inspect.disguise import Undone
from forebear.signals.part_dimensions import dimensions_kept
from forebear.signals.part_heads import heads_kept
from forebear.signals.part_neurons import neurons_kept
from forebear.signals.parts import Kept, in_place, shown

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
        kept = {str(m.b): m.kept.tolist() for m in undone.match.layers}
        probes = sum(m.probes for m in undone.match.layers)
        out.append(Kept("neurons", sum(len(k) for k in kept.values()), probes, shown(kept)))
    if ga.kv_heads != gb.kv_heads and ga.kv_heads and gb.kv_heads and undone.aligned.heads:
        heads = {str(j): pairs.tolist() for j, pairs in undone.aligned.heads.items()}
        least = min(ga.kv_heads, gb.kv_heads) * len(heads)
        out.append(Kept("key/value heads", sum(len(h) for h in heads.values()), least, shown(heads)))
    return tuple(out)
