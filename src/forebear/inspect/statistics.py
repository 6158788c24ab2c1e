"""What an index and a hub's listings add up to: families, developers, countries, licences, and derivatives by month.

Three columns are kept apart. *Declared*: a card or listing names a base. *Measured*: the weights depend on those of an
indexed base; since codes tell no direction, a base is what the catalogue has as published by a developer, or what
others name as their base and that names none itself. *Union*: either. What is not known is counted as unknown, never
left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from forebear.catalogue.developers import Developer, developer_of, published
from forebear.catalogue.licences import licence_named
from forebear.catalogue.names import decode
from forebear.index import Entry, Index
from forebear.inspect.ties import looked_at
from forebear.lineage.declared_graph import DeclaredGraph, declared_graph, month_text, repository
from forebear.lineage.declared_names import account, plain
from forebear.types import Json, head

Step = Callable[[str], None]

SEATS = ("controlled_from", "engineering_in", "incorporated_in")
"""What of a developer's ties to countries is counted; the catalogue keeps all three, and never one "country"."""
UNKNOWN = "unknown"
MOST_DECODED = 200_000
"""Names that are read for a family; of repositories that neither name a base nor are one, the rest is not read."""


@dataclass(frozen=True)
class Share:
    """One line of a table: how many by each of the three columns."""

    key: str
    declared: int = 0
    measured: int = 0
    union: int = 0


@dataclass(frozen=True)
class Month:
    """Derivatives that were published in a month, by country of their base."""

    month: str
    countries: tuple[Share, ...]


@dataclass(frozen=True)
class Statistics:
    """The answer of ``index statistics``.

    Attributes:
        where: the index, for people.
        seat: which tie of a developer to a country is counted.
        repositories: listed or indexed; ``listed`` and ``indexed`` of each.
        families, developers, countries, licences: repositories by each, the largest first; a repository has the family
            of the base at the end of what is declared, and its own account's developer.
        base_families, base_countries: derivatives by those of their base.
        months: the same by month of publication, for derivatives with a date.
        coverage: how many have what the tables need, by name.
        measured: whether codes were held against one another.
    """

    where: str
    seat: str
    repositories: int
    listed: int
    indexed: int
    families: Mapping[str, int] = field(default_factory=dict)
    developers: Mapping[str, int] = field(default_factory=dict)
    countries: Mapping[str, int] = field(default_factory=dict)
    licences: Mapping[str, int] = field(default_factory=dict)
    base_families: tuple[Share, ...] = ()
    base_countries: tuple[Share, ...] = ()
    months: tuple[Month, ...] = ()
    coverage: Mapping[str, int] = field(default_factory=dict)
    measured: bool = True

    def to_json(self) -> Json:
        """The ``forebear.index-statistics/1`` document."""

        def shares(found: tuple[Share, ...]) -> list[Json]:
            return [{"key": s.key, "declared": s.declared, "measured": s.measured, "union": s.union} for s in found]

        return {
            **head("forebear.index-statistics/1"),
            "index": self.where,
            "seat": self.seat,
            "measured": self.measured,
            "repositories": self.repositories,
            "listed": self.listed,
            "indexed": self.indexed,
            "coverage": dict(self.coverage),
            "by": {
                name: [{"key": key, "repositories": n} for key, n in getattr(self, name).items()]
                for name in ("families", "developers", "countries", "licences")
            },
            "derivatives": {
                "by_base_family": shares(self.base_families),
                "by_base_country": shares(self.base_countries),
                "by_month": [{"month": m.month, "by_base_country": shares(m.countries)} for m in self.months],
            },
        }


@dataclass
class _Columns:
    """The three counts of each key while they grow."""

    declared: Counter[tuple[str, ...]] = field(default_factory=Counter)
    measured: Counter[tuple[str, ...]] = field(default_factory=Counter)
    union: Counter[tuple[str, ...]] = field(default_factory=Counter)

    def add(self, declared: tuple[str, ...] | None, measured: tuple[str, ...] | None, known: bool) -> None:
        """One derivative; in the union it has its declared base's key where that says something."""
        if declared is not None:
            self.declared[declared] += 1
        if measured is not None:
            self.measured[measured] += 1
        one = declared if declared is not None and (known or measured is None) else measured
        if one is not None:
            self.union[one] += 1

    def shares(self, prefix: tuple[str, ...] = ()) -> tuple[Share, ...]:
        """The lines below a prefix, the largest union first."""
        keys = [k for k in self.union.keys() | self.declared.keys() | self.measured.keys() if k[:-1] == prefix]
        found = [Share(k[-1], self.declared[k], self.measured[k], self.union[k]) for k in keys]
        return tuple(sorted(found, key=lambda s: (-s.union, -s.declared, s.key)))


