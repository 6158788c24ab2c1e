"""What the proposed lineage profile wants said (docs/standard), worked out from a record, in no format's terms.

Every emitter writes these statements beside its own fields: CycloneDX as ``ai-lineage:…`` properties, SPDX as
annotations. They say nothing that the record does not say; a reader of ours has no need of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from forebear.bom.record import Organisation, OrganisationRole, Record, Relative, Slot, Status
from forebear.bom.training import Dataset, DatasetRole, Stage
from forebear.bom.values import Basis, GapState, Observation
from forebear.types import P_FLOOR_LOG10, Json, Test, Verdict

KEY = "ai-lineage"
PROFILE = "0.1"
RELATIONS = frozenset(
    {
        "identical",
        "quantized",
        "finetune",
        "rl",
        "adapter",
        "continued_pretraining",
        "merge",
        "pruned",
        "width_pruned",
        "width_expanded",
        "depth_pruned",
        "depth_upscaled",
        "upcycled",
        "vocabulary_changed",
        "multimodal_extension",
        "component_shared",
        "distilled",
        "trained_on_outputs",
        "converted",
        "same_model",
    }
)
TIES = frozenset({"incorporated_in", "engineering_in", "controlled_from", "address"})
MAKERS = frozenset({OrganisationRole.DEVELOPER, OrganisationRole.SUPPLIER, OrganisationRole.MANUFACTURER})
_NO_DESCENT = frozenset({Verdict.SAME_INIT_OR_DERIVED, Verdict.SIBLINGS})
"""Verdicts that leave a shared start or parent open, whatever speaks for an order: no descent was measured."""
LOG10_P = -6
"""The largest at which the profile lets a test carry a step."""
SCRATCH = "trained from scratch"


def of_subject(record: Record) -> Json:
    """Statements about the model itself: those that no field of a format holds."""
    served = bool(record.services) and not record.files
    said: Json = {"profile": PROFILE, "delivered": "service" if served else "weights"}
    if not _parents(record, ""):
        scratch = any(c.claim == SCRATCH and c.status is not Status.CONTRADICTED for c in record.claims)
        said["parent"] = "none" if scratch else _missing(record, "base_model")
    if not record.licences:
        said["licence"] = _missing(record, "licence", "license")
    said |= _producer(record, "")
    if not record.datasets:
        said["data"] = _missing(record, "training_data", "datasets")
    if contradictions := list(_contradictions(record)):
        said["contradictions"] = contradictions
    return said


def of_relatives(record: Record) -> tuple[Json, ...]:
    """Statements about each related model, in the record's order; in one pass, for a bill may have thousands."""
    children = {r.child for r in record.relatives if r.slot is Slot.ANCESTOR}
    makers: dict[str, Organisation] = {}
    for firm in record.organisations:
        if firm.name and MAKERS & set(firm.roles):
            makers.setdefault(firm.model, firm)

    def about(relative: Relative) -> Json:
        said: Json = {} if relative.name in children else {"parent": "unknown"}
        said |= {} if relative.licences else {"licence": "unknown"}
        maker = makers.get(relative.name)
        # A relative without a name cannot be told from the model, for which a gap may say why nobody is named.
        if not relative.name:
            return said | _producer(record, "")
        return said | ({"producer": "unknown"} if maker is None else {"countries": countries_of(maker)})

    return tuple(map(about, record.relatives))


def of_step(relative: Relative) -> Json:
    """Statements about the step from a related model: relation, part, assurance, evidence."""
    kind = relative.relation if relative.relation in RELATIONS else relative.declared_relation
    said: Json = {"relation": kind if kind in RELATIONS else "unknown"}
    if relative.component:
        said["component"] = relative.component
    evidence = [_evidence(o, relative) for o in relative.observations if o.summary and o.signal]
    descent = relative.direction == "a_to_b" and relative.verdict not in _NO_DESCENT
    came_first = relative.slot is not Slot.ANCESTOR or descent
    related = relative.verdict is not None and relative.verdict.related is True
    own = relative.said.basis is Basis.MEASURED
    strong = own and related and any(e.get("test") == "equal" or e.get("log10_p", 0) <= LOG10_P for e in evidence)
    said["assurance"] = "measured" if strong and came_first else "declared"
    if evidence:
        said["evidence"] = evidence
    return said


def of_stage(stage: Stage) -> Json:
    """Statements about a stage."""
    texts = {"stage": stage.kind.value, "method": stage.method, "reward": stage.reward}
    return {key: text for key, text in texts.items() if text}


def of_dataset(dataset: Dataset) -> Json:
    """Statements about a dataset."""
    role = next((r for r in dataset.roles if r is not DatasetRole.UNSPECIFIED), None)
    return {"role": role.value} if role else {}


def as_properties(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and value of the CycloneDX properties that say it."""
    for key, value in said.items():
        if key == "countries" and isinstance(value, list):
            for each in value:
                yield f"{KEY}:country", f"{each['country']} {each['tie']}"
        elif key == "contradictions":
            yield from ((f"{KEY}:contradicted", text) for text in value)
        elif key == "evidence":
            yield from ((f"{KEY}:evidence", json.dumps(each, ensure_ascii=False)) for each in value)
        else:
            yield f"{KEY}:{key}", value


def _parents(record: Record, name: str) -> bool:
    return any(r.slot is Slot.ANCESTOR and r.child == name for r in record.relatives)


def _missing(record: Record, *fields: str) -> str:
    """``withheld`` where a gap says so, else ``unknown``: the record holds nothing."""
    withheld = any(g.field in fields and g.state is GapState.WITHHELD for g in record.gaps)
    return GapState.WITHHELD.value if withheld else GapState.UNKNOWN.value


def _producer(record: Record, model: str) -> Json:
    maker = maker_of(record, model)
    if maker is None:
        return {"producer": _missing(record, "developer", "producer") if not model else "unknown"}
    return {"countries": countries_of(maker)}


def countries_of(firm: Organisation) -> list[Json] | str:
    """Each country with its tie, ``unknown`` where none is known."""
    ties = [{"country": j.country, "tie": j.tie} for j in firm.jurisdictions if j.tie in TIES]
    return ties or GapState.UNKNOWN.value


def maker_of(record: Record, model: str) -> Organisation | None:
    """Who made a model of the record, by its roles; None where nobody is named."""
    return next((o for o in record.organisations if o.model == model and o.name and MAKERS & set(o.roles)), None)


def _contradictions(record: Record) -> Iterator[str]:
    for claim in record.claims:
        if claim.status is Status.CONTRADICTED:
            yield f"{claim.claim}: {claim.why}" if claim.why else claim.claim
    for relative in record.relatives:
        if relative.claim is Status.CONTRADICTED:
            yield f"base model {relative.name}: {relative.claim_why}"


def _evidence(observation: Observation, relative: Relative) -> Json:
    """A measurement; one without all that makes its test one that another can repeat claims none."""
    out: Json = {"method": observation.signal, "summary": observation.summary}
    exact = observation.test in (Test.EXACT, Test.CALIBRATED)
    if observation.equal and relative.digest:
        out |= {"test": "equal", "reference": relative.digest}
    elif exact and observation.log10_p is not None and observation.null and observation.n and relative.digest:
        out |= {"test": observation.test.value, "null": observation.null, "n": observation.n}
        out |= {"log10_p": max(P_FLOOR_LOG10, observation.log10_p), "reference": relative.digest}
    else:
        out["test"] = "heuristic" if observation.test is Test.HEURISTIC else "none"
    if relative.said.basis is Basis.ATTESTED:
        out["attestation"] = relative.said.by or "as stated"
    return out
