"""Related models of a bill of materials: measured, declared, and what the catalogue has above them.

A measured model comes first, joined with the claim that names it. What is only possible (a shared start, a word in a
name) is a variant and never an ancestor: a reader of a pedigree takes ancestors for facts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from forebear.artifacts import Artifact
from forebear.artifacts.adapter import CONFIG as ADAPTER
from forebear.artifacts.documents import CARD
from forebear.artifacts.read import CONFIG
from forebear.bom.card import purl
from forebear.bom.record import ClaimRecord, Relative, Slot, Status
from forebear.bom.values import Observation, Said
from forebear.catalogue import known_models
from forebear.errors import one_line
from forebear.inspect.bom_chain import above, in_chain, licences_of_node
from forebear.inspect.bom_model import MEASURED
from forebear.inspect.bom_source import Hide
from forebear.lineage.chain import Chain
from forebear.lineage.chains.words import withheld
from forebear.signals import content
from forebear.signals.declared import declared, names_match
from forebear.types import Ancestor, Claim, Scan, Test, Verdict

BASE = "base model: "
_SLOTS = {"a_to_b": Slot.ANCESTOR, "b_to_a": Slot.DESCENDANT}
_NOT_EXAMINED = "the weights were not examined"


@dataclass(frozen=True)
class Named:
    """A base model that somebody names.

    Attributes:
        name: as written, cleaned.
        file: where it is named.
        relation: the kind of derivation that is declared, "" for none.
        revision: commit, "" where none is stated.
    """

    name: str
    file: str
    relation: str = ""
    revision: str = ""


def named_bases(artifact: Artifact, own: str) -> tuple[Named, ...]:
    """Base models that the model's own papers name, each with the file; without those that only say "withheld"."""
    said = declared(artifact)
    in_card = artifact.documents.front_matter.get("base_model")
    by_card = in_card if isinstance(in_card, list) else [in_card]
    adapter = artifact.adapter
    found: dict[str, Named] = {}
    for base in said.base_models:
        clean = one_line(base, 200)
        # A config often keeps the id under which the model itself was loaded, which is no ancestor.
        if base == own or not clean or withheld(clean):
            continue
        of_adapter = adapter is not None and base == adapter.base
        revision = one_line(adapter.revision, 200) if adapter is not None and of_adapter else ""
        if any(isinstance(b, str) and b[:200] == base for b in by_card):
            entry = Named(clean, CARD, one_line(said.relation, 80), revision)
        else:
            entry = Named(clean, ADAPTER, "adapter", revision) if of_adapter else Named(clean, CONFIG)
        found.setdefault(clean, entry)
    return tuple(found.values())


def withheld_bases(artifact: Artifact) -> bool:
    """Whether the card states a base model without naming it."""
    return any(withheld(one_line(base, 200)) for base in declared(artifact).base_models)


def relatives_of(
    bases: Iterable[Named], result: Scan | None, claims: Iterable[Claim], chain: Chain | None, hide: Hide
) -> tuple[Relative, ...]:
    """Measured models in the scan's order, those that are only named, and what is above them.

    Args:
        bases: named by papers and declaration.
        result: of the scan, None where weights were not looked at.
        claims: with their status.
        chain: worked out from both, None where that failed.
        hide: takes paths of this machine out of a text.
    """
    status = {c.claim.removeprefix(BASE): c for c in claims if c.claim.startswith(BASE)}
    left = {base.name: base for base in bases}
    found: list[Relative] = []
    for ancestor in result.ancestors if result else ():
        naming = [left.pop(name) for name in list(left) if names_match(name, ancestor.name)]
        found.append(_measured(ancestor, naming[0] if naming else None, status, chain, hide))
    found += [_declared(base, status.get(base.name), chain) for base in left.values()]
    return (*found, *(above(chain, [r.name for r in found]) if chain is not None else ()))


