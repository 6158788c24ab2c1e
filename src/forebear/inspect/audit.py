"""An index audited: what its models and a hub's listings say, held against what the weights show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import log10

from forebear.errors import UsageError
from forebear.index import Entry, Index
from forebear.inspect.audit_claims import circle_rows, licence_rows, orphan_rows
from forebear.inspect.audit_measured import once, told
from forebear.inspect.audit_rows import KINDS, Row, Rows
from forebear.inspect.recheck import Rechecked, recheck
from forebear.inspect.ties import NEAREST, Looked, Tie, looked_at, tie
from forebear.lineage.declared_graph import DeclaredGraph, declared_graph, repository
from forebear.lineage.evalues import FDR, discoveries, log10_e
from forebear.types import Finding, Json, Untested, counted, head, to_json

Step = Callable[[str], None]

HELD = 4_096
"""Indexed models that are kept at hand: the bases that many descend from."""


@dataclass(frozen=True)
class Audit:
    """The answer of ``index audit``.

    Attributes:
        where: the index, for people.
        models: references in it.
        audited: models that were held against it.
        listed: repositories that a hub was asked about.
        edges: declared ones; ``known`` of them lead to a listed or indexed base, and ``borne_out`` are such whose
            dependence was measured.
        rows: by kind, gravest first, up to the limit.
        counts: of all rows, by kind; ``levels`` by level.
        tested, not_tested: what was and was not looked at, and why.
        rechecked: fingerprints that were measured again.
    """

    where: str
    models: int
    audited: int
    listed: int = 0
    edges: int = 0
    known: int = 0
    borne_out: int = 0
    rows: tuple[Row, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    levels: Mapping[str, int] = field(default_factory=dict)
    tested: tuple[str, ...] = ()
    not_tested: tuple[Untested, ...] = ()
    rechecked: tuple[Rechecked, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Of the rows that are shown, and of what was measured again."""
        return (*(r.finding for r in self.rows), *(r.finding for r in self.rechecked if r.finding is not None))

    def to_json(self) -> Json:
        """The ``forebear.index-audit/1`` document."""
        return {
            **head("forebear.index-audit/1"),
            "index": self.where,
            "models": self.models,
            "audited": self.audited,
            "listings": self.listed,
            "declared_edges": {"all": self.edges, "known": self.known, "borne_out": self.borne_out},
            "fdr": FDR,
            "counts": dict(self.counts),
            "levels": dict(self.levels),
            "rows": [row.to_json() for row in self.rows],
            "tested": list(self.tested),
            "not_tested": to_json(self.not_tested),
            "rechecked": [one.to_json() for one in self.rechecked],
        }


def audit(
    index: Index,
    names: Sequence[str] = (),
    only: Iterable[str] = (),
    limit: int = 100,
    measure: bool = True,
    on_step: Step = lambda _: None,
) -> Audit:
    """Hold declared against measured lineage.

    Args:
        index: references and listings.
        names: indexed models that are audited; default all. Listings are looked at only where all are.
        only: kinds of rows (:data:`~forebear.inspect.audit_rows.KINDS`); default all.
        limit: rows of each kind that are told, gravest first; 0 for all.
        measure: whether the codes of indexed models are held against one another.
        on_step: told what is being done.

    Raises:
        UsageError: no such model, or no such kind.
        InputError: the index cannot be read.
    """
    if unknown := [kind for kind in only if kind not in KINDS]:
        raise UsageError(f"--only {unknown[0]}: no such kind of row", f"one of {', '.join(KINDS)}")
    chosen = _chosen(index, names)
    on_step("reading what is declared")
    graph = declared_graph(index.listings(), index.entries())
    rows, models = Rows(limit, frozenset(only)), index.count()
    count = len(chosen) if chosen else models
    agreed: dict[tuple[int, int], Tie] = {}
    tested: list[str] = []
    gaps: list[Untested] = []
    if measure and models > 1 and (rows.wants("contradiction") or rows.wants("unlabelled") or rows.wants("licence")):
        entries = chosen or index.entries()
        seen = _measured(index, graph, entries, count, models, rows, agreed, gaps, on_step)
        tested.append(f"{seen:,} of {count:,} models had a reference to be held against, among {models:,}")
    elif not measure:
        gaps.append(Untested("weights", "not asked for (--declared-only)"))
    if not names:
        on_step("looking at what is declared")
        _claimed(graph, agreed, rows, tested)
    else:
        gaps.append(Untested("licences, quantisations and circles of listings", "only single models were asked for"))
    gaps += _limits(graph, measure, models)
    return Audit(
        index.where,
        models,
        count,
        graph.listed,
        len(graph.base),
        int((graph.base >= 0).sum()),
        len(agreed),
        tuple(rows),
        dict(rows.counts),
        dict(rows.levels),
        tuple(tested),
        tuple(gaps),
    )


