"""The one document that rules look at (``forebear.policy-input/1``): what is known about a model, put side by side.

What is not known is null and never "no". Its fields are listed in ``data/schemas/policy-input.json``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.licences.answer import DutyStatus, LicenceAnswer
from forebear.licences.organisation import Organisation
from forebear.lineage.chain import Access, Chain, EdgeKind, ParentState
from forebear.origin.answer import Origin
from forebear.policy.fields import FORMAT
from forebear.policy.makers import about, ancestor_entries
from forebear.types import Json, to_json

SCRATCH = "trained from scratch"
MOST_CLAIMS = 2_000
FILE_DUTIES = ("include_licence_copy", "retain_copyright", "notice_file")
DOCUMENTS = (
    *("model_card", "training_data_summary", "copyright_policy", "acceptable_use_policy", "end_user_resources"),
    *("feedback_channel", "training_evidence", "role_attestations", "provider_documentation"),
)


@dataclass(frozen=True)
class BomFacts:
    """What is known about a model's bill of materials.

    Attributes:
        present: there is one; None where nobody said.
        signed: a signature over it was verified; None where one is there that was not.
        signature: ``valid``, ``invalid``, ``unverified`` or ``none``, None where there is no bill.
        hashes: ``match`` or ``mismatch`` of the model's files with it, None where they were not compared.
        base_model_state: what it says about a parent.
    """

    present: bool | None = None
    signed: bool | None = None
    hashes: str | None = None
    base_model_state: str | None = None
    signature: str | None = None


@dataclass(frozen=True)
class Told:
    """What the vendor says in answer to questions.

    Attributes:
        claims: with ``claim``, ``source`` and ``status``.
        base_names: base models that are named.
        from_scratch, withheld: whether it is said that there is no base, or that it is not told.
        compute: ``base_flop``, ``modification_flop``.
        runtime: ``provider``, ``country``, ``relay``, ``relay_declared``.
        documents: which papers there are.
    """

    claims: tuple[Mapping[str, Any], ...] = ()
    base_names: tuple[str, ...] = ()
    from_scratch: bool | None = None
    withheld: bool | None = None
    compute: Mapping[str, float] = field(default_factory=dict)
    runtime: Mapping[str, Any] = field(default_factory=dict)
    documents: Mapping[str, bool] = field(default_factory=dict)


def policy_input(
    document: Mapping[str, Any],
    chain: Chain,
    licence: LicenceAnswer,
    origin: Origin,
    organisation: Organisation | None = None,
    bom: BomFacts | None = None,
    told: Told | None = None,
) -> Json:
    """The input of a policy.

    Args:
        document: the result or bill of materials that the chain was made from; empty where there is none.
        chain, licence, origin: what is known, and what follows.
        organisation: facts about who uses the model, None where none were given.
        bom: about its bill of materials.
        told: the vendor's answers.
    """
    told = told or Told()
    claims = [*_claims(document, chain), *told.claims]
    facts = bom or BomFacts()
    ancestors = ancestor_entries(chain)
    return {
        "schema": FORMAT,
        "model": _model(document, chain),
        "access": chain.access.value,
        "verdict": chain.verdict or None,
        "lineage_known": _lineage_known(chain, told),
        "parent": {"state": _parent_state(chain, told), "names": _parents(chain, told)},
        "claims": claims,
        "claim_contradicted": _contradicted(chain, claims),
        "from_scratch_claimed": _from_scratch(chain, claims, told),
        "subject": {"name": chain.subject.name, **about(chain.subject, _own_licences(chain, licence))},
        "ancestors": ancestors,
        "duties": [_duty(d) for d in licence.duties],
        "conflicts": [to_json(c) for c in licence.conflicts],
        "licence": _licence(chain, licence),
        "findings": list(_findings(document, licence, origin)),
        "bom": {
            "present": facts.present,
            "signed": facts.signed,
            "signature": facts.signature,
            "hashes": facts.hashes,
            "base_model_state": facts.base_model_state,
        },
        "documents": {name: told.documents.get(name) for name in DOCUMENTS},
        "compute": _compute(told.compute),
        "runtime": _runtime(document, chain, told),
        "evaluations": None,
        "org": _organisation(organisation),
    }


def _model(document: Mapping[str, Any], chain: Chain) -> Json:
    model = document.get("model")
    known = model if isinstance(model, Mapping) else {}
    digest = known.get("digest")
    return {
        "name": chain.subject.name,
        "target": str(known["target"]) if isinstance(known.get("target"), str) else None,
        "digest": digest if isinstance(digest, str) else None,
        "revision": chain.subject.revision or None,
    }


def _lineage_known(chain: Chain, told: Told) -> bool | None:
    """True where there is something to hold on to: an established ancestor, or a word on the parent."""
    said = _parent_state(chain, told) in (ParentState.DECLARED.value, ParentState.FROM_SCRATCH.value)
    whole = any(r.standing.established and r.weights and not r.component for r in chain.routes())
    return True if said or whole else None


def _parent_state(chain: Chain, told: Told) -> str | None:
    """What the papers say of a parent; None where no papers could be looked at, which is no silence of theirs."""
    if chain.parent is not ParentState.ABSENT:
        return chain.parent.value
    if told.base_names:
        return ParentState.DECLARED.value
    if told.from_scratch:
        return ParentState.FROM_SCRATCH.value
    if told.withheld:
        return ParentState.WITHHELD.value
    return None if chain.access in (Access.TRAFFIC, Access.ENDPOINT, Access.NAME) else ParentState.ABSENT.value


def _parents(chain: Chain, told: Told) -> list[str]:
    own = (e.parent for e in chain.edges if e.child == chain.subject.name and e.declared)
    return list(dict.fromkeys((*own, *told.base_names)))


def _claims(document: Mapping[str, Any], chain: Chain) -> Iterator[Json]:
    given = document.get("claims")
    for claim in given[:MOST_CLAIMS] if isinstance(given, list) else ():
        if isinstance(claim, Mapping) and isinstance(claim.get("claim"), str):
            status = claim.get("status")
            known = status if status in ("confirmed", "contradicted", "unverified") else "unverified"
            yield {"claim": claim["claim"], "source": str(claim.get("source") or "") or None, "status": known}
    if not isinstance(given, list):  # a bill of materials: what it says nobody has tested
        for edge in chain.edges:
            if edge.declared and edge.child == chain.subject.name:
                status = "contradicted" if edge.contradicted else "unverified"
                yield {"claim": f"base model: {edge.parent}", "source": "bill of materials", "status": status}
        if chain.parent is ParentState.FROM_SCRATCH:
            yield {"claim": SCRATCH, "source": "bill of materials", "status": "unverified"}


def _contradicted(chain: Chain, claims: Iterable[Mapping[str, Any]]) -> bool | None:
    """True where one is; false where each was tested, or weights were looked at and nothing is claimed."""
    states = {claim["status"] for claim in claims}
    if "contradicted" in states or any(e.contradicted and e.standing.established for e in chain.edges):
        return True
    if states == {"confirmed"} or (not states and chain.access is Access.WEIGHTS):
        return False
    return None


def _from_scratch(chain: Chain, claims: Iterable[Mapping[str, Any]], told: Told) -> bool | None:
    if told.from_scratch is not None:
        return told.from_scratch
    if chain.parent is ParentState.FROM_SCRATCH or any(c["claim"] == SCRATCH for c in claims):
        return True
    return False if chain.parent in (ParentState.DECLARED, ParentState.WITHHELD) else None


def _own_licences(chain: Chain, licence: LicenceAnswer) -> tuple[str, ...]:
    """The model's own licences: as declared, else by its files, else by the catalogue."""
    said = [d for d in licence.declared if not d.component]
    stated = [d.licence for d in said] if all(d.licence for d in said) else []  # of several, each has to be known
    found = stated or [d.licence for d in licence.detected if d.licence and d.exact] or list(chain.subject.licences)
    return tuple(dict.fromkeys(i for i in found if i))


