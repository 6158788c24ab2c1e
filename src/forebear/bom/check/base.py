"""What a family of checks is, and how what it finds becomes checks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

from forebear.bom.check.walk import Things
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.reading import Reading
from forebear.errors import one_line

MOST = 20
"""Failures of one rule that are told one by one; a document with more is wrong anyway."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where (JSON pointer) and what."""

    pointer: str
    message: str


@dataclass(frozen=True)
class Family:
    """Checks of one kind.

    Attributes:
        name: what ``id`` of its checks starts with.
        of: the formats that it is about, by how their names start; empty for all.
        run: the checks of a bill, given every object in it.
    """

    name: str
    of: str
    run: Callable[[Reading, Things], Iterable[Check]]


def ruled(identifier: str, faults: Iterable[Fault], passed: str, rule: str = "") -> Iterable[Check]:
    """A failed check for each fault, the first :data:`MOST` of them; one that passed where there is none.

    Args:
        identifier: of the rule.
        faults: what breaks it.
        passed: what holds where nothing does, a sentence.
        rule: the standard's own.
    """
    some = list(islice(faults, MOST + 1))
    if not some:
        return [Check(identifier, CheckStatus.PASS, passed, rule=rule)]
    out = [Check(identifier, CheckStatus.FAIL, one_line(f.message, 400), f.pointer, rule) for f in some[:MOST]]
    if len(some) > MOST:
        out[-1] = Check(identifier, CheckStatus.FAIL, f"and more than {MOST - 1} others like these", "", rule)
    return out


def misshapen(algorithm: object, value: object, digits: Mapping[str, int]) -> str:
    """What is wrong with a digest, "" where nothing is or its algorithm is not among those whose length is known."""
    if not isinstance(algorithm, str) or not isinstance(value, str) or algorithm not in digits:
        return ""
    if len(value) == digits[algorithm] and re.fullmatch(r"[0-9a-fA-F]+", value, re.ASCII):
        return ""
    return f"A {algorithm} has {digits[algorithm]} hexadecimal digits, not these {len(value)} characters."


def quoted(value: object) -> str:
    """A stranger's text as it may stand in a sentence."""
    return f"“{one_line(str(value), 80)}”"
