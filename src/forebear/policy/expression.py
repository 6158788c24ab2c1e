"""The language of conditions: a few operators on fields, joined by all, any and not, checked before they are used.

{all: [{field: access, is: weights}, {not: {field: item.controlled_from, intersects: [CN, RU]}}]}
{some: ancestors, where: {field: item.standing, at_least: probable}}
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.catalogue.collection import current
from forebear.catalogue.developers import factors
from forebear.catalogue.explanations import topics
from forebear.catalogue.references import countries
from forebear.errors import UsageError, one_line
from forebear.policy.fields import ITEM, Field, Kind, field, lists, nearest

DEEPEST = 20
MOST = 500
"""Parts of a list, and values of a test."""
PLACEHOLDER = "your-"
"""What a value in a pack's list begins with where its user has to put another there."""
UNIONS = ("EU",)
"""Codes that stand for several countries where licences name them."""


@dataclass(frozen=True)
class Test:
    """A field held against a value.

    Attributes:
        field: which one.
        own: it is a field of the entry at hand.
        operator: a key of :data:`OPERATORS`.
        value: a text, a number, a flag, or a tuple of texts.
    """

    __test__ = False  # not a pytest class

    field: Field
    own: bool
    operator: str
    value: Any


@dataclass(frozen=True)
class All:
    """Every part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class AnyOf:
    """At least one part holds."""

    parts: tuple[Expression, ...]


@dataclass(frozen=True)
class Not:
    """The part does not hold."""

    part: Expression


@dataclass(frozen=True)
class Entries:
    """Some or every entry of a list is so; of an empty list every entry is, and none."""

    entries: str
    every: bool
    where: Expression


Expression = Test | All | AnyOf | Not | Entries

SCALARS = (Kind.TEXT, Kind.NUMBER, Kind.FLAG)
OPERATORS: Mapping[str, tuple[Kind, ...]] = {
    "is": SCALARS,
    "is_not": SCALARS,
    "in": (Kind.TEXT,),
    "not_in": (Kind.TEXT,),
    "contains": (Kind.TEXTS,),
    "intersects": (Kind.TEXTS,),
    "at_least": (Kind.NUMBER, Kind.TEXT),
    "at_most": (Kind.NUMBER, Kind.TEXT),
    "above": (Kind.NUMBER,),
    "below": (Kind.NUMBER,),
    "known": (*SCALARS, Kind.TEXTS, Kind.ENTRIES),
    "empty": (Kind.TEXTS, Kind.ENTRIES),
}
"""Operators, and the kinds of fields that each can be asked about."""
ORDERED = ("at_least", "at_most")
SETS = ("in", "not_in", "intersects")
FLAGS = ("known", "empty")


def parse(
    given: Any, entries: str = "", names: Mapping[str, tuple[str, ...]] | None = None, depth: int = 0
) -> Expression:
    """A condition from what YAML gives.

    Args:
        given: mappings, lists and values.
        entries: the list whose entry is at hand (``item.…``), "" for none.
        names: lists of the policy, which values ``$name`` stand for.
        depth: how deep it lies.

    Raises:
        UsageError: it is no condition; what is wrong, and the nearest that would be right.
    """
    if depth > DEEPEST:
        raise UsageError(f"a condition is nested more than {DEEPEST} times", "write it as several rules")
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise UsageError(f"{_shown(given)} is no condition", "write {field: …, is: …}, or all, any, not, some, every")
    if "field" in given:
        return _test(given, entries, names or {})
    if "where" in given and len(given) == 2 and ("some" in given or "every" in given):
        every = "every" in given
        name = given["every" if every else "some"]
        _check_list(name)
        return Entries(name, every, parse(given["where"], name, names, depth + 1))
    if len(given) == 1:
        key, value = next(iter(given.items()))
        if key == "not":
            return Not(parse(value, entries, names, depth + 1))
        if key in ("all", "any") and isinstance(value, list) and 0 < len(value) <= MOST:
            parts = tuple(parse(part, entries, names, depth + 1) for part in value)
            return All(parts) if key == "all" else AnyOf(parts)
    raise UsageError(f"{_shown(given)} is no condition", "write {field: …, is: …}, or all, any, not, some, every")


def _check_list(name: Any) -> None:
    if name not in lists():
        raise UsageError(f"there is no list {_shown(name)}", nearest(str(name), lists()))


def _test(given: Mapping[str, Any], entries: str, names: Mapping[str, tuple[str, ...]]) -> Test:
    if not isinstance(given["field"], str):
        raise UsageError(
            f"{_shown(given['field'])} is no name of a field", "forebear policy show NAME shows rules with their fields"
        )
    about = field(given["field"], entries)
    asked = [key for key in given if key != "field"]
    if len(asked) != 1:
        raise UsageError(f"{_shown(given)}: one operator belongs to a field", "join several tests by all or any")
    operator = asked[0]
    if operator not in OPERATORS:
        raise UsageError(f"there is no operator {_shown(operator)}", nearest(operator, OPERATORS))
    ranked = operator in ORDERED and about.kind is Kind.TEXT
    if about.kind not in OPERATORS[operator] or (ranked and not about.ranks):
        fitting = [o for o, kinds in OPERATORS.items() if about.kind in kinds and (o not in ORDERED or about.ranks)]
        hint = f"use {', '.join(fitting)}" if fitting else "name a field in it"
        raise UsageError(f"{given['field']} is {about.kind.value}, and {operator} asks for another kind", hint)
    value = _value(given[operator], operator, about, names)
    return Test(about, given["field"].startswith(f"{ITEM}."), operator, value)


def _value(given: Any, operator: str, about: Field, names: Mapping[str, tuple[str, ...]]) -> Any:
    if operator in FLAGS or (about.kind is Kind.FLAG):
        if not isinstance(given, bool):
            raise UsageError(
                f"{operator} of {about.path} needs true or false, and has {_shown(given)}",
                "write true or false, without quotes",
            )
        return given
    if operator in SETS:
        return _texts(given, about, names)
    if about.kind is Kind.NUMBER:
        if isinstance(given, bool) or not isinstance(given, int | float):
            hint = "YAML takes 1.0e+25 for a number, and 1e25 for a text" if isinstance(given, str) else ""
            raise UsageError(f"{operator} of {about.path} needs a number, and has {_shown(given)}", hint)
        if not math.isfinite(given):
            raise UsageError(
                f"{operator} of {about.path} needs a finite number, and has {_shown(given)}",
                "write a number, without quotes",
            )
        return given
    return _texts([given], about, {})[0]


def _texts(given: Any, about: Field, names: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if isinstance(given, str) and given.startswith("$"):
        if given[1:] not in names:
            raise UsageError(f"the policy has no list {given[1:]}", nearest(given[1:], names, "add it to lists"))
        given = list(names[given[1:]])
    if not isinstance(given, list) or not given or len(given) > MOST or not all(isinstance(v, str) for v in given):
        hint = "put words like no, on and NO (Norway) in quotes" if _has_flag(given) else ""
        raise UsageError(f"{about.path} needs texts, and has {_shown(given)}", hint)
    for value in given:
        if about.values and value not in about.values:
            raise UsageError(f"{about.path} is never {_shown(value)}", nearest(value, about.values))
        listed = _listed(about)
        if listed is not None and value not in listed and not value.startswith(PLACEHOLDER):
            known = "no finding is called" if about.path == "findings.id" else "the catalogue has no"
            raise UsageError(f"{known} {_shown(value)}, so {about.path} is never that", _near(value, about))
        if about.countries and value not in countries() and value not in UNIONS:
            hint = "write GB" if value.upper() == "UK" else "as in GB, CN, EU"
            raise UsageError(f"{about.path} holds codes of countries (ISO 3166-1), and {_shown(value)} is none", hint)
    return tuple(given)


def _listed(about: Field) -> Mapping[str, object] | None:
    """What the catalogue, with the user's overlay, has for a field of identifiers; None for another field."""
    match about.path:
        case "subject.licences" | "ancestors.licences" | "duties.licence":
            return current().licences
        case "subject.factors" | "ancestors.factors":
            return factors()
        case "subject.developer" | "ancestors.developer" | "runtime.developer":
            return current().developers
        case "ancestors.model":
            return current().models
        case "findings.id":
            return {topic: topic for topic in topics()}
    return None


