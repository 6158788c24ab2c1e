"""``forebear tree``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from forebear.cli.options import (
    Effort,
    OutputOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    by_name,
    leave,
    page_of,
    progress,
    rendered,
    show_problems,
    write,
)


class TreeFormat(StrEnum):
    """How a tree is written."""

    TABLE = "table"
    JSON = "json"
    MD = "md"
    HTML = "html"
    DOT = "dot"
    SVG = "svg"


def tree(
    targets: Annotated[
        list[str],
        typer.Argument(metavar="TARGET…", help="Models, folders of models, or patterns of names.", show_default=False),
    ],
    effort: Annotated[
        Effort,
        typer.Option("--effort", help="quick: codes and a glance; standard: compare every edge; deep: all values."),
    ] = Effort.STANDARD,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, max=256, help="Processes; default one per core.", show_default=False),
    ] = None,
    how: Annotated[TreeFormat, typer.Option("--format", "-f", help="How to write the result.")] = TreeFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Who descends from whom among these models? Their family tree, with the support and direction of every edge.

    Example: forebear tree ./models --format svg --output family.svg
    """
    from forebear.inspect import family_tree
    from forebear.report import tree as report
    from forebear.report import tree_svg

    how = by_name(how, output)
    with progress(quiet, no_progress) as step:
        result = family_tree(targets, effort.value, jobs, step)
    if how is TreeFormat.TABLE and output is None and sys.stdout.isatty():
        from rich.console import Console

        report.show(Console(highlight=False), result, quiet, verbose)
    else:
        written = {
            TreeFormat.TABLE: lambda: rendered(lambda console: report.show(console, result, quiet, verbose)),
            TreeFormat.JSON: lambda: json.dumps(result.to_json(), ensure_ascii=False, indent=2) + "\n",
            TreeFormat.MD: lambda: report.markdown(result),
            TreeFormat.HTML: lambda: page_of(result.to_json()),
            TreeFormat.DOT: lambda: report.dot(result),
            TreeFormat.SVG: lambda: tree_svg.svg(result),
        }
        write([written[how]()], output)
    leave(show_problems(result.problems))
