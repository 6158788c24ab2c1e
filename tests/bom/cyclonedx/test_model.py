"""The model, its card, its licences, its makers, its parts and services."""

from __future__ import annotations

from typing import Any

import pytest
from packageurl import PackageURL

from bom.cyclonedx.documents import properties, record
from forebear.bom.card import purl
from forebear.bom.cyclonedx import read, write
from forebear.bom.cyclonedx.terms import is_address, is_expression, is_purl, is_time
from forebear.bom.record import (
    Acknowledgement,
    File,
    Jurisdiction,
    LicenceStatement,
    Metric,
    Model,
    Organisation,
    OrganisationRole,
    Relative,
    Service,
    Slot,
)
from forebear.bom.training import Dataset, DatasetRole, Energy, EnergyActivity
from forebear.bom.values import Hash, Link, Setting

CONCLUDED = Acknowledgement.CONCLUDED


def written(version: str = "1.7", **fields: Any) -> Any:
    said = record(**fields)
    document = write(said, version)
    assert read(document).records == (said,)
    return document


def component(version: str = "1.7", **fields: Any) -> Any:
    return written(version, **fields)["metadata"]["component"]


def test_a_hub_id_has_a_group_and_other_names_have_none() -> None:
    assert (component()["group"], component()["name"]) == ("org", "model")
    plain = component(model=Model(name="a/b/c"))
    assert ("group" in plain, plain["name"]) == (False, "a/b/c")


def test_the_network_is_described_in_the_card_and_numbers_in_its_properties() -> None:
    model = Model(name="m", family="llama", architecture="LlamaForCausalLM", parameters=7, hashes_of="its files")
    found = component(model=model)
    assert found["modelCard"]["modelParameters"] == {
        "architectureFamily": "llama",
        "modelArchitecture": "LlamaForCausalLM",
    }
    assert properties(found["modelCard"]) == {"parameters": "7"}
    assert properties(found) == {"hashes_of": "its files"}


def test_properties_of_others_keep_their_names_and_ours_are_not_taken_for_theirs() -> None:
    theirs = (Setting(name="aibom:confidence", value="high"), Setting(name="forebear:task", value="forged"))
    found = component(model=Model(name="m", properties=theirs))
    assert {"name": "aibom:confidence", "value": "high"} in found["properties"]
    assert "task" not in properties(found)


def test_links_whose_kind_the_version_does_not_know_keep_it_in_a_comment() -> None:
    links = (Link(kind="citation", url="https://example.org/p"), Link(kind="no address", url="see the paper"))
    model = Model(name="m", links=links[:1], download="https://example.org/weights")
    assert component("1.7", model=model)["externalReferences"] == [
        {"type": "distribution", "url": "https://example.org/weights"},
        {"type": "citation", "url": "https://example.org/p"},
    ]
    old = component("1.6", model=model)["externalReferences"]
    assert old[1] == {"type": "other", "comment": "citation", "url": "https://example.org/p"}
    assert len(component(model=Model(name="m", links=links))["externalReferences"]) == 1


def test_energy_is_written_with_no_provider_made_up() -> None:
    energy = (Energy(activity=EnergyActivity.TRAINING, kwh=1_300_000, method="Nominal power times hours."),)
    (found,) = component(energy=energy)["modelCard"]["considerations"]["environmentalConsiderations"][
        "energyConsumptions"
    ]
    assert found["activityEnergyCost"] == {"value": 1_300_000, "unit": "kWh"}
    assert found["energyProviders"] == []
    assert "co2CostEquivalent" not in found
    assert "modelCard" not in component()


def test_metrics_are_what_was_stated() -> None:
    metrics = (Metric(name="accuracy", value="0.10", dataset="MMLU"),)
    card = component(metrics=metrics)["modelCard"]
    stated = {"type": "accuracy", "value": "0.10", "slice": "MMLU"}
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [stated]


LICENCES = (
    LicenceStatement(spdx="Apache-2.0"),
    LicenceStatement(
        name="Llama 3.1", spdx="LicenseRef-llama-3.1", acknowledgement=CONCLUDED, inherited_from="org/base"
    ),
    LicenceStatement(name="house rules", url="https://example.org/terms"),
)


