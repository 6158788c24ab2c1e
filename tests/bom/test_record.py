"""The record as a whole, and how a model was made."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from pydantic import ValidationError

from bom.records import NAMES, families, filled, records, values
from documents import check_document
from forebear.bom.record import SCHEMA, Model, Record, Relative, Slot
from forebear.bom.training import DatasetRole, Energy, EnergyActivity, Stage, StageKind, Training
from forebear.bom.values import Hash, Value
from forebear.report.schemas import schema

CREATED = "2026-01-02T03:04:05Z"


@given(records())
def test_json_reads_back_to_an_equal_record(record: Record) -> None:
    assert Record.model_validate(json.loads(json.dumps(record.to_json()))) == record


@given(records())
def test_cleaning_a_record_again_changes_nothing(record: Record) -> None:
    plain = record.model_dump(mode="json")
    assert Record.model_validate(plain).model_dump(mode="json") == plain


@given(values(Training))
def test_training_reads_back(training: Training) -> None:
    assert Training.model_validate_json(json.dumps(training.to_json())) == training


@given(families())
def test_relatives_of_families_name_each_other(record: Record) -> None:
    assert {r.name for r in record.relatives} <= set(NAMES)


def _parts(value: Any) -> list[Value]:
    inner = list(value) if isinstance(value, tuple) else []
    if isinstance(value, Value):
        inner = [getattr(value, name) for name in type(value).model_fields]
    return ([value] if isinstance(value, Value) else []) + [part for item in inner for part in _parts(item)]


def test_a_filled_record_has_every_field() -> None:
    for part in _parts(filled(Record)):
        for name, field in type(part).model_fields.items():
            assert field.is_required() or getattr(part, name) != field.default, f"{type(part).__name__}.{name}"


def test_the_record_as_a_document_writes_out_every_field() -> None:
    document = Record(model=Model(name="m"), created=CREATED).to_document()
    assert document["schema"] == SCHEMA
    assert document["created"] == CREATED
    assert set(Record.model_fields) <= set(document)
    assert document["model"]["hashes"] == []


def test_unknown_fields_are_refused_at_every_level() -> None:
    with pytest.raises(ValidationError):
        Record.model_validate({"model": {"name": "m", "weight": "3 kg"}, "created": CREATED})
    with pytest.raises(ValidationError):
        Record.model_validate({"model": {"name": "m"}, "created": CREATED, "price": 1})


def test_records_are_frozen() -> None:
    with pytest.raises(ValidationError):
        filled(Record).model.name = "other"


def test_the_digest_of_an_algorithm() -> None:
    model = Model(name="m", hashes=(Hash(algorithm="SHA-512", value="cd" * 64),))
    record = Record(model=model, created=CREATED)
    assert record.digest_of("SHA-512") == "cd" * 64
    assert record.digest_of() is None


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "base", "slot": "parent"},
        {"name": "base", "slot": Slot.ANCESTOR, "log10_p": 1.0},
        {"name": "base", "slot": Slot.ANCESTOR, "verdict": "perhaps"},
        {"slot": Slot.ANCESTOR},
    ],
)
def test_relatives_that_are_none(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Relative.model_validate(fields)


@pytest.mark.parametrize("hours", [-1.0, float("inf"), float("nan")])
def test_hours_are_a_finite_amount(hours: float) -> None:
    with pytest.raises(ValidationError):
        Stage(kind=StageKind.SFT, hours=hours)


def test_energy_is_never_guessed() -> None:
    with pytest.raises(ValidationError):
        Energy.model_validate({"activity": "training"})
    assert Energy(activity=EnergyActivity.TRAINING, kwh=0).tonnes_co2 is None


@pytest.mark.parametrize("kind", [StageKind, DatasetRole, EnergyActivity, Slot])
def test_terms_are_lower_case_words(kind: type[Enum]) -> None:
    assert all(str(each).replace("_", "").replace("-", "").islower() for each in kind)


def test_the_document_has_a_shipped_schema_made_from_the_types() -> None:
    body = Record.model_json_schema()
    shipped = schema("bom-record")
    assert shipped["$defs"] == body["$defs"]  # a type changed: write the file in data/schemas anew from it
    own = {"schema": {"const": SCHEMA}, "forebear_version": {"type": "string"}}
    assert shipped["properties"] == {**own, **body["properties"]}
    check_document(filled(Record).to_document())
    wrong = filled(Record).to_document()
    wrong["modle"] = {}
    with pytest.raises(jsonschema.ValidationError):
        check_document(wrong)
