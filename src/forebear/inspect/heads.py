"""Which rows of two models are one coin: by the head structure of the one whose coins are relied on."""

from __future__ import annotations

from dataclasses import replace

from forebear.artifacts import Artifact
from forebear.artifacts.roles import tensors_by_role


def adopt_heads(a: Artifact, b: Artifact) -> Artifact:
    """B with A's head structure, where B's config contradicts or hides it and every attention tensor has A's shape.

    For an A whose coins are relied on, reference or not: nothing that B says can then change which of A's rows are one
    coin.
    """
    ga, gb = a.geometry, b.geometry
    if ga is None or gb is None or ga.heads is None or a.architecture is None or b.architecture is None:
        return b
    taken = ("heads", "kv_heads", "head_dim", "value_dim", "rotary", "nope", "kv_rank", "q_rank")
    same = all(getattr(ga, k) == getattr(gb, k) for k in taken)
    ours, theirs = (
        {r: t.shape for r, t in tensors_by_role(m).items() if r.startswith("layers.0.attn.")} for m in (a, b)
    )
    if same or ga.width != gb.width or ours != theirs or a.architecture.rope != b.architecture.rope:
        return b
    note = f"its head counts are not those of {a.name}, the shapes are: compared head by head as there"
    geometry = replace(gb, **{k: getattr(ga, k) for k in taken})
    return replace(b, geometry=geometry, notes=(*b.notes, note))
