"""CycloneDX: every semantic check passes on a bill of ours and fails on the one change that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from forebear.bom import cyclonedx
from forebear.bom.check import check_document
from forebear.bom.check.base import MOST
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.formats import format_of
from forebear.bom.reading import Reading
from forebear.bom.record import Attribution, File, Model, Record, Relative, Slot
from forebear.bom.training import Dataset, Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Hash, Said
from forebear.errors import UsageError

RECORD = Record(
    model=Model(name="org/child", version="0" * 40, purl=f"pkg:huggingface/org/child@{'0' * 40}", family="llama"),
    attributions=(Attribution(fields=("family",), said=Said(basis=Basis.MEASURED, by="forebear")),),
    created="2026-01-02T03:04:05Z",
    files=(
        File(path="model.safetensors", size=4, role="weights", hashes=(Hash(algorithm="SHA-256", value="a" * 64),)),
    ),
    relatives=(Relative(name="org/base", slot=Slot.ANCESTOR, declared_in="README.md"),),
    stages=(Stage(kind=StageKind.SFT, inputs=(Input(kind=InputKind.DATASET, name="org/data"),)),),
    datasets=(Dataset(name="org/data", said=Said(basis=Basis.DECLARED, by="README.md")),),
)
Json = dict[str, Any]
Edit = Callable[[Json], object]


def document(version: str = "1.7") -> Json:
    return copy.deepcopy(cyclonedx.write(RECORD, version))


def checked(given: Json, *profiles: str) -> dict[str, list[Check]]:
    """The checks by id. The bill is not read into records: the document alone is looked at."""
    found: dict[str, list[Check]] = {}
    for check in check_document(Reading(format_of(given).name, (), given), profiles):
        found.setdefault(check.id, []).append(check)
    return found


def failed(given: Json, *profiles: str) -> dict[str, list[Check]]:
    return {k: f for k, v in checked(given, *profiles).items() if (f := [c for c in v if c.status is CheckStatus.FAIL])}


@pytest.mark.parametrize("version", ["1.6", "1.7"])
def test_what_we_write_passes_everything(version: str) -> None:
    found = checked(document(version))
    assert {c.status for checks in found.values() for c in checks} == {CheckStatus.PASS}
    assert len(found) >= 12


def model(given: Json) -> Json:
    part: Json = given["metadata"]["component"]
    return part


def ancestor(given: Json) -> Json:
    part: Json = model(given)["pedigree"]["ancestors"][0]
    return part


BREAKS: dict[str, tuple[str, Edit]] = {
    "an unknown key": ("schema", lambda d: d.update(colour="red")),
    "an unknown type": ("schema", lambda d: model(d).update(type="robot")),
    "two objects of one name": ("references/duplicate", lambda d: d["components"].append(dict(d["components"][0]))),
    "a dependency on nothing": ("references/dangling", lambda d: d["dependencies"].append({"ref": "ghost"})),
    "an attribution to nobody": ("references/dangling", lambda d: d["citations"][0].update(attributedTo="ghost")),
    "a part that is not there": (
        "references/dangling",
        lambda d: d["compositions"].append({"aggregate": "unknown", "assemblies": ["ghost"]}),
    ),
    "a claim about nothing": (
        "references/dangling",
        lambda d: d.update(declarations={"claims": [{"bom-ref": "c", "target": "ghost", "predicate": "p"}]}),
    ),
    "a citation of nothing": ("references/citations", lambda d: d["citations"][0].update(pointers=["/no/such"])),
    "no purl": ("identifiers/purl", lambda d: model(d).update(purl="not a purl")),
    "no serial number": ("schema", lambda d: d.update(serialNumber="urn:uuid:1")),
    "half a digest": ("digests/form", lambda d: _file(d)["hashes"][0].update(content="a" * 32)),
    "a day that is none": ("timestamps", lambda d: d["metadata"].update(timestamp="2026-02-30T00:00:00Z")),
    "certain of itself": (
        "evidence/confidence",
        lambda d: model(d).update(evidence={"identity": [{"field": "name", "confidence": 1}]}),
    ),
    "a card of a file": ("components/type", lambda d: _file(d).update(modelCard={})),
    "a circle of parts": (
        "cycles/dependencies",
        lambda d: d.update(dependencies=[{"ref": r, "dependsOn": [r]} for r in [model(d)["bom-ref"]]]),
    ),
    "its own grandfather": (
        "cycles/pedigree",
        lambda d: ancestor(d).update(
            pedigree={"ancestors": [{k: model(d)[k] for k in ("type", "group", "name", "version", "purl")}]}
        ),
    ),
}


def _file(given: Json) -> Json:
    found: Json = next(c for c in given["components"] if c["type"] == "file")
    return found


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_every_check_can_fail_and_says_where(name: str) -> None:
    identifier, edit = BREAKS[name]
    given = document()
    edit(given)
    found = failed(given)
    assert identifier in found, sorted(found)
    assert all(check.message for checks in found.values() for check in checks)


def test_places_are_pointers() -> None:
    given = document()
    model(given)["purl"] = "nothing"
    assert [c.pointer for c in failed(given)["identifiers/purl"]] == ["/metadata/component/purl"]


def test_a_reference_into_another_bill_is_not_followed() -> None:
    given = document()
    given["dependencies"].append({"ref": model(given)["bom-ref"] + "x", "dependsOn": []})
    given["compositions"].append({"aggregate": "unknown", "assemblies": ["urn:cdx:f08a6ccd-4dce-4759-bd84/1#a"]})
    assert [c.pointer.split("/")[1] for c in failed(given)["references/dangling"]] == ["dependencies"]


def test_a_flood_of_faults_is_cut_short() -> None:
    given = document()
    given["dependencies"] = [{"ref": f"ghost-{k}"} for k in range(MOST * 3)]
    found = failed(given)["references/dangling"]
    assert len(found) == MOST and "more than" in found[-1].message


def test_a_signature_inside_is_told_and_not_believed() -> None:
    given = document()
    given["signature"] = {"algorithm": "ES256", "value": "AA"}
    assert [c.status for c in checked(given)["signature/enveloped"]] == [CheckStatus.UNKNOWN]


def test_defects_of_the_reader_are_failures() -> None:
    given = document()
    checks = check_document(Reading("CycloneDX 1.7", (), given, defects=("/x is no text",)))
    assert [(c.status, c.message) for c in checks if c.id == "reading"] == [(CheckStatus.FAIL, "/x is no text")]


def test_the_profile_is_checked_on_request_alone() -> None:
    given = document()
    del given["serialNumber"], model(given)["version"]
    assert not any(name.startswith("profile/") for name in checked(given))
    found = checked(given, "cyclonedx-ml", "spdx-ai")
    assert [c.status for c in found["profile/cyclonedx-ml/serial-number"]] == [CheckStatus.FAIL]
    assert [c.pointer for c in found["profile/cyclonedx-ml/version"]] == ["/metadata/component"]
    assert [c.status for c in found["profile/cyclonedx-ml/model-card"]] == [CheckStatus.PASS]
    assert [c.status for c in found["profile/spdx-ai"]] == [CheckStatus.NOT_APPLICABLE]
    with pytest.raises(UsageError, match="no profile x"):
        checked(given, "x")


def test_software_without_models_is_not_asked_for_a_model_card() -> None:
    given = {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"type": "library", "name": "numpy"}]}
    found = checked(given, "cyclonedx-ml")
    assert [c.status for c in found["profile/cyclonedx-ml/model-card"]] == [CheckStatus.NOT_APPLICABLE]
    assert [c.status for c in found["schema"]] == [CheckStatus.PASS]
