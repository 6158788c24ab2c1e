"""``forebear traffic``."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from forebear.cli.options import (
    FailOn,
    FailOnOption,
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    emit,
    fail_exit,
    leave,
    progress,
    show_problems,
)


def traffic(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="HAR, mitmproxy flows, VCR cassettes, curl -v, JSON lines or logs, also gzipped; - is standard input.",
            show_default=False,
        ),
    ],
    expect: Annotated[
        str | None,
        typer.Option(
            "--expect",
            metavar="NAME",
            help="Exit 0 if answers name this model, 1 if one names another, 3 if none tells.",
        ),
    ] = None,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    fail_on: FailOnOption = FailOn.ERROR,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Which models does captured traffic name? What the names say, and answers that name another than was asked for.

    Nothing of a capture is shown but identifiers, the names of known fields, and where they stand.

    Example: forebear traffic session.har --expect gpt-4o
    """
    from forebear.inspect.traffic import read_traffic
    from forebear.inspect.traffic_expected import expectation, wanted
    from forebear.report import traffic as report

    if expect is not None:
        wanted(expect)  # before a long capture is read
    with progress(quiet, no_progress) as step:
        result = read_traffic(files, step, None)
    if expect is not None:
        result = replace(result, expected=expectation(result, expect))
    met = result.expected.met if result.expected else True
    emit(
        result.to_json(),
        how,
        output,
        lambda console: report.show(console, result, quiet, verbose),
        lambda: report.markdown(result),
    )
    leave(show_problems(result.problems), fail_exit(result.findings, fail_on), {True: 0, False: 1, None: 3}[met])
