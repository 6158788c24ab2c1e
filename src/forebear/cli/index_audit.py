"""``forebear index audit``."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import Annotated

import typer

from forebear.cli.options import (
    FailOn,
    FailOnOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    by_name,
    leave,
    progress,
    rendered,
    write,
)
from forebear.errors import UsageError
from forebear.types import Level


class AuditFormat(StrEnum):
    """How an audit is written."""

    TABLE = "table"
    JSON = "json"
    MD = "md"
    SARIF = "sarif"


class Kind(StrEnum):
    """Kinds of rows."""

    CONTRADICTION = "contradiction"
    UNLABELLED = "unlabelled"
    LICENCE = "licence"
    ORPHAN = "orphan"
    CIRCLE = "circle"


def audit(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME…]", help="Indexed models; default all.", show_default=False)
    ] = None,
    only: Annotated[
        list[Kind] | None, typer.Option("--only", help="A kind of rows; can be repeated. Default all.")
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="Rows of each kind, gravest first; 0 for all. All are counted.")
    ] = 20,
    declared_only: Annotated[
        bool, typer.Option("--declared-only", help="Hold no weights against one another; only what is declared.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--recheck", help="Measure fingerprints again from where they were read, and nothing else.")
    ] = False,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, help="With --recheck: as many, drawn by lot.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of that lot.")] = 0,
    fail_on: FailOnOption = FailOn.ERROR,
    how: Annotated[AuditFormat, typer.Option("--format", "-f", help="How to write the result.")] = AuditFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """What models and hubs say about descent and licences, held against the weights; or fingerprints measured again.

    Example: forebear index audit --only contradiction
    """
    from forebear.index import open_index
    from forebear.inspect.audit import Audit, audit_fingerprints
    from forebear.inspect.audit import audit as run
    from forebear.inspect.recheck import Status
    from forebear.report import audit as report
    from forebear.report import sarif

    if again and (only or declared_only):
        raise UsageError("--recheck measures again and tells no rows", "leave out --only and --declared-only")
    if not again and sample is not None:
        raise UsageError("--sample goes with --recheck", "an audit looks at all models, or at those that are named")
    how = by_name(how, output)
    index = open_index()
    chosen = tuple(names or ())
    result: Audit
    with progress(quiet, no_progress) as step:
        if again:
            result = audit_fingerprints(index, chosen, sample, seed, step)
        else:
            result = run(index, chosen, [kind.value for kind in only or ()], limit, not declared_only, step)
    if how is AuditFormat.TABLE and output is None and sys.stdout.isatty():
        from rich.console import Console

        report.show(Console(highlight=False), result, quiet, verbose)
    else:
        written = {
            AuditFormat.TABLE: lambda: rendered(lambda console: report.show(console, result, quiet, verbose)),
            AuditFormat.JSON: lambda: json.dumps(result.to_json(), ensure_ascii=False, indent=2) + "\n",
            AuditFormat.MD: lambda: report.markdown(result),
            AuditFormat.SARIF: lambda: (
                json.dumps(sarif.document(report.subjects(result), None), ensure_ascii=False, indent=2) + "\n"
            ),
        }
        write([written[how]()], output)
    reached = fail_on is not FailOn.NEVER and any(
        count and level.rank >= Level(fail_on.value).rank for level, count in report.levels(result).items()
    )
    unread = any(one.status is Status.UNREACHABLE for one in result.rechecked)
    leave(1 if reached else 0, 3 if unread else 0)
