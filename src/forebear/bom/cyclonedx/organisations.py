"""Firms and people: manufacturer, supplier, authors and publisher of a component.

The standard has one country per organisation, its address. A firm that is tied to one country only has it there; of
one with several, none is picked: all stand in properties of the document, each with its tie.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from forebear.bom.cyclonedx.foreign import jurisdictions
from forebear.bom.cyclonedx.properties import Fields
from forebear.bom.cyclonedx.terms import is_address
from forebear.bom.cyclonedx.tree import NAME, Node
from forebear.bom.record import Organisation, OrganisationRole
from forebear.types import Json

_ENTITIES = {"manufacturer": OrganisationRole.MANUFACTURER, "supplier": OrganisationRole.SUPPLIER}
_MAKERS = (OrganisationRole.DEVELOPER, OrganisationRole.MANUFACTURER)
_COUNTRY = re.compile("[A-Z]{2}")


def organisations(items: Iterable[Organisation], model: str) -> Json:
    """The fields of the component of ``model`` (a relative's name, "" for the model itself)."""
    mine = [o for o in items if o.model == model and o.name]
    maker = next((o for role in _MAKERS for o in mine if role in o.roles), None)
    supplier = next((o for o in mine if OrganisationRole.SUPPLIER in o.roles), None)
    publisher = next((o for o in mine if OrganisationRole.PUBLISHER in o.roles), None)
    authors = [{"name": o.name} for o in mine if OrganisationRole.AUTHOR in o.roles]
    return {
        **({"supplier": entity(supplier)} if supplier else {}),
        **({"manufacturer": entity(maker)} if maker else {}),
        **({"authors": authors} if authors else {}),
        **({"publisher": publisher.name} if publisher else {}),
    }


def entity(firm: Organisation) -> Json:
    """An organisational entity, with its country where it has exactly one."""
    countries = {tie.country for tie in firm.jurisdictions}
    return {
        "name": firm.name,
        **({"address": {"country": next(iter(countries))}} if len(countries) == 1 else {}),
        **({"url": [firm.url]} if is_address(firm.url) else {}),
    }


def organisations_of(node: Node, model: str) -> list[Organisation]:
    """Who is named in a component; one that is named twice in the same way has both roles."""
    found: dict[tuple[str, str, str], list[OrganisationRole]] = {}
    for key, role in _ENTITIES.items():
        firm = node.child(key)
        if firm is not None:
            found.setdefault(_entity(firm), []).append(role)
    for author in node.children("authors"):
        found.setdefault((author.text("name", NAME), "", ""), []).append(OrganisationRole.AUTHOR)
    publisher = node.text("publisher", NAME)
    if publisher:
        same = next((known for known in found if known[0] == publisher), (publisher, "", ""))
        found.setdefault(same, []).append(OrganisationRole.PUBLISHER)
    firms = [_organisation(known, roles, model) for known, roles in found.items() if known[0]]
    stated = jurisdictions(node) if firms else []
    if stated and set(_ENTITIES.values()) & set(firms[0].roles):
        firms[0] = Organisation.model_validate(firms[0].model_dump() | {"jurisdictions": stated})
    return firms


def _entity(firm: Node) -> tuple[str, str, str]:
    name = firm.text("name", NAME)
    if not name:
        return "", "", ""
    address = firm.child("address")
    country = address.value.get("country") if address is not None else None
    known = isinstance(country, str) and _COUNTRY.fullmatch(country) is not None
    if address is not None and known:
        address.see("country")
    urls = firm.items("url")
    url = urls[0] if urls and isinstance(urls[0], str) and is_address(urls[0]) else ""
    if url:
        firm.trail.see(urls, 0)
    return name, url, str(country) if known else ""


def _organisation(known: tuple[str, str, str], roles: list[OrganisationRole], model: str) -> Organisation:
    name, url, country = known
    ties: list[Fields] = [{"country": country}] if country else []
    return Organisation.model_validate(
        {"name": name, "url": url, "model": model, "roles": list(dict.fromkeys(roles)), "jurisdictions": ties}
    )
