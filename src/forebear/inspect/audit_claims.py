"""What claims alone tell: licences that differ along a declared edge or in time, quantisations without their base."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TypeVar

import numpy as np

from forebear.catalogue import raise_finding
from forebear.catalogue.developers import developer_of
from forebear.catalogue.licences import KnownLicence, Permission, licence_named
from forebear.inspect.audit_rows import BOTH, Row, Rows, declared_row, unmeasured
from forebear.inspect.ties import Tie
from forebear.licences.declared import same_terms
from forebear.lineage.declared_graph import DeclaredGraph, LicenceChange
from forebear.lineage.declared_names import account, plain
from forebear.types import Level

_Thing = TypeVar("_Thing")

MOST_BUILT = 10_000
"""Rows that are put in words where no limit was asked for to be kept; beyond, they are counted."""
MOST_TAGS = 65_536
"""Tags, and pairs of them, whose meaning is remembered; anybody can make up new ones."""
Agreed = Mapping[tuple[int, int], Tie]
"""Declared edges (child, base) that the weights bear out."""


def licence_rows(graph: DeclaredGraph, agreed: Agreed, rows: Rows) -> int:
    """Derivatives under terms that their base's licence does not offer; how many edges had two known licences.

    By the catalogue: the base's licence is known, not permissive and does not say that derivatives may have other
    terms; the derivative's is another one. It is more than a note only where the weights bear the edge out by
    codes that were measured here, the facts about both licences were retrieved, the two are not of one developer, who
    may give its own work under several licences, and the base was never listed under terms that allowed it.
    """
    count = len(graph.names)
    child = np.repeat(np.arange(count, dtype=np.int64), np.diff(graph.start))
    known = graph.base >= 0
    tags = len(graph.licences)
    pairs = graph.licence[child[known]].astype(np.int64) * tags + graph.licence[graph.base[known]]
    kinds, inverse, counts = np.unique(pairs, return_inverse=True, return_counts=True)
    how = [_differ(graph.licences[int(pair) // tags], graph.licences[int(pair) % tags]) for pair in kinds]
    both = int(sum(n for n, one in zip(counts.tolist(), how, strict=True) if one is not None))
    chosen = np.flatnonzero(np.array([bool(one) for one in how], dtype=bool)[inverse])
    edges = np.flatnonzero(known)[chosen]
    earlier: dict[str, list[LicenceChange]] = {}
    for change in graph.changes:
        earlier.setdefault(plain(change.name), []).append(change)
    first = [e for e in edges.tolist() if (int(child[e]), int(graph.base[e])) in agreed]
    later = [e for e in edges.tolist() if (int(child[e]), int(graph.base[e])) not in agreed]

    def flip(edge: int) -> Row:
        number, base = int(child[edge]), int(graph.base[edge])
        return _flip(graph, number, base, agreed.get((number, base)), earlier.get(plain(graph.text(base)), ()))

    _filled(rows, "licence", first + later, flip)
    _filled(rows, "licence", [c for c in graph.changes if _changed(c)], _change)
    return both


@lru_cache(maxsize=MOST_TAGS)
def _licence(tag: str) -> KnownLicence | None:
    return licence_named(tag) or licence_named("other", tag) if tag else None


@lru_cache(maxsize=MOST_TAGS)
def _differ(derivative: str, base: str) -> str | None:
    """How a derivative's licence departs from its base's: ``more permissive``, ``another``, "" or None for unknown."""
    ours, theirs = _licence(derivative), _licence(base)
    if ours is None or theirs is None:
        return None
    if same_terms(ours, theirs) or theirs.permissive or theirs.relicensing is Permission.YES:
        return ""
    if ours.series and ours.series == theirs.series:
        return ""  # a later licence of one line: which of them holds depends on the version of the base
    return "more permissive" if ours.permissive else "another"


def _flip(graph: DeclaredGraph, number: int, base: int, tie: Tie | None, changes: Sequence[LicenceChange]) -> Row:
    own, above = (graph.licences[int(graph.licence[k])] for k in (number, base))
    how = _differ(own, above)
    theirs = _licence(above)
    note = f" ({theirs.relicensing_note})" if theirs is not None and theirs.relicensing_note else ""
    message = (
        f"{graph.text(number)} is tagged {own}, {how} than that of {graph.text(base)}, which it names as its base and "
        f"which is tagged {above}{note}. Whether that was allowed is not told."
    ).replace("another than that", "another licence than that")
    excused = _one_developer(graph.text(number), graph.text(base))
    if excused:
        message += " Both are of one developer, who may give its own work under several licences."
    if allowed := next((c for c in changes if _differ(own, c.before) == ""), None):
        message += f" {graph.text(base)} was tagged {allowed.before} before {allowed.seen[:10] or 'that'}."
    row = declared_row("licence", graph.text(number), graph.text(base), "licence-relabelled", message)
    row = replace(row, details={"licence": own, "base_licence": above, "departs": how})
    if tie is None:
        return row
    known = [found for tag in (own, above) if (found := _licence(tag)) is not None]
    sure = all(found.basis.confidence.retrieved for found in known)
    excused = excused or allowed is not None or bool(tie.imported)
    level = Level.WARNING if how == "more permissive" and sure and not excused else Level.NOTE
    message += f" The weights of the two are not independent ({tie.verdict})."
    message += f" {unmeasured(tie.imported)}" if tie.imported else ""
    evidence = (f"sign-code/1: log10 p = {tie.log10_p}",)
    finding = raise_finding("licence-relabelled", message, evidence, level)
    return replace(row, basis=BOTH, finding=finding, log10_p=tie.log10_p, log10_e=tie.log10_e)


def _one_developer(one: str, two: str) -> bool:
    """Whether two repositories are of one account, or of two accounts of one developer of the catalogue."""
    first, second = plain(one), plain(two)
    if account(first) and account(first) == account(second):
        return True
    owner = developer_of(first) if account(first) and account(second) else None
    return owner is not None and owner == developer_of(second)


def _changed(change: LicenceChange) -> bool:
    before, after = _licence(change.before), _licence(change.after)
    return before is None or after is None or not same_terms(before, after)


def _change(change: LicenceChange) -> Row:
    message = (
        f"{change.name} was tagged {change.before} and is tagged {change.after} since {change.seen[:10] or 'later'}. "
        "What was taken before stays under the terms that it was given under, if those were the terms."
    )
    details = {"before": change.before, "after": change.after, "seen": change.seen}
    return declared_row("licence", change.name, "", "licence-changed", message, **details)


def orphan_rows(graph: DeclaredGraph, rows: Rows) -> None:
    """Quantisations whose base nobody lists, or no longer, and those whose base was revised after them.

    Where only indexed models are known, and no listings, nothing can be missing.
    """
    if "quantized" not in graph.relations or not graph.listed:
        return
    child = np.repeat(np.arange(len(graph.names), dtype=np.int64), np.diff(graph.start))
    mine = graph.relation == graph.relations.index("quantized")
    mine &= ~np.isin(child, np.fromiter(graph.gone, np.int64, len(graph.gone)))
    gone = np.flatnonzero(mine & (graph.base < 0)).tolist()
    _filled(rows, "orphan", gone, lambda e: _orphan(graph, int(child[e]), int(graph.base[e])))
    left = [e for e in np.flatnonzero(mine & (graph.base >= 0)).tolist() if int(graph.base[e]) in graph.gone]
    _filled(rows, "orphan", left, lambda e: _left(graph, int(child[e]), int(graph.base[e])))
    moved = [
        e
        for e in np.flatnonzero(mine & (graph.base >= 0)).tolist()
        if int(graph.base[e]) not in graph.gone
        and (then := graph.changed.get(int(child[e])))
        and then < graph.revised.get(int(graph.base[e]), "")
    ]
    _filled(rows, "orphan", moved, lambda e: _outdated(graph, int(child[e]), int(graph.base[e])))


def _orphan(graph: DeclaredGraph, number: int, base: int) -> Row:
    who, other = graph.text(number), graph.text(base)
    message = (
        f"{who} is a quantisation of {other}, which is neither listed nor indexed: gone, renamed, or not read yet."
    )
    return declared_row("orphan", who, other, "quantisation-orphaned", message)


def _left(graph: DeclaredGraph, number: int, base: int) -> Row:
    who, other, when = graph.text(number), graph.text(base), graph.gone[base]
    message = (
        f"{who} is a quantisation of {other}, which was listed once and is not in the complete list of "
        f"{when[:10] or 'later'}: gone, renamed, or not shown to the account that asked."
    )
    return declared_row("orphan", who, other, "quantisation-orphaned", message, not_listed_since=when)


def _outdated(graph: DeclaredGraph, number: int, base: int) -> Row:
    who, other = graph.text(number), graph.text(base)
    when = graph.revised[base][:10]
    message = (
        f"{who} is a quantisation of {other}, whose repository was changed on {when}, after it; whether weights or "
        "only papers changed is not told."
    )
    return declared_row("orphan", who, other, "quantisation-orphaned", message, base_changed=graph.revised[base])


def circle_rows(graph: DeclaredGraph, rows: Rows) -> None:
    """Models that name themselves, and circles of models that name one another."""

    def itself(number: int) -> Row:
        who = graph.text(number)
        return declared_row("circle", who, who, "descent-circular", f"{who} names itself as its base.")

    def circle(found: tuple[int, ...]) -> Row:
        names = [graph.text(k) for k in found]
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        message = f"By their own words each of these comes from the others: {shown}. At most all but one can."
        return declared_row("circle", names[0], names[1], "descent-circular", message, models=names[:100])

    _filled(rows, "circle", list(graph.themselves), itself)
    _filled(rows, "circle", list(graph.circles), circle)


def _filled(rows: Rows, kind: str, things: Sequence[_Thing], worded: Callable[[_Thing], Row]) -> None:
    """Put as many in words as can be kept; the rest, which are notes like them, are only counted."""
    if not rows.wants(kind):
        return
    room = rows.room(kind)
    most = len(things) if room is None else max(room, MOST_BUILT)
    for thing in things[:most]:
        rows.add(worded(thing))
    rows.count(kind, Level.NOTE, max(0, len(things) - most))
