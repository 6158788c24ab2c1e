"""Related models in pedigrees: where they stand, and what stands with them."""

from __future__ import annotations

from typing import Any

import pytest
from packageurl import PackageURL

from bom.cyclonedx.documents import at, properties, record, refs
from forebear.bom.cyclonedx import read, write
from forebear.bom.cyclonedx.lineage import DEEPEST
from forebear.bom.record import Relative, Slot, Status
from forebear.bom.values import CONFIDENCE_CAP, Basis, Observation, Said
from forebear.types import Test, Verdict

COINS = Observation(
    signal="sign-code/1",
    summary="4,000 of 4,096 coins agree.",
    test=Test.EXACT,
    null="independent initialisation",
    n=4096,
    log10_p=-30.0,
    log10_e=-27.0,
)


def relative(name: str, child: str = "", slot: Slot = Slot.ANCESTOR, **fields: Any) -> Relative:
    return Relative(name=name, slot=slot, child=child, **fields)


def pedigree(*relatives: Relative) -> Any:
    written = record(relatives=relatives)
    document = write(written)
    assert read(document).records == (written,)
    return document["metadata"]["component"]["pedigree"]


def test_each_slot_has_its_list_and_ranks_keep_the_order() -> None:
    found = pedigree(
        relative("org/sibling", slot=Slot.VARIANT), relative("org/base"), relative("org/child", slot=Slot.DESCENDANT)
    )
    assert [found[key][0]["name"] for key in ("ancestors", "variants", "descendants")] == ["base", "sibling", "child"]
    assert [properties(found[key][0])["rank"] for key in ("variants", "ancestors", "descendants")] == ["1", "2", "3"]
    assert all(found[key][0]["isExternal"] for key in found)


def test_grandparents_stand_in_their_childs_pedigree() -> None:
    found = pedigree(relative("org/old", "org/base"), relative("org/base"))
    (base,) = found["ancestors"]
    assert base["pedigree"]["ancestors"][0]["name"] == "old"
    assert "child" not in properties(base["pedigree"]["ancestors"][0])


def test_an_orphan_stands_with_the_model_and_keeps_its_childs_name() -> None:
    (orphan,) = pedigree(relative("org/old", "org/missing"))["ancestors"]
    assert properties(orphan)["child"] == "org/missing"


@pytest.mark.parametrize(
    "circle",
    [
        [("a", "a")],
        [("a", "b"), ("b", "a")],
        [("a", ""), ("b", "c"), ("c", "d"), ("d", "b")],
        [("a", ""), ("a", "a"), ("a", "a")],
    ],
)
def test_circles_end_and_lose_nobody(circle: list[tuple[str, str]]) -> None:
    relatives = tuple(relative(name, child) for name, child in circle)
    document = write(record(relatives=relatives))
    assert sum(ref.startswith("relative/") for ref in refs(document)) == len(circle)
    assert read(document).records[0].relatives == relatives


def test_a_long_line_of_ancestors_is_not_nested_without_end() -> None:
    line = tuple(relative(f"m{k}", f"m{k - 1}" if k else "") for k in range(200))
    document = write(record(relatives=line))
    depth, place = 0, document["metadata"]["component"]
    while "pedigree" in place:
        depth, place = depth + 1, place["pedigree"]["ancestors"][0]
    assert depth == DEEPEST
    assert read(document).records[0].relatives == line


def test_a_measurement_is_a_method_with_the_confidence_of_its_test() -> None:
    (base,) = pedigree(relative("org/base", observations=(COINS,), verdict=Verdict.DERIVED))["ancestors"]
    (identity,) = base["evidence"]["identity"]
    assert "confidence" not in identity  # how sure one is that it *is* the ancestor, nobody can state
    (method,) = identity["methods"]
    assert method["technique"] == "binary-analysis"
    assert method["confidence"] == CONFIDENCE_CAP
    assert "not that one descends from the other" in method["value"]
    assert properties(base)["observations.0.log10_p"] == "-30.0"
    assert properties(base)["observations.0.null"] == "independent initialisation"


@pytest.mark.parametrize("test", [Test.CALIBRATED, Test.HEURISTIC, Test.NONE])
def test_no_confidence_is_claimed_without_an_exact_test(test: Test) -> None:
    (base,) = pedigree(relative("org/base", observations=(COINS.model_copy(update={"test": test}),)))["ancestors"]
    method = base["evidence"]["identity"][0]["methods"][0]
    assert method["confidence"] == 0
    assert "No probability is claimed" in method["value"]


def test_a_declaration_is_a_method_that_nobody_is_sure_of() -> None:
    declared = relative(
        "org/base",
        declared_in="README.md",
        declared_relation="finetune",
        claim=Status.UNVERIFIED,
        claim_why="No weights were read.",
        said=Said(by="README.md"),
    )
    (base,) = pedigree(declared)["ancestors"]
    (method,) = base["evidence"]["identity"][0]["methods"]
    assert (method["technique"], method["confidence"]) == ("manifest-analysis", 0)
    assert method["value"] == "Declared: README.md names it as base model as finetune. No weights were read."
    assert not {"declared_in", "declared_relation", "claim_why"} & set(properties(base))  # said once


def test_without_evidence_none_is_written() -> None:
    assert "evidence" not in pedigree(relative("org/base"))["ancestors"][0]


def test_a_package_url_is_written_only_where_it_is_one() -> None:
    good, bad = "pkg:huggingface/org/base@0123abc", "pkg:huggingface/or g"
    one, other = pedigree(relative("a", purl=good), relative("b", purl=bad))["ancestors"]
    assert PackageURL.from_string(one["purl"]).namespace == "org"
    assert "purl" not in other
    assert properties(other)["purl"] == bad


def test_ancestors_by_other_tools() -> None:
    ancestor = {
        "type": "machine-learning-model",
        "name": "base",
        "evidence": {
            "identity": [
                {"field": "name", "methods": [{"technique": "attestation", "confidence": 1, "value": "Signed."}]}
            ]
        },
        "pedigree": {"ancestors": [{"type": "machine-learning-model", "name": "older"}]},
    }
    library = {"type": "library", "name": "torch"}
    model = {"type": "machine-learning-model", "name": "m", "pedigree": {"ancestors": [ancestor, library]}}
    reading = read({"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": model}})
    base, older = reading.records[0].relatives
    assert (base.name, older.name, older.child) == ("base", "older", "base")
    assert base.said == Said(basis=Basis.DECLARED)  # whatever they claim to have measured
    assert base.verdict is None
    assert (base.observations[0].signal, base.observations[0].summary) == ("attestation", "Signed.")
    assert base.observations[0].confidence == 0
    where = "/metadata/component/pedigree/ancestors"
    assert f"{where}/0/evidence/identity/0/methods/0/confidence" in reading.unread
    assert {f"{where}/1/type", f"{where}/1/name"} <= set(reading.unread)
    assert at(reading.document, f"{where}/1/name") == "torch"
