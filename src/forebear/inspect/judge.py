"""What the card claims against what the weights show: claims and findings.

A finding above ``note`` needs a fact that the evidence settles. Where direction is open (it usually is), the words
say so: the base model's own card does not name its descendants either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.artifacts import Artifact
from forebear.catalogue import LookAlike, look_alikes, raise_finding
from forebear.lineage.evidence import joined
from forebear.signals import Fingerprint
from forebear.signals.declared import Declared, is_itself, names_match
from forebear.types import LOADED, Ancestor, Claim, Finding, Level, Verdict, p_value

CONFIRMING = frozenset({Verdict.IDENTICAL, Verdict.DERIVED, Verdict.DEPENDENT, Verdict.MERGE})
FEWEST_COINS = 64
"""With fewer coins nothing could ever be established, so nothing counts as tested."""
RELATED = CONFIRMING | {Verdict.SAME_INIT_OR_DERIVED, Verdict.SIBLINGS}


def claims_of(declared: Declared, ancestors: tuple[Ancestor, ...], effort: str) -> tuple[Claim, ...]:
    """Every claim of descent in card and config, with its status."""
    out: list[Claim] = []
    for base in declared.base_models:
        match = next((a for a in ancestors if names_match(base, a.name)), None)
        if match is None:
            status, why = "unverified", "no indexed reference of that name was found to be related"
            if effort == "quick":
                why = "the weights were not examined"
        elif match.relation.direction == "b_to_a":
            status, why = "unverified", f"{match.name} is related, but is the later one"
        elif match.verdict in CONFIRMING:
            status, why = "confirmed", f"the weights are not independent of {match.name} ({match.verdict})"
            if match.verdict is not Verdict.DERIVED:
                why += "; that it came first is the card's word"
        else:
            status, why = (
                "unverified",
                f"consistent with {match.name}, but {match.verdict} does not settle it",
            )
        by_config = base == declared.loaded_from
        source, relation = (LOADED, "") if by_config else ("card or config", declared.relation)
        out.append(Claim(f"base model: {base}", source, status, why, relation))
    if declared.from_scratch:
        derived = next((a for a in ancestors if _is_child(a)), None)
        related = next((a for a in ancestors if a.verdict in RELATED), None)
        if derived is not None:
            out.append(Claim("trained from scratch", "README.md", "contradicted", f"it was made from {derived.name}"))
        elif related is not None:
            why = f"its weights are not independent of {related.name}; which came first is not settled"
            out.append(Claim("trained from scratch", "README.md", "unverified", why))
        elif shared := next((a for a in ancestors if a.verdict is Verdict.COMPONENT_SHARED), None):
            parts = joined([str(p) for p in shared.relation.details.get("components", ())]) or "a part"
            why = f"it shares the {parts} with {shared.name}; who has that from whom is not settled"
            out.append(Claim("trained from scratch", "README.md", "unverified", why))
        else:
            out.append(Claim("trained from scratch", "README.md", "unverified", "no related reference was found"))
    return tuple(out)


def findings_of(
    artifact: Artifact,
    mark: Fingerprint,
    verdict: Verdict,
    ancestors: tuple[Ancestor, ...],
    tested: int,
    total: int,
    effort: str,
    unfetched: str = "",
) -> tuple[Finding, ...]:
    """The findings of a scan; ``unfetched``: why no known base of its shape was fetched, as a clause."""
    out: list[Finding] = []
    related = [a for a in ancestors if a.verdict in RELATED]
    declared = any(names_match(b, a.name) for a in related for b in mark.declared.base_models)
    declared |= any(is_itself(artifact.name, a.name, a.verdict) for a in related)
    if related and not declared and verdict is not Verdict.INDEXED:
        out.append(_undeclared(mark, related[0]))
    # Unknown names alone are no reproach: every new family and every training framework has them. They hide something
    # with a proved dependence that the card does not name; a model_type that its own tensor names contradict is a fact.
    if artifact.disguise and ((related and not declared) or not artifact.inferred):
        out.append(_disguised(artifact, related))
    out += [raise_finding("pickle-unsafe", f"{danger}. It was not run.") for danger in artifact.weights.dangers]
    if not ancestors and not tested and effort != "quick":
        out.append(_no_reference(artifact, mark, total, unfetched))
    return tuple(out)


def _undeclared(mark: Fingerprint, ancestor: Ancestor) -> Finding:
    says, clears = "its card names no base model", None
    if mark.declared.from_scratch:
        says = "its card says that it was trained from scratch"
    elif named := tuple(base for base in mark.declared.base_models if base != mark.declared.loaded_from):
        says = f"its card names {joined(named)}"
        clears = (
            f"If {ancestor.name} is what the card calls {joined(named)}, add it to the index under that name "
            "(forebear index add … --name); else name it in the card."
        )
    p = "no p-value" if ancestor.log10_p is None else p_value(ancestor.log10_p)
    evidence = (f"sign-code/1: {p} against independence",)
    if _is_child(ancestor):
        level = Level.ERROR if mark.declared.from_scratch else Level.WARNING
        return raise_finding(
            "ancestor-undeclared", f"The model was made from {ancestor.name}; {says}.", evidence, level, clears
        )
    if ancestor.verdict is Verdict.IDENTICAL:
        text = f"The model equals {ancestor.name} in every value; {says}."
        return raise_finding("ancestor-undeclared", text, evidence, Level.WARNING, clears)
    open_question = "which came first is not settled"
    if ancestor.relation.direction == "b_to_a":
        open_question = f"{ancestor.name} is the later one"
    elif ancestor.verdict is Verdict.SAME_INIT_OR_DERIVED:
        open_question = "descent and a shared random initialisation are not told apart"
    text = f"The weights are not independent of {ancestor.name}; {says}; {open_question}."
    # A note: the reference may be this model's descendant, which no card can name, or its sibling.
    return raise_finding("ancestor-undeclared", text, evidence, Level.NOTE, clears)


def _disguised(artifact: Artifact, related: list[Ancestor]) -> Finding:
    text = f"Names do not say what the weights are: {artifact.disguise}."
    if artifact.inferred:
        text += f" Roles were inferred from shapes; the weights are not independent of {related[0].name}."
    return raise_finding("names-disguised", text, artifact.notes[:3])


def _is_child(ancestor: Ancestor) -> bool:
    return ancestor.verdict is Verdict.DERIVED and ancestor.relation.direction == "a_to_b"


def suggested(shape: Mapping[str, Any]) -> tuple[LookAlike, ...]:
    """Known bases that a model of this shape looks like: those of the same shape, else of a related one."""
    if shape.get("family") is None:
        return ()
    alike = look_alikes(
        width=shape["width"],
        layers=shape["layers"],
        vocabulary=shape["vocabulary"],
        intermediate=shape["intermediate"],
        heads=shape["query_heads"],
        kv_heads=shape["kv_heads"],
    )
    return tuple(a for a in alike if a.exact) or alike


def _no_reference(artifact: Artifact, mark: Fingerprint, total: int, unfetched: str) -> Finding:
    """No comparable reference: name known bases of its shape, which may settle it, and why they were not fetched."""
    shape = mark.shape
    why = "the index is empty" if not total else f"none of the {total:,} references has a comparable shape"
    if mark.code.n < FEWEST_COINS:
        why = f"only {mark.code.n} sign coins could be read"
    if shape.get("family") is None:
        return raise_finding("no-reference-tested", f"No reference was tested: {artifact.unknown}.")
    alike = suggested(shape)
    names = [a.model.repository for a in alike[:5]]
    text = f"No reference was tested: {why}."
    if names:
        likeness = "is that" if alike[0].exact else "resembles that"
        text += f" The shape {likeness} of {joined(names, 5)}, which proves nothing."
        text += f" {unfetched[:1].upper()}{unfetched[1:]}." if unfetched else ""
        others = f"; or {joined(names[1:3])}" if names[1:] else ""
        clears = f"forebear index add hf:{names[0]}, or its folder{others}"
    else:
        text += " No known base has this shape, so none was looked up on the hub."
        clears = "forebear index add <folder of the model you suspect>"
    return raise_finding("no-reference-tested", text, clears=clears)
