"""From a verdict on weights to an edge: which verdicts name an ancestor, and how far each of them is settled.

| verdict | undeclared | its own papers name the reference |
| --- | --- | --- |
| ``derived``, reference first | measured | measured |
| ``merge``, reference first | probable | measured |
| ``dependent``, reference first by a stated reason | probable | probable |
| ``dependent``, direction open | possible | probable |
| ``identical`` | possible | measured |
| ``siblings``, ``same_init_or_derived``, ``component_shared`` | possible | declared |
| any of them, the model itself first | no ancestor | possible: papers and values disagree |
| every other verdict | no ancestor | declared |

Equal values do not say who copied whom; where the catalogue knows the reference as a published model,
:mod:`forebear.lineage.chains.known` settles that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from forebear.lineage.chain import Edge, EdgeKind, ParentState, Standing
from forebear.lineage.chains.base import Document, items, mapping, name, objects, sentences, tail, text
from forebear.signals.declared import names_match
from forebear.types import LOADED, Verdict

SILENT = frozenset(
    {
        Verdict.SAME_ARCHITECTURE,
        Verdict.SAME_TOKENIZER,
        Verdict.UNRELATED,
        Verdict.INCONCLUSIVE,
        Verdict.NO_INDEXED_ANCESTOR,
    }
)
"""Verdicts that name no ancestor."""
BASE = "base model: "
SCRATCH = "trained from scratch"
_KINDS = {
    **{kind.value: kind for kind in EdgeKind},
    "width_pruned": EdgeKind.PRUNED,
    "depth_pruned": EdgeKind.PRUNED,
    "merged": EdgeKind.MERGE,
    "fine-tune": EdgeKind.FINETUNE,
    "quantised": EdgeKind.QUANTIZED,
    "rlhf": EdgeKind.RL,
    "distillation": EdgeKind.DISTILLED,
}
"""Kinds of relations, and spellings in which cards and bills of materials declare them."""
_CALLED = {
    EdgeKind.FINETUNE: "from which it is fine-tuned",
    EdgeKind.QUANTIZED: "of which it is a quantised form",
    EdgeKind.MERGE: "which was merged into it",
    EdgeKind.ADAPTER: "on which it is an adapter",
}
"""Values of ``base_model_relation`` on the hub (https://huggingface.co/docs/hub/model-cards), in words."""
_NOT_BY_ITSELF = frozenset({EdgeKind.SAME_MODEL, EdgeKind.ARCHITECTURE})
_STANDINGS: dict[tuple[Verdict, bool], tuple[Standing, Standing]] = {
    (Verdict.DERIVED, True): (Standing.MEASURED, Standing.MEASURED),
    (Verdict.MERGE, True): (Standing.PROBABLE, Standing.MEASURED),
    (Verdict.DEPENDENT, True): (Standing.PROBABLE, Standing.PROBABLE),
    (Verdict.DEPENDENT, False): (Standing.POSSIBLE, Standing.PROBABLE),
    (Verdict.IDENTICAL, True): (Standing.POSSIBLE, Standing.MEASURED),
    (Verdict.IDENTICAL, False): (Standing.POSSIBLE, Standing.MEASURED),
}
"""By verdict and whether the reference is known to be first: undeclared, declared."""


@dataclass(frozen=True)
class Base:
    """A base model that a model's own papers name.

    Attributes:
        name: which.
        status, why: what became of that claim.
        relation: how they say that the model was made from it.
        loaded: only the config names it, as where it was loaded from: a configuration without weights, it may be.
    """

    name: str
    status: str
    why: str
    relation: str = ""
    loaded: bool = False


@dataclass(frozen=True)
class Papers:
    """What a model's own papers say of its descent.

    Attributes:
        bases: models that they name.
        scratch: the claim of training from scratch; None where there is none.
    """

    bases: tuple[Base, ...] = ()
    scratch: Base | None = None

    @property
    def state(self) -> ParentState:
        """What they say about the parent."""
        if not all(base.loaded for base in self.bases):
            return ParentState.DECLARED
        return ParentState.FROM_SCRATCH if self.scratch is not None else ParentState.ABSENT

    def naming(self, reference: str) -> Base | None:
        """The claim that names a reference."""
        return next((b for b in self.bases if b.status != "contradicted" and names_match(b.name, reference)), None)


def papers_of(claims: Any) -> Papers:
    """The claims of a scan, as its document has them."""
    bases: list[Base] = []
    scratch: Base | None = None
    for claim in objects(claims, "claims"):
        said = text(claim.get("claim"), "a claim", limit=1_000)
        status, why = text(claim.get("status"), "a claim's status"), text(claim.get("why"), "a claim's why")
        if said.startswith(BASE) and (base := name(said.removeprefix(BASE), "a claimed base model")):
            relation = text(claim.get("relation"), "a claim's relation")
            bases.append(Base(base, status, why, relation, claim.get("source") == LOADED))
        elif said == SCRATCH:
            scratch = Base("", status, why)
    return Papers(tuple(bases), scratch)


def verdict_of(value: Any, where: str) -> Verdict:
    """A verdict; one that this version does not know is no verdict, so that it can never establish anything."""
    said = text(value, where)
    return Verdict(said) if said in set(Verdict) else Verdict.INCONCLUSIVE


def measured_edge(found: Document, child: str, declared: Base | None) -> Edge | None:
    """The edge that a comparison of weights with one reference gives; None where it names no ancestor.

    Args:
        found: an ancestor of a scan, or what a comparison has in the same fields.
        child: the model in question.
        declared: the claim of its papers that names the reference, if one does.
    """
    parent = name(found.get("name"), "an ancestor's name")
    verdict = verdict_of(found.get("verdict"), f"the verdict on {parent}")
    relation = mapping(found.get("relation"), f"the relation with {parent}")
    way = text(relation.get("direction"), f"the direction from {parent}")
    if not parent or verdict in SILENT or (way == "b_to_a" and declared is None):
        return None
    kind = EdgeKind.IDENTICAL if verdict is Verdict.IDENTICAL else kind_of(relation)
    if verdict is Verdict.COMPONENT_SHARED:
        kind = EdgeKind.COMPONENT
    elif kind in (EdgeKind.COMPONENT, EdgeKind.IDENTICAL) and verdict is not Verdict.IDENTICAL:
        kind = EdgeKind.UNKNOWN  # the whole is dependent, and not equal
    if kind is EdgeKind.UNKNOWN and declared is not None:
        kind = stated_kind(declared)
    details = mapping(relation.get("details"), f"the details of {parent}")
    parts = [text(p, "a component") for p in items(details.get("components"), "components")]
    whole = kind is not EdgeKind.COMPONENT
    return Edge(
        parent,
        child,
        kind,
        standing_of(verdict, way, declared is not None),
        declared=declared is not None,
        evidence=sentences((*_words(found, parent), *([_claimed(declared)] if declared else []))),
        log10_p=tail(found.get("log10_p"), f"log10_p of {parent}"),
        component="" if whole else text(", ".join(p for p in parts if p) or "a part", "components"),
    )


def declared_edge(base: Base, child: str, kind: EdgeKind = EdgeKind.UNKNOWN) -> Edge:
    """The edge that papers alone give; ``kind`` where they do not say how. Possible where only a config names it."""
    said = stated_kind(base)
    kind = kind if said is EdgeKind.UNKNOWN else said
    standing = Standing.POSSIBLE if base.loaded else Standing.DECLARED
    return Edge(base.name, child, kind, standing, declared=True, evidence=(_claimed(base),))


def standing_of(verdict: Verdict, way: str, declared: bool) -> Standing:
    """How far a verdict settles that the reference is an ancestor; see the table above.

    Args:
        verdict: on the pair.
        way: ``a_to_b`` where the reference came first, ``b_to_a`` where the model did, else ``unknown``.
        declared: whether the model's own papers name the reference.
    """
    if way == "b_to_a" or verdict in SILENT:
        return Standing.POSSIBLE
    alone, with_papers = _STANDINGS.get((verdict, way == "a_to_b"), (Standing.POSSIBLE, Standing.DECLARED))
    return with_papers if declared else alone


def kind_of(relation: Document) -> EdgeKind:
    """The first kind of a relation that says how a child was made."""
    details = mapping(relation.get("details"), "details of a relation")
    kinds = [relation.get("kind"), *items(details.get("kinds"), "kinds of a relation")]
    known = (kind_named(text(kind, "a kind of relation")) for kind in kinds)
    return next((k for k in known if k is not EdgeKind.UNKNOWN), EdgeKind.UNKNOWN)


def stated_kind(base: Base) -> EdgeKind:
    """How papers say that the model was made from a base, in one of the words that the hub has for it.

    No other word counts: that no weights came along would take duties away on nobody's evidence.
    """
    kind = kind_named(base.relation)
    return kind if kind in _CALLED else EdgeKind.UNKNOWN


def kind_named(word: str) -> EdgeKind:
    """A kind by its name, ``unknown`` for anything else."""
    kind = _KINDS.get(word.strip().lower(), EdgeKind.UNKNOWN)
    return EdgeKind.UNKNOWN if kind in _NOT_BY_ITSELF else kind


def _words(found: Document, parent: str) -> Sequence[str]:
    """Why, in the result's own sentences."""
    why = text(found.get("why"), f"why of {parent}")
    given = objects(found.get("evidence"), f"the evidence on {parent}")
    return [why, *(text(e.get("summary"), "a summary") for e in given if e.get("supports") == "related")]


def _claimed(base: Base) -> str:
    kind = stated_kind(base)
    if base.loaded:
        return f"Its config was loaded from {base.name} (_name_or_path), with its weights or without them."
    said = f"Its own papers name {base.name} as base model"
    said += f", {_CALLED[kind]}" if kind in _CALLED else ""
    return f"{said} ({base.status}: {base.why})." if base.status and base.why else f"{said}."