def audit_fingerprints(
    index: Index,
    names: Sequence[str] = (),
    sample: int | None = None,
    seed: int = 0,
    on_step: Step = lambda _: None,
) -> Audit:
    """Measure fingerprints of the index again; see :func:`forebear.inspect.recheck.recheck`.

    Raises:
        UsageError: no such model.
        InputError: the index cannot be read.
    """
    _chosen(index, names)
    done = recheck(index, names, sample, seed, on_step)
    levels = dict.fromkeys(("note", "warning", "error"), 0)
    for one in done:
        if one.finding is not None:
            levels[one.finding.level.value] += 1
    return Audit(index.where, index.count(), len(done), levels=levels, rechecked=done)


def _chosen(index: Index, names: Sequence[str]) -> list[Entry]:
    found = []
    for name in dict.fromkeys(names):
        entry = index.get(name)
        if entry is None:
            raise UsageError(f"{name} is not in the index", "see forebear index list")
        found.append(entry)
    return found


def _measured(
    index: Index,
    graph: DeclaredGraph,
    entries: Iterable[Entry],
    count: int,
    models: int,
    rows: Rows,
    agreed: dict[tuple[int, int], Tie],
    gaps: list[Untested],
    on_step: Step,
) -> int:
    """Add the rows of every model; how many had anything to be held against."""
    pairs = count * models
    indexed = _by_number(index, graph)
    entry_of = lru_cache(maxsize=HELD)(index.get)

    @lru_cache(maxsize=HELD)
    def tied_to(one: str, two: str) -> bool:
        a, b = entry_of(one), entry_of(two)
        return one == two or (a is not None and b is not None and bool(tie(a, b, pairs).verdict.related))

    def named(entry: Entry) -> list[str]:
        number = graph.find(repository(entry))
        return [n for base in graph.above(number) for n in indexed.get(base, ())] if number is not None else []

    found: list[Row] = []
    seen, unplaced, untold, compared = set[tuple[str, str]](), 0, 0, 0
    for done, looked in enumerate(looked_at(index, entries, pairs, named), 1):
        if done % 50 == 1:
            on_step(f"holding models against one another: {done:,} of {count:,}")
        compared += bool(looked.entry.fingerprint.code.n)
        said = told(looked, graph, indexed, entry_of, tied_to)
        found += once(iter(said.rows), seen)
        unplaced, untold = unplaced + said.unplaced, untold + len(said.untold)
        _bear_out(looked, graph, said.agreed or {}, agreed, entry_of)
    contradicted = {frozenset((r.who, r.other)) for r in found if r.kind == "contradiction"}
    found = [r for r in found if r.kind == "contradiction" or frozenset((r.who, r.other)) not in contradicted]
    for row in _discovered(found, count, models):
        rows.add(row)
    if unplaced:
        why = "a base that one of the two names is not in the index, or could not be told from chance: add it"
        gaps.append(Untested(f"ties of {counted(unplaced, 'model')} with another reference", why))
    if untold:
        why = (
            "their coins do not line up, are too few for so many pairs or cannot be relied on, or only the last part "
            "of the name is theirs"
        )
        gaps.append(Untested(f"{counted(untold, 'declared base')} in the index", why))
    return compared


def _by_number(index: Index, graph: DeclaredGraph) -> dict[int, list[str]]:
    """Indexed names by number in the graph; a repository may be indexed at several revisions."""
    found: dict[int, list[str]] = {}
    for entry in index.entries():
        number = graph.find(repository(entry))
        if number is not None:
            found.setdefault(number, []).append(entry.name)
    return found


def _bear_out(
    looked: Looked,
    graph: DeclaredGraph,
    found: Mapping[str, Tie],
    agreed: dict[tuple[int, int], Tie],
    entry_of: Callable[[str], Entry | None],
) -> None:
    number = graph.find(repository(looked.entry))
    for name, one in found.items():
        base = entry_of(name)
        other = graph.find(repository(base)) if base is not None else None
        if number is not None and other is not None and one.whole:
            agreed[number, other] = one


def _discovered(found: list[Row], count: int, models: int) -> list[Row]:
    """The rows, each with whether it remains at a false discovery rate of 1 % among all models that were audited."""
    values = [
        -float("inf") if r.log10_e is None else log10_e(min(0.0, r.log10_e - log10(count * models) + log10(models)))
        for r in found
    ]
    kept = discoveries(values, max(count, len(values))) if values else ()
    return [replace(row, discovery=there) for row, there in zip(found, kept, strict=True)]


def _claimed(graph: DeclaredGraph, agreed: Mapping[tuple[int, int], Tie], rows: Rows, tested: list[str]) -> None:
    if rows.wants("licence"):
        both = licence_rows(graph, agreed, rows)
        tested.append(f"licences of {both:,} declared edges, both known to the catalogue")
    orphan_rows(graph, rows)
    circle_rows(graph, rows)


def _limits(graph: DeclaredGraph, measure: bool, models: int) -> list[Untested]:
    out = []
    if measure and models < 2:
        out.append(Untested("weights", "the index holds fewer than two models"))
    elif measure:
        out.append(
            Untested(
                "ties of models with moved coordinates", "codes in their places are silent there: forebear compare"
            )
        )
        out.append(
            Untested(
                "towers of models whose codes do not agree", f"the {NEAREST} nearest by the language model were opened"
            )
        )
    if not graph.listed:
        out.append(Untested("a hub's listings", "none are in the index; the cards of indexed models were read"))
    return out
