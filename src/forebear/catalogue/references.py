"""What an entry of the catalogue refers to has to exist, and countries, days and figures have to be such."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from forebear.catalogue.developers import EDGES, Developer, Factor, PublishedModel, Seat
from forebear.catalogue.entries import day
from forebear.catalogue.facts import Basis
from forebear.catalogue.instruments import Instrument
from forebear.catalogue.licences import Condition, KnownLicence
from forebear.errors import FormatError

if TYPE_CHECKING:
    from forebear.catalogue.collection import Collection

UNIONS = ("EU",)
"""What is no country and has a territory."""
FIGURES = ("monthly_active_users", "daily_active_users", "revenue")
STATEMENTS = (
    *("model_as_a_service", "commercial", "distributes", "trains_models"),
    *("competes_with_licensor", "software_or_cloud_provider", "used_over_a_network"),
)
PERIODS = {"monthly_active_users": ("", "month"), "daily_active_users": ("", "day"), "revenue": ("month", "year")}
_OWNER = re.compile(r"\[([^\[\]]+)\]$")
_RELEASED = re.compile(r"(19|20)\d\d(-\d\d(-\d\d)?)?")


@cache
def countries() -> Mapping[str, str]:
    """ISO 3166-1 alpha-2 codes and short English names."""
    return tomllib.loads((resources.files("forebear") / "data" / "countries.toml").read_text("utf-8"))


def check(facts: Collection, entries: Iterable[tuple[str, str]]) -> None:
    """Whether everything that some entries refer to exists.

    Args:
        facts: all facts.
        entries: kind and identifier of those to check.

    Raises:
        FormatError: something does not: which entry of which file, and the nearest name that does.
    """
    checks: dict[str, Callable[[_Place, Any], None]] = {
        "developer": _developer,
        "model": _model,
        "licence": _licence,
        "factor": _factor,
        "instrument": _instrument,
    }
    mappings = {
        "developer": facts.developers,
        "model": facts.models,
        "licence": facts.licences,
        "factor": facts.factors,
        "instrument": facts.instruments,
    }
    for kind, key in sorted(entries):
        checks[kind](_Place(facts, facts.files[kind, key], f"{kind} {key}"), mappings[kind][key])
    _once(facts)


class _Place:
    """Where a reference stands: the file and the entry that messages name, and what can be referred to."""

    def __init__(self, facts: Collection, file: str, where: str) -> None:
        self.facts, self.file, self.where = facts, file, where

    def wrong(self, problem: str, hint: str = "") -> FormatError:
        return FormatError(self.file, f"{self.where}: {problem}", hint)

    def known(self, name: str, what: str, among: Iterable[str]) -> None:
        among = list(among)
        if name not in among:
            near = get_close_matches(name, among, 1, 0.5)
            raise self.wrong(f"there is no {what} {name!r}", f"did you mean {near[0]}?" if near else "")

    def basis(self, basis: Basis) -> None:
        for source in basis.sources:
            self.known(source, "source", self.facts.sources)
        if basis.confidence.retrieved and all(self.facts.sources[s].kind == "memory" for s in basis.sources):
            raise self.wrong(f"confidence {basis.confidence} rests on memory alone", 'confidence = "unverified"')

    def country(self, code: str, unions: tuple[str, ...] = ()) -> None:
        if code not in countries() and code not in unions:
            raise self.wrong(f"{code!r} is no country", "ISO 3166-1 alpha-2, as GB; not UK")


def _developer(place: _Place, developer: Developer) -> None:
    place.basis(developer.basis)
    seats: tuple[Seat, ...] = (*developer.incorporated_in, *developer.engineering_in, *developer.controlled_from)
    for seat in seats:
        place.country(seat.country)
        place.basis(seat.basis)
    for owner in developer.owners:
        found = _OWNER.search(owner)
        if not found:
            raise place.wrong(f"the owner {owner[:60]!r} has no source", "end it with [source]")
        place.known(found[1], "source", place.facts.sources)
    for factor in developer.factors:
        place.known(factor, "factor", place.facts.factors)


def _model(place: _Place, model: PublishedModel) -> None:
    place.basis(model.basis)
    place.known(model.developer, "developer", place.facts.developers)
    if model.released and not _RELEASED.fullmatch(model.released):
        raise place.wrong(f"released {model.released!r} is no day, month or year")
    for licence in model.licences:
        place.basis(licence.basis)
        place.known(licence.licence, "licence", place.facts.licences)
        for text in filter(None, (licence.since, licence.until)):
            day(text, place.file, place.where)
    for parent in model.parents:
        place.basis(parent.basis)
        place.known(parent.kind, "kind of edge", EDGES)
        if "/" not in parent.name:  # a repository is outside of the catalogue, a name is in it
            place.known(parent.name, "model", place.facts.models)
    if model.from_scratch and any(not parent.component for parent in model.parents):
        raise place.wrong("from_scratch and a parent of the whole model")


def _licence(place: _Place, licence: KnownLicence) -> None:
    place.basis(licence.basis)
    for code in licence.territory_excluded:
        place.country(code, UNIONS)
    for obligation in licence.obligations:
        for condition in (*obligation.any_of, *obligation.all_of):
            _condition(place, condition)


def _condition(place: _Place, condition: Condition) -> None:
    metric = condition.metric
    place.known(metric, "metric", (*FIGURES, *STATEMENTS))
    if (metric in FIGURES) != (condition.above is not None):
        raise place.wrong(f"{metric} needs a figure" if metric in FIGURES else f"{metric} has no figure")
    if metric in PERIODS and condition.period not in PERIODS[metric]:
        raise place.wrong(f"{metric} has no period {condition.period!r}", " or ".join(filter(None, PERIODS[metric])))
    if condition.product and (condition.group or metric != "revenue"):
        raise place.wrong(f"{metric} of the product", "product is for revenue, and not beside group")
    if (metric == "revenue") != bool(re.fullmatch(r"[A-Z]{3}", condition.currency)):
        raise place.wrong(f"{metric} in the currency {condition.currency!r}", "ISO 4217, as USD, and for revenue only")


def _factor(place: _Place, factor: Factor) -> None:
    place.basis(factor.basis)
    for code in factor.countries:
        place.country(code)


def _instrument(place: _Place, instrument: Instrument) -> None:
    place.basis(instrument.basis)
    for code in instrument.jurisdictions:
        place.country(code, UNIONS)


def _once(facts: Collection) -> None:
    """No repository, hub account or value of the hub's fields may lead to two entries."""
    seen: dict[str, str] = {}
    for word, kind, key in _claims(facts):
        other = seen.setdefault(word.lower(), key)
        if other != key:
            place = _Place(facts, facts.files[kind, key], f"{kind} {key}")
            raise place.wrong(f"{word.split(':', 1)[1]!r} already leads to {other}")


def _claims(facts: Collection) -> Iterator[tuple[str, str, str]]:
    for model in facts.models.values():
        if model.repository:
            yield f"repository:{model.repository}", "model", model.name
    for developer in facts.developers.values():
        for account in developer.hub_accounts:
            yield f"account:{account}", "developer", developer.id
        for name in dict.fromkeys(n.lower() for n in (developer.id, developer.name, *developer.also)):
            yield f"name:{name}", "developer", developer.id
