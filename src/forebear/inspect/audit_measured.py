"""Declared against measured, one indexed model at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from forebear.catalogue import raise_finding
from forebear.index import Entry
from forebear.inspect.audit_rows import MEASURED, Row, unmeasured
from forebear.inspect.ties import Looked, Tie
from forebear.lineage.declared_graph import DeclaredGraph, repository
from forebear.lineage.declared_names import account, plain
from forebear.lineage.evidence import joined
from forebear.signals.declared import names_match
from forebear.types import Finding, Level

OPEN = "which came first is not settled (parent, child and sibling look alike)"
START = "and two separate trainings from one random start are not excluded"


@dataclass(frozen=True)
class Told:
    """What one model's ties say beside its words.

    Attributes:
        rows: to show.
        agreed: names of the declared bases that its weights depend on, with the tie.
        unplaced: that it names a base which is not indexed, and depends on another model: nothing can be told.
        untold: named bases that are indexed and silent without the power to say so, or cannot be compared.
    """

    rows: tuple[Row, ...] = ()
    agreed: Mapping[str, Tie] | None = None
    unplaced: bool = False
    untold: tuple[str, ...] = ()


def told(
    looked: Looked,
    graph: DeclaredGraph,
    indexed: Mapping[int, Sequence[str]],
    entry_of: Callable[[str], Entry | None],
    tied_to: Callable[[str, str], bool],
) -> Told:
    """Hold one model's words against its ties.

    A tie is explained where words of either side lead to a common ancestor: by base models of cards and listings, one
    after the other. A tie with a relative of a base that the weights do depend on is that relative's affair. Where
    either names a base that is not indexed, that base may be what ties them, and nothing is told.

    Args:
        looked: the model.
        graph: who says to come from whom.
        indexed: names of the indexed models by their number in it.
        entry_of: an indexed model by name.
        tied_to: whether two indexed models are dependent, by name.
    """
    entry = looked.entry
    number, words = _number(entry, graph), _words(entry, graph)
    agreed = {name: t for name, t in looked.named.items() if t.verdict.related}
    strangers = [t for t in looked.tied if t.name not in looked.named and _unexplained(entry, t, graph, entry_of)]
    strangers = [t for t in strangers if not any(tied_to(t.name, base) for base in agreed)]
    wholes, parts = [t for t in strangers if t.whole], [t for t in strangers if t.partial]
    rows: list[Row] = []
    in_full = graph.in_full(number) if number is not None else frozenset()
    silent = [t for t in looked.named.values() if t.silent and _number(entry_of(t.name), graph) in in_full]
    apart = [t for t in looked.named.values() if _apart(entry, t, entry_of)]
    foreign = {_number(entry_of(t.name), graph) for t in apart}
    untold = tuple(t.name for t in looked.named.values() if not t.verdict.related and t not in silent)
    unplaced = False
    if silent and not agreed:
        if wholes and not any(tied_to(t.name, base.name) for t in wholes for base in silent):
            revised = [t.name for t in silent if _number(entry_of(t.name), graph) in graph.revised]
            rows.append(_other_base(entry, silent, wholes[0], revised))
        else:
            rows += [_silent(entry, base) for base in silent]
    elif words and not agreed and wholes and set(words) <= foreign & in_full:
        rows.append(_other_shape(entry, apart, wholes[0]))
        untold = tuple(name for name in untold if all(name != t.name for t in apart))
    elif words and not agreed:
        unplaced = bool(wholes)
    elif settled := [t for t in wholes if _settled(t, graph, indexed, entry_of, tied_to)]:
        wholes = settled
        rows.append(_unlabelled(entry, wholes, agreed, entry_of))
    else:
        unplaced = bool(wholes)
    if parts and not wholes:
        rows.append(_part(entry, parts[0]))
    return Told(tuple(rows), agreed, unplaced, untold)


def _settled(
    tie: Tie,
    graph: DeclaredGraph,
    indexed: Mapping[int, Sequence[str]],
    entry_of: Callable[[str], Entry | None],
    tied_to: Callable[[str, str], bool],
) -> bool:
    """Whether the other one names no base, or one that it is tied to: else its base may be what ties the two."""
    words = _words(entry_of(tie.name), graph)
    return not words or any(tied_to(tie.name, name) for base in words for name in indexed.get(base, ()))


def _words(entry: Entry | None, graph: DeclaredGraph) -> tuple[int, ...]:
    number = _number(entry, graph)
    return graph.above(number) if number is not None else ()


def _number(entry: Entry | None, graph: DeclaredGraph) -> int | None:
    return None if entry is None else graph.find(repository(entry))


def _unexplained(entry: Entry, tie: Tie, graph: DeclaredGraph, entry_of: Callable[[str], Entry | None]) -> bool:
    other = entry_of(tie.name)
    if other is None or plain(repository(other)) == plain(repository(entry)):
        return False  # the same repository at another revision
    pair = (entry, other), (other, entry)
    if any(names_match(a.fingerprint.declared.loaded_from, repository(b)) for a, b in pair):
        return False  # the config names it, if not the card
    one, two = graph.find(repository(entry)), graph.find(repository(other))
    return one is None or two is None or not graph.kin(one, two)


def _other_base(entry: Entry, silent: list[Tie], found: Tie, revised: list[str]) -> Row:
    named = joined([t.name for t in silent])
    message = (
        f"{entry.name} names {named} as its base, and no dependence on it was found although agreement of two thirds "
        f"would have been; its weights are not independent of {found.name}, of which neither {named} nor the card "
        "speaks. What the two are to each other is not told (parent, child, sibling, or one random start); that "
        f"{entry.name} does not come from {named} is not established: coordinates that were moved are silent, too."
    )
    if revised:  # the weights that the card means may be those of before
        message += f" Of {joined(revised)} several revisions were listed; another one may be meant."
    level = Level.NOTE if revised else Level.WARNING
    finding = raise_finding("base-not-found", message, (_numbers(found), *map(_numbers, silent)), level)
    imported = tuple(name for t in silent for name in t.imported)
    return _row("contradiction", entry, found, finding, imported, silent=[t.name for t in silent])


def _apart(entry: Entry, named: Tie, entry_of: Callable[[str], Entry | None]) -> bool:
    """Whether both have coins, and none of them line up: another width, or other symmetries."""
    other = entry_of(named.name)
    return named.n == 0 and other is not None and min(entry.fingerprint.code.n, other.fingerprint.code.n) > 0


def _other_shape(entry: Entry, named: list[Tie], found: Tie) -> Row:
    """Never more than a note: a teacher, or a base whose shape was changed, may be what the card means."""
    bases = joined([t.name for t in named])
    message = (
        f"{entry.name} names {bases} as its base, no coin of which lines up with its own (another width, or other "
        f"symmetries); its weights are not independent of {found.name}, of which neither {bases} nor the card speaks. "
        "What the two are to each other is not told (parent, child, sibling, or one random start); a teacher may be "
        "named so, or a base whose shape was changed."
    )
    finding = raise_finding("base-not-found", message, (_numbers(found),), Level.NOTE)
    return _row("contradiction", entry, found, finding, apart=[t.name for t in named])


def _silent(entry: Entry, base: Tie) -> Row:
    message = (
        f"{entry.name} names {base.name} as its base; a dependence on it is not established, although agreement of "
        f"two thirds of the coins would have been found. Moved coordinates, another revision of {base.name}, very long "
        f"training and imitation of outputs are silent, too."
    )
    return _row("contradiction", entry, base, raise_finding("base-not-found", message, (_numbers(base),), Level.NOTE))


def _unlabelled(
    entry: Entry, ties: list[Tie], agreed: Mapping[str, Tie], entry_of: Callable[[str], Entry | None]
) -> Row:
    found, further = ties[0], [t.name for t in ties[1:]]
    other = entry_of(found.name)
    own = entry.fingerprint.declared
    scratch = own.from_scratch
    both = scratch and other is not None and other.fingerprint.declared.from_scratch
    says = f"beside {joined(list(agreed))}, which its card names" if agreed else "and neither names the other"
    ended = OPEN if found.excludes_start else f"{OPEN}, {START}"
    more = f" (nor of {len(further)} more of the nearest, {joined(further, 3)})" if further else ""
    message = f"The weights of {entry.name} are not independent of {found.name}{more}, {says}; {ended}."
    level = Level.NOTE
    if both:
        message += " Both cards say that the model was trained from scratch."
        level = Level.WARNING if found.excludes_start else Level.NOTE
    elif scratch:
        message += " Its card says that it was trained from scratch, which is true of it if it came first."
    if account(plain(entry.name)) and account(plain(entry.name)) == account(plain(found.name)):
        message += " Both are of one account."
    if other is not None and other.fingerprint.digest == entry.fingerprint.digest:
        message += " Every value that was read of the two is equal."
    finding = raise_finding("ancestor-undeclared", message, (_numbers(found),), level)
    licences = [own.licence, other.fingerprint.declared.licence if other is not None else ""]
    return _row("unlabelled", entry, found, finding, licences=licences, further=further)


def _part(entry: Entry, found: Tie) -> Row:
    what = "an encoder beside the language model" if found.towers else joined(list(found.parts)) or "a part"
    message = (
        f"{entry.name} shares {what} with {found.name}, and nothing more is established; neither names the other. Such "
        "parts are reused from third models; who has it from whom is not told."
    )
    finding = raise_finding("ancestor-undeclared", message, (_numbers(found),), Level.NOTE)
    return _row("unlabelled", entry, found, finding, parts=list(found.parts))


def _row(kind: str, entry: Entry, found: Tie, finding: Finding, imported: tuple[str, ...] = (), **details: Any) -> Row:
    """A row; at most a note where it rests on a code that was not measured here, which anybody can make up."""
    if words := list(dict.fromkeys((*found.imported, *imported))):
        finding = replace(finding, level=Level.NOTE, message=f"{finding.message} {unmeasured(words)}")
        details["imported"] = words
    more = {"agree": found.agree, "coins": found.n, "verdict": found.verdict.value, **details}
    return Row(kind, entry.name, found.name, MEASURED, finding, found.log10_p, found.log10_e, details=more)


def _numbers(found: Tie) -> str:
    return f"sign-code/1: {found.agree:,} of {found.n:,} coins agree with {found.name}, log10 p = {found.log10_p}"


def once(rows: Iterator[Row], seen: set[tuple[str, str]]) -> Iterator[Row]:
    """Rows about a pair only once, whichever of the two comes first."""
    for row in rows:
        pair = (row.who, row.other) if row.who < row.other else (row.other, row.who)
        if row.kind != "unlabelled" or pair not in seen:
            seen.add(pair)
            yield row
