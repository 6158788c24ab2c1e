"""A chain from ``forebear.probe/1``: what stands behind an endpoint, as far as names, counts and answers tell.

Nothing here is more than probable. A tokenizer alone supports nobody, since many models share it; a name alone, or
behaviour alone, is possible; two of them that agree are probable. Counts of a gateway are not the model's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from forebear.catalogue.names import ModelName, decode
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.base import Document, Reader, joined, mapping, name, objects, sentences, text
from forebear.lineage.chains.named import kind_named_by, named_edge, title_of

SCHEMA = "forebear.probe/1"
COUNTS = "token-counts/1"
SERVES = "it serves "
ASKED_BY_US = "--expect"
"""Source of a claim that is the user's expectation and nobody's declaration."""


@dataclass(frozen=True)
class _Found:
    """A line of models for which something speaks.

    Attributes:
        title: as the grammar reads it.
        signals: that support it, without those that prove nothing here.
        why: in a sentence.
        name: the server's word for it, None where no name was given.
    """

    title: str
    signals: tuple[str, ...]
    why: str
    name: ModelName | None

    @property
    def standing(self) -> Standing:
        return Standing.PROBABLE if len(self.signals) > 1 else Standing.POSSIBLE


def read(document: Document) -> tuple[Chain, ...]:
    """The chain of the model behind the endpoint."""
    endpoint = mapping(document.get("endpoint"), "endpoint")
    model = name(document.get("model"), "model")
    subject = f"api:{text(endpoint.get('url'), 'the endpoint')}#{model}"
    claims = [
        c for c in objects(document.get("claims"), "claims") if text(c.get("claim"), "a claim").startswith(SERVES)
    ]
    refuted = [c for c in claims if c.get("status") == "contradicted"]
    found = list(_found(document))
    edges = [_edge(one, subject, bool(refuted)) for one in found if set(one.signals) - {COUNTS}]
    edges += _by_error(document, subject, {one.title for one in found})
    claimed = list(_claimed(claims, subject, edges))
    state = ParentState.DECLARED if any(e.kind is EdgeKind.SAME_MODEL for e in claimed) else ParentState.ABSENT
    every = joined((*edges, *claimed))
    nodes = tuple(Node(n) for n in dict.fromkeys(e.parent for e in every))
    verdict = text(document.get("verdict"), "verdict")
    notes = tuple(_notes(found, refuted, _recounted(document)))
    return (Chain(Node(subject), nodes, every, state, Access.ENDPOINT, verdict, notes),)


def _recounted(document: Document) -> bool:
    """Whether a gateway was found to count instead of the model."""
    return any(f.get("id") == "gateway-recount" for f in objects(document.get("findings"), "findings"))


def _found(document: Document) -> Iterator[_Found]:
    """The candidates, each with the name that the server gave for it."""
    said = {title_of(n): n for n in _names(document, ("served",))}
    recounted = _recounted(document)
    for candidate in objects(document.get("candidates"), "candidates"):
        known = decode(name(candidate.get("name"), "a candidate's name"), named=True)
        title = title_of(known) if known is not None else ""
        signals = candidate.get("signals")
        listed = {text(s, "a signal") for s in signals} if isinstance(signals, list) else set()
        kept = tuple(sorted(listed - ({COUNTS} if recounted else set())))
        if title and kept:
            own = next((n for t, n in said.items() if t == title or _same_line(n, known)), None)
            yield _Found(title, kept, text(candidate.get("why"), "a candidate's why"), own)


def _same_line(one: ModelName, other: ModelName | None) -> bool:
    return other is not None and (one.family, one.version) == (other.family, other.version)


def _names(document: Document, roles: tuple[str, ...]) -> Iterator[ModelName]:
    """What the server names in a role, echoes of our own words apart."""
    for entry in objects(document.get("identifiers"), "identifiers"):
        given = name(entry.get("identifier"), "an identifier")
        known = decode(given, named=True) if given else None
        if known is not None and known.family and entry.get("role") in roles and entry.get("echo") is not True:
            yield known


def _edge(found: _Found, subject: str, contradicted: bool) -> Edge:
    if found.name is None:
        kind, more = EdgeKind.UNKNOWN, ""
    else:
        kind, more = kind_named_by(found.name), f"{found.name.identifier}: {found.name.explanation}."
    evidence = sentences((f"{found.title}: {found.why}.", more))
    return Edge(found.title, subject, kind, found.standing, contradicted=contradicted, evidence=evidence)


def _by_error(document: Document, subject: str, told: set[str]) -> list[Edge]:
    """What a single error names; errors that name several models list what there is."""
    names = list(_names(document, ("error",)))
    if len({title_of(n) for n in names}) != 1 or title_of(names[0]) in told:
        return []
    edge = named_edge(names[0], subject, Standing.POSSIBLE, "An error names it.")
    return [edge] if edge is not None else []


def _claimed(claims: list[Document], subject: str, edges: list[Edge]) -> Iterator[Edge]:
    """What the operator calls the model, where nothing that was found speaks against it."""
    for claim in claims:
        given = name(text(claim.get("claim"), "a claim").removeprefix(SERVES), "a claimed model")
        known = decode(given, named=True) if given else None
        if known is None or claim.get("status") == "contradicted" or claim.get("source") == ASKED_BY_US:
            continue
        edge = named_edge(known, subject, Standing.DECLARED, f"It is offered as {given}.")
        if edge is None:
            continue
        same = {edge.parent, *([title_of(base)] if (base := _base(known)) is not None else [])}
        others = [e.parent for e in edges if e.standing is Standing.PROBABLE]
        if claim.get("status") == "confirmed":
            yield replace(edge, standing=Standing.PROBABLE)
        elif others and not same & set(others):
            yield replace(edge, standing=Standing.POSSIBLE)
        else:
            yield edge


def _base(known: ModelName) -> ModelName | None:
    return decode(known.base, named=True) if known.base else None


def _notes(found: list[_Found], refuted: list[Document], recounted: bool) -> Iterator[str]:
    for claim in refuted:
        yield f"The claim that {text(claim.get('claim'), 'a claim')} is contradicted: {text(claim.get('why'), 'why')}."
    if recounted:
        yield "A gateway counts the tokens, so that counts say nothing about the model."
    shared = [one.title for one in found if set(one.signals) == {COUNTS}]
    if shared:
        listed = ", ".join(shared[:8]) + (" and others" if shared[8:] else "")
        yield f"Token counts are those of a tokenizer of {listed}, which many models may share: no ancestor follows."


READER = Reader("a result of probe", lambda document: document.get("schema") == SCHEMA, read)
