"""What ``forebear catalogue`` answers: rows of a kind, one entry with its sources, and what a name can mean.

A pure reading of a :class:`~forebear.catalogue.collection.Collection`; everything comes back as plain JSON values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

from forebear.catalogue import lookup
from forebear.catalogue.collection import KINDS, Collection
from forebear.catalogue.developers import Developer, PublishedModel
from forebear.catalogue.facts import Basis
from forebear.types import Json, to_json

PLURALS = {**{mapping: kind for kind, (mapping, _, _) in KINDS.items()}, "sources": "source"}
"""``developers`` and so on, as the command spells them: the kind of entry."""


def entries(facts: Collection, plural: str) -> Mapping[str, Any]:
    """All entries of a kind by identifier; ``KeyError`` for another word than those of :data:`PLURALS`."""
    PLURALS[plural]
    found: Mapping[str, Any] = getattr(facts, plural)
    return found


def rows(facts: Collection, plural: str) -> list[Json]:
    """A short row for every entry of a kind, in order of identifiers."""
    make: Mapping[str, Callable[[Collection, Any], Json]] = {
        "developers": _developer_row,
        "models": _model_row,
        "licences": _licence_row,
        "factors": lambda facts, f: {"id": f.id, "title": f.title, "countries": list(f.countries)},
        "instruments": lambda facts, i: {
            "id": i.id,
            "title": i.title,
            "jurisdictions": list(i.jurisdictions),
            "status": i.status,
        },
        "sources": lambda facts, s: {"id": s.id, "kind": s.kind, "read": s.read, "what": s.what},
    }
    found = entries(facts, plural)
    return [
        {
            **make[plural](facts, entry),
            **({} if plural == "sources" else {"confidence": entry.basis.confidence.value}),
            "unverified": sum(not basis.confidence.retrieved for _, basis in bases(entry)),
        }
        for _, entry in sorted(found.items(), key=lambda item: item[0].lower())
    ]


def find(facts: Collection, text: str) -> list[tuple[str, str]]:
    """Plural and identifier of every entry that a text means, exact ones first; empty when none.

    A text is an identifier of any kind, a name, a repository, a value of the hub's fields, or an identifier of a model
    that :mod:`forebear.catalogue.names` decodes and that may leave several models open.
    """
    word = text.strip().lower()
    exact = [(plural, key) for plural in PLURALS for key in entries(facts, plural) if key.lower() == word]
    if exact:
        return exact
    models = [("models", model.name) for model in lookup.find_models(text, facts)]
    found: list[tuple[str, str]] = []
    if developer := lookup.developer_of(text, facts) if "/" not in word else None:
        found.append(("developers", developer.id))
    if licence := lookup.licence_named(text, text, facts):
        found.append(("licences", licence.id))
    if found:
        return found  # a developer's or a licence's own name is not a model's, though it may be a family's, too
    if not models and "/" in word and (developer := lookup.developer_of(text, facts)):
        return [("developers", developer.id)]
    return models


def nearest(facts: Collection, text: str, limit: int = 3) -> tuple[str, ...]:
    """Identifiers and names most similar to one that is not known, best first."""
    names: dict[str, str] = {}
    for plural in PLURALS:
        for key, entry in entries(facts, plural).items():
            for name in (key, getattr(entry, "name", ""), getattr(entry, "repository", "")):
                if name:
                    names.setdefault(name.lower(), name)
    return tuple(names[near] for near in get_close_matches(text.strip().lower(), list(names), limit, 0.5))


def shown(facts: Collection, plural: str, key: str) -> Json:
    """One entry with every source that it names, where it stands, and what belongs to it.

    Returns:
        ``kind``, ``id``, ``file``, ``entry`` (its fields), ``sources`` (each once, in order), and ``models`` of a
        developer or ``descendants`` of a model.
    """
    entry = entries(facts, plural)[key]
    names = dict.fromkeys(source for _, basis in bases(entry) for source in basis.sources)
    if isinstance(entry, Developer):
        names |= dict.fromkeys(owner.rsplit("[", 1)[-1].rstrip("]") for owner in entry.owners)
    document = {
        "kind": PLURALS[plural],
        "id": key,
        "file": facts.files.get((PLURALS[plural], key), ""),
        "entry": to_json(entry),
        "sources": [to_json(facts.sources[name]) for name in names],
    }
    if isinstance(entry, Developer):
        document["models"] = [m.name for m in facts.models.values() if m.developer == entry.id]
    if isinstance(entry, PublishedModel):
        document["descendants"] = [m.name for m in facts.models.values() if any(p.name == key for p in m.parents)]
    return document


def bases(value: Any, path: str = "") -> Iterator[tuple[str, Basis]]:
    """Every basis inside of an entry, with the path of the fact that rests on it ("" for the entry itself)."""
    if isinstance(value, Basis):
        yield path.removesuffix(".basis").removesuffix("basis"), value
    elif is_dataclass(value) and not isinstance(value, type):
        for f in fields(value):
            yield from bases(getattr(value, f.name), f"{path}.{f.name}" if path else f.name)
    elif isinstance(value, tuple):
        for number, item in enumerate(value):
            yield from bases(item, f"{path}[{number}]")


def _countries(seats: Any) -> list[str]:
    return [seat.country for seat in seats]


def _developer_row(facts: Collection, developer: Developer) -> Json:
    return {
        "id": developer.id,
        "name": developer.name,
        "incorporated_in": _countries(developer.incorporated_in),
        "engineering_in": _countries(developer.engineering_in),
        "controlled_from": _countries(developer.controlled_from),
        "models": sum(model.developer == developer.id for model in facts.models.values()),
    }


def _model_row(facts: Collection, model: PublishedModel) -> Json:
    return {
        "name": model.name,
        "developer": model.developer,
        "repository": model.repository,
        "licences": [licence.licence for licence in model.licences],
        "parents": [parent.name for parent in model.parents],
    }


def _licence_row(facts: Collection, licence: Any) -> Json:
    return {
        "id": licence.id,
        "name": licence.name,
        "commercial": licence.commercial.value,
        "outputs": licence.outputs.value,
        "duties": len(licence.obligations),
    }