def _near(value: str, about: Field) -> str:
    """The nearest identifier of the catalogue; a developer or licence that is written by its name is found as well."""
    listed = _listed(about) or {}
    named = {str(getattr(entry, "name", "")).lower(): key for key, entry in listed.items()}
    if value.lower() in named:
        return f"did you mean {named[value.lower()]}?"
    return nearest(value, listed, f"forebear catalogue list has {len(listed):,} of them")


def _has_flag(given: Any) -> bool:
    return isinstance(given, list) and any(isinstance(v, bool) for v in given)


def _shown(given: Any) -> str:
    return one_line(str(given), 80)


def paths_of(expression: Expression, deciding: bool = False) -> frozenset[str]:
    """Every field that a condition looks at, and every list that it goes through.

    Args:
        expression: the condition.
        deciding: only those whose absence can make it unknown: ``known`` never is.
    """
    if isinstance(expression, Test):
        return frozenset() if deciding and expression.operator == "known" else frozenset({expression.field.path})
    if isinstance(expression, Not):
        return paths_of(expression.part, deciding)
    if isinstance(expression, Entries):
        return paths_of(expression.where, deciding) | {expression.entries}
    return frozenset().union(*(paths_of(part, deciding) for part in expression.parts))


def written(expression: Expression) -> dict[str, Any]:
    """A condition as it is written, lists filled in: what its digest is made of."""
    match expression:
        case Test(about, own, operator, value):
            path = f"{ITEM}.{about.path.split('.', 1)[1]}" if own else about.path
            return {"field": path, operator: list(value) if isinstance(value, tuple) else value}
        case All(parts):
            return {"all": [written(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [written(part) for part in parts]}
        case Not(part):
            return {"not": written(part)}
        case Entries(entries, every, where):
            return {"every" if every else "some": entries, "where": written(where)}