def statistics(index: Index, seat: str = SEATS[0], measure: bool = True, on_step: Step = lambda _: None) -> Statistics:
    """Count.

    Args:
        index: references and listings.
        seat: one of :data:`SEATS`.
        measure: whether the codes of indexed models are held against one another.
        on_step: told what is being done.

    Raises:
        InputError: the index cannot be read.
    """
    on_step("reading what is declared")
    graph = declared_graph(index.listings(), index.entries())
    roots = graph.roots()
    families = _families(graph, roots)
    bases = _measured(index, graph, roots, on_step) if measure else {}
    on_step("counting")
    own_country = cache(lambda name: _country(_developer(name), seat))
    by: dict[str, Counter[str]] = {name: Counter() for name in ("families", "developers", "countries", "licences")}
    by_family, by_country, by_month = _Columns(), _Columns(), _Columns()
    coverage = Counter[str]()
    licences = [_licence(tag) for tag in graph.licences]
    for number in range(len(graph.names)):
        root, month = int(roots[number]), month_text(int(graph.month[number]))
        who = account(plain(graph.names[number]))
        maker = _developer(who)
        by["families"][families.get(root, UNKNOWN)] += 1
        by["developers"][maker.name if maker is not None else UNKNOWN] += 1
        by["countries"][own_country(who)] += 1
        by["licences"][licences[int(graph.licence[number])]] += 1
        coverage["with a date"] += bool(month)
        declares = bool(graph.start[number] < graph.start[number + 1])
        measured = bases.get(number)
        if not declares and measured is None:
            continue
        land = own_country(account(plain(graph.text(root)))) if declares else None
        found = own_country(account(plain(graph.text(measured)))) if measured is not None else None
        known = land is not None and land != UNKNOWN
        coverage["derivatives"] += 1
        coverage["derivatives, declared"] += declares
        coverage["derivatives, measured"] += measured is not None
        coverage["derivatives with a date"] += bool(month)
        coverage["derivatives with a country of their base"] += known or (found is not None and found != UNKNOWN)
        coverage["derivatives whose declared and measured base are of two countries"] += (
            known and found is not None and found not in (UNKNOWN, land)
        )
        by_country.add(_key(land), _key(found), known)
        if month:
            by_month.add(_key(land, month), _key(found, month), known)
        kind = families.get(root, UNKNOWN) if declares else None
        other = families.get(measured, UNKNOWN) if measured is not None else None
        by_family.add(_key(kind), _key(other), kind is not None and kind != UNKNOWN)
    return Statistics(
        index.where,
        seat,
        len(graph.names),
        graph.listed,
        index.count(),
        dict(by["families"].most_common()),
        dict(by["developers"].most_common()),
        dict(by["countries"].most_common()),
        dict(by["licences"].most_common()),
        by_family.shares(),
        by_country.shares(),
        tuple(Month(m, by_month.shares((m,))) for m in sorted({k[0] for k in by_month.union})),
        {"repositories": len(graph.names), **coverage, "families read": len(families)},
        measure,
    )


def _key(value: str | None, *before: str) -> tuple[str, ...] | None:
    return None if value is None else (*before, value)


def _measured(index: Index, graph: DeclaredGraph, roots: NDArray[np.int64], on_step: Step) -> dict[int, int]:
    """The number of the base that each indexed model's weights depend on; see the head of this file."""
    count = index.count()
    shipped = {plain(model.repository) for model in published().values() if model.repository}
    named = set(graph.base[graph.base >= 0].tolist())
    found: dict[int, int] = {}
    numbers = {e.name: n for e in index.entries() if (n := graph.find(repository(e))) is not None}
    names = {number: name for name, number in numbers.items()}

    def is_base(number: int) -> bool:
        return plain(graph.text(number)) in shipped or (number in named and not graph.above(number))

    def own_words(entry: Entry) -> list[str]:
        number = graph.find(repository(entry))
        ends = () if number is None else (int(roots[number]), *graph.above(number))
        return [names[k] for k in ends if k in names]

    for done, looked in enumerate(looked_at(index, index.entries(), count * count, own_words), 1):
        if done % 50 == 1:
            on_step(f"holding models against one another: {done:,} of {count:,}")
        number = numbers.get(looked.entry.name)
        if number is None or is_base(number):
            continue
        # The base itself has to be tied: what another relative says about its own base proves nothing.
        ends = (numbers[t.name] for t in looked.tied if t.whole and t.name in numbers)
        if (end := next((k for k in ends if k != number and is_base(k)), None)) is not None:
            found[number] = end
    return found


def _families(graph: DeclaredGraph, roots: NDArray[np.int64]) -> dict[int, str]:
    """The family of every root by the words of its name: those with derivatives first, the rest as far as it goes."""
    ends, counts = np.unique(roots, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MOST_DECODED]
    found = {}
    for root in ends[order].tolist():
        said = decode(graph.text(root), named=True)
        found[root] = (said.family if said is not None else None) or UNKNOWN
    return found


@cache
def _developer(name: str) -> Developer | None:
    return developer_of(f"{name}/model") if name else None


def _country(maker: Developer | None, seat: str) -> str:
    """The countries of a developer's seats, joined by ``+`` where there are several."""
    if maker is None:
        return UNKNOWN
    return "+".join(sorted({s.country for s in getattr(maker, seat)})) or UNKNOWN


def _licence(tag: str) -> str:
    if not tag:
        return "none stated"
    found = licence_named(tag) or licence_named("other", tag)
    return found.id if found is not None else f"not in the catalogue: {tag}"
