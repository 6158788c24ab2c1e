"""``org.yaml``: the facts about an organisation that licences and policies ask for, read strictly.

A field that is not known is refused with the nearest that is, and an amount without a currency or a period with what to
write: a threshold of 20 million a month must not be held against a figure of unknown unit. What is left out stays
unknown. The JSON Schema of the file is ``data/schemas/org.json`` (:func:`json_schema`).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from forebear.artifacts import bounded_yaml
from forebear.catalogue.licences import licences
from forebear.catalogue.references import countries
from forebear.errors import FormatError, InputError, UsageError, one_line
from forebear.licences.organisation import Money, Organisation
from forebear.licences.territory import EU, country

MAX_FILE = 200_000
MAX_ITEMS = 1_000
MAX_TEXT = 1_000
MOST = 1e18
_SCALE = {"": 1.0, "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "b": 1e9, "billion": 1e9}
_NUMBER = r"(?P<number>\d{1,3}(?:[ ,_]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)\s*(?P<scale>k|thousand|m|million|bn|b|billion)?"
_COUNT = re.compile(rf"{_NUMBER}\Z", re.IGNORECASE)
_MONEY = re.compile(
    rf"(?:(?P<before>[A-Za-z]{{3}})\s*)?{_NUMBER}\s*(?P<after>[A-Za-z]{{3}})?\s*(?:per|a|an|/)\s*(?P<period>month|year)\Z",
    re.IGNORECASE,
)
AMOUNT = 'write an amount, a currency (ISO 4217) and a period: "20 million USD per month"'
PERSONS = 'write a number of persons: 100000000 or "100M"'


def _count(value: Any) -> Any:
    """A number of persons: ``100000000``, ``"100M"``, ``"1.5 million"``."""
    if isinstance(value, str):
        match = _COUNT.match(value.strip())
        if match is None:
            raise ValueError(PERSONS)
        return _amount(match)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(PERSONS)
    return value


def _money(value: Any) -> Any:
    """An amount of money per period: a mapping, or a text with all three."""
    if isinstance(value, Mapping):
        return value
    match = _MONEY.match(value.strip()) if isinstance(value, str) else None
    currency = (match["before"] or match["after"]) if match else None
    if match is None or not currency or (match["before"] and match["after"]):
        raise ValueError(AMOUNT)
    return {"amount": _amount(match), "currency": currency, "period": match["period"].lower()}


def _amount(match: re.Match[str]) -> float:
    return float(re.sub(r"[ ,_]", "", match["number"])) * _SCALE[(match["scale"] or "").lower()]


def _currency(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z]{3}", value):
        raise ValueError("write the currency's three letters (ISO 4217): USD, EUR, GBP")
    return value.upper()


def _place(value: Any) -> Any:
    code = country(value) if isinstance(value, str) else ""
    if code != EU and code not in countries():
        raise ValueError("write the country's two letters (ISO 3166-1): GB, DE, US; EU for all of the European Union")
    return code


def _licence(value: Any) -> Any:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write the licence's identifier: forebear catalogue list licences")
    return value.strip()


Figure = Annotated[
    float, BeforeValidator(_count, json_schema_input_type=float | str), Field(ge=0, le=MOST, allow_inf_nan=False)
]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Currency = Annotated[str, BeforeValidator(_currency)]
Place = Annotated[str, BeforeValidator(_place)]
Licences = Annotated[tuple[Annotated[str, BeforeValidator(_licence)], ...], Field(max_length=MAX_ITEMS)]
Texts = Annotated[tuple[Text, ...], Field(max_length=MAX_ITEMS)]
Use = Literal["commercial", "research", "internal", "military", "administration"]


def _rates(value: Any) -> Any:
    """Rates by currency; ``GBP`` and ``gbp`` are one, and two rates for it are none."""
    names = [str(key).upper() for key in value] if isinstance(value, Mapping) else []
    if len(names) != len(set(names)):
        raise ValueError("state one rate for each currency")
    if isinstance(value, Mapping) and any(str(key).upper() == "USD" and rate != 1 for key, rate in value.items()):
        raise ValueError("rates are US dollars for one unit of a currency, so that of USD is 1")
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class MoneyFile(_Strict):
    """An amount of money per period."""

    amount: Figure
    currency: Currency
    period: Literal["month", "year"]


INCOMES = ("revenue", "product_revenue")
"""Fields that are amounts of money per period."""
Income = Annotated[MoneyFile, BeforeValidator(_money, json_schema_input_type=MoneyFile | str)]


class OrganisationFile(_Strict):
    """Facts about an organisation. What is left out is unknown, and unknown is never taken for "no"."""

    name: Text = ""
    country: Place | None = Field(None, description="where it is established, ISO 3166-1 alpha-2")
    territories: Annotated[tuple[Place, ...], Field(max_length=MAX_ITEMS)] = Field(
        (), description="everywhere that the model is used or offered; EU for all of the European Union"
    )
    public_body: bool | None = None
    defence: bool | None = None
    intelligence: bool | None = None
    uses: Annotated[tuple[Use, ...], Field(max_length=MAX_ITEMS)] | None = Field(
        None, description="all uses of the model"
    )
    distributes: bool | None = Field(None, description="it passes the model itself on to others")
    own_release: bool | None = Field(None, description="the model is its own release")
    model_as_a_service: bool | None = Field(None, description="it, or an affiliate, sells access to models")
    trains_models: bool | None = Field(None, description="it trains other models on the model's outputs")
    used_over_a_network: bool | None = Field(None, description="others use the model over a network")
    monthly_active_users: Figure | None = Field(None, description="of the product, with affiliates")
    daily_active_users: Figure | None = None
    revenue: Income | None = Field(None, description="of the group: an amount, a currency and a period")
    product_revenue: Income | None = Field(
        None, description="of the product that the model is in, which some licences count instead of the group's"
    )
    displays: Texts | None = Field(None, description="words that the product's interface shows prominently")
    documents: Texts | None = Field(None, description="words on its web site and in its documentation")
    agreements: Licences | None = Field(None, description="licences for which it has an agreement of its own")
    registered: Licences | None = Field(None, description="licences for which it is registered")
    attested: Text = Field("", description="who states these facts, and when")
    exchange_rates: Annotated[
        dict[Currency, Annotated[float, Field(gt=0, le=MOST, allow_inf_nan=False)]],
        Field(max_length=200),
        BeforeValidator(_rates),
    ] = Field({}, description="US dollars for one unit of a currency")


def read_organisation(path: str | Path) -> Organisation:
    """The facts of a file.

    Raises:
        UsageError: there is no such file.
        InputError: it cannot be read.
        FormatError: it is no YAML mapping, a field is not known, or a value has no unit.
    """
    name = one_line(str(path), 200)
    if not os.path.isfile(path):
        raise UsageError(f"{name}: there is no such file", "give a file as examples/org.yaml")
    try:
        with open(path, "rb") as stream:
            raw = stream.read(MAX_FILE + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        raise InputError(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise FormatError(name, "not UTF-8", "save it as UTF-8") from None
    try:
        data = bounded_yaml.load(text, name, "it", MAX_FILE)
        bounded_yaml.once(text, name)
    except FormatError as error:
        raise FormatError(name, error.problem, error.hint or "see examples/org.yaml") from None
    if not isinstance(data, dict):
        raise FormatError(name, "not a mapping of fields to values", "see examples/org.yaml")
    return organisation_of(data, name)


def organisation_of(data: Mapping[str, Any], name: str = "org.yaml") -> Organisation:
    """The facts of a mapping; ``FormatError`` as :func:`read_organisation`."""
    try:
        stated = OrganisationFile.model_validate(dict(data))
    except ValidationError as error:
        raise _in_words(error, name) from None
    for field in ("agreements", "registered"):
        _known(field, getattr(stated, field) or (), name)
    part, total = stated.product_revenue, stated.revenue
    if part and total and (part.currency, part.period) == (total.currency, total.period) and part.amount > total.amount:
        raise FormatError(
            name, "product_revenue is above revenue", "revenue is that of the group, the product included"
        )
    values = stated.model_dump(exclude={"revenue", "product_revenue", "country"})
    return Organisation(
        **values,
        country=stated.country or "",
        revenue=_of_file(stated.revenue),
        product_revenue=_of_file(stated.product_revenue),
    )


def _of_file(stated: MoneyFile | None) -> Money | None:
    return Money(stated.amount, stated.currency, stated.period) if stated else None


def _known(field: str, identifiers: tuple[str, ...], name: str) -> None:
    """Refuse a licence that is not in the catalogue: what is listed under another name would settle nothing."""
    for identifier in identifiers:
        if identifier not in licences():
            near = get_close_matches(identifier, list(licences()), 1, 0.5)
            hint = f"did you mean {near[0]}?" if near else "forebear catalogue list licences"
            raise FormatError(name, f"{field}: {one_line(identifier, 80)} is no licence of the catalogue", hint)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file (draft 2020-12), as it is shipped."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://forebear.dev/schemas/org.json",
        **OrganisationFile.model_json_schema(),
    }


def _in_words(error: ValidationError, name: str) -> FormatError:
    """What is wrong, by the place where it stands; a field that is not known first, for it is often the cause."""
    found = error.errors(include_url=False, include_context=False, include_input=True)
    first = next((e for e in found if e["type"] == "extra_forbidden"), found[0])
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        fields = (MoneyFile if where.startswith(INCOMES) and "." in where else OrganisationFile).model_fields
        near = get_close_matches(str(first["loc"][-1]), list(fields), 1, 0.5)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(fields)}"
        return FormatError(name, f"{where} is no field", hint)
    if first["type"] == "missing" and where.startswith(INCOMES):
        return FormatError(name, f"{where} is missing", AMOUNT)
    if first["type"].startswith("bool_"):
        return FormatError(name, f"{where}: {one_line(repr(first['input']), 80)}", "write true or false")
    said = first["msg"].removeprefix("Value error, ")
    return FormatError(name, f"{where}: {one_line(repr(first['input']), 80)}", said[:1].lower() + said[1:])
