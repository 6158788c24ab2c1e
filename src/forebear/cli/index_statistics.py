"""``forebear index statistics``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from forebear.cli.options import OutputOption, ProgressOption, QuietOption, by_name, progress, rendered, write


class StatisticsFormat(StrEnum):
    """How statistics are written."""

    TABLE = "table"
    JSON = "json"
    MD = "md"
    CSV = "csv"
    SVG = "svg"


class Seat(StrEnum):
    """Which of a developer's ties to countries is counted."""

    CONTROLLED = "controlled_from"
    ENGINEERING = "engineering_in"
    INCORPORATED = "incorporated_in"


def statistics(
    seat: Annotated[Seat, typer.Option("--seat", help="Which country of a developer is counted.")] = Seat.CONTROLLED,
    declared_only: Annotated[
        bool, typer.Option("--declared-only", help="Hold no weights against one another; only what is declared.")
    ] = False,
    how: Annotated[
        StatisticsFormat, typer.Option("--format", "-f", help="How to write the result.")
    ] = StatisticsFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Count families, developers, countries and licences; derivatives by their base, month by month.

    Example: forebear index statistics --format svg --output derivatives.svg
    """
    from forebear.index import open_index
    from forebear.inspect.statistics import statistics as run
    from forebear.report import statistics as report
    from forebear.report import statistics_svg

    how = by_name(how, output)
    with progress(quiet, no_progress) as step:
        found = run(open_index(), seat.value, not declared_only, step)
    if how is StatisticsFormat.TABLE and output is None and sys.stdout.isatty():
        from rich.console import Console

        report.show(Console(highlight=False), found, quiet)
        return
    written = {
        StatisticsFormat.TABLE: lambda: rendered(lambda console: report.show(console, found, quiet)),
        StatisticsFormat.JSON: lambda: json.dumps(found.to_json(), ensure_ascii=False, indent=2) + "\n",
        StatisticsFormat.MD: lambda: report.markdown(found),
        StatisticsFormat.CSV: lambda: report.csv_text(found),
        StatisticsFormat.SVG: lambda: statistics_svg.svg(found),
    }
    write([written[how]()], output)