def as_billed(claim: Claim, measured: Iterable[tuple[str, Verdict | None, str]]) -> Claim:
    """A claim as a bill may state it: a base is confirmed where the order was measured, or where all values are equal.

    A scan confirms that a card's word fits the weights. A bill outlives its scan, and whoever verifies it asks for more
    (:mod:`forebear.inspect.bom_verify_lineage`): a sibling, or a model made from this one, would be as dependent.

    Args:
        claim: as the scan judged it.
        measured: name, verdict and direction of each relative.
    """
    base = claim.claim.removeprefix(BASE)
    if claim.status != Status.CONFIRMED or claim.claim == base:
        return claim
    told = (
        verdict is Verdict.IDENTICAL or way == "a_to_b" for name, verdict, way in measured if names_match(base, name)
    )
    return claim if next(told, True) else replace(claim, status=Status.UNVERIFIED.value)


def claims_of(
    claims: Iterable[Claim], bases: Iterable[Named], result: Scan | None, hide: Hide
) -> Iterator[ClaimRecord]:
    """Every claim with its status, who makes it, and the measurement that bears on it."""
    files = {base.name: base.file for base in bases}
    ancestors = result.ancestors if result else ()
    for claim in claims:
        name = claim.claim.removeprefix(BASE)
        base = claim.claim.startswith(BASE)
        match = next((a for a in ancestors if not base or names_match(name, a.name)), None)
        settled = claim.status != Status.UNVERIFIED or base
        yield ClaimRecord(
            claim=claim.claim,
            status=Status(claim.status),
            why=hide(claim.why),
            evidence=tuple(observations_of(match, hide)) if match is not None and settled else (),
            said=Said(by=files.get(name, claim.source) if base else claim.source),
        )


def observations_of(found: Ancestor, hide: Hide) -> Iterator[Observation]:
    """What was measured on the weights."""
    if found.verdict is Verdict.IDENTICAL:  # the verdict itself is what the full hashes say
        yield Observation(
            signal=content.NAME, summary="every value of every tensor is equal, by full hashes.", equal=True
        )
    for item in found.evidence:
        if item.kind == "weights":
            exact = item.supports == "related" and item.log10_p is not None and item.test is Test.EXACT
            yield Observation(
                signal=item.signal,
                summary=hide(item.summary),
                test=item.test,
                null=item.null or "",
                n=item.n,
                log10_p=item.log10_p,
                log10_e=found.log10_e if exact else None,
            )


def _measured(
    found: Ancestor, base: Named | None, status: dict[str, Claim], chain: Chain | None, hide: Hide
) -> Relative:
    claim = status.get(base.name) if base else None
    node, edge = in_chain(chain, found.name)
    return Relative(
        name=one_line(found.name, 200),
        slot=_SLOTS.get(found.relation.direction, Slot.ANCESTOR if base else Slot.VARIANT),
        component=edge.component if edge is not None else "",
        version=(base.revision if base else "") or (node.revision if node is not None else ""),
        purl=_public(found.name, base is not None),
        licences=licences_of_node(node),
        relation=found.relation.kind,
        direction=found.relation.direction,
        verdict=found.verdict,
        standing=edge.standing.value if edge is not None else "",
        log10_p=found.log10_p,
        log10_e=found.log10_e,
        observations=tuple(observations_of(found, hide)),
        why=hide(found.why),
        digest=found.digest or "",
        declared_in=base.file if base else "",
        declared_relation=base.relation if base else "",
        claim=Status(claim.status) if claim else None,
        claim_why=hide(claim.why) if claim else "",
        said=MEASURED,
    )


def _declared(base: Named, claim: Claim | None, chain: Chain | None) -> Relative:
    node, edge = in_chain(chain, base.name)
    return Relative(
        name=base.name,
        slot=Slot.ANCESTOR,
        version=base.revision,
        purl=purl(base.name),
        licences=licences_of_node(node),
        standing=edge.standing.value if edge is not None else "",
        declared_in=base.file,
        declared_relation=base.relation,
        claim=Status(claim.status) if claim else Status.UNVERIFIED,
        claim_why=claim.why if claim else _NOT_EXAMINED,
        said=Said(by=base.file),
    )


def _public(name: str, is_declared: bool) -> str:
    """A package URL only for names that the card or the catalogue gives: an index may call a model anything."""
    return purl(name) if is_declared or any(m.repository == name for m in known_models()) else ""
