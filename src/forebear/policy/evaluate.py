"""Conditions in three-valued logic: true, false, or unknown with the fields that would have decided.

The strong tables of Kleene (1952, *Introduction to Metamathematics*, §64): ``all`` is false as soon as one part is,
``any`` true as soon as one part is, whatever is unknown besides. So only what could change the answer is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forebear.policy.expression import All, AnyOf, Entries, Expression, Not, Test
from forebear.policy.fields import Field

Input = Mapping[str, Any]


@dataclass(frozen=True)
class Truth:
    """Whether something holds: True, False, or None with the paths of the fields that are missing."""

    value: bool | None
    unknown: tuple[str, ...] = ()


TRUE, FALSE = Truth(True), Truth(False)


def evaluate(expression: Expression, given: Input, item: Input | None = None) -> Truth:
    """Whether a condition holds.

    Args:
        expression: a checked condition.
        given: the input; a list may hold None for an entry that is left out of account.
        item: the entry at hand.
    """
    match expression:
        case Test():
            return _test(expression, given, item)
        case All(parts):
            return conjunction(evaluate(part, given, item) for part in parts)
        case AnyOf(parts):
            return negation(conjunction(negation(evaluate(part, given, item)) for part in parts))
        case Not(part):
            return negation(evaluate(part, given, item))
        case Entries(name, every, where):
            return _entries(name, every, where, given)


def negation(truth: Truth) -> Truth:
    """True for false, false for true; what is unknown stays so."""
    return Truth(None if truth.value is None else not truth.value, truth.unknown)


def conjunction(truths: Iterable[Truth]) -> Truth:
    """False if any is, else unknown if any is, else true."""
    missing: dict[str, None] = {}
    for truth in truths:
        if truth.value is False:
            return FALSE
        if truth.value is None:
            missing.update(dict.fromkeys(truth.unknown))
    return Truth(None, tuple(missing)) if missing else TRUE


def value_of(path: str, given: Input) -> Any:
    """The value at a path, None where it or anything above it is not known."""
    found: Any = given
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _entries(name: str, every: bool, where: Expression, given: Input) -> Truth:
    entries = value_of(name, given)
    if entries is None:
        return Truth(None, (name,))
    each = [evaluate(where, given, entry) for entry in entries if entry is not None]
    return conjunction(each) if every else negation(conjunction(negation(truth) for truth in each))


def _test(test: Test, given: Input, item: Input | None) -> Truth:
    path = test.field.path
    found = value_of(path.split(".", 1)[1], item or {}) if test.own else value_of(path, given)
    if test.operator == "known":
        return Truth((found is not None) is test.value)
    if found is None:
        return Truth(None, (path,))
    return Truth(_holds(test.operator, found, test.value, test.field))


def _holds(operator: str, found: Any, value: Any, about: Field) -> bool:
    match operator:
        case "is":
            return bool(found == value)
        case "is_not":
            return bool(found != value)
        case "in":
            return found in value
        case "not_in":
            return found not in value
        case "contains":
            return value in found
        case "intersects":
            return not set(value).isdisjoint(found)
        case "empty":
            return (len(found) == 0) is value
        case "above":
            return bool(found > value)
        case "below":
            return bool(found < value)
    if about.ranks:
        found, value = about.ranks.index(found), about.ranks.index(value)
    return bool(found >= value) if operator == "at_least" else bool(found <= value)
