"""Documents by other tools, and hostile ones: nothing is lost silently, nothing is guessed, nothing crashes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bom.cyclonedx.documents import leaves, pointers, put
from bom.records import filled
from forebear.bom.cyclonedx import read, write
from forebear.bom.record import OrganisationRole, Record
from forebear.bom.schemas import pointer
from forebear.bom.values import Basis
from forebear.errors import InputError
from shared import shared

MODEL = {"type": "machine-learning-model", "bom-ref": "m", "name": "m"}


def bill(version: str = "1.6", **parts: Any) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": version, **copy.deepcopy(parts)}


def real() -> list[tuple[str, Any]]:
    found = []
    for path in sorted((shared("artefacts") / "boms").rglob("*.json")):
        document = json.loads(Path(path).read_text("utf-8"))
        if isinstance(document, dict) and document.get("bomFormat") == "CycloneDX":
            found.append((str(path), document))
    return found


def changed(value: Any) -> Any:
    if isinstance(value, str):
        return value + "q"
    return value + 1 if isinstance(value, int | float) else "something"


def silent(document: Any) -> list[str]:
    """Leaves that count as read although another value in their place makes no difference."""
    reading = read(document)
    unread = set(reading.unread)
    assert unread <= pointers(document)
    found = []
    for path, value in leaves(document):
        if pointer(path) in unread or path in (("bomFormat",), ("specVersion",)):
            continue
        other = copy.deepcopy(document)
        put(other, path, changed(value))
        again = read(other)
        if again.records == reading.records and pointer(path) not in again.unread:
            found.append(pointer(path))
    return found


@pytest.mark.shared
def test_of_real_documents_every_leaf_is_in_a_record_or_told() -> None:
    documents = real()
    assert len(documents) > 10
    for name, document in documents:
        assert silent(document) == [], name
        assert read(document).defects == (), name


@pytest.mark.shared
def test_models_of_real_documents_are_found() -> None:
    for name, document in real():
        listed = [part for part in document["components"] if part["type"] == "machine-learning-model"]
        assert [record.model.name.split("/")[-1] for record in read(document).records] == [
            part["name"].split("/")[-1] for part in listed
        ], name
        said = {each.said.basis for record in read(document).records for each in record.datasets}
        assert said <= {Basis.DECLARED}, name


def test_a_subject_comes_before_other_models_and_those_inside_of_components() -> None:
    inner = {"type": "application", "name": "app", "components": [{**MODEL, "bom-ref": "i", "name": "inner"}]}
    document = bill(metadata={"component": MODEL}, components=[inner, {**MODEL, "bom-ref": "o", "name": "other"}])
    assert [record.model.name for record in read(document).records] == ["m", "other", "inner"]


def test_of_an_application_with_models_each_has_only_what_it_refers_to() -> None:
    card = {"modelParameters": {"datasets": [{"ref": "d"}, {"type": "dataset", "name": "inline"}, {"ref": "nowhere"}]}}
    data = [{"type": "data", "bom-ref": ref, "name": ref} for ref in ("d", "e")]
    one, two = {**MODEL, "modelCard": card}, {**MODEL, "bom-ref": "n", "name": "n"}
    document = bill(
        metadata={"component": {"type": "application", "name": "app"}},
        components=[one, two, *data, {"type": "file", "name": "app.py"}],
        services=[{"name": "search"}],
    )
    first, second = read(document).records
    assert [each.name for each in first.datasets] == ["d", "inline"]
    assert not (first.files or first.services or second.datasets or second.services)
    assert {"/components/3/name", "/components/4/name", "/services/0/name"} <= set(read(document).unread)
    assert silent(document) == []


def test_a_document_about_a_model_describes_its_files_and_datasets() -> None:
    parts = [{"type": "file", "name": "w.bin"}, {"type": "data", "name": "d"}, {"type": "library", "name": "torch"}]
    reading = read(bill(metadata={"component": MODEL}, components=parts))
    (record,) = reading.records
    assert ([f.path for f in record.files], [d.name for d in record.datasets]) == (["w.bin"], ["d"])
    assert "/components/2/name" in reading.unread


def test_services_without_a_model_are_a_product() -> None:
    inner = {"name": "embed", "provider": {"name": "Firm"}}
    document = bill(services=[{"name": "chat", "endpoints": ["https://x.example"], "services": [inner]}])
    (record,) = read(document).records
    assert record.model.name == "chat"
    assert [(s.name, s.provider) for s in record.services] == [("chat", ""), ("embed", "Firm")]
    named = bill(metadata={"component": {"type": "application", "name": "Composer"}}, services=[inner])
    assert read(named).records[0].model.name == "Composer"


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"components": [{"type": "library", "name": "left-pad"}]},
        {"components": [{"type": "library", "name": "left-pad"}], "services": [{"name": "database"}]},
        {"metadata": {"component": {"type": "application", "name": "shop"}}},
        {"services": [3]},
    ],
)
def test_software_without_a_model_has_no_record(parts: Any) -> None:
    reading = read(bill(**parts))
    assert reading.records == ()
    assert len(reading.unread) == len(pointers(reading.document)) - 2  # but for what says which format it is


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_organisations_and_tools_of_others(version: str) -> None:
    firm = {"name": "Firm", "address": {"country": "FR"}, "url": ["https://firm.example", "https://firm.example/2"]}
    component = {**MODEL, "supplier": firm, "manufacturer": copy.deepcopy(firm), "publisher": "Firm"}
    tools = {"tools": [{"vendor": "V", "name": "gen", "version": "2"}]}
    reading = read(bill(version, metadata={"component": component, **tools, "timestamp": "2026-01-01T00:00:00Z"}))
    (record,) = reading.records
    assert (record.tool.name, record.tool.version, record.created) == ("gen", "2", "2026-01-01T00:00:00Z")
    (found,) = record.organisations
    assert found.roles == (OrganisationRole.MANUFACTURER, OrganisationRole.SUPPLIER, OrganisationRole.PUBLISHER)
    assert [tie.country for tie in found.jurisdictions] == ["FR"]
    assert "/metadata/component/supplier/url/1" in reading.unread
    assert reading.format == f"CycloneDX {version}"


@pytest.mark.parametrize("country", ["France", "fr", "", 33])
def test_a_country_that_is_no_code_is_not_guessed(country: Any) -> None:
    component = {**MODEL, "supplier": {"name": "Firm", "address": {"country": country}}}
    reading = read(bill(metadata={"component": component}))
    assert reading.records[0].organisations[0].jurisdictions == ()
    assert "/metadata/component/supplier/address/country" in reading.unread


def test_nobody_without_a_tool_is_not_us() -> None:
    assert read(bill(metadata={"component": MODEL})).records[0].tool.name == ""


def test_our_properties_in_a_document_by_others_are_read_as_words_and_contradictions_told() -> None:
    properties = [{"name": "forebear:description", "value": "Another."}]
    component = {**MODEL, "description": "A model.", "properties": properties}
    reading = read(bill(metadata={"component": component}))
    assert reading.records[0].model.description == "Another."
    assert "its description is in a property too" in reading.defects[0]


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        ({"metadata": 3}, "/metadata"),
        ({"metadata": {"component": []}}, "/metadata/component"),
        ({"metadata": {"component": MODEL}, "components": {}}, "/components"),
        ({"metadata": {"component": {**MODEL, "hashes": [{"alg": "SHA-256", "content": "xyz"}]}}}, "/metadata"),
        ({"metadata": {"component": {**MODEL, "pedigree": {"ancestors": "base"}}}}, "/metadata"),
        ({"metadata": {"component": {**MODEL, "modelCard": {"considerations": 1}}}}, "/metadata"),
    ],
)
def test_values_of_the_wrong_type_are_defects_with_their_place(parts: Any, where: str) -> None:
    reading = read(bill(**parts))
    assert reading.defects
    assert all(defect.startswith(where) for defect in reading.defects)
    assert any(each.startswith(where) for each in reading.unread)


@pytest.mark.parametrize("version", ["1.4", "1.8", None, 1.6, ["1.6"], {}])
def test_other_versions_are_refused(version: Any) -> None:
    with pytest.raises(InputError, match="is not CycloneDX"):
        read({"bomFormat": "CycloneDX", "specVersion": version})


def test_a_pedigree_deeper_than_any_stack_is_refused() -> None:
    component: dict[str, Any] = dict(MODEL)
    for number in range(10_000):
        component = {**MODEL, "name": f"m{number}", "pedigree": {"ancestors": [component]}}
    with pytest.raises(InputError, match="deeper than"):
        read({**bill(), "metadata": {"component": component}})


@pytest.mark.usefixtures("deadline")
def test_many_parts_relatives_and_properties_are_read_in_linear_work() -> None:
    many = 3_000
    relatives = [{**MODEL, "bom-ref": f"r{k}", "name": f"r{k % 7}"} for k in range(many)]
    properties = [{"name": f"forebear:tags.{k}", "value": "x"} for k in range(many)]
    files = [{"type": "file", "bom-ref": "same", "name": f"f{k}"} for k in range(many)]
    component = {**MODEL, "pedigree": {"variants": relatives}, "properties": properties}
    marked = [{"name": "forebear:record", "value": "forebear.bom-record/1"}]
    reading = read(bill(metadata={"component": component}, components=files, properties=marked))
    assert len(reading.records[0].relatives) == many
    assert len(reading.records[0].files) == many
    assert reading.defects


WRITTEN = {version: write(filled(Record), version) for version in ("1.6", "1.7")}
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["model", "x" * 3_000]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["name", "type", "ref", "value", "properties", "pedigree"]), inner, max_size=2
        )
    ),
    max_leaves=5,
)


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(WRITTEN)), st.data())
def test_a_document_that_is_damaged_anywhere_is_read_or_refused(version: str, data: st.DataObject) -> None:
    document = copy.deepcopy(WRITTEN[version])
    path, _ = data.draw(st.sampled_from(list(leaves(document))))
    put(document, path[: data.draw(st.integers(1, len(path)))], data.draw(anything))
    try:
        reading = read(document)
    except InputError:
        return
    assert set(reading.unread) <= pointers(document)
    for record in reading.records:
        assert Record.model_validate(record.to_json()) == record
