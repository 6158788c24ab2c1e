"""The values that say where a model comes from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebear.lineage.chain import Standing
from forebear.types import Finding


class Role(StrEnum):
    """What ties a country to a developer."""

    INCORPORATED = "incorporated_in"
    ENGINEERING = "engineering_in"
    CONTROLLED = "controlled_from"


@dataclass(frozen=True)
class Tie:
    """One country in one role, with what it rests on.

    Attributes:
        country: ISO 3166-1 alpha-2.
        role: which of the three.
        entity, note: the legal person, and in what capacity.
        sources, as_of, confidence: of the fact.
    """

    country: str
    role: Role
    entity: str = ""
    note: str = ""
    sources: tuple[str, ...] = ()
    as_of: str = ""
    confidence: str = ""


@dataclass(frozen=True)
class AncestorOrigin:
    """The developer of the model itself or of one ancestor, and the countries that it brings.

    Attributes:
        model: name in the chain.
        developer: name, "" where it is not known; ``developer_id`` in the catalogue.
        route: names from it to the subject, empty for the subject itself.
        kinds: edges along the route.
        standing: of the route's weakest step, None for the subject itself.
        disclosed: whether the subject's papers lead to it.
        component: "" for the whole model.
        evidence: sentences.
    """

    model: str
    developer: str
    developer_id: str
    ties: tuple[Tie, ...]
    route: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    standing: Standing | None = None
    disclosed: bool = True
    component: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class BroughtFactor:
    """A factor of the catalogue and which developers bring it."""

    id: str
    title: str
    text: str
    developers: tuple[str, ...]
    sources: tuple[str, ...]
    confidence: str
    not_decided: str = ""


@dataclass(frozen=True)
class Countries:
    """ISO codes by role, sorted."""

    incorporated_in: tuple[str, ...] = ()
    engineering_in: tuple[str, ...] = ()
    controlled_from: tuple[str, ...] = ()


@dataclass(frozen=True)
class Origin:
    """The answer about origin.

    Attributes:
        ancestors: the subject first, then its ancestors, nearest first.
        incorporated_in, engineering_in, controlled_from: unions over all, sorted; facts that nobody retrieved and
            edges that are only ``possible`` are left out of them and stand in ``ancestors`` alone.
        possible: what ancestors that are only possible would add to the three unions.
        factors: laws and lists that concern somebody in the chain.
        findings: ``origin-undisclosed`` where an established ancestor of another country was not named.
        unknown: models of the chain whose developer is not known.
    """

    ancestors: tuple[AncestorOrigin, ...]
    incorporated_in: tuple[str, ...] = ()
    engineering_in: tuple[str, ...] = ()
    controlled_from: tuple[str, ...] = ()
    factors: tuple[BroughtFactor, ...] = ()
    findings: tuple[Finding, ...] = ()
    unknown: tuple[str, ...] = ()
    possible: Countries = Countries()
