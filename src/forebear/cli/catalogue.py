"""``forebear catalogue …``: the sourced facts about developers, models, licences, factors and instruments."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forebear.cli.options import Format, FormatOption, OutputOption, common, emit
from forebear.errors import UsageError
from forebear.types import head

if TYPE_CHECKING:
    from forebear.catalogue.collection import Collection

app = typer.Typer(help="Sourced facts about developers, models and licences.", no_args_is_help=True)


class Kind(StrEnum):
    """Kinds of entries."""

    DEVELOPERS = "developers"
    MODELS = "models"
    LICENCES = "licences"
    FACTORS = "factors"
    INSTRUMENTS = "instruments"
    SOURCES = "sources"


OverlayOption = Annotated[
    list[Path] | None,
    typer.Option("--overlay", help="Facts of yours on top, beside those of FOREBEAR_HOME/catalogue.", dir_okay=False),
]


@app.command("list")
@common
def show_all(
    kind: Annotated[Kind | None, typer.Argument(help="Which entries; nothing counts all.", show_default=False)] = None,
    overlay: OverlayOption = None,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """What the catalogue knows: how many entries of each kind, or the entries of one.

    Example: forebear catalogue list developers
    """
    from forebear.catalogue import query
    from forebear.report import catalogue as report

    files, facts = _facts(overlay)
    document: dict[str, Any] = {
        **head("forebear.catalogue-list/1"),
        "counts": {plural: len(query.entries(facts, plural)) for plural in query.PLURALS},
        "kind": kind.value if kind else None,
        "entries": query.rows(facts, kind.value) if kind else [],
        "overlay": [str(path) for path in files],
    }
    emit(document, how, output, lambda c: report.show_list(c, document), lambda: report.markdown_list(document))


@app.command("show")
@common
def show(
    name: Annotated[
        str, typer.Argument(help="An identifier, a name, a repository, or what an endpoint calls a model.")
    ],
    overlay: OverlayOption = None,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """One entry with every source; several where a name leaves several models open.

    Example: forebear catalogue show kimi-k2.5-modified-mit
    """
    from forebear.catalogue import query
    from forebear.report import catalogue as report

    _, facts = _facts(overlay)
    found = query.find(facts, name)
    if not found:
        near = query.nearest(facts, name)
        hint = f"did you mean {' or '.join(near)}?" if near else "forebear catalogue list counts what is known"
        raise UsageError(f"nothing is known about {name!r}", hint)
    document = {
        **head("forebear.catalogue-show/1"),
        "name": name,
        "entries": [query.shown(facts, plural, key) for plural, key in found],
    }
    emit(document, how, output, lambda c: report.show_entries(c, document), lambda: report.markdown_entries(document))


@app.command("check")
@common
def check(
    file: Annotated[list[Path] | None, typer.Argument(help="Files of facts; also FOREBEAR_HOME/catalogue.")] = None,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Whether the facts are in order: sources, references, countries, days; what nobody retrieved. Exit 4 when broken.

    Example: forebear catalogue check
    """
    from forebear.catalogue.audit import audit
    from forebear.catalogue.collection import overlay_files, overlay_folder
    from forebear.report import catalogue as report

    document = {**head("forebear.catalogue-check/1"), **audit([*overlay_files(overlay_folder()), *(file or [])])}
    emit(document, how, output, lambda c: report.show_check(c, document), lambda: report.markdown_check(document))
    if document["problems"]:
        sys.stdout.flush()
        raise typer.Exit(4)


def _facts(overlay: list[Path] | None) -> tuple[list[Path], Collection]:
    """The overlay's files and the facts with them."""
    from forebear.catalogue import collection

    files = [*collection.overlay_files(collection.overlay_folder()), *(overlay or [])]
    return files, collection.laid_over(collection.shipped(), files) if files else collection.shipped()
