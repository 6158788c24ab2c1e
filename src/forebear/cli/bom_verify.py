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
    secret_in,
    show_problems,
)
from forebear.errors import UsageError
from forebear.types import Level

Bill = Annotated[
    Path,
    typer.Argument(
        metavar="BOM",
        help="CycloneDX 1.5 to 1.7 or SPDX 3.0.1, as JSON; with --recursive a folder.",
        show_default=False,
    ),
]
RecursiveOption = Annotated[
    bool,
    typer.Option(
        "--recursive",
        "-r",
        help="Every bill below a folder, each held against the weights beside it; the worst exit code.",
    ),
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
ApiKeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key-env",
        metavar="VARIABLE",
        help="The environment variable that holds the key of an endpoint.",
        show_default=False,
    ),
]


def verify(
    bom: Bill,
    target: Target = None,
    recursive: RecursiveOption = False,
    profile: ProfileOption = None,
    signature: SignatureOption = None,
    key: KeyOption = None,
    model: ModelOption = "",
    api_key_env: ApiKeyOption = None,
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
    Example: forebear bom verify -r ./models
    """
    if recursive:
        if target or signature or key or model or api_key_env:
            raise UsageError("--recursive takes a folder and nothing else to verify", "name one bill for the rest")
        _below(bom, tuple(profile or ()), effort, by_name(how, output), output, quiet, no_progress)
        return
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
            api_key=secret_in(api_key_env, "--api-key-env"),
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


def _below(
    folder: Path,
    profiles: tuple[str, ...],
    effort: Effort,
    how: ReportFormat,
    output: Path | None,
    quiet: bool,
    no_progress: bool,
) -> None:
    """Every bill below a folder: a row each, and the worst exit code."""
    from forebear.inspect.bom_verify_set import verify_boms
    from forebear.report import bom_verify_set as report

    with progress(quiet, no_progress) as step:
        found = verify_boms(folder, effort=effort.value, profiles=profiles, on_step=step)
    if how in MACHINES:
        root = str(folder.absolute())
        write_for_machines(how, report.subjects(found), "forebear bom verify", root, Level.NOTE, output, found.problems)
    else:
        emit(
            found.to_json(),
            how,
            output,
            lambda console: report.show(console, found, quiet),
            lambda: report.markdown(found),
        )
    leave(show_problems(found.problems), *found.exit_codes)
