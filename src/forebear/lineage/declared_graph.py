"""Who says to descend from whom: the base models that hubs and cards name, as a graph. Claims, beside what is measured.

Made in one pass over the listings, as :meth:`forebear.index.Index.listings` gives them, and kept as columns: about
a hundred bytes for each repository, so that a hub of millions fits. Nothing here is evidence.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby, islice, pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from forebear.index import Entry, Listing
from forebear.lineage.declared_cycles import circles
from forebear.lineage.declared_names import LONGEST, Names, Words, could_be_renamed, plain, renamed

MOST_ABOVE = 1_000
"""Ancestors of one repository that are followed; a merge of merges has dozens."""
MOST_CHANGES = 100_000
"""Changes of licence that are kept; all are counted."""
MOST_BASES = 20
"""Bases of one repository that count."""
MOST_RENAMED = 20_000
"""Unknown bases that are looked up in the catalogue, which takes about a millisecond each."""
MOST_RELATIONS = 256
"""Words for a relation that are told apart, "" among them: a byte holds their numbers. Further ones count as ""."""
UNKNOWN_MONTH = 0


@dataclass(frozen=True)
class DeclaredEdge:
    """One claim of descent.

    Attributes:
        child, base: names as they were given; the base's own spelling where it is listed.
        known: whether the base is listed or indexed.
        relation: ``finetune``, ``quantized``, ``merge``, ``adapter``, or "".
    """

    child: str
    base: str
    known: bool
    relation: str


@dataclass(frozen=True)
class LicenceChange:
    """A repository that was listed under one licence and later under another."""

    name: str
    before: str
    after: str
    seen: str


@dataclass(frozen=True, eq=False)
class DeclaredGraph:
    """Repositories, numbered, and the bases that they name. A base that nobody lists has a negative number.

    Attributes:
        names: by number.
        bases: names that were declared as bases, whether or not they are known, as the first to name them spells them.
        relations, licences: words by number.
        month: ``(n,)`` uint16, months since year 0 of the publication, 0 where it is not known.
        licence: ``(n,)`` uint32, number of the licence as tagged, 0 for none.
        start: ``(n + 1,)`` int64, where the edges of each child begin.
        base: ``(m,)`` int32, number of each edge's base; ``-1 - k`` for ``bases[k]`` that is not known.
        relation: ``(m,)`` uint8.
        loose: ``(m,)`` whether only the last part of the base's name is that of the model that it leads to, one of the
            two having no account: enough to explain a tie, and too little to contradict anybody.
        listed: how many of the numbers are listings; those above are only in the index.
        revised: repositories that were listed at several revisions, with the ``changed`` of the last one.
        changed: ``(n)``-sparse ``changed`` of quantisations, by number.
        gone: repositories that a later, complete list of their hub no longer named, with when that was.
        themselves: repositories that name themselves as their base.
        aliases: plain names that were followed to a repository of another name, by the catalogue.
        changes: of licences, the first :data:`MOST_CHANGES` of ``change_count``.
    """

    names: Names
    bases: list[str]
    relations: list[str]
    licences: list[str]
    month: NDArray[np.uint16]
    licence: NDArray[np.uint32]
    start: NDArray[np.int64]
    base: NDArray[np.int32]
    relation: NDArray[np.uint8]
    loose: NDArray[np.bool_]
    listed: int
    revised: dict[int, str]
    changed: dict[int, str]
    gone: dict[int, str]
    themselves: tuple[int, ...]
    aliases: dict[str, str]
    changes: list[LicenceChange]
    change_count: int
    numbers: dict[str, int]
    circles: tuple[tuple[int, ...], ...] = field(default=())

    def find(self, name: str) -> int | None:
        """The number of an indexed model, or of a repository that somebody names as base; None for others."""
        return self.numbers.get(plain(name))

    def text(self, number: int) -> str:
        """The name of a repository, or of a base that is not known."""
        return self.names[number] if number >= 0 else self.bases[-1 - number]

    def above(self, number: int) -> tuple[int, ...]:
        """The bases that a repository names, known or not."""
        if number < 0:
            return ()
        return tuple(int(b) for b in self.base[self.start[number] : self.start[number + 1]])

    def in_full(self, number: int) -> frozenset[int]:
        """The known bases that a repository names by their full names."""
        edges = slice(self.start[number], self.start[number + 1])
        return frozenset(int(b) for b in self.base[edges][~self.loose[edges]] if b >= 0)

    def ancestors(self, number: int) -> frozenset[int]:
        """A repository and all above it, by their own words; at most :data:`MOST_ABOVE`."""
        seen = {number}
        todo = [number]
        while todo and len(seen) < MOST_ABOVE:
            fresh = [b for b in self.above(todo.pop()) if b not in seen]
            seen.update(fresh)
            todo += fresh
        return frozenset(seen)

    def kin(self, one: int, two: int) -> bool:
        """Whether the words of both lead to one ancestor, or from one to the other."""
        return not self.ancestors(one).isdisjoint(self.ancestors(two))

    def edges(self) -> Iterator[DeclaredEdge]:
        """Every claim, by child."""
        for number in range(len(self.names)):
            for k in range(self.start[number], self.start[number + 1]):
                base = int(self.base[k])
                yield DeclaredEdge(
                    self.names[number], self.text(base), base >= 0, self.relations[int(self.relation[k])]
                )

    def roots(self) -> NDArray[np.int64]:
        """``(n,)`` the number at the end of each one's first bases; its own where it names none.

        Who stands in a circle, or below one, has itself as its root: there is no beginning.
        """
        count = len(self.names)
        up = np.arange(count, dtype=np.int64)
        has = self.start[:-1] < self.start[1:]
        up[has] = self.base[self.start[:-1][has]]
        end = up.copy()  # pointer jumping (Hirschberg 1976): the way doubles with each round
        for _ in range(count.bit_length() + 1):
            inner = end >= 0
            further = end.copy()
            further[inner] = end[end[inner]]
            if np.array_equal(further, end):
                return end
            end = further
        inner = end >= 0
        stuck = np.zeros(count, dtype=bool)
        stuck[inner] = up[end[inner]] != end[inner]
        end[stuck] = np.flatnonzero(stuck)
        return end


@dataclass(frozen=True)
class _Own:
    """What an indexed model says about itself."""

    name: str
    bases: tuple[str, ...]
    relation: str
    licence: str


class _Making:
    """The columns while they grow."""

    def __init__(self, own: dict[str, _Own]) -> None:
        self.own, self.numbers = own, dict[str, int]()
        self.names, self.bases, self.spelt = Names(), Words(), list[str]()
        self.relations, self.licences = Words(""), Words("")
        self.month, self.licence = array("H"), array("I")
        self.start, self.base, self.relation = array("q", [0]), array("i"), array("B")
        self.revised: dict[int, str] = {}
        self.changed: dict[int, str] = {}
        self.gone: dict[int, str] = {}
        self.themselves: list[int] = []
        self.changes: list[LicenceChange] = []
        self.change_count = 0

    def listing(self, told: list[Listing]) -> None:
        """One repository, by all that was said of it, oldest first."""
        left, told = told[-1], [x for x in told if not x.gone] or told
        last = told[-1]
        name = plain(last.name)
        own = self.own.pop(name, None)
        bases, relation = last.base_models, last.relation
        if own is not None and not bases:
            bases, relation = own.bases, own.relation
        number = self._add(last.name, name, bases, relation, last.licence or (own.licence if own else ""))
        self.month[number] = month_number(next((x.published for x in reversed(told) if x.published), ""))
        if left.gone:
            self.gone[number] = left.seen
        if own is not None:
            self.numbers[name] = number
        if relation == "quantized" and last.changed:
            self.changed[number] = last.changed
        if len(told) > 1:
            if len({x.revision for x in told}) > 1 and last.changed:
                self.revised[number] = last.changed
            for before, after in pairwise(told):
                if before.licence and after.licence and before.licence != after.licence:
                    self.change_count += 1
                    if len(self.changes) < MOST_CHANGES:
                        self.changes.append(LicenceChange(last.name, before.licence, after.licence, after.seen))

    def rest(self) -> None:
        """Indexed models that no hub lists."""
        for name, own in self.own.items():
            self.numbers[name] = self._add(own.name, name, own.bases, own.relation, own.licence)

    def _add(self, shown: str, name: str, bases: Iterable[str], relation: str, licence: str) -> int:
        number = self.names.add(shown)
        self.month.append(UNKNOWN_MONTH)
        self.licence.append(self.licences.add(licence[:LONGEST]))
        word = relation[:LONGEST]
        room = word in self.relations.number or len(self.relations) < MOST_RELATIONS
        how = self.relations.add(word) if room else 0
        named: dict[str, str] = {}
        for spelt in list(bases)[:MOST_BASES]:
            named.setdefault(plain(spelt), spelt)
        for base, spelt in named.items():
            if base == name:
                self.themselves.append(number)
            elif base:
                self.base.append(self.bases.add(base))
                self.relation.append(how)
                if len(self.spelt) < len(self.bases):
                    self.spelt.append(spelt[:LONGEST].strip())
        self.start.append(len(self.base))
        return number


def declared_graph(listings: Iterable[Listing], entries: Iterable[Entry] = ()) -> DeclaredGraph:
    """The graph of what listings, and cards of indexed models, name as their bases.

    Of a repository that was listed several times the latest words count. An indexed model that is listed too is one
    with its listing, whose words come first.

    Args:
        listings: by name, then by when they were seen.
        entries: indexed models.
    """
    own = {plain(repository(e)): _own(e) for e in entries}
    last_parts: dict[str, list[str]] = {}
    for name in own:
        last_parts.setdefault(name.rpartition("/")[2], []).append(name)
    making = _Making(own)
    for _, told in groupby(listings, attrgetter("name")):
        making.listing(list(told))
    listed = len(making.names)
    making.rest()
    wanted = dict(making.bases.number)
    # Only what is left after this could be a former name, or a short one; that is asked of few.
    place = _places(making.names, wanted, making.numbers)
    short = {n: other for n in wanted if n not in place and (other := _short_name(n, last_parts, making.numbers))}
    rest = (n for n in wanted if n not in place and n not in short and could_be_renamed(n))
    former = {n: other for n in islice(rest, MOST_RENAMED) if (other := renamed(n))}
    aliases = {**short, **former}
    if aliases:
        known = _places(making.names, dict.fromkeys(aliases.values(), 0), making.numbers)
        aliases = {name: other for name, other in aliases.items() if other in known}
        place |= {name: known[other] for name, other in aliases.items()}
    number = np.fromiter(
        (place.get(name, -1 - k) for k, name in enumerate(making.bases.texts)), np.int64, len(making.bases)
    )
    base = np.frombuffer(making.base, dtype=np.int32) if making.base else np.zeros(0, dtype=np.int32)
    loose = np.fromiter((name in short for name in making.bases.texts), np.bool_, len(making.bases))[base]
    base = number[base].astype(np.int32)
    start = np.array(making.start, dtype=np.int64)
    return DeclaredGraph(
        making.names,
        making.spelt,
        making.relations.texts,
        making.licences.texts,
        np.array(making.month, dtype=np.uint16),
        np.array(making.licence, dtype=np.uint32),
        start,
        base,
        np.array(making.relation, dtype=np.uint8),
        loose,
        listed,
        making.revised,
        making.changed,
        making.gone,
        tuple(making.themselves),
        aliases,
        making.changes,
        making.change_count,
        {**place, **making.numbers},
        circles(start, base),
    )


def _own(entry: Entry) -> _Own:
    said = entry.fingerprint.declared
    # What nothing but the config's path names may have been loaded without its weights: no claim of the card's.
    return _Own(
        repository(entry), tuple(b for b in said.base_models if b != said.loaded_from), said.relation, said.licence
    )


def repository(entry: Entry) -> str:
    """The hub repository that an indexed model was read from, else the name that the index has for it."""
    return entry.location[3:].split("@", 1)[0] if entry.location.startswith("hf:") else entry.name


def _places(names: Names, wanted: dict[str, int], indexed: dict[str, int]) -> dict[str, int]:
    """The number of every wanted plain name that there is; of two spellings of one the first."""
    found = {name: indexed[name] for name in wanted if name in indexed}
    for number, shown in enumerate(names):
        name = plain(shown)
        if name in wanted:
            found.setdefault(name, number)
    return found


def _short_name(name: str, last_parts: dict[str, list[str]], indexed: dict[str, int]) -> str:
    """The one indexed model of the same last part, where only one of the two names has an account; else ""."""
    last = name.rpartition("/")[2]
    if "/" in name:  # of a thousand accounts that call a model the same, only the one name without an account counts
        return last if last in indexed else ""
    full = last_parts.get(last, [])
    return full[0] if len(full) == 1 else ""


def month_number(date: str) -> int:
    """Months since year 0 of an RFC 3339 date; 0 where it is none."""
    return _month_number(date[:7])


@lru_cache(maxsize=4096)
def _month_number(date: str) -> int:
    year, month = date[:4], date[5:]
    if len(date) < 7 or date[4] != "-" or not (year + month).isascii() or not (year + month).isdigit():
        return UNKNOWN_MONTH
    return int(year) * 12 + int(month) - 1 if 1 <= int(month) <= 12 and 1900 <= int(year) < 2500 else UNKNOWN_MONTH


def month_text(number: int) -> str:
    """``2025-03`` for a number of months; "" for an unknown one."""
    return f"{number // 12:04}-{number % 12 + 1:02}" if number else ""
