"""``org.yaml``: units, nearest names, and files that want to be a bomb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from forebear.artifacts import bounded_yaml
from forebear.errors import FormatError, UsageError
from forebear.licences.organisation import Money, Organisation
from forebear.licences.organisation_file import json_schema, organisation_of, read_organisation
from forebear.report.schemas import schema

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("written", "money"),
    [
        ("20 million USD per month", Money(20e6, "USD", "month")),
        ("20m usd a month", Money(20e6, "USD", "month")),
        ("USD 1.5 billion per year", Money(1.5e9, "USD", "year")),
        ("12,000,000 GBP / year", Money(12e6, "GBP", "year")),
        ("3bn EUR/year", Money(3e9, "EUR", "year")),
        ({"amount": "2 million", "currency": "eur", "period": "year"}, Money(2e6, "EUR", "year")),
        ({"amount": 0, "currency": "GBP", "period": "year"}, Money(0, "GBP", "year")),
    ],
)
def test_amounts(written: Any, money: Money) -> None:
    assert organisation_of({"revenue": written}).revenue == money
    assert organisation_of({"product_revenue": written}).product_revenue == money


@pytest.mark.parametrize("written", ["100M", 100_000_000, "100 million", "100,000,000", 1e8])
def test_persons(written: Any) -> None:
    assert organisation_of({"monthly_active_users": written}).monthly_active_users == 1e8


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"revenu": 1}, ["revenu is no field", "did you mean revenue?"]),
        ({"defence": "maybe"}, ["defence: 'maybe'", "write true or false"]),
        ({"monthly_users": 1}, ["did you mean monthly_active_users?"]),
        ({"xyzzy": 1}, ["known are name, country"]),
        ({"revenue": 5}, ["revenue", "20 million USD per month"]),
        ({"revenue": "20 million USD"}, ["20 million USD per month"]),
        ({"revenue": "20 million per month"}, ["a currency"]),
        ({"revenue": "USD 20 EUR per month"}, ["a currency"]),
        ({"revenue": "$20M per month"}, ["ISO 4217"]),
        ({"product_revenue": {"amount": 1, "currency": "USD"}}, ["product_revenue.period is missing"]),
        ({"product_revenue": {"amout": 1, "currency": "USD", "period": "year"}}, ["did you mean amount?"]),
        ({"product_revenue": "2 USD per year", "revenue": "1 USD per year"}, ["product_revenue is above revenue"]),
        ({"product_revenu": 1}, ["did you mean product_revenue?"]),
        ({"revenue": {"amount": 1, "currency": "USD"}}, ["revenue.period is missing"]),
        ({"revenue": {"amount": 1, "currency": "Dollar", "period": "year"}}, ["three letters"]),
        ({"revenue": {"amount": 1, "currency": "USD", "period": "week"}}, ["'month' or 'year'"]),
        ({"revenue": {"amout": 1, "currency": "USD", "period": "year"}}, ["did you mean amount?"]),
        ({"monthly_active_users": "100 million USD"}, ["number of persons"]),
        ({"monthly_active_users": True}, ["number of persons"]),
        ({"monthly_active_users": -1}, ["greater than or equal to 0"]),
        ({"monthly_active_users": float("nan")}, ["greater than or equal to 0"]),
        ({"monthly_active_users": float("inf")}, ["less than or equal to"]),
        ({"country": "Germany"}, ["two letters"]),
        ({"territories": ["DE", "XX"]}, ["territories.1"]),
        ({"territories": "DE"}, ["territories"]),
        ({"uses": ["war"]}, ["uses.0", "military"]),
        ({"public_body": "perhaps"}, ["public_body"]),
        ({"exchange_rates": {"GBP": 0}}, ["exchange_rates.GBP"]),
        ({"exchange_rates": {"USD": 0.79}}, ["exchange_rates", "that of USD is 1"]),
        ({"exchange_rates": {"GBP": 1.3, "gbp": 3.0}}, ["exchange_rates", "one rate"]),
        ({"agreements": ["llama31"]}, ["did you mean llama3.1?"]),
        ({"displays": "Kimi"}, ["displays"]),
        ({"name": "x" * 5_000}, ["name"]),
    ],
)
def test_what_is_refused_and_what_to_write_instead(data: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(FormatError) as caught:
        organisation_of(data)
    assert "\n" not in str(caught.value) and str(caught.value).startswith("org.yaml: ")
    for word in words:
        assert word in str(caught.value)


def test_what_is_left_out_is_unknown() -> None:
    assert organisation_of({}) == Organisation()
    assert organisation_of({"uses": [], "displays": []}) == Organisation(uses=(), displays=())
    assert organisation_of({"territories": ["uk", "EU"]}).territories == ("GB", "EU")


def test_the_example_is_read_and_fits_the_schema() -> None:
    path = ROOT / "examples" / "org.yaml"
    found = read_organisation(path)
    assert found.revenue == Money(12e6, "GBP", "year") and found.monthly_active_users == 250_000
    data = bounded_yaml.load(path.read_text("utf-8"), "org.yaml", "it", 100_000)
    Draft202012Validator(schema("org")).validate(data)
    assert set(data) == set(json_schema()["properties"])


def test_the_shipped_schema_is_the_models() -> None:
    assert schema("org") == json.loads(json.dumps(json_schema()))


def bomb() -> str:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [bomb(), "a: [", "- 1", "x", "", "a: !!python/object/apply:os.system [ls]", "[" * 100_000, "a: " + "9" * 300_000],
)
def test_files_that_are_no_facts(tmp_path: Path, text: str, deadline: None) -> None:
    path = tmp_path / "org.yaml"
    path.write_text(text)
    with pytest.raises(FormatError) as caught:
        read_organisation(path)
    assert "\n" not in str(caught.value) and str(caught.value).count(str(path)) == 1


def test_a_file_that_is_not_there_is_a_wrong_call_and_one_that_is_wrong_is_an_input(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"name: \xe9")
    for name, error in (("nowhere", UsageError), (".", UsageError), ("latin", FormatError)):
        with pytest.raises(error):
            read_organisation(tmp_path / name)


def test_a_field_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "org.yaml"
    path.write_text("country: GB\ncountry: US\n", "utf-8")
    with pytest.raises(FormatError, match="line 2: country stands twice"):
        read_organisation(path)
