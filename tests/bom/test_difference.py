"""What changed between two bills: everything that a record holds, lineage first, whatever the format."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings

from bom.records import records
from documents import check_document
from forebear.bom import cyclonedx, spdx
from forebear.bom.difference import Change, difference
from forebear.bom.reading import Reading
from forebear.bom.record import (
    ClaimRecord,
    File,
    LicenceStatement,
    Metric,
    Model,
    Organisation,
    Record,
    Relative,
    Service,
    Slot,
)
from forebear.bom.training import Dataset, Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Gap, GapState, Hash, Said
from forebear.types import Level, Verdict

OLD = Record(
    model=Model(name="org/m", version="1"),
    created="2026-01-02T03:04:05Z",
    files=(
        File(path="model.safetensors", size=4, role="weights", hashes=(Hash(algorithm="SHA-256", value="a" * 64),)),
    ),
    relatives=(Relative(name="org/base", slot=Slot.ANCESTOR),),
)


def reading(record: Record, version: str = "1.7") -> Reading:
    return cyclonedx.read(cyclonedx.write(record, version))


def changes(new: dict[str, Any], old: Record = OLD) -> tuple[Change, ...]:
    found = difference(reading(old), reading(old.model_copy(update=new)))
    check_document(found.to_json())
    return found.changes


def test_the_same_bill_differs_in_nothing() -> None:
    assert difference(reading(OLD), reading(OLD)).equal


def test_when_and_by_what_a_bill_was_written_is_no_change() -> None:
    later = OLD.model_copy(update={"created": "2027-01-02T03:04:05Z"})
    assert difference(reading(OLD), reading(later)).equal


def test_across_formats_only_the_format_differs() -> None:
    for other in (reading(OLD, "1.6"), spdx.read(spdx.write(OLD))):
        found = difference(reading(OLD), other)
        assert [(c.part, c.what, c.level) for c in found.changes] == [("document", "format", Level.NOTE)]


CASES: dict[str, tuple[dict[str, Any], str, str, Level]] = {
    "another base": (
        {"relatives": (Relative(name="org/other", slot=Slot.ANCESTOR),)},
        "lineage",
        "added",
        Level.WARNING,
    ),
    "no base": ({"relatives": ()}, "lineage", "removed", Level.WARNING),
    "a licence": ({"licences": (LicenceStatement(spdx="MIT"),)}, "licences", "added", Level.WARNING),
    "a stage": ({"stages": (Stage(kind=StageKind.SFT),)}, "training", "added", Level.NOTE),
    "a stage from a model": (
        {"stages": (Stage(kind=StageKind.SFT, inputs=(Input(kind=InputKind.MODEL, name="org/hidden"),)),)},
        "training",
        "added",
        Level.WARNING,
    ),
    "another derivation": (
        {"relatives": (OLD.relatives[0].model_copy(update={"declared_relation": "distilled"}),)},
        "lineage",
        "added",
        Level.WARNING,
    ),
    "another assurance": (
        {"relatives": (OLD.relatives[0].model_copy(update={"said": Said(basis=Basis.MEASURED, by="acme")}),)},
        "lineage",
        "changed",
        Level.WARNING,
    ),
    "who answers for it": ({"author": "Acme"}, "model", "changed", Level.NOTE),
    "data": ({"datasets": (Dataset(name="org/data"),)}, "data", "added", Level.NOTE),
    "weights": (
        {"files": (OLD.files[0].model_copy(update={"hashes": (Hash(algorithm="SHA-256", value="b" * 64),)}),)},
        "files",
        "changed",
        Level.WARNING,
    ),
    "a card": ({"files": (*OLD.files, File(path="README.md", role="card"))}, "files", "added", Level.NOTE),
    "a firm": ({"organisations": (Organisation(name="Acme"),)}, "organisations", "added", Level.NOTE),
    "a service": ({"services": (Service(name="chat"),)}, "services", "added", Level.NOTE),
    "a claim": ({"claims": (ClaimRecord(claim="trained from scratch"),)}, "claims", "added", Level.WARNING),
    "a gap": ({"gaps": (Gap(field="reward_data", state=GapState.WITHHELD),)}, "claims", "added", Level.NOTE),
    "a metric": ({"metrics": (Metric(name="accuracy", value="0.9"),)}, "model", "added", Level.NOTE),
    "a verdict": ({"verdict": Verdict.DEPENDENT}, "lineage", "changed", Level.WARNING),
    "a version": ({"model": Model(name="org/m", version="2")}, "model", "changed", Level.NOTE),
    "a name": ({"model": Model(name="org/n", version="1")}, "model", "changed", Level.WARNING),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_part_has_its_place_and_level(name: str) -> None:
    new, part, kind, level = CASES[name]
    found = changes(new)
    assert (part, kind, level) in [(c.part, c.kind, c.level) for c in found], found


def test_models_are_compared_by_name_whatever_their_order_and_none_hides_another() -> None:
    other = Record(model=Model(name="org/n"), created=OLD.created)
    twin = other.model_copy(update={"relatives": OLD.relatives})

    def found(old: tuple[Record, ...], new: tuple[Record, ...]) -> list[tuple[str, str, str]]:
        before, after = (Reading("CycloneDX 1.7", records, {}) for records in (old, new))
        return [(c.part, c.what, c.kind) for c in difference(before, after).changes]

    assert found((OLD, other), (other, OLD)) == []
    assert ("lineage", "ancestor org/base", "removed") in found((OLD, twin, other), (OLD, other, other))


def test_what_no_record_holds_is_compared_across_versions_and_said_not_to_be_across_standards() -> None:
    document = cyclonedx.write(OLD, "1.6")
    document["metadata"]["component"]["pedigree"]["commits"] = [{"uid": "abc"}]
    found = difference(cyclonedx.read(document), reading(OLD)).changes
    assert "/metadata/component/pedigree/commits/0/uid" in [c.what for c in found]
    (told,) = (
        c for c in difference(cyclonedx.read(document), spdx.read(spdx.write(OLD))).changes if "across" in c.what
    )
    assert told.before.startswith("1 ") and told.after.startswith("0 ")


def test_lineage_comes_first_and_files_after_licences() -> None:
    new = {**CASES["a version"][0], **CASES["weights"][0], **CASES["a licence"][0], **CASES["no base"][0]}
    parts = list(dict.fromkeys(c.part for c in changes(new)))
    assert parts == ["lineage", "licences", "files", "model"]


def test_a_changed_field_tells_before_and_after() -> None:
    moved = OLD.relatives[0].model_copy(update={"relation": "finetune"})
    (change,) = changes({"relatives": (moved,)})
    assert (change.what, change.field, change.before, change.after) == (
        "ancestor org/base",
        "relation",
        "unknown",
        "finetune",
    )


def test_what_no_record_holds_is_compared_by_pointer() -> None:
    old = cyclonedx.write(OLD)
    new = copy.deepcopy(old)
    new["metadata"]["component"]["cpe"] = "cpe:2.3:a:b:c:*:*:*:*:*:*:*:*"
    new["metadata"]["component"]["mime-type"] = "x/y"
    found = difference(cyclonedx.read(old), cyclonedx.read(new)).changes
    assert {(c.part, c.kind, c.what) for c in found} >= {("document", "added", "/metadata/component/cpe")}
    back = difference(cyclonedx.read(new), cyclonedx.read(old)).changes
    assert {c.kind for c in back} == {"removed"}


def test_models_that_came_and_went() -> None:
    other = OLD.model_copy(update={"model": Model(name="org/second")})
    one = Reading("CycloneDX 1.7", (OLD,), {})
    two = Reading("CycloneDX 1.7", (OLD, other), {})
    none = Reading("CycloneDX 1.7", (), {})
    assert [(c.kind, c.what) for c in difference(one, two).changes] == [("added", "model org/second")]
    assert [(c.kind, c.what) for c in difference(two, one).changes] == [("removed", "model org/second")]
    assert [(c.kind, c.what) for c in difference(none, one).changes] == [("added", "model org/m")]
    assert difference(none, none).equal


@settings(max_examples=60, deadline=None)
@given(records(), records())
def test_records_differ_exactly_where_something_is_told(old: Record, new: Record) -> None:
    found = difference(Reading("CycloneDX 1.7", (old,), {}), Reading("CycloneDX 1.7", (new,), {}))
    check_document(found.to_json())
    ignored = {"created", "tool"}
    assert found.equal == (old.model_dump(exclude=ignored) == new.model_dump(exclude=ignored))
    assert difference(Reading("x", (old,), {}), Reading("x", (old,), {})).equal
