"""The part of the input that is firm enough to deny on.

A rule is asked twice: about everything, and about what is firm: entries whose descent is established (or as strong as
the rule's ``standing`` wants), and facts that somebody retrieved. What holds only with the rest has no more than
``review`` for ``error`` and ``note`` for ``warning``, however the rule is written. So nobody is refused for a leaked
name, for a dependence without a direction, or for a fact that is only remembered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.lineage.chain import Standing
from forebear.policy.answer import Severity
from forebear.policy.evaluate import Input
from forebear.policy.fields import lists

RANKS = {standing.value: standing.rank for standing in Standing}
CAPPED = {Severity.ERROR: Severity.REVIEW, Severity.WARNING: Severity.NOTE}
"""What a rule becomes that holds only with what is not firm."""


def firm(given: Input, least: Standing) -> dict[str, Any]:
    """The input without what is not firm; entries that are left out are None, so that positions stay."""
    out = dict(given)
    lowest = RANKS[least.value]
    for name in lists():
        if isinstance(given.get(name), list):
            out[name] = [_entry(entry, lowest) for entry in given[name]]
    out["subject"] = _retrieved(given["subject"])
    return out


def _entry(entry: Mapping[str, Any], lowest: int) -> Mapping[str, Any] | None:
    standing = entry.get("standing")
    if standing is not None and RANKS[standing] < lowest:
        return None
    if "unverified" in entry:
        return _retrieved(entry)
    return None if entry.get("facts_retrieved") is False else entry


def _retrieved(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An entry in which what rests on facts that nobody retrieved is not known."""
    unsure = entry.get("unverified") or ()
    return {**entry, **dict.fromkeys(unsure)} if unsure else entry
