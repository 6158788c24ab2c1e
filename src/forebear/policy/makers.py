"""Who made a model and under which licences: the entries of the input for the model itself and for its ancestors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from forebear.catalogue.collection import Collection, current
from forebear.catalogue.developers import Developer, Seat
from forebear.catalogue.licences import KnownLicence, Permission
from forebear.lineage.chain import Chain, Node, Route
from forebear.types import Json

SEATS: dict[str, Callable[[Developer], tuple[Seat, ...]]] = {
    "incorporated_in": lambda d: d.incorporated_in,
    "engineering_in": lambda d: d.engineering_in,
    "controlled_from": lambda d: d.controlled_from,
}
PERMISSIONS: dict[str, Callable[[KnownLicence], Permission]] = {
    "military": lambda known: known.military,
    "public_administration": lambda known: known.public_administration,
    "commercial": lambda known: known.commercial,
    "outputs": lambda known: known.outputs,
}
WORST = (Permission.NO, Permission.UNKNOWN, Permission.CONDITIONAL, Permission.YES)
EMPTY = (*SEATS, "engineering_elsewhere", "factors", "developer", "developer_name")


def ancestor_entries(chain: Chain) -> list[Json]:
    """An entry for every way from an ancestor to the model, nearest first."""
    facts = current()
    return [_ancestor(route, facts) for route in chain.routes()]


def _ancestor(route: Route, facts: Collection) -> Json:
    node = route.ancestor
    return {
        "name": node.name,
        "model": node.model or None,
        "standing": route.standing.value,
        "disclosed": route.disclosed,
        "kinds": [edge.kind.value for edge in route.edges],
        "weights": route.weights,
        "component": route.component,
        **about(node, node.licences, facts),
    }


def about(node: Node, under: Iterable[str], facts: Collection | None = None) -> Json:
    """A node's developer and what its licences allow.

    Args:
        node: a model of the chain.
        under: identifiers of its licences; those that are not in the catalogue make what they allow unknown.
        facts: the catalogue, where the caller has it.
    """
    facts = facts or current()
    made, unsure = _maker(node.developer, facts)
    allowed, doubtful = _allowed(tuple(under), facts)
    unverified = [*unsure, *doubtful]
    return {**made, **allowed, "unverified": unverified, "facts_retrieved": not unverified}


@lru_cache(maxsize=4096)
def _maker(name: str, facts: Collection) -> tuple[Json, tuple[str, ...]]:
    """Fields about a developer, and which of them rest on facts that nobody retrieved."""
    known = facts.developers.get(name)
    if known is None:
        return {**dict.fromkeys(EMPTY), "developer": name or None}, ()
    fields = {role: _countries(seats(known)) for role, seats in SEATS.items()}
    out: Json = {role: countries for role, (countries, _) in fields.items()}
    out["developer"], out["developer_name"], out["factors"] = known.id, known.name, list(known.factors)
    at, works = out["incorporated_in"], out["engineering_in"]
    out["engineering_elsewhere"] = None if at is None or works is None else not set(works) <= set(at)
    unsure = tuple(role for role, (_, unretrieved) in fields.items() if unretrieved)
    return out, (*unsure, "engineering_elsewhere") if {"incorporated_in", "engineering_in"} & set(unsure) else unsure


def _countries(seats: tuple[Seat, ...]) -> tuple[list[str] | None, bool]:
    """Countries by retrieved facts; by remembered ones, said to be so, only where there are no others."""
    firm = [s.country for s in seats if s.basis.confidence.retrieved]
    found = firm or [s.country for s in seats]
    return list(dict.fromkeys(found)) or None, bool(found) and not firm


@lru_cache(maxsize=4096)
def _allowed(under: tuple[str, ...], facts: Collection) -> tuple[Json, tuple[str, ...]]:
    """What all licences together allow, and the fields that rest on facts that nobody retrieved."""
    known = [facts.licences[i] for i in under if i in facts.licences]
    names = ("territory_excluded", "territory_excluded_multimodal", *PERMISSIONS, "restrictive")
    if not under or len(known) < len(under):
        return {**dict.fromkeys(names), "licences": None}, ()  # those that are known are not all
    out: Json = {
        "licences": list(under),
        "territory_excluded": sorted(set(_excluded(known, False))),
        "territory_excluded_multimodal": sorted(set(_excluded(known, True))),
        "restrictive": not all(k.permissive for k in known),
    }
    for name, permission in PERMISSIONS.items():
        worst = min((permission(k) for k in known), key=WORST.index)
        out[name] = None if worst is Permission.UNKNOWN else worst.value
    firm = all(k.basis.confidence.retrieved for k in known)
    return out, () if firm else names


def _excluded(known: Iterable[KnownLicence], multimodal: bool) -> Iterator[str]:
    for licence in known:
        if bool(licence.territory_modality) is multimodal:
            yield from licence.territory_excluded
