"""``origin-undisclosed``: an established ancestor of another country that the model's own words do not name.

It is about naming and nothing else. An ancestor that is named, only possible, or gave answers and no weights raises
nothing, and a country that is only remembered makes it a note. Where nobody knows who publishes the model, no country
is known to be its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from forebear.catalogue.countries import in_words
from forebear.catalogue.explanations import raise_finding
from forebear.catalogue.facts import Confidence
from forebear.lineage.chain import Access, Chain, ParentState, Route
from forebear.origin.answer import AncestorOrigin, Role
from forebear.types import Finding, Level

FINDING = "origin-undisclosed"
_ROLES = (Role.ENGINEERING, Role.CONTROLLED)
_KNOWN = {
    "measured": "is measured to come from",
    "probable": "probably comes from",
    "catalogued": "comes, by what sources say, from",
    "declared": "is stated to come from",
}


def undisclosed(chain: Chain, ancestors: Sequence[AncestorOrigin], routes: Mapping[str, Route]) -> Iterator[Finding]:
    """A finding per developer that brings a country and is not named, the nearest of its models standing for all.

    Args:
        chain: the chain.
        ancestors: the subject first, then its ancestors, nearest first.
        routes: by name of the ancestor, the way that is known best.
    """
    subject = ancestors[0]
    named = {a.developer_id for a in ancestors[1:] if a.disclosed} | {subject.developer_id}
    told: set[str] = set()
    for ancestor in ancestors[1:]:
        route = routes[ancestor.model]
        if ancestor.disclosed or not (route.standing.established and route.weights):
            continue
        if not ancestor.developer_id or ancestor.developer_id in told | named:
            continue
        new, sure = _new_countries(subject, ancestor)
        if new:
            told.add(ancestor.developer_id)
            level = None if sure else Level.NOTE
            yield raise_finding(FINDING, _message(chain, ancestor, new), ancestor.evidence, level)


def _new_countries(subject: AncestorOrigin, ancestor: AncestorOrigin) -> tuple[set[str], bool]:
    """Countries that the ancestor brings and the subject's publisher does not have, and whether they were retrieved."""
    own = _countries(subject, False)
    if new := _countries(ancestor, True) - own:
        return new, True
    return _countries(ancestor, False) - own, False


def _countries(origin: AncestorOrigin, only_retrieved: bool) -> set[str]:
    return {
        t.country
        for t in origin.ties
        if t.role in _ROLES and (Confidence(t.confidence).retrieved or not only_retrieved)
    }


def _message(chain: Chain, ancestor: AncestorOrigin, new: set[str]) -> str:
    standing = ancestor.standing.value if ancestor.standing is not None else ""
    what = f"the {ancestor.component} of {chain.subject.name}" if ancestor.component else chain.subject.name
    roles = {role: {t.country for t in ancestor.ties if t.role is role} & new for role in _ROLES}
    where = [
        words.format(in_words(countries))
        for role, words in ((Role.ENGINEERING, "engineering in {}"), (Role.CONTROLLED, "controlled from {}"))
        if (countries := roles[role])
    ]
    bringing = f"{ancestor.developer}: {', '.join(where)}"
    return f"{what} {_KNOWN[standing]} {ancestor.model} ({bringing}), {_silence(chain)}."


def _silence(chain: Chain) -> str:
    """What does not name the ancestor, by what could be looked at."""
    if chain.access in (Access.ENDPOINT, Access.TRAFFIC, Access.NAME):
        return "which the name that it goes by does not say; papers of the model were not looked at"
    if chain.parent is ParentState.FROM_SCRATCH:
        return "while its own papers say that it was trained from scratch"
    if chain.parent is ParentState.WITHHELD:
        return "while its own papers state a base model without naming it"
    if chain.parent is ParentState.DECLARED:
        return "which its own papers do not name, though they name another model"
    return "which its own papers do not name"
