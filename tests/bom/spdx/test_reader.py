"""SPDX documents that others wrote: nothing is lost silently, nothing is guessed, nothing crashes."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bom.records import texts
from bom.spdx.typical import RECORD
from forebear.bom import spdx
from forebear.bom.record import Acknowledgement, OrganisationRole, Slot
from forebear.bom.spdx.nodes import leaves
from forebear.bom.spdx.terms import CONTEXT, TERMS
from forebear.bom.training import DatasetRole, InputKind, Presence, StageKind
from forebear.errors import InputError
from forebear.types import Json
from shared import shared

CREATION = {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z"}
CONTEXT_FILE = Path(__file__).parents[2] / "data" / "standards" / "spdx-context-3.0.1.jsonld"


def _document(*nodes: Json, context: Any = CONTEXT) -> Json:
    return {"@context": context, "@graph": [CREATION, *nodes]}


def _node(name: str, kind: str = "ai_AIPackage", **properties: Any) -> Json:
    return {"type": kind, "spdxId": f"urn:x:{name}", "creationInfo": "_:c", "name": name, **properties}


def _related(source: str, kind: str, *targets: str, **more: Any) -> Json:
    key = f"urn:r:{source}-{kind}-{'-'.join(targets)[:40]}"
    ends = {"from": f"urn:x:{source}", "relationshipType": kind, "to": [f"urn:x:{t}" for t in targets]}
    return {"type": "Relationship", "spdxId": key, "creationInfo": "_:c", **ends, **more}


@pytest.fixture(scope="module")
def example() -> Json:
    path = shared("artefacts") / "boms/spdx__spdx-examples/ai/example02/spdx3.0/sbom.spdx3.json"
    found: Json = json.loads(path.read_text("utf-8"))
    return found


def _changed(document: Json, pointer: str) -> Json:
    """The document with another leaf at a place."""
    new = copy.deepcopy(document)
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    at: Any = new
    for part in path:
        at = at[int(part) if isinstance(at, list) else part]
    key: Any = int(last) if isinstance(at, list) else last
    value = at[key]
    at[key] = f"{value}x" if isinstance(value, str) else value + 1
    return new


@pytest.mark.shared
def test_the_real_example_is_read(example: Json) -> None:
    reading = spdx.read(example)
    assert reading.defects == ()
    (record,) = reading.records
    assert record.model.name.startswith("Sentiment Demo")
    assert record.model.task == "sentiment analysis"
    assert {"path": "model.bin", "role": "weights"} in [f.to_json() for f in record.files]
    assert "dataprepare.md" in [f.path for f in record.files]  # in a directory
    (data,) = record.datasets  # one of its files was trained on files that the dataset has
    assert data.roles == (DatasetRole.TRAINING, DatasetRole.EVALUATION)
    assert [(x.spdx, x.acknowledgement) for x in record.licences] == [
        ("CC0-1.0", Acknowledgement.DECLARED),
        ("CC0-1.0", Acknowledgement.CONCLUDED),
    ]
    assert {e.activity.value: e.kwh for e in record.energy} == {"training": 0.0048269, "inference": 0.0000036}
    assert record.tool.name == ""  # it does not say what wrote it


@pytest.mark.shared
def test_a_leaf_that_is_not_told_to_be_unread_is_read(example: Json) -> None:
    reading = spdx.read(example)
    every = {pointer for pointer, _ in leaves(example)}
    assert set(reading.unread) < every
    for pointer in every - set(reading.unread):
        try:
            other = spdx.read(_changed(example, pointer))
        except InputError:
            continue
        assert (other.records, other.defects) != (reading.records, reading.defects), pointer


def test_nor_is_any_edit_of_our_own_document_silent() -> None:
    document = spdx.write(RECORD)
    reading = spdx.read(document)
    for pointer, _ in list(leaves(document))[::3]:
        other = spdx.read(_changed(document, pointer))
        assert other.records != reading.records or other.defects or pointer in other.unread, pointer


@pytest.mark.shared
def test_a_copy_of_the_example_in_our_words_says_the_same(example: Json) -> None:
    (record,) = spdx.read(example).records
    assert spdx.read(spdx.write(record)).records == (record,)


def _expanded(value: Any, context: dict[str, Any]) -> Any:
    """The same document with full IRIs for keys and words, ids as ``@id`` and values as ``@value``."""
    if isinstance(value, list):
        return [_expanded(item, context) for item in value]
    out: Json = {}
    for key, item in value.items():
        if key in ("spdxId", "@id"):
            out["@id"] = item
        elif key == "type":
            out["@type"] = [context[item]]
        elif isinstance(item, dict) or (isinstance(item, list) and any(isinstance(x, dict) for x in item)):
            out[context[key]["@id"]] = _expanded(item if isinstance(item, list) else [item], context)
        else:
            several = item if isinstance(item, list) else [item]
            out[context[key]["@id"]] = [_leaf(x, context[key]) for x in several]
    return out


def _leaf(value: Any, term: Any) -> Json:
    if term.get("@type") != "@vocab":
        return {"@value": value}
    vocabulary = term.get("@context", {}).get("@vocab", "")
    return {"@id": vocabulary + value if vocabulary and ":" not in value else value}


@pytest.mark.parametrize("with_context", [True, False])
def test_full_iris_say_the_same(with_context: bool) -> None:
    context = json.loads(CONTEXT_FILE.read_text("utf-8"))["@context"]
    document = spdx.write(RECORD)
    expanded: Json = {"@graph": _expanded(document["@graph"], context)}
    assert f"{TERMS}AI/domain" in json.dumps(expanded)
    expanded |= {"@context": CONTEXT} if with_context else {}
    assert spdx.matches(expanded)
    assert spdx.read(expanded).records == (RECORD,)


def test_prefixes_single_values_and_nodes_in_nodes() -> None:
    model = {
        "@type": "spdx:AI/AIPackage",
        "@id": "urn:x:m",
        "spdx:Core/name": ["m"],
        "spdx:AI/domain": "chats",
        "spdx:Core/suppliedBy": {"type": "Organization", "spdxId": "urn:x:org", "name": "Org"},
        "spdx:Core/creationInfo": CREATION,
    }
    inside = {
        "from": model,
        "relationshipType": "ancestorOf",
        "to": _node("child", creationInfo=CREATION | {"@id": "_:d"}),
    }
    document = {
        "@context": [CONTEXT, {"x": "urn:other"}],
        "@graph": {"type": "Relationship", "spdxId": "urn:r:1", **inside},
    }
    reading = spdx.read(document)
    (record,) = reading.records
    assert record.model.name == "child"
    assert [(r.name, r.slot) for r in record.relatives] == [("m", Slot.ANCESTOR)]
    assert [(o.name, o.model, o.roles) for o in record.organisations] == [("Org", "m", (OrganisationRole.SUPPLIER,))]
    assert "/@context/1/x" in reading.unread
    alone = spdx.read({"@context": CONTEXT, **model})
    assert [r.model.task for r in alone.records] == ["chats"]


def test_a_record_for_each_model_that_is_nobodys_ancestor_the_root_first() -> None:
    document = _document(
        _node("a"),
        _node("b"),
        _node("c"),
        _node("root"),
        _related("a", "ancestorOf", "b"),
        _related("c", "descendantOf", "b"),
        {"type": "SpdxDocument", "spdxId": "urn:x:doc", "creationInfo": "_:c", "rootElement": ["urn:x:root"]},
    )
    records = spdx.read(document).records
    assert [r.model.name for r in records] == ["root", "c"]
    assert [(r.name, r.slot, r.child) for r in records[1].relatives] == [
        ("a", Slot.ANCESTOR, "b"),
        ("b", Slot.ANCESTOR, ""),
    ]


def test_slots_follow_directions_only() -> None:
    document = _document(
        _node("m"), _node("v"), _node("d"), _related("m", "hasVariant", "v"), _related("m", "ancestorOf", "d"),
        {"type": "Bom", "spdxId": "urn:x:b", "creationInfo": "_:c", "rootElement": ["urn:x:m"]},
    )  # fmt: skip
    (record,) = spdx.read(document).records
    assert [(r.name, r.slot) for r in record.relatives] == [("v", Slot.VARIANT), ("d", Slot.DESCENDANT)]
    assert all(r.verdict is None and r.direction == "unknown" for r in record.relatives)


def test_builds_of_others_are_stages() -> None:
    parameters = [{"type": "DictionaryEntry", "key": "epochs", "value": "3"}]
    document = _document(
        _node("m"),
        _node("base"),
        _node("run", "build_Build", build_buildType="https://example.org/train", build_parameter=parameters),
        _node("data", "dataset_DatasetPackage", dataset_hasSensitivePersonalInformation="yes"),
        _related("run", "hasInput", "base", "data"),
        _related("run", "hasOutput", "m"),
        _related("m", "trainedOn", "data"),
    )
    reading = spdx.read(document)
    (record,) = reading.records
    (stage,) = record.stages
    assert stage.kind is StageKind.OTHER
    assert {(s.name, s.value) for s in stage.settings} == {
        ("build_buildType", "https://example.org/train"),
        ("epochs", "3"),
    }
    assert [(i.kind, i.name) for i in stage.inputs] == [(InputKind.MODEL, "base"), (InputKind.DATASET, "data")]
    assert stage.outputs == ()
    assert record.datasets[0].personal is Presence.YES


def test_no_sensitive_information_may_still_be_personal() -> None:
    data = _node("data", "dataset_DatasetPackage", dataset_hasSensitivePersonalInformation="no")
    reading = spdx.read(_document(_node("m"), data, _related("m", "trainedOn", "data")))
    assert reading.records[0].datasets[0].personal is Presence.UNKNOWN
    assert "/@graph/2/dataset_hasSensitivePersonalInformation" in reading.unread


def test_wrong_types_are_defects_and_the_rest_is_read() -> None:
    digest = {"type": "Hash", "algorithm": "sha256", "hashValue": "not hexadecimal"}
    good = {"type": "Hash", "algorithm": "sha1", "hashValue": "ab" * 20}
    model = _node(
        "m", description=7, verifiedUsing=[digest, good], suppliedBy="urn:x:nobody", ai_autonomyType="perhaps"
    )
    reading = spdx.read(_document(model))
    (record,) = reading.records
    assert [h.algorithm for h in record.model.hashes] == ["SHA-1"]
    told = "\n".join(reading.defects)
    for word in ("description", "hash", "urn:x:nobody", "perhaps"):
        assert word in told
    assert {"/@graph/1/description", "/@graph/1/ai_autonomyType", "/@graph/1/suppliedBy"} <= set(reading.unread)


def test_half_a_character_is_a_defect() -> None:
    reading = spdx.read(_document(_node("m", description="\ud800") | {"name": "\ud800"}))
    assert (reading.records[0].model.name, reading.records[0].model.description) == ("", "")
    assert len(reading.defects) == 2


def test_a_text_that_no_record_keeps_whole_is_told() -> None:
    reading = spdx.read(_document(_node("m", description="word " * 1000, summary="x" * 299)))
    assert len(reading.records[0].model.description) <= 2000
    assert "/@graph/1/description" in reading.unread
    assert "/@graph/1/summary" not in reading.unread


def test_megajoules_are_converted_and_other_units_are_not() -> None:
    def amount(quantity: str, unit: str) -> Json:
        return {"type": "ai_EnergyConsumptionDescription", "ai_energyQuantity": quantity, "ai_energyUnit": unit}

    energy = {
        "type": "ai_EnergyConsumption",
        "ai_trainingEnergyConsumption": [amount("36", "megajoule"), amount("5", "other"), amount("-1", "kilowattHour")],
    }
    reading = spdx.read(_document(_node("m", ai_energyConsumption=energy)))
    (stated,) = reading.records[0].energy
    assert stated.kwh == pytest.approx(10) and "36" in stated.method
    start = "/@graph/1/ai_energyConsumption/ai_trainingEnergyConsumption"
    assert {f"{start}/1/ai_energyQuantity", f"{start}/2/ai_energyQuantity"} <= set(reading.unread)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("https://spdx.org/licenses/MIT", ("MIT", "")),
        (f"{TERMS}ExpandedLicensing/NoneLicense", ("NONE", "")),
        (f"{TERMS}ExpandedLicensing/NoAssertionLicense", None),
        (
            _node("e", "simplelicensing_LicenseExpression", simplelicensing_licenseExpression="ISC OR MIT"),
            ("ISC OR MIT", "e"),
        ),
        (_node("e", "simplelicensing_LicenseExpression", simplelicensing_licenseExpression="NOASSERTION"), None),
        (
            _node("Own terms", "simplelicensing_SimpleLicensingText", simplelicensing_licenseText="Pay."),
            ("", "Own terms"),
        ),
        (_node("Own terms", "expandedlicensing_CustomLicense"), ("", "Own terms")),
    ],
)
def test_licences_in_the_forms_that_others_write(target: Any, expected: tuple[str, str] | None) -> None:
    declared = _related("m", "hasDeclaredLicense") | {"to": [target]}
    reading = spdx.read(_document(_node("m"), declared))
    assert reading.defects == ()
    assert [(x.spdx, x.name) for x in reading.records[0].licences] == ([expected] if expected else [])


def test_what_belongs_to_one_of_several_models_is_not_given_to_all() -> None:
    first, second = spdx.write(RECORD), spdx.write(RECORD.model_copy(update={"notes": "Another."}))
    both = {**first, "@graph": first["@graph"] + second["@graph"][1:]}
    records = sorted(spdx.read(both).records, key=lambda record: record.notes != RECORD.notes)
    assert records == [RECORD, RECORD.model_copy(update={"notes": "Another."})]


def test_software_without_models_has_no_record() -> None:
    reading = spdx.read(_document(_node("app", "software_Package")))
    assert reading.records == ()
    assert "/@graph/1/name" in reading.unread


@pytest.mark.parametrize(
    "document", [{}, {"@context": CONTEXT}, {"@graph": []}, {"@graph": 3}, {"@context": CONTEXT, "@graph": [1]}]
)
def test_what_is_no_document_is_refused(document: Json) -> None:
    with pytest.raises(InputError):
        spdx.read(document)


SIZE = 3_000


def _chain(close: bool) -> list[Json]:
    edges = [_related(str(k), "ancestorOf", str((k + 1) % SIZE)) for k in range(SIZE if close else SIZE - 1)]
    return [*(_node(str(k)) for k in range(SIZE)), *edges]


HOSTILE: dict[str, Callable[[], list[Json]]] = {
    "chain": lambda: _chain(close=False),
    "cycle": lambda: _chain(close=True),
    "star": lambda: [
        *(_node(str(k)) for k in range(SIZE)),
        *(_related(str(k), "hasVariant", "0") for k in range(SIZE)),
    ],
    "dangling": lambda: [_node("m"), *(_related(f"no{k}", "contains", "none") for k in range(SIZE))],
    "folders in each other": lambda: [
        _node("m"),
        *(_node(str(k), "software_File") for k in range(60)),
        *(_related(str(k), "contains", *map(str, range(60))) for k in range(60)),
        *(_related(str(k), "trainedOn", *map(str, range(60))) for k in range(60)),
        _related("m", "contains", "0"),
    ],
    "one id": lambda: [_node("m") for _ in range(SIZE)],
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_graphs_are_read_once(kind: str) -> None:
    reading = spdx.read(_document(*HOSTILE[kind]()))
    (record, *others) = reading.records
    assert not others or kind == "one id"
    if kind in ("chain", "cycle", "star"):
        assert len(record.relatives) >= SIZE - 1
    if kind == "folders in each other":
        assert len(record.files) == 60
    if kind in ("dangling", "one id"):
        assert reading.defects


def test_depth_does_not_matter() -> None:
    document: Json = {"@context": CONTEXT}
    inner = document
    for k in range(6_000):
        inner["@graph"] = [{"type": "ai_AIPackage", "spdxId": f"urn:x:{k}"}]
        inner = inner["@graph"][0]
    assert spdx.read(document).records


def _places(value: Any) -> list[tuple[Any, Any]]:
    found, waiting = [], [value]
    while waiting:
        at = waiting.pop()
        for key in list(at) if isinstance(at, dict) else range(len(at)):
            found.append((at, key))
            if isinstance(at[key], dict | list):
                waiting.append(at[key])
    return found


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_damaged_document_is_read_or_refused(data: st.DataObject) -> None:
    document = copy.deepcopy(spdx.write(RECORD))
    for _ in range(data.draw(st.integers(1, 4))):
        places = _places(document)
        at, key = places[data.draw(st.integers(0, len(places) - 1))]
        action = data.draw(st.sampled_from(["junk", "drop", "swap"]))
        if action == "junk":
            at[key] = data.draw(junk)
        elif action == "swap":
            other, name = places[data.draw(st.integers(0, len(places) - 1))]
            at[key] = copy.deepcopy(other[name])
        elif isinstance(at, dict):
            del at[key]
    try:
        reading = spdx.read(document)
    except InputError:
        return
    assert set(reading.unread) <= {pointer for pointer, _ in leaves(document)}
    for record in reading.records:
        spdx.write(record)
