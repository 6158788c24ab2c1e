"""What lies between two dependent models, as far as it may be read: the facts that their relation is told from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.kinds import kinds
from forebear.artifacts.roles import role_tensor
from forebear.errors import ForebearError, one_line
from forebear.inspect.disguise import Undone
from forebear.inspect.rounded import quantisation, rounded_throughout, still_elsewhere
from forebear.inspect.rounded_aligned import aligned_rounding
from forebear.inspect.widths import kept_parts
from forebear.lineage import Conclusion, Counts
from forebear.lineage.counts import LOG10_ALPHA
from forebear.lineage.evidence import change_evidence, still_evidence
from forebear.lineage.relation import found_in, related, settle
from forebear.lineage.relations.base import Observed, Sizes
from forebear.signals.change import NAME as CHANGE
from forebear.signals.change import changes
from forebear.signals.delta import Delta
from forebear.signals.matching import unit
from forebear.signals.seen import AXIS
from forebear.signals.still_rows import still_rows
from forebear.types import Evidence, Untested, Verdict

F32 = NDArray[np.float32]
Pairs = list[tuple[int, int]]

LOOKS = ("mlp.up", "experts.0.up", "shared.up", "attn.v", "attn.k", "attn.o")
"""Parts of a layer by which it is known among those of another depth."""
LOOK_VALUES = 16_384
"""Values of each of them."""
WRITES = ("attn.o", ".down")
"""What a layer writes into the stream with."""
LIKE = 0.2
"""Cosine of two layers' values from which on they can be copies; that of independent ones is below 0.05."""
MATRIX = 0.25
"""Share of matching neurons from which on layers are alike whose coordinates were put together."""


@dataclass(frozen=True)
class Allowed:
    """What may be read.

    Attributes:
        whole: every value of both models.
        rows: some rows of both.
    """

    whole: bool
    rows: bool


def observe(
    a: Artifact,
    b: Artifact,
    counts: Counts,
    delta: Delta,
    undone: Undone | None,
    allowed: Allowed,
    gains: tuple[float, float] | None = None,
) -> Observed:
    """Measure what tells how two models are related.

    Args:
        a: the reference.
        b: the model in question.
        counts: the coins that agree.
        delta: what lies between the rows of the coins.
        undone: how coordinates were put together, None where the coins agree in their places.
        allowed: what may be read.
        gains: how far the norm gains of A and B have moved.

    Raises:
        InputError: rows could not be read.
    """
    moved = undone is not None and bool(undone.words)
    excludes = delta.excludes_shared_start
    partners: Mapping[int, int | None] = {}
    if undone is not None and undone.match is not None:
        partners = _matching(a, b, undone)
    elif allowed.rows:
        partners = _likes(a, b)
    measured = None
    layers = _layers(a, b, counts, partners)
    if allowed.rows and not moved:
        measured = changes(a, b, layers, allowed.whole)
    sides, rounding = quantisation(a, b, measured, allowed.rows)
    if undone is not None and moved and allowed.rows and any(side.main is not None for side in sides):
        rounding = aligned_rounding(a, b, undone)
    still = still_rows(a, b) if allowed.rows and not moved else None
    if still is not None and not excludes and still.log10_p <= LOG10_ALPHA:
        excludes = still.excludes_shared_start
    why = ""
    if measured is None:
        why = "their coordinates were moved" if moved else "it would mean to read much of large models (--effort deep)"
    return Observed(
        (sizes_of(a), sizes_of(b)),
        counts,
        measured,
        partners,
        sides,
        rounding,
        undone.words if undone is not None else None,
        kept_parts(a, b, layers, undone, allowed.whole),
        excludes,
        still,
        gains,
        rounded_throughout(a, b, measured, sides, rounding),
        still_elsewhere(a, b, measured) if rounding else True,
        delta.lost,
        why,
        _idle(a, b, partners) if allowed.rows else frozenset(),
    )