def test_identifiers_names_and_expressions_stand_side_by_side_in_1_7() -> None:
    one, two, three = component(licences=LICENCES)["licenses"]
    assert one == {"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}
    assert (two["expression"], two["acknowledgement"]) == ("LicenseRef-llama-3.1", "concluded")
    assert properties(two) == {"name": "Llama 3.1", "inherited_from": "org/base"}
    assert three["license"]["name"] == "house rules"
    assert three["license"]["url"] == "https://example.org/terms"


def test_1_6_writes_an_expression_as_a_name_where_it_has_company() -> None:
    two = component("1.6", licences=LICENCES)["licenses"][1]["license"]
    assert (two["name"], two["acknowledgement"]) == ("Llama 3.1", "concluded")
    assert properties(two)["spdx"] == "LicenseRef-llama-3.1"
    alone = component("1.6", licences=LICENCES[1:2])["licenses"]
    assert alone == [{"expression": "LicenseRef-llama-3.1", "acknowledgement": "concluded"}]


def _firm(*countries: str, **fields: Any) -> Organisation:
    ties = tuple(Jurisdiction(country=each, tie="incorporated_in") for each in countries)
    return Organisation(name="Firm", jurisdictions=ties, **fields)


def test_one_country_is_an_address_and_of_several_none_is_picked() -> None:
    assert component(organisations=(_firm("CN"),))["manufacturer"]["address"] == {"country": "CN"}
    document = written(organisations=(_firm("SG", "CN"),))
    assert "address" not in document["metadata"]["component"]["manufacturer"]
    assert {properties(document)[f"organisations.0.jurisdictions.{k}.country"] for k in (0, 1)} == {"SG", "CN"}


def test_organisations_stand_where_their_role_is() -> None:
    roles = (OrganisationRole.SUPPLIER, OrganisationRole.PUBLISHER)
    firms = (
        _firm(roles=roles),
        Organisation(name="A. Person", roles=(OrganisationRole.AUTHOR,)),
        Organisation(name="Upstream", roles=(OrganisationRole.MANUFACTURER,), model="org/base"),
    )
    found = component(organisations=firms, relatives=(Relative(name="org/base", slot=Slot.ANCESTOR),))
    assert (found["supplier"]["name"], found["publisher"]) == ("Firm", "Firm")
    assert found["authors"] == [{"name": "A. Person"}]
    assert "manufacturer" not in found
    assert found["pedigree"]["ancestors"][0]["manufacturer"] == {"name": "Upstream"}


def test_files_are_components_with_their_digests() -> None:
    good = Hash(algorithm="SHA-256", value="ab" * 32)
    odd = Hash(algorithm="CRC32C", value="0123abcd")
    document = written(files=(File(path="a/b ü.bin", size=9, role="weights", hashes=(good, odd)),))
    (found,) = document["components"]
    assert (found["type"], found["name"], found["bom-ref"]) == ("file", "a/b ü.bin", "file/a/b%20%C3%BC.bin")
    assert found["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert properties(found)["hashes.+1.algorithm"] == "CRC32C"
    assert document["dependencies"] == [{"ref": "model", "dependsOn": ["file/a/b%20%C3%BC.bin"]}]


def test_datasets_are_data_with_their_roles() -> None:
    data = Dataset(name="org/data", roles=(DatasetRole.REWARD,), url="https://example.org/d", licence="CC-BY-4.0")
    document = written(datasets=(data, data))
    first, second = document["components"]
    assert first["bom-ref"] != second["bom-ref"]
    assert first["data"] == [{"type": "dataset", "name": "org/data", "contents": {"url": "https://example.org/d"}}]
    assert first["licenses"] == [{"license": {"id": "CC-BY-4.0"}}]
    assert properties(first)["roles.0"] == "reward"
    listed = document["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]
    assert [each["ref"] for each in listed] == [first["bom-ref"], second["bom-ref"]]


def test_a_service_depends_on_the_model_behind_it() -> None:
    service = Service(name="Composer", provider="Firm", endpoints=("https://api.example.org/v1", "on request"))
    document = written(services=(service,))
    (found,) = document["services"]
    assert found["provider"] == {"name": "Firm"}
    assert found["endpoints"] == ["https://api.example.org/v1"]
    assert {"ref": found["bom-ref"], "dependsOn": ["model"]} in document["dependencies"]


@pytest.mark.parametrize("name", ["org/model", "Qwen/Qwen2.5-7B-Instruct", "a/b_c.d-e"])
@pytest.mark.parametrize("version", ["", "0123ABC"])
def test_package_urls_of_hub_ids_are_package_urls(name: str, version: str) -> None:
    text = purl(name, version)
    parsed = PackageURL.from_string(text)
    assert is_purl(text)
    assert (parsed.type, f"{parsed.namespace}/{parsed.name}") == ("huggingface", name)
    assert component(model=Model(name=name, purl=text))["purl"] == text


NO_EXPRESSIONS = ["", "MIT OR", "my licence", "(MIT", "MIT or Apache-2.0", "MIT) OR (MIT", "llama3.1"]


@pytest.mark.parametrize(
    ("judge", "good", "bad"),
    [
        (is_purl, "pkg:generic/a%20b@1", ["pkg:", "pkg:generic", "not a purl", "pkg:generic/a b", "PKG:generic/a"]),
        (is_address, "https://a.b/c?d=%20#e", ["", "a.b", "https://", "https://a b", "https://a/%zz", "x:[", "a:#b#c"]),
        (is_time, "2024-02-29T23:59:59.5+14:00", ["2023-02-29T00:00:00Z", "2024-02-29", "2024-02-29T00:00:00", ""]),
        (
            is_expression,
            "(MIT OR Apache-2.0) AND GPL-2.0+",
            NO_EXPRESSIONS,
        ),
    ],
)
def test_what_may_stand_in_a_field(judge: Any, good: str, bad: list[str]) -> None:
    assert judge(good)
    assert not [text for text in bad if judge(text)]
