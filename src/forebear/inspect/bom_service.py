"""An API-only product as a service of a bill of materials: where it is reached, and which names leaked from it."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.bom.card import is_url
from forebear.bom.record import Service
from forebear.bom.values import Basis, Observation, Said
from forebear.inspect.bom_model import OURS
from forebear.lineage.chain import Access, Chain
from forebear.lineage.chains.base import Document, items, mapping, objects, text
from forebear.lineage.chains.traffic import MOST_IDENTIFIERS
from forebear.signals.token_counts import NAME as TOKEN_COUNTS

_SAID = ("served", "error")


def service_of(chain: Chain, document: Document) -> Service:
    """The product: where it is reached, as what it is asked for, and which names leaked from it."""
    endpoint = mapping(document.get("endpoint"), "endpoint")
    url = text(endpoint.get("url"), "the endpoint", 2_000)
    asked = text(document.get("model"), "model") if chain.access is Access.ENDPOINT else chain.subject.name
    leaked = [
        text(i.get("identifier"), "an identifier")
        for i in objects(document.get("identifiers"), "identifiers", MOST_IDENTIFIERS)
        if i.get("echo") is not True and (i.get("role") in _SAID or set(_SAID) & set(mapping(i.get("roles"), "roles")))
    ]
    return Service(
        name=asked or "a service",
        endpoints=(url,) if is_url(url) else (),
        model=asked,
        identifiers=tuple(dict.fromkeys(i for i in leaked if i)),
        observations=tuple(_tokenizer(document)),
        said=Said(basis=Basis.PROBED, by=OURS),
    )


def _tokenizer(document: Document) -> Iterator[Observation]:
    found = mapping(document.get("tokenizer"), "tokenizer")
    matches = [m for m in items(found.get("matches"), "matches") if isinstance(m, str)]
    if matches:
        some = ", ".join(matches[:8]) + (f" and {len(matches) - 8:,} more" if matches[8:] else "")
        words = f"Token counts are those of the tokenizer of {some}, which many models may share."
        yield Observation(signal=TOKEN_COUNTS, summary=words, null=text(found.get("null"), "a null"))
