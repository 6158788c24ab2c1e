"""Endpoints behind which a model is sold."""

from __future__ import annotations

from forebear.bom.cyclonedx.properties import Fields, build, complete
from forebear.bom.cyclonedx.terms import is_address, name_of, without_empty
from forebear.bom.cyclonedx.tree import NAME, Node, Trail
from forebear.bom.record import Service
from forebear.types import Json


def service(item: Service, ref: str, trail: Trail) -> Json:
    """A service with its provider and addresses."""
    native = {
        "provider": {"name": item.provider} if item.provider else {},
        "version": item.version,
        "endpoints": [address for address in item.endpoints if is_address(address)],
    }
    return complete(item, {"bom-ref": ref, "name": item.name} | without_empty(native), _service, trail)


def services_of(document: Node) -> list[Service]:
    """The services of a document, and those inside of others, which come after them."""
    found = []
    queue = document.children("services")
    for node in queue:  # the queue grows while it is walked
        each = build(Service, node, _service)
        found += [] if each is None else [each]
        queue += node.children("services")
    return found


def _service(node: Node) -> Fields:
    provider = node.child("provider")
    return {
        "name": name_of(node),
        "version": node.text("version", NAME),
        "provider": provider.text("name", NAME) if provider is not None else "",
        "endpoints": node.texts("endpoints"),
    }
