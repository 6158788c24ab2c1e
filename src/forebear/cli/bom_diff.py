"""``forebear bom diff``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.options import (
    FailOn,
    Format,
    FormatOption,
    OutputOption,
    QuietOption,
    VerboseOption,
    emit,
    leave,
)
from forebear.types import Level


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The earlier bill.", show_default=False)],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The later one.", show_default=False)],
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Exit 1 for a change of this level or above (lineage: warning).")
    ] = FailOn.ERROR,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """What changed between two releases: lineage first, then licences, training, data, files, organisations.

    The two may be in different formats. No change is an error by itself.

    With --fail-on warning a pipeline stops where lineage, a licence or weights changed.

    Example: forebear bom diff 1.0.cdx.json 1.1.cdx.json --fail-on warning
    """
    from forebear.inspect.bom_diff import diff_boms
    from forebear.report import bom_diff as report

    result = diff_boms(old, new)
    emit(
        result.to_json(),
        how,
        output,
        lambda console: report.show(console, result, quiet, verbose),
        lambda: report.markdown(result),
    )
    limit = None if fail_on is FailOn.NEVER else Level(fail_on.value).rank
    leave(1 if limit is not None and any(c.level.rank >= limit for c in result.changes) else 0)