def sizes_of(artifact: Artifact) -> Sizes:
    """A model's sizes, and what it has beside its language core."""
    g = artifact.geometry
    if g is None:
        return Sizes(parameters=artifact.parameters, other={})
    return Sizes(
        g.layers,
        g.width,
        g.intermediate or 0,
        g.heads or 0,
        g.kv_heads or 0,
        g.head_dim or 0,
        g.experts,
        artifact.parameters,
        _towers(artifact),
    )


def _towers(artifact: Artifact) -> dict[str, int]:
    """Components without a role, by the first words of their names; buffers of the core's own layers are none."""
    known = set(artifact.names.values())
    stems = {name.split(".")[0] for name in known}
    core = {name[: name.index(f".{number}.")] for name, number in _numbered(artifact)}
    found: dict[str, tuple[int, int]] = {}
    floating = (kind for kind in kinds(artifact.weights.tensors).kinds if kind.like.floating)
    for like, name in ((kind.like, name) for kind in floating for name in kind.names if name not in known):
        if any(name.startswith(f"{stem}.") for stem in core):
            continue
        parts = name.split(".")
        component = ".".join(parts[:2]) if parts[0] in stems and len(parts) > 2 else parts[0]
        size, matrices = found.get(component, (0, 0))
        found[component] = size + like.size, matrices + (len(like.shape) > 1)
    return {name: size for name, (size, matrices) in found.items() if matrices > 1}


def _numbered(artifact: Artifact) -> list[tuple[str, str]]:
    """Tensor names of layers, and the number of the layer in them."""
    layers = [(name, role.split(".")[1]) for role, name in artifact.names.items() if role.startswith("layers.")]
    return [(name, number) for name, number in layers if f".{number}." in name]


def _layers(a: Artifact, b: Artifact, counts: Counts, partners: Mapping[int, int | None]) -> Pairs:
    """Pairs of layers that are compared: straight, unless coins or likeness say otherwise."""
    if a.geometry is None or b.geometry is None:
        return []
    if partners:
        deeper_is_b = b.geometry.layers > a.geometry.layers
        first: dict[int, int] = {}
        for deep, shallow in partners.items():
            if shallow is not None:
                first.setdefault(shallow, deep)
        return sorted((s, d) if deeper_is_b else (d, s) for s, d in first.items())
    pairs = list(counts.layers)
    if a.geometry.layers == b.geometry.layers and all(i == j for i, j in pairs):
        return [(k, k) for k in range(a.geometry.layers)]
    return pairs


def _likes(a: Artifact, b: Artifact) -> dict[int, int | None]:
    """By layer of the deeper model the layer of the other whose values are most like its own; of one depth nothing."""
    if a.geometry is None or b.geometry is None or a.geometry.layers == b.geometry.layers:
        return {}
    deep, shallow = (a, b) if a.geometry.layers > b.geometry.layers else (b, a)
    assert deep.geometry is not None and shallow.geometry is not None
    ours, theirs = (
        [_look(m, layer) for layer in range(g.layers)] for m, g in ((deep, deep.geometry), (shallow, shallow.geometry))
    )
    out: dict[int, int | None] = {}
    for layer, own in enumerate(ours):
        score = [_likeness(own, other) for other in theirs]
        best = int(np.argmax(score)) if score else 0
        out[layer] = best if score and score[best] >= LIKE else None
    return out


def _idle(a: Artifact, b: Artifact, partners: Mapping[int, int | None]) -> frozenset[int]:
    """Layers of the deeper model that are like none of the other and write nothing into the stream."""
    if a.geometry is None or b.geometry is None:
        return frozenset()
    deep = a if a.geometry.layers > b.geometry.layers else b
    out = set()
    for layer in (k for k, partner in partners.items() if partner is None):
        roles = [r for r in deep.names if r.startswith(f"layers.{layer}.") and r.endswith(WRITES)]
        tensors = [deep.weights.tensors[deep.names[r]] for r in roles]
        if tensors and all(t.signed and t.shape and not t.rows(0, min(16, t.shape[0])).any() for t in tensors):
            out.add(layer)
    return frozenset(out)


