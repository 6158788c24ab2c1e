"""``forebear bom verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.machines import MACHINES, write_for_machines
from forebear.cli.options import (
    Effort,
    EffortOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    ReportFormat,
    ReportFormatOption,
    VerboseOption,
    by_name,
    emit,
    leave,
    progress,
    show_problems,
)
from forebear.types import Level

Bill = Annotated[
    Path,
    typer.Argument(metavar="BOM", help="CycloneDX 1.5 to 1.7 or SPDX 3.0.1, as JSON.", show_default=False),
]
Target = Annotated[
    str | None,
    typer.Argument(
        help="The model that it is about: a folder, a weight file, org/name on the hub, api:URL#MODEL, or a saved "
        "result. Without it the document alone is checked.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        help="Check this profile, too: spdx-ai, spdx-dataset, cyclonedx-ml; those that the bill says it keeps to are "
        "always checked.",
        show_default=False,
    ),
]
SignatureOption = Annotated[
    Path | None,
    typer.Option("--signature", metavar="FILE", help="A detached signature over the bill (DSSE).", show_default=False),
]
KeyOption = Annotated[
    Path | None,
    typer.Option("--key", metavar="FILE", help="The public key that it has to be of (PEM).", show_default=False),
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="Which model of a bill about several.", show_default=False)
]


def verify(
    bom: Bill,
    target: Target = None,
    profile: ProfileOption = None,
    signature: SignatureOption = None,
    key: KeyOption = None,
    model: ModelOption = "",
    effort: EffortOption = Effort.STANDARD,
    how: ReportFormatOption = ReportFormat.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Does a bill of materials say the truth? Schema, references, files, signature; lineage tested on the weights.

    Exit code 0: verified; 1: something fails; 3: something that has to be tested could not be.

    Example: forebear bom verify bom.cdx.json ./my-model
    Example: forebear bom verify bom.cdx.json ./my-model --signature bom.dsse.json --key vendor.pub
    """
    from forebear.inspect.bom_verify import verify_bom
    from forebear.report import bom_verify as report

    how = by_name(how, output)
    with progress(quiet, no_progress) as step:
        result = verify_bom(
            bom,
            target,
            effort=effort.value,
            profiles=profile or (),
            on_step=step,
            signature=signature,
            key=key,
            model=model,
        )
    if how in MACHINES:
        root = str(bom.absolute().parent)
        write_for_machines(how, [report.subject(result)], "forebear bom verify", root, Level.NOTE, output)
    else:
        emit(
            result.to_json(),
            how,
            output,
            lambda console: report.show(console, result, quiet, verbose),
            lambda: report.markdown(result),
        )
    leave(show_problems(result.problems), result.verdict.exit_code)
