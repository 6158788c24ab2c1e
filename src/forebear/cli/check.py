"""``forebear check``: every model that a repository names or holds."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forebear.cli.licence import OrganisationOption
from forebear.cli.machines import MACHINES, write_for_machines
from forebear.cli.options import (
    Effort,
    FailOn,
    FailOnOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    ReportFormat,
    VerboseOption,
    by_name,
    emit,
    fail_exit,
    leave,
    progress,
    show_problems,
    write,
)
from forebear.cli.scan import PolicyOption
from forebear.errors import UsageError
from forebear.types import Level

if TYPE_CHECKING:
    from forebear.inspect.check_result import Check


def check(
    repository: Annotated[
        str, typer.Argument(metavar="[REPOSITORY]", help="The folder of a code repository.", show_default=False)
    ] = ".",
    policy: PolicyOption = None,
    org: OrganisationOption = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="Findings that are known; only others count.", dir_okay=False),
    ] = None,
    write_baseline: Annotated[
        Path | None,
        typer.Option("--write-baseline", metavar="FILE", help="Write what is found as a baseline.", dir_okay=False),
    ] = None,
    bom: Annotated[
        Path | None,
        typer.Option("--bom", metavar="FILE", help="Write a CycloneDX bill of all its models too.", dir_okay=False),
    ] = None,
    changed_since: Annotated[
        str | None,
        typer.Option("--changed-since", metavar="REF", help="Only files changed since a commit or branch."),
    ] = None,
    hub: Annotated[
        bool,
        typer.Option("--hub", help="Read headers, papers and slices of models on the hub; else nothing is fetched."),
    ] = False,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Decide on models too that only tests, examples and documents name.")
    ] = False,
    ignored: Annotated[bool, typer.Option("--ignored", help="Look at what git ignores as well.")] = False,
    effort: Annotated[
        Effort, typer.Option("--effort", help="Of scans of weights in the repository; quick: shape and claims.")
    ] = Effort.QUICK,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, max=256, help="Processes for weights; default one per core.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Scan weights again of which an answer is kept.")] = False,
    fail_on: FailOnOption = FailOn.ERROR,
    how: Annotated[
        ReportFormat,
        typer.Option("--format", "-f", help="How to write the result; sarif, junit, gitlab, github: for CI."),
    ] = ReportFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Which models does this repository use, and may it? Code, settings, commands, notebooks, packages, weights.

    Nothing in it is executed. Models on the hub are looked up in catalogue and index, and read with --hub only.

    Example: forebear check . --policy licence-hygiene
    Example: forebear check . --format sarif --output models.sarif --bom models.cdx.json
    """
    from forebear.inspect.changed import changed_since as changed
    from forebear.inspect.check import Asked, check_repository
    from forebear.inspect.check_result import read_baseline, with_baseline

    how = by_name(how, output)
    if how is ReportFormat.HTML:
        raise UsageError("--format html is not written by check", "use md, or html of scan and policy check")
    if org is not None and not policy:
        raise UsageError("--org goes with --policy", "forebear licence takes it as well")
    known = read_baseline(baseline) if baseline is not None else frozenset[str]()
    with progress(quiet, no_progress) as step:
        only = changed(repository, changed_since) if changed_since is not None else None
        own = _within(repository, baseline, write_baseline, bom, output)
        asked = Asked(
            tuple(policy or ()), str(org or ""), everywhere, ignored, hub, effort.value, only, jobs, fresh, own
        )
        result = with_baseline(check_repository(repository, asked, on_step=step), known)
    _write(result, how, output, fail_on, quiet, verbose)
    _beside(result, write_baseline, bom)
    for line in (*result.notes, *result.skipped) if verbose else ():
        typer.echo(f"forebear: not read: {line}", err=True)
    decision = result.decision.exit_code if result.decision is not None else 0
    leave(show_problems(result.unread), fail_exit(result.findings, fail_on), decision)


def _within(repository: str, *files: Path | None) -> frozenset[str]:
    """Files of ours in the repository, relative to it: the command's own baseline, bill and report."""
    top = os.path.realpath(repository)
    return frozenset(os.path.relpath(os.path.realpath(f), top).replace(os.sep, "/") for f in files if f is not None)


def _write(result: Check, how: ReportFormat, output: Path | None, fail_on: FailOn, quiet: bool, verbose: bool) -> None:
    from forebear.inspect.check_result import NOT_ALL
    from forebear.report import check as report

    if how in MACHINES:
        least = None if fail_on is FailOn.NEVER else Level(fail_on.value)
        root = os.path.abspath(result.target)
        name = os.path.basename(root) or "repository"
        problems = result.problems if result.complete else (*result.problems, NOT_ALL)
        write_for_machines(how, list(report.subjects(result)), name, root, least, output, problems)
        return
    emit(
        result.to_json(),
        how,
        output,
        lambda console: report.show(console, result, quiet, verbose),
        lambda: report.markdown(result),
    )


def _beside(result: Check, baseline: Path | None, bom: Path | None) -> None:
    """The files that are written besides the answer."""
    from forebear.inspect.check_result import baseline_of

    if baseline is not None:
        write([baseline_of(result)], baseline, "--write-baseline")
    if bom is not None:
        from forebear.inspect.check_bom import bill_of

        write([json.dumps(bill_of(result), ensure_ascii=False, indent=2) + "\n"], bom, "--bom")
