"""What a policy consists of, once it is read and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebear.lineage.chain import Standing
from forebear.policy.answer import PolicyRef, Severity
from forebear.policy.expression import Expression, written
from forebear.types import Json, head, to_json


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        id, title: ``UK3``, and a line for people.
        severity: what it does where it holds.
        when: the condition under which it is raised.
        message: a sentence with ``{fields}`` filled in.
        policy: the pack in which it stands.
        each: the list whose entries it is asked about one by one, "" for the model as a whole.
        standing: the least standing on which it has its whole severity; see :mod:`forebear.policy.firm`.
        clears: what would settle it.
        cites: identifiers of instruments.
        not_decided: what it does not say.
        asks: identifiers of questions for the vendor.
        waivable: whether a waiver can cover it.
    """

    id: str
    title: str
    severity: Severity
    when: Expression
    message: str
    policy: str
    each: str = ""
    standing: Standing = Standing.CATALOGUED
    clears: str = ""
    cites: tuple[str, ...] = ()
    not_decided: str = ""
    asks: tuple[str, ...] = ()
    waivable: bool = True

    def to_json(self) -> Json:
        """The rule in plain values, its condition as it is written."""
        return {**to_json(self), "when": written(self.when)}


@dataclass(frozen=True)
class Example:
    """A case of which the policy's author says what follows.

    Attributes:
        name: in words.
        input: fields that differ from those of an innocent model.
        holds, fails, unknown: rules that do so.
        decision: "" where nothing is said about it.
        policy: the pack in which it stands.
    """

    name: str
    input: Mapping[str, Any]
    holds: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    decision: str = ""
    policy: str = ""


@dataclass(frozen=True)
class Policy:
    """Rules, in order, those of the policies that it extends first.

    Attributes:
        ref: name, version, digest, title and number of rules.
        audience: whom it is for.
        notice: that it is no legal advice, in the author's words.
        extends: names of the policies that it builds on.
        instruments: identifiers of those that its rules cite.
        off: rules that are there and switched off.
        examples: its own ones and those that it builds on.
        lists: named lists that its rules use.
    """

    ref: PolicyRef
    rules: tuple[Rule, ...]
    audience: str = ""
    notice: str = ""
    extends: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    off: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> Json:
        """The ``forebear.policy-show/1`` document."""
        rules = {"rules": [r.to_json() for r in self.rules], "off": [r.to_json() for r in self.off]}
        return {**head("forebear.policy-show/1"), **to_json(self), **rules}
