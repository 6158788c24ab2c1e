"""SPDX 3: every semantic check passes on a bill of ours and fails on the one change that breaks it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from forebear.bom import spdx
from forebear.bom.check import check_document
from forebear.bom.check.base import MOST
from forebear.bom.check.profiles import PROFILES, rules
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.reading import Reading
from forebear.bom.record import File, Model, Record, Relative, Slot
from forebear.bom.training import Dataset
from forebear.bom.values import Hash
from shared import shared

RECORD = Record(
    model=Model(name="org/child", version="1.0"),
    created="2026-01-02T03:04:05Z",
    files=(
        File(path="model.safetensors", size=4, role="weights", hashes=(Hash(algorithm="SHA-256", value="a" * 64),)),
    ),
    relatives=(Relative(name="org/base", slot=Slot.ANCESTOR, declared_in="README.md"),),
    datasets=(Dataset(name="org/data"),),
)
Json = dict[str, Any]
Edit = Callable[[Json], object]


def document() -> Json:
    return copy.deepcopy(spdx.write(RECORD))


def checked(given: Json, *profiles: str) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for check in check_document(Reading("SPDX 3.0.1", (), given), profiles):
        found.setdefault(check.id, []).append(check)
    return found


def failed(given: Json, *profiles: str) -> dict[str, list[Check]]:
    return {k: f for k, v in checked(given, *profiles).items() if (f := [c for c in v if c.status is CheckStatus.FAIL])}


def element(given: Json, kind: str, **fields: Any) -> Json:
    found: Json = next(
        e for e in given["@graph"] if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())
    )
    return found


def model(given: Json) -> Json:
    return element(given, "ai_AIPackage", name="org/child")


def ancestry(given: Json) -> Json:
    return element(given, "Relationship", relationshipType="ancestorOf")


def test_what_we_write_breaks_no_rule() -> None:
    found = checked(document())
    assert not failed(document())
    names = {"schema", "references/duplicate", "references/dangling", "relationships/ends", "cycles/pedigree"}
    assert names | {"digests/form", "timestamps"} <= set(found)


BREAKS: dict[str, tuple[str, Edit]] = {
    "an unknown property": ("schema", lambda d: model(d).update(colour="red")),
    "two elements of one id": ("references/duplicate", lambda d: d["@graph"].append(dict(model(d)))),
    "an ancestor that is not there": ("references/dangling", lambda d: ancestry(d).update({"from": "https://x.org/g"})),
    "a licence of nothing": (
        "references/dangling",
        lambda d: element(d, "Relationship", relationshipType="hasDeclaredLicense").update(to=["https://x.org/l"]),
    ),
    "an annotation of nothing": ("references/dangling", lambda d: element(d, "Annotation").update(subject="urn:x")),
    "an ancestor that is a document": (
        "relationships/ends",
        lambda d: ancestry(d).update({"from": element(d, "SpdxDocument")["spdxId"]}),
    ),
    "a licence that is a model": (
        "relationships/ends",
        lambda d: element(d, "Relationship", relationshipType="hasDeclaredLicense").update(to=[model(d)["spdxId"]]),
    ),
    "its own ancestor": ("cycles/pedigree", lambda d: ancestry(d).update({"from": model(d)["spdxId"]})),
    "half a digest": (
        "digests/form",
        lambda d: element(d, "software_File")["verifiedUsing"][0].update(hashValue="a" * 32),
    ),
    "a month that is none": ("timestamps", lambda d: element(d, "CreationInfo").update(created="2026-13-01T00:00:00Z")),
}


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_every_check_can_fail_and_says_where(name: str) -> None:
    identifier, edit = BREAKS[name]
    given = document()
    edit(given)
    found = failed(given)
    assert identifier in found, sorted(found)


def test_the_schema_says_which_element_it_does_not_allow_whatever_the_others_are() -> None:
    given = document()
    model(given)["colour"] = "red"
    given["@graph"] += [{"type": "Nonsense", "spdxId": f"https://x.org/{k}"} for k in range(3_000)]
    found = [c.pointer for c in failed(given)["schema"]]
    assert found[0] == f"/@graph/{given['@graph'].index(model(given))}" and len(found) == MOST
    given["@context"] = "https://elsewhere.org/context.jsonld"
    assert failed(given)["schema"]


def test_an_import_and_the_standards_own_individuals_are_not_dangling() -> None:
    given = document()
    ancestry(given)["from"] = "https://x.org/base"
    element(given, "SpdxDocument")["import"] = [{"type": "ExternalMap", "externalSpdxId": "https://x.org/base"}]
    assert "references/dangling" not in failed(given)


def test_a_profile_that_a_bill_names_is_told_and_one_that_is_asked_for_is_demanded() -> None:
    given = document()
    name = "profile/spdx-ai/release-time"
    assert {c.status for c in checked(given)[name]} == {CheckStatus.UNKNOWN}  # nobody knows when it was released
    assert "--profile spdx-ai" in checked(given)[name][0].message
    found = failed(given, "spdx-ai")[name]
    assert f"/@graph/{given['@graph'].index(model(given))}" in [c.pointer for c in found]
    for package in given["@graph"]:
        if package["type"] == "ai_AIPackage":
            package["releaseTime"] = "2026-01-01T00:00:00Z"
    assert name not in failed(given, "spdx-ai")
    element(given, "SpdxDocument")["profileConformance"] = ["core"]
    assert name not in checked(given)


def test_exactly_one_licence_of_each_kind() -> None:
    given = document()
    licence = element(given, "Relationship", relationshipType="hasDeclaredLicense", **{"from": model(given)["spdxId"]})
    given["@graph"].append({**licence, "spdxId": licence["spdxId"] + "-again"})
    assert "profile/spdx-ai/declared-licence" in failed(given, "spdx-ai")
    given["@graph"] = [e for e in given["@graph"] if e.get("relationshipType") != "hasDeclaredLicense"]
    assert "profile/spdx-ai/declared-licence" in failed(given, "spdx-ai")


def test_a_graph_without_models_is_asked_for_nothing() -> None:
    given = document()
    given["@graph"] = [e for e in given["@graph"] if e["type"] in ("CreationInfo", "SpdxDocument", "Organization")]
    statuses = {c.status for k, v in checked(given, "spdx-ai").items() if k.startswith("profile/spdx-ai") for c in v}
    assert statuses == {CheckStatus.NOT_APPLICABLE}


@pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
def test_every_table_can_be_read_and_has_rules_of_its_profile(profile: Any) -> None:
    table = rules(profile)
    assert len(table) >= 4
    assert all(bool(r.property) != bool(r.relationship) and r.prose and r.section for r in table)


@pytest.mark.shared
def test_the_standards_own_example_names_profiles_that_it_does_not_keep_to() -> None:
    path = shared("artefacts") / "boms" / "spdx__spdx-examples" / "ai" / "example02" / "spdx3.0" / "sbom.spdx3.json"
    given = json.loads(path.read_text())
    assert not failed(given)
    assert "profile/spdx-ai/supplied-by" in failed(given, "spdx-ai")
