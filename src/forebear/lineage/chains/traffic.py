"""Chains from ``forebear.traffic/1``: one per model that a capture shows being asked for.

The model in question is the one that clients asked for; what answers name in the same records is whose word it may be
made from. A name that nobody asked for is a leak, and a leaked name alone makes an ancestor possible and no more. Where
answers name no other model, the name is what its operator calls it: a declaration.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from forebear.catalogue.names import ModelName, decode
from forebear.errors import InputError
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import Document, Reader, joined, mapping, name, objects, text
from forebear.lineage.chains.named import named_edge, title_of
from forebear.traffic.differences import differ

SCHEMA = "forebear.traffic/1"
MOST_IDENTIFIERS = 10_000
"""Different identifiers that a result holds."""
MOST_PAIRS = 1_000_000
"""Of a model that was asked for and one that answers name beside it: in a capture a record asks for one, or a few."""
_SAID = ("served", "error")


@dataclass(frozen=True)
class _Named:
    """An identifier of the capture.

    Attributes:
        identifier: as found.
        name: as decoded.
        roles: whose word it is.
        places: (role, file, record) of the first places.
        at: its first place in words.
    """

    identifier: str
    name: ModelName
    roles: frozenset[str]
    places: tuple[tuple[str, str, int], ...]
    at: str

    def records(self, roles: Iterable[str]) -> frozenset[tuple[str, int]]:
        """Records in which it stands in one of the roles."""
        return frozenset((file, record) for role, file, record in self.places if role in roles)


def read(document: Document) -> tuple[Chain, ...]:
    """A chain per model that was asked for; of captures without questions, per model that was served or logged."""
    return tuple(_chain(subject, answers) for subject, answers in _subjects(document))


def routed(document: Document) -> frozenset[str]:
    """Subjects that are, or for which answers name, the path of an account at a provider: it says what is served."""
    return frozenset(
        _own(subject)
        for subject, answers in _subjects(document)
        if any(n.name.family and n.name.account and n.name.provider for n in (subject, *answers))
    )


def _subjects(document: Document) -> list[tuple[_Named, list[_Named]]]:
    """Models in question, each with what answers name beside it."""
    entries = objects(document.get("identifiers"), "identifiers", MOST_IDENTIFIERS)
    found = [n for entry in entries if (n := _named(entry)) is not None]
    asked = [n for n in found if "asked" in n.roles]
    said = [n for n in found if n.roles & set(_SAID)]
    if len(asked) == 1:
        return [(asked[0], said)]
    if asked:
        return list(_paired(asked, said))
    alone = ([n for n in found if role in n.roles] for role in ("served", "error", "logged"))
    return [(one, []) for one in next((names for names in alone if names), [])]


def _paired(asked: list[_Named], said: list[_Named]) -> Iterator[tuple[_Named, list[_Named]]]:
    """Models with what answers name in their records; of an identifier only the first records are known."""
    by_record: dict[tuple[str, int], list[_Named]] = {}
    for one in said:
        for record in one.records(_SAID):
            by_record.setdefault(record, []).append(one)
    pairs = 0
    for subject in asked:
        records = sorted(subject.records(("asked",)))
        pairs += sum(len(by_record.get(record, ())) for record in records)
        if pairs > MOST_PAIRS:
            raise InputError(f"identifiers pair more than the {MOST_PAIRS:,} models of one record that are read")
        answers = (n for record in records for n in by_record.get(record, ()))
        yield subject, list({id(n): n for n in answers}.values())


def _named(entry: Document) -> _Named | None:
    identifier = name(entry.get("identifier"), "an identifier")
    known = decode(identifier, named=True) if identifier and entry.get("kind", "name") == "name" else None
    if known is None:
        return None
    roles = frozenset(text(role, "a role") for role in mapping(entry.get("roles"), "roles"))
    places, at = [], ""
    for where in objects(entry.get("where"), "where"):
        record = where.get("record")
        file, role = text(where.get("file"), "a file"), text(where.get("role"), "a role")
        number = record if isinstance(record, int) else 0
        places.append((role, file, number))
        at = at or f"{file}, record {number}, {text(where.get('part'), 'a part')}"
    return _Named(identifier, known, roles, tuple(places), at)


def _chain(subject: _Named, answers: list[_Named]) -> Chain:
    own = _own(subject)
    others = [n for n in answers if n.identifier != subject.identifier and differ(subject.name, n.name)]
    edges = joined((*_leaked(others, own), *_called(subject, others, own)))
    declared = any(e.declared for e in edges)
    nodes = tuple(Node(n) for n in dict.fromkeys(e.parent for e in edges))
    state = ParentState.DECLARED if declared else ParentState.ABSENT
    return Chain(Node(own), nodes, edges, state, Access.TRAFFIC)


def _own(subject: _Named) -> str:
    """The name of the model in question, another one than that of the published model's node."""
    return f"{subject.identifier} (as served)" if subject.identifier == title_of(subject.name) else subject.identifier


def _leaked(others: list[_Named], own: str) -> Iterator[Edge]:
    for one in others:
        said = "An error names" if "served" not in one.roles else "An answer names"
        edge = named_edge(one.name, own, Standing.POSSIBLE, f"{said} {one.identifier} ({one.at}).")
        if edge is not None:
            yield edge


def _called(subject: _Named, others: list[_Named], own: str) -> Iterator[Edge]:
    """What the model's own name says: declared, unless answers name a model of which it is no known descendant."""
    edge = named_edge(subject.name, own, Standing.DECLARED, f"It goes by the name {subject.identifier} ({subject.at}).")
    if edge is None:
        return
    base = decode(subject.name.base, named=True) if subject.name.base else None
    known = [title_of(n) for n in (subject.name, base) if n is not None]
    disputed = [n for n in others if n.name.family is not None and title_of(n.name) not in known]
    if disputed and edge.kind is EdgeKind.SAME_MODEL:
        edge = replace(edge, standing=Standing.POSSIBLE)
    yield edge


READER = Reader("a result of traffic", lambda document: document.get("schema") == SCHEMA, read)