def _duty(duty: Any) -> Json:
    return {
        "kind": str(duty.kind),
        "licence": duty.licence,
        "ancestor": duty.ancestor,
        "standing": duty.standing.value,
        "status": duty.status.value,
        "triggered": duty.triggered,
        "text": duty.text or None,
        "component": duty.component,
        "depends_on": list(duty.on),
        "why": duty.why or None,
        "clause": duty.clause or None,
        "facts_retrieved": duty.confidence != "unverified",
    }


def _licence(chain: Chain, licence: LicenceAnswer) -> Json:
    declared = list(dict.fromkeys(d.licence or d.value for d in licence.declared if not d.component))
    files = [d for d in licence.detected if not d.file.startswith("README")]
    asked = [d for d in licence.duties if d.kind in FILE_DUTIES and d.ancestor == licence.model]
    missing: bool | None = False if files else None
    if not files and chain.access in (Access.WEIGHTS, Access.PAPERS) and asked:
        missing = any(d.status is DutyStatus.UNMET for d in asked) or None
    changed = any(c.matters for d in licence.detected for c in d.changes) if licence.detected else None
    found = list(dict.fromkeys(d.licence or d.name or d.file for d in licence.detected))
    return {"declared": declared, "detected": found or None, "missing": missing, "changed": changed}


def _findings(document: Mapping[str, Any], licence: LicenceAnswer, origin: Origin) -> Iterator[Json]:
    given = document.get("findings")
    seen = set[tuple[str, str]]()
    own = [(f.get("id"), f.get("level")) for f in given if isinstance(f, Mapping)] if isinstance(given, list) else []
    for name, level in (*own, *((f.id, f.level.value) for f in (*licence.findings, *origin.findings))):
        if isinstance(name, str) and level in ("note", "warning", "error") and (name, level) not in seen:
            seen.add((name, level))
            yield {"id": name, "level": level}


def _compute(told: Mapping[str, float]) -> Json:
    base, own = told.get("base_flop"), told.get("modification_flop")
    ratio = own / base if base and own is not None else None
    return {"base_flop": base, "modification_flop": own, "ratio": ratio}


def _runtime(document: Mapping[str, Any], chain: Chain, told: Told) -> Json:
    """Who serves it: as told, else as the identifiers of a probe or a capture name providers."""
    served = next((e.parent for e in chain.edges if e.kind is EdgeKind.SAME_MODEL and e.standing.established), "")
    named = [i.get("provider") for i in _identifiers(document)]
    providers = sorted({p for p in named if isinstance(p, str) and p})
    return {
        "provider": told.runtime.get("provider") or (providers[0] if len(providers) == 1 else None),
        "developer": (chain.node(served).developer or None) if served else None,
        "country": told.runtime.get("country"),
        "relay": told.runtime.get("relay"),
        "relay_declared": told.runtime.get("relay_declared"),
    }


def _identifiers(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = document.get("identifiers")
    return [i for i in given if isinstance(i, Mapping)] if isinstance(given, list) else []


def _organisation(given: Organisation | None) -> Json:
    """The facts; an empty text or list that says nothing is null."""
    facts: Json = to_json(given or Organisation())
    del facts["attested"], facts["exchange_rates"], facts["displays"], facts["documents"]
    for name in ("name", "country", "territories"):
        facts[name] = facts[name] or None
    return facts
