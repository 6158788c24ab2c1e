"""``forebear licence`` (also spelled ``license``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.options import (
    Effort,
    EffortOption,
    FailOn,
    FailOnOption,
    OutputOption,
    PageFormat,
    PageFormatOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    emit,
    fail_exit,
    leave,
    progress,
    show_problems,
)

OrganisationOption = Annotated[
    Path | None,
    typer.Option(
        "--org",
        metavar="FILE",
        help="Facts about who uses or ships the model: size, revenue, places, uses (examples/org.yaml).",
        show_default=False,
        dir_okay=False,
    ),
]
HistoryOption = Annotated[
    bool, typer.Option("--history", help="Of a hub repository: read licence files of earlier revisions, too.")
]
AgainstOption = Annotated[
    str,
    typer.Option("--against", metavar="ANCESTOR", help="Compare with the papers of this model.", show_default=False),
]
NoScanOption = Annotated[
    bool, typer.Option("--no-scan", help="Ancestors by papers and catalogue alone; the weights are not compared.")
]
SecondOpinionOption = Annotated[
    bool,
    typer.Option(
        "--second-opinion",
        help="Ask ScanCode too which licences the files are (extra scancode), and say where it differs. Nothing else "
        "changes by that.",
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="Which model of a document with several.", show_default=False)
]
Target = Annotated[
    str,
    typer.Argument(
        help="A model (folder, file, org/name on the hub), a saved result of scan, compare, probe or traffic, or a "
        "bill of materials (CycloneDX or SPDX 3).",
        show_default=False,
    ),
]


def licence(
    target: Target,
    org: OrganisationOption = None,
    history: HistoryOption = False,
    against: AgainstOption = "",
    no_scan: NoScanOption = False,
    model: ModelOption = "",
    second_opinion: SecondOpinionOption = False,
    effort: EffortOption = Effort.STANDARD,
    fail_on: FailOnOption = FailOn.ERROR,
    how: PageFormatOption = PageFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """What do the licences of this model and of its ancestors demand: met, unmet, or conditional on what?

    Example: forebear licence ./my-model --org org.yaml
    Example: forebear licence result.json --format md --output duties.md
    Example: forebear licence ./my-model --second-opinion
    """
    from forebear.inspect.licence import licence_of
    from forebear.report import licence as report

    with progress(quiet, no_progress) as step:
        answer = licence_of(
            target,
            org,
            effort=effort.value,
            scan=not no_scan,
            history=history,
            against=against,
            model=model,
            second_opinion=second_opinion,
            on_step=step,
        )
    emit(
        answer.to_json(),
        how,
        output,
        lambda console: report.terminal(console, answer, quiet, verbose),
        lambda: report.markdown(answer),
    )
    leave(show_problems(answer.problems), fail_exit(answer.findings, fail_on))