def _look(artifact: Artifact, layer: int) -> dict[str, F32]:
    """Some values of a layer by part, of length one."""
    found: dict[str, F32] = {}
    for part in LOOKS:
        tensor = role_tensor(artifact, f"layers.{layer}.{part}")
        if tensor is None or artifact.geometry is None or len(tensor.tensor.shape) != 2:
            continue
        axis = AXIS.get(part, "neuron")
        count = max(1, min(tensor.length(axis), LOOK_VALUES // max(1, artifact.geometry.width)))
        rows = tensor.rows(axis, np.arange(count), min(artifact.geometry.width, LOOK_VALUES))
        found[part] = unit(rows.reshape(1, -1))[0]
    return found


def _likeness(one: Mapping[str, F32], two: Mapping[str, F32]) -> float:
    """Mean cosine over the parts that both have in one size."""
    both = [float(v @ two[part]) for part, v in one.items() if part in two and len(two[part]) == len(v)]
    return float(np.mean(both)) if both else -1.0


def _matching(a: Artifact, b: Artifact, undone: Undone) -> dict[int, int | None]:
    """The same from matching neurons, where every layer was held against every other."""
    if a.geometry is None or b.geometry is None or a.geometry.layers == b.geometry.layers or undone.match is None:
        return {}
    cells = undone.match.matrix()
    deeper_is_b = b.geometry.layers > a.geometry.layers
    seen = {j if deeper_is_b else i for i, j, _ in cells}
    if len(seen) < max(a.geometry.layers, b.geometry.layers):
        return {}
    out: dict[int, int | None] = dict.fromkeys(sorted(seen))
    best: dict[int, float] = {}
    for i, j, share in cells:
        deep, shallow = (j, i) if deeper_is_b else (i, j)
        if share >= MATRIX and share > best.get(deep, 0.0):
            best[deep], out[deep] = share, shallow
    return out


def described(
    a: Artifact,
    b: Artifact,
    conclusion: Conclusion,
    counts: Counts,
    delta: Delta,
    undone: Undone | None,
    allowed: Allowed,
    gains: tuple[float, float] | None,
) -> tuple[Conclusion, list[Evidence], list[Untested]]:
    """A conclusion with the relation told, the evidence for it, and what could not be measured.

    See :func:`observe` for what is passed.
    """
    if conclusion.verdict is Verdict.IDENTICAL:
        papers = other_papers(a, b)
        details = {**conclusion.relation.details, **({"papers": papers} if papers else {})}
        return replace(conclusion, relation=replace(conclusion.relation, details=details)), [], []
    if not conclusion.verdict.related or conclusion.verdict is Verdict.COMPONENT_SHARED:
        return conclusion, [], []
    try:
        seen = undone.counts if undone is not None else counts
        observed = observe(a, b, seen, delta, undone, allowed, gains)
    except ForebearError as error:
        return conclusion, [], [Untested(CHANGE, error.message)]
    found = found_in(observed)
    settled = settle(replace(conclusion, relation=related(conclusion.relation, observed, found)), observed, found)
    evidence = [still_evidence(observed.still)] if observed.still is not None and observed.still.coins else []
    if observed.changes is None:
        return settled, evidence, [Untested(CHANGE, observed.why_not)]
    return settled, [change_evidence(observed.changes), *evidence], []


def other_papers(a: Artifact, b: Artifact) -> list[str]:
    """How the licences of two copies differ, in words; empty where they do not."""
    said = [str(m.documents.front_matter.get("license") or "") for m in (a, b)]
    out = []
    if said[0] != said[1]:
        names = [one_line(s, 60) or "none" for s in said]
        out.append(f"declared licence: {names[0]} in the reference, {names[1]} in the model")
    ours, theirs = ({" ".join(t.split()) for t in m.documents.licences.values()} for m in (a, b))
    if ours != theirs:
        missing = "" if theirs else "; the model has none"
        out.append(f"the licence files have other texts{missing}")
    return out
