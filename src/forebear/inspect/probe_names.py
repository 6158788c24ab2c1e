"""Model identifiers in what an endpoint sends: which of them are echoes, and which name another model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from forebear.catalogue.names import ModelName, decode
from forebear.endpoints import Exchange
from forebear.lineage.blackbox import Said
from forebear.traffic import Exchange as Captured
from forebear.traffic import Kind, Message, Role, Search, Side
from forebear.traffic.differences import differ
from forebear.types import to_json

HEADER = "response header"
MOST = 200
"""Identifiers that are kept; a server may list thousands of models."""


@dataclass(frozen=True)
class Named:
    """An identifier that the server sent.

    Attributes:
        said: what it says and where it first stood.
        role: ``served``, ``error``, ``listed`` or ``mentioned``.
        count: how often it came.
        echo: whether we had sent it, with or without a provider before it: it then says nothing.
        served: whether it is the server's word about what answers, a field or a header: no error, list or text.
        other: whether it is another model than the model's that was asked for, named as what answers or in an error.
    """

    said: Said
    role: str
    count: int
    echo: bool
    served: bool
    other: bool

    def to_json(self) -> dict[str, Any]:
        """As ``traffic`` tells an identifier."""
        body: dict[str, Any] = to_json(self.said.name)
        body.update(where=self.said.where, role=self.role, count=self.count, echo=self.echo)
        return body


def names_in(exchanges: Iterable[Exchange], sent: set[str]) -> tuple[Named, ...]:
    """What the server's words name, in the order in which it came.

    Args:
        exchanges: of the probe.
        sent: names that we asked for.
    """
    search, echoes = Search(), {_plain(name) for name in sent}
    first: dict[str, tuple[Said, str, bool]] = {}
    counts: dict[str, int] = {}
    asked = next((name for text in sorted(sent) if (name := decode(text, named=True)) and name.family), None)
    for exchange in exchanges:
        answer = Message(Side.RESPONSE, "", tuple(exchange.headers.items()), exchange.body, exchange.status)
        for seen in search.sightings(Captured(exchange.number, (answer,))):
            if seen.kind is not Kind.NAME or seen.name is None:
                continue
            counts[seen.identifier] = counts.get(seen.identifier, 0) + 1
            served = seen.role is Role.SERVED or (seen.part == HEADER and seen.role is not Role.ERROR)
            if len(first) < MOST and (seen.identifier not in first or (served and not first[seen.identifier][2])):
                where = f"exchange {exchange.number}, {seen.part} {seen.pointer}".strip()
                first[seen.identifier] = Said(seen.name, where), seen.role.value, served
    return tuple(
        Named(
            said, role, counts[identifier], _plain(identifier) in echoes, served, _other(said.name, role, served, asked)
        )
        for identifier, (said, role, served) in first.items()
    )


def _plain(identifier: str) -> str:
    """A name without what gateways cut off or change when they give it back: the provider before it, capitals."""
    return identifier.casefold().rpartition("/")[2]


def _other(name: ModelName, role: str, served: bool, asked: ModelName | None) -> bool:
    """Whether a name that the server gives, as what answers or in an error, is not that of the model asked for."""
    if name.family is None or not (served or role == Role.ERROR.value):
        return False
    return asked is None or differ(asked, name)
