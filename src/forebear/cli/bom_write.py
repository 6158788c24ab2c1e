"""``forebear bom TARGET``: write the bill of materials."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from forebear.cli.options import (
    Effort,
    EffortOption,
    Format,
    OutputOption,
    ProgressOption,
    QuietOption,
    emit,
    leave,
    progress,
    show_problems,
)
from forebear.cli.scan import Target


class BomFormat(StrEnum):
    """How a bill of materials is written."""

    CYCLONEDX = "cyclonedx"
    JSON = "json"
    TABLE = "table"
    MD = "md"


def write(
    target: Target,
    effort: EffortOption = Effort.STANDARD,
    scan: Annotated[
        bool, typer.Option("--scan/--no-scan", help="Hold the weights against the index, or believe the card.")
    ] = True,
    how: Annotated[
        BomFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="table, md: a summary for people; cyclonedx (= json): CycloneDX 1.7. Default table, with --output "
            "cyclonedx.",
        ),
    ] = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """The AI bill of materials: files with hashes, what the card says, and where the weights come from.

    Example: forebear bom ./my-model --output bom.cdx.json
    """
    from forebear.inspect import write_bom
    from forebear.report import bom as report

    with progress(quiet, no_progress) as step:
        result = write_bom(target, effort=effort.value, scan=scan, on_step=step)
    # As everywhere a table for whoever looks on; but a bill that is written to a file is written for machines.
    how = how or (BomFormat.TABLE if output is None else BomFormat.CYCLONEDX)
    written = Format.JSON if how is BomFormat.CYCLONEDX else Format(how.value)
    emit(
        result.to_json(),
        written,
        output,
        lambda console: report.table(console, result.record, quiet),
        lambda: report.markdown(result.record),
    )
    leave(show_problems(result.problems))
