"""What others say by the proposed lineage profile (docs/standard), as fields of a record, from no format's terms.

A bill of ours says the same in fields of its own, so this is for bills by others alone. What does not fit (a relation
that the profile does not have, evidence without a method) is left where it stands and stays unread.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Mapping
from typing import Any

from pydantic import ValidationError

from forebear.bom.lineage_profile import RELATIONS, SCRATCH, TIES
from forebear.bom.training import DatasetRole, StageKind
from forebear.bom.values import Basis, GapState, Observation
from forebear.types import Json

GAPS = {"parent": "base_model", "licence": "licence", "producer": "developer", "data": "training_data"}
"""Words of the profile for what may be withheld or unknown, and the fields that gaps of a record name."""
_BASES = {"declared": Basis.DECLARED, "attested": Basis.ATTESTED, "measured": Basis.MEASURED}
_COUNTRY = re.compile("[A-Z]{2}")
_MISSING = frozenset(state.value for state in GapState)
_EVIDENCE = frozenset({"method", "summary", "test", "null", "n", "log10_p", "reference", "attestation"})


def parsed(text: str) -> Any:
    """JSON out of a property or an annotation, None where the text is none."""
    try:
        return json.loads(text) if len(text) <= 100_000 else None
    except (ValueError, RecursionError):
        return None


def _one_of(value: Any, words: Container[str]) -> bool:
    """Whether a value is one of some words; another kind of value may not even be looked up."""
    return isinstance(value, str) and value in words


def relative_of(said: Mapping[str, Any]) -> Json:
    """Fields of a :class:`~forebear.bom.record.Relative`: relation, part, who answers for the step, measurements.

    Args:
        said: the statements by their names; ``evidence`` a list of objects.
    """
    fields: Json = {}
    if _one_of(said.get("relation"), RELATIONS):
        fields["declared_relation"] = said["relation"]
    if isinstance(said.get("component"), str):
        fields["component"] = said["component"]
    evidence = said.get("evidence")
    given = [each for each in (evidence if isinstance(evidence, list) else ()) if isinstance(each, Mapping)]
    found = [(each, made) for each in given if (made := observation_of(each)) is not None]
    if found:
        fields["observations"] = [made.to_json() for _, made in found]
    reference = next((str(each["reference"]) for each, _ in found if each.get("reference")), "")
    if reference:
        fields["digest"] = reference
    if _one_of(said.get("assurance"), _BASES):
        where = next((str(each["attestation"]) for each, _ in found if each.get("attestation")), "")
        fields["said"] = {"basis": _BASES[said["assurance"]].value, "by": where}
    return fields


def observation_of(evidence: Mapping[str, Any]) -> Observation | None:
    """One measurement, None where it has no method and words, or says more than a record holds."""
    if not evidence.keys() <= _EVIDENCE:
        return None
    test = evidence.get("test", "none")
    fields = {
        "signal": evidence.get("method"),
        "summary": evidence.get("summary"),
        "test": "none" if test == "equal" else test,
        "equal": test == "equal",
        **{key: evidence[key] for key in ("null", "n", "log10_p") if evidence.get(key) is not None},
    }
    try:
        return Observation.model_validate(fields)
    except ValidationError:
        return None


def stage_of(said: Mapping[str, Any]) -> Json:
    """Fields of a :class:`~forebear.bom.training.Stage`: its kind, method and reward."""
    kinds = {kind.value for kind in StageKind}
    fields = {key: said[key] for key in ("method", "reward") if isinstance(said.get(key), str)}
    return ({"kind": said["stage"]} if _one_of(said.get("stage"), kinds) else {}) | fields


def dataset_of(said: Mapping[str, Any]) -> Json:
    """Fields of a :class:`~forebear.bom.training.Dataset`: what it was used for."""
    return {"roles": [said["role"]]} if _one_of(said.get("role"), {role.value for role in DatasetRole}) else {}


def gaps_of(said: Mapping[str, Any]) -> list[Json]:
    """Gaps of a record: what is said to be withheld or unknown."""
    return [{"field": GAPS[key], "state": said[key]} for key in GAPS if _one_of(said.get(key), _MISSING)]


def claims_of(said: Mapping[str, Any]) -> list[Json]:
    """Claims of a record: that there is no parent."""
    return [{"claim": SCRATCH}] if said.get("parent") == "none" else []


def jurisdictions_of(countries: Any) -> list[Json]:
    """Countries of a firm, each with what ties it."""
    given = [each for each in (countries if isinstance(countries, list) else ()) if isinstance(each, Mapping)]
    known = [each for each in given if _one_of(each.get("tie"), TIES) and _COUNTRY.fullmatch(str(each.get("country")))]
    return [{"country": each["country"], "tie": each["tie"]} for each in known]
