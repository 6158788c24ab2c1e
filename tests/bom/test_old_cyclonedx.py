"""The CycloneDX document of a record: valid, every reference resolves, claims apart from measurements."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from boms import check_bom, properties, resolve, said_by
from forebear.bom import Card, FileRecord, Licence, Observation, Record, Relative, Slot
from forebear.bom.old_cyclonedx import cyclonedx
from forebear.types import Test, Verdict

NOW = "2026-01-02T03:04:05Z"
FILES = (
    FileRecord("README.md", 9, "card", "a" * 64, "b" * 128),
    FileRecord("config.json", 2, "config", "c" * 64, "d" * 128),
    FileRecord("model.safetensors", 100, "weights", "e" * 64, "f" * 128),
)
SIGN = Observation("sign-code/1", "all agree.", Test.EXACT, "independent initialisation", 576, -30.0, -29.0)


def record(**more: Any) -> Record:
    return Record(**{"name": "m", "files": FILES, "card": Card(), "parameters": 50, "created": NOW, **more})


def related(slot: Slot, **more: Any) -> Record:
    fields = {"verdict": Verdict.DEPENDENT, "log10_p": -30.0, "observations": (SIGN,), **more}
    return record(relatives=(Relative("org/base", slot, **fields),))


def test_the_least_record_is_valid_and_says_what_is_unknown() -> None:
    document = cyclonedx(record(files=FILES[2:]))
    check_bom(document)
    said = [p["value"] for p in document["properties"] if p["name"] == "forebear:unknown"]
    assert said == ["licence", "training data", "version", "public identifier", "base model"]
    assert "licenses" not in document["metadata"]["component"]
    assert document["metadata"]["timestamp"] == NOW
    assert document["compositions"][0]["aggregate"] == "incomplete"


def test_what_the_card_says_is_attributed_to_the_card() -> None:
    card = Card(
        task="text-generation",
        library="transformers",
        languages=("en",),
        tags=("chat",),
        datasets=("org/a", "b c"),
        licences=(Licence("mit", "MIT"), Licence("llama3.1")),
        links=(("license", "https://example.org/L"),),
    )
    document = cyclonedx(record(card=card, architecture="LlamaForCausalLM", family="llama"))
    check_bom(document)
    model = document["metadata"]["component"]
    by_card = said_by(document, "file/README.md")
    assert model["licenses"] in by_card and "text-generation" in by_card
    assert {c["bom-ref"] for c in document["components"][3:]} == {"dataset/org/a", "dataset/b%20c"}
    assert all(c in by_card for c in document["components"][3:])
    assert said_by(document, "file/config.json") == ["LlamaForCausalLM"]
    measured = said_by(document, "tool/forebear")
    assert model["hashes"] in measured and "llama" in measured
    assert not any(value in measured for value in by_card)
    assert [next(iter(x["license"])) for x in model["licenses"]] == ["id", "name"]


@pytest.mark.parametrize(
    ("slot", "key"), [(Slot.ANCESTOR, "ancestors"), (Slot.DESCENDANT, "descendants"), (Slot.VARIANT, "variants")]
)
def test_each_slot_has_its_place(slot: Slot, key: str) -> None:
    document = cyclonedx(related(slot))
    check_bom(document)
    pedigree = document["metadata"]["component"]["pedigree"]
    assert set(pedigree) == {key}
    assert pedigree[key][0]["group"] == "org" and "purl" not in pedigree[key][0]


def test_a_declaration_joins_the_measurement_as_a_second_method() -> None:
    document = cyclonedx(related(Slot.ANCESTOR, declared_in="README.md", claim="confirmed: so it is."))
    check_bom(document)
    base = document["metadata"]["component"]["pedigree"]["ancestors"][0]
    identity = base["evidence"]["identity"][0]
    assert "confidence" not in identity
    assert [m["technique"] for m in identity["methods"]] == ["binary-analysis", "manifest-analysis"]
    assert [m["confidence"] for m in identity["methods"]] == [0.999999, 0]
    assert properties(base)["direction.by"] == "declared"
    assert said_by(document, "file/README.md") == identity["methods"][1:]
    assert identity["methods"][0] in said_by(document, "tool/forebear")


@pytest.mark.parametrize(
    ("change", "confidence"),
    [
        ({}, 0.999999),
        ({"log10_e": -2.0}, 0.99),
        ({"log10_e": 1.0}, 0.0),
        ({"log10_e": None}, 0.0),
        ({"test": Test.HEURISTIC}, 0.0),
        ({"test": Test.NONE}, 0.0),
        ({"test": Test.NONE, "equal": True}, 1.0),
    ],
)
def test_no_confidence_is_invented(change: dict[str, Any], confidence: float) -> None:
    assert dataclasses.replace(SIGN, **change).confidence == confidence


def test_equal_records_give_equal_documents_and_others_another_serial_number() -> None:
    assert cyclonedx(record()) == cyclonedx(record())
    assert cyclonedx(record())["serialNumber"] != cyclonedx(record(parameters=51))["serialNumber"]


def test_names_that_fight_back() -> None:
    names = ("a\nb", "a b", "\u202eevil", "🦙.safetensors", "half\udcff", "..", "a/b", "~0~1")
    files = tuple(FileRecord(n, 1, "other", "a" * 64, "b" * 128) for n in names)
    relatives = tuple(Relative(n, Slot.VARIANT) for n in ("a/b", "a b", "🦙", "~/%2F"))
    document = cyclonedx(record(files=files, card=Card(datasets=("a b", "a/b", "é")), relatives=relatives))
    check_bom(document)
    assert len(document["components"]) == len(names) + 3


def test_a_file_without_digests_leaves_the_model_without_them() -> None:
    document = cyclonedx(record(files=(*FILES, FileRecord("bad", 3, "other")), problems=("bad: permission denied",)))
    check_bom(document)
    assert "hashes" not in document["metadata"]["component"] and "hashes" not in document["components"][3]
    assert "hashes.of" not in properties(document["metadata"]["component"])
    assert properties(document)["problem"] == "bad: permission denied"


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["dependencies"][0]["dependsOn"].append("nowhere"),
        lambda d: d["components"].append(d["components"][0]),
        lambda d: d["citations"][0]["pointers"].append("/metadata/nothing"),
        lambda d: d.update(surprise=1),
        lambda d: d["components"][0].update(name="a\x1b"),
    ],
)
def test_the_checks_of_these_tests_can_fail(spoil: Callable[[dict[str, Any]], None]) -> None:
    document = cyclonedx(record())
    spoil(document)
    with pytest.raises((AssertionError, LookupError)):
        check_bom(document)
    with pytest.raises(LookupError):
        resolve({"a": []}, "/a/0")
