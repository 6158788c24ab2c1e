"""A policy's own examples run, and whether they show every rule true, false and unknown (``policy test``).

An example states only what differs from an innocent model of which everything is known
(``data/policies/neutral.json``); entries of lists likewise differ from an innocent entry.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from forebear.errors import FormatError, UsageError, one_line
from forebear.policy.answer import PolicyRef
from forebear.policy.check import check, verdict_on
from forebear.policy.expression import paths_of
from forebear.policy.fields import Kind, fields, nearest
from forebear.policy.rules import Example, Policy, Rule
from forebear.types import Json, head, to_json

SHOWN = ("true", "false", "unknown")


@dataclass(frozen=True)
class Ran:
    """An example and what came out otherwise than it says, one line each; empty where nothing did."""

    name: str
    policy: str
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Tested:
    """The answer of ``policy test``.

    Attributes:
        policy: which one.
        examples: each as it ran.
        uncovered: ``UK3: unknown`` for what no example shows of a rule; what a rule cannot be is not missed.
    """

    policy: PolicyRef
    examples: tuple[Ran, ...]
    uncovered: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every example came out as it says, and there is one."""
        return bool(self.examples) and not any(e.wrong for e in self.examples)

    def to_json(self) -> Json:
        """The ``forebear.policy-test/1`` document."""
        return {**head("forebear.policy-test/1"), "passed": self.passed, **to_json(self)}


def test_policy(policy: Policy) -> Tested:
    """Run a policy's examples, those of the policies that it extends included.

    Raises:
        FormatError: an example names a field or a rule that is not there.
    """
    rules = {rule.id: rule for rule in policy.rules}
    ran = tuple(_ran(e, policy, rules) for e in policy.examples)
    shown = {(i, s) for e in policy.examples for s, ids in _states(e) for i in ids}
    uncovered = [f"{r.id}: {s}" for r in policy.rules for s in SHOWN if (r.id, s) not in shown and _can_be(r, s)]
    return Tested(policy.ref, ran, tuple(uncovered))


test_policy.__test__ = False  # type: ignore[attr-defined]  # not a pytest test


def _ran(example: Example, policy: Policy, rules: Mapping[str, Rule]) -> Ran:
    try:
        return Ran(example.name, example.policy, tuple(_wrong(example, policy, rules)))
    except UsageError as error:
        raise FormatError(example.policy, error.message, error.hint) from None


def _states(example: Example) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from zip(SHOWN, (example.holds, example.fails, example.unknown), strict=True)


def _can_be(rule: Rule, state: str) -> bool:
    """Whether a rule can be unknown: something that it looks at can be."""
    if state != "unknown":
        return True
    looked_at = {rule.each, *paths_of(rule.when, deciding=True)} - {""}
    return any(fields()[path].nullable for path in looked_at)


def _wrong(example: Example, policy: Policy, rules: Mapping[str, Rule]) -> Iterator[str]:
    given = completed(example.input)
    stated = {**dict.fromkeys(example.holds, True), **dict.fromkeys(example.fails, False)}
    words = dict(zip((True, False, None), SHOWN, strict=True))
    for name, wanted in {**stated, **dict.fromkeys(example.unknown)}.items():
        if any(r.id == name for r in policy.off):
            continue  # switched off here: nothing to show
        if name not in rules:
            raise UsageError(f"example {example.name}: there is no rule {name}", nearest(name, rules))
        found = verdict_on(rules[name], given)
        if found is not wanted:
            yield f"{name} is {words[found]}, and should be {words[wanted]}"
    if example.decision and example.policy == policy.ref.name:
        answer = check(policy, given)
        if answer.decision.value != example.decision:
            yield f"the decision is {answer.decision.value}, and should be {example.decision}: {answer.why}"


@cache
def _neutral() -> Mapping[str, Any]:
    file = resources.files("forebear") / "data" / "policies" / "neutral.json"
    data: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return data


def completed(fragment: Mapping[str, Any]) -> Json:
    """An input in which everything that a fragment leaves out is that of an innocent model.

    Raises:
        UsageError: a field of the fragment is not there; the nearest is named.
    """
    neutral = _neutral()
    return {key: _laid(value, fragment.get(key, value), key) for key, value in _checked(neutral["input"], fragment)}


def _checked(base: Mapping[str, Any], fragment: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key in fragment:
        if key not in base:
            raise UsageError(f"an example has a field {one_line(str(key), 60)}, which is not there", nearest(key, base))
    yield from base.items()


def _laid(base: Any, value: Any, path: str) -> Any:
    about = fields().get(path)
    if about is not None and value is not base and not about.fits(value):
        said = f"{path} is {about.kind.value}, and an example has {one_line(str(value), 60)}"
        hint = "YAML takes 1.0e+25 for a number" if about.kind is Kind.NUMBER else ", ".join(about.values)
        raise UsageError(said, hint)
    if about is not None and about.kind is Kind.ENTRIES and isinstance(value, list):
        entry = _neutral()["entries"][path]
        return [_over(entry, item, path) for item in value]
    if isinstance(base, Mapping) and isinstance(value, Mapping):
        return _over(base, value, path)
    return value


def _over(base: Mapping[str, Any], given: Any, path: str) -> Any:
    """A group or an entry with some of its fields replaced."""
    if not isinstance(given, Mapping):
        raise UsageError(f"an example has {path} without fields", "name the fields below it")
    return {key: _laid(value, given.get(key, value), f"{path}.{key}") for key, value in _checked(base, given)}
