"""``forebear report``: a saved result as a page, or as a section of a model card."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from forebear.cli.options import OutputOption, write
from forebear.errors import FormatError, UsageError
from forebear.plugins import plugin


class KeptFormat(StrEnum):
    """What a saved result is written as."""

    HTML = "html"
    CARD = "card"


def report(
    result: Annotated[
        Path,
        typer.Argument(
            metavar="RESULT",
            help="A saved result (JSON) of scan, compare, tree, policy check, bom verify (also -r), licence or demo.",
            show_default=False,
        ),
    ],
    how: Annotated[
        KeptFormat,
        typer.Option(
            "--format",
            "-f",
            help="html: a page to read and print; card: of a scan, a section to paste into a model card.",
        ),
    ] = KeptFormat.HTML,
    renderer: Annotated[
        str | None,
        typer.Option("--renderer", metavar="NAME", help="Write it by a plugin's renderer.", show_default=False),
    ] = None,
    output: OutputOption = None,
) -> None:
    """A saved result as one HTML file, or a scan as a section of a model card; no model, index or network is touched.

    Example: forebear report result.json --output report.html
    Example: forebear report result.json --format card
    Example: forebear report result.json --renderer csv --output evidence.csv
    """
    from hashlib import sha256

    from forebear.inspect.licence import read_document
    from forebear.report import card, html
    from forebear.report.schemas import wrong

    document = read_document(str(result))
    if renderer is not None:
        _by_plugin(document, str(result), renderer, output)
        return
    kind = document.get("schema")
    of = {card.KIND: "scan"} if how is KeptFormat.CARD else html.KINDS
    if not isinstance(kind, str) or kind not in of:
        said = kind if isinstance(kind, str) else "a document without a schema"
        what = "card" if how is KeptFormat.CARD else "report"
        wanted = ", ".join(dict.fromkeys(of.values()))
        raise UsageError(f"{result}: {said} is nothing that a {what} is written of", f"give a result of {wanted}")
    if (problem := wrong(document)) is not None:
        raise FormatError(str(result), problem, "write it again with --format json")
    if how is KeptFormat.CARD:
        write([card.card(document)], output)
        return
    digest = sha256(result.read_bytes()).hexdigest()
    known = html.Reproduction(digests=((f"Document {result.name}", f"SHA-256 {digest}"),))
    write([html.report(document, known)], output)


def _by_plugin(document: Mapping[str, Any], name: str, renderer: str, output: Path | None) -> None:
    """Any result that is as its schema wants it, written by a renderer of a third party, which stderr names."""
    from forebear.report.renderers import render, renderers
    from forebear.report.schemas import wrong

    if (problem := wrong(document)) is not None:
        raise FormatError(name, problem, "write it again with --format json")
    chosen = plugin("renderers", renderer)
    if chosen is None:
        raise UsageError(f"no plugin brings a renderer {renderer}", f"those installed: {renderers() or 'none'}")
    text = render(chosen, document)
    sys.stderr.write(f"forebear: written by the renderer {chosen.title}\n")
    write([text], output)
