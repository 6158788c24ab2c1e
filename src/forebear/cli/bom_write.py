"""``forebear bom TARGET``: write the bill of materials."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
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
    CYCLONEDX_1_6 = "cyclonedx-1.6"
    SPDX = "spdx"
    RECORD = "record"
    JSON = "json"
    TABLE = "table"
    MD = "md"


FOR_PEOPLE = {BomFormat.TABLE: Format.TABLE, BomFormat.MD: Format.MD}


def write(
    target: Target,
    effort: EffortOption = Effort.STANDARD,
    scan: Annotated[
        bool, typer.Option("--scan/--no-scan", help="Hold the weights against the index, or believe the card.")
    ] = True,
    declaration: Annotated[
        Path | None,
        typer.Option(
            "--declaration",
            metavar="FILE",
            help="How the model was made, in the developer's words; default forebear-training.yaml beside the model.",
        ),
    ] = None,
    author: Annotated[
        str, typer.Option("--author", metavar="NAME", help="Who answers for the bill: a person or an organisation.")
    ] = "",
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="Which model, where a saved result is about several.")
    ] = "",
    how: Annotated[
        BomFormat | None,
        typer.Option(
            "--format",
            "-f",
            help="table, md: a summary for people; cyclonedx (= json): CycloneDX 1.7; cyclonedx-1.6; spdx: SPDX 3.0.1; "
            "record: forebear's own, of no format. Default table, with --output cyclonedx.",
        ),
    ] = None,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """The AI bill of materials: lineage, licences, makers, training, files with hashes; what is said and what measured.

    TARGET is a model, or a saved result of scan, compare, probe or traffic.

    Example: forebear bom ./my-model --output bom.cdx.json
    """
    from forebear.inspect import write_bom
    from forebear.report import bom as report

    with progress(quiet, no_progress) as step:
        result = write_bom(
            target,
            effort=effort.value,
            scan=scan,
            on_step=step,
            declaration=declaration,
            model=model,
            author=author,
        )
    # As everywhere a table for whoever looks on; but a bill that is written to a file is written for machines.
    how = how or (BomFormat.TABLE if output is None else BomFormat.CYCLONEDX)
    people = FOR_PEOPLE.get(how)
    emit(
        {} if people else result.write("cyclonedx" if how is BomFormat.JSON else how.value),
        people or Format.JSON,
        output,
        lambda console: report.table(console, result.record, quiet),
        lambda: report.markdown(result.record),
    )
    leave(show_problems(result.problems))
