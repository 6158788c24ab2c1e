"""Where the model and its ancestors were made: three columns that are never one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.catalogue.countries import country_name, in_words
from forebear.report.html.blocks import paragraph, rows
from forebear.report.html.saved import Saved, line, objects, part, text, texts
from forebear.report.markup import Html, joined, named
from forebear.report.page.blocks import Cell

ROLES = (
    ("incorporated_in", "incorporated in"),
    ("engineering_in", "engineering in"),
    ("controlled_from", "controlled from"),
)


def origin(saved: Saved) -> Html | None:
    """Of a scan in short; of a decision with all three for every ancestor. Facts and their sources: the catalogue."""
    return _of_scan(saved.document) if saved.kind == "scan" else _of_input(part(saved.document, "input"))


def _of_scan(document: Mapping[str, Any]) -> Html | None:
    found = part(document, "origin")
    content = [
        (
            Cell(named(text(one, "model"))),
            Cell(line(one, "developer", 120) or "not known"),
            Cell(in_words(texts(one, "countries", 8)) or "not known"),
            Cell("the model itself" if one.get("standing") is None else f"descent {line(one, 'standing', 40)}"),
            Cell("yes" if one.get("disclosed") is True else "no"),
        )
        for one in objects(found, "ancestors")
    ]
    along = [f"{word} {in_words(countries)}" for key, word in ROLES if (countries := texts(found, key, 8))]
    unknown = texts(found, "unknown", 120)
    said = [
        f"Along the chain: {'; '.join(along)}." if along else None,
        f"It is not known who made {', '.join(unknown[:6])}." if unknown else None,
    ]
    head = ("Model", "Developer", "Countries", "Known how", "Disclosed")
    table = rows("Origins", head, content, shown=False)
    return joined([paragraph(*said), table]) if table is not None or any(said) else None


def _of_input(given: Mapping[str, Any]) -> Html | None:
    content = [
        (
            Cell(named(text(one, "name"))),
            Cell(line(one, "developer_name", 120) or line(one, "developer", 80) or "not known"),
            *(Cell(_countries(one, key)) for key, _ in ROLES),
            Cell("the model itself" if one.get("standing") is None else f"descent {line(one, 'standing', 40)}"),
        )
        for one in (part(given, "subject"), *objects(given, "ancestors"))
        if one
    ]
    head = ("Model", "Developer", *(word.capitalize() for _, word in ROLES), "Known how")
    return rows("Origins", head, content, shown=False)


def _countries(of: Mapping[str, Any], key: str) -> str:
    return ", ".join(country_name(code) for code in texts(of, key, 8)) or "not known"
