"""``forebear bom score``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forebear.cli.options import (
    Effort,
    EffortOption,
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    VerboseOption,
    emit,
    leave,
    progress,
)
from forebear.errors import UsageError

if TYPE_CHECKING:
    from forebear.bom.score import Score

Bill = Annotated[Path, typer.Argument(help="A bill of materials: CycloneDX or SPDX 3, JSON.", show_default=False)]
Target = Annotated[
    str | None,
    typer.Argument(help="The model that it is about; with it, what the bill says is verified.", show_default=False),
]
ProfileOption = Annotated[
    str, typer.Option("--profile", metavar="NAME|FILE", help="g7-ai, uk-base-model, spdx-ai, or a file of yours.")
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="Which model of a bill with several.", show_default=False)
]
LeastOption = Annotated[
    float | None,
    typer.Option(
        "--min",
        metavar="PERCENT",
        help="Exit 1 where fewer of the required elements are there, 3 where the bill describes no model.",
        min=0,
        max=100,
        show_default=False,
    ),
]
SignatureOption = Annotated[
    Path | None, typer.Option("--signature", help="A signature over the bill (DSSE).", show_default=False)
]
KeyOption = Annotated[Path | None, typer.Option("--key", help="The public key of who signed.", show_default=False)]


def score(
    bill: Bill,
    target: Target = None,
    profile: ProfileOption = "g7-ai",
    model: ModelOption = "",
    least: LeastOption = None,
    signature: SignatureOption = None,
    key: KeyOption = None,
    effort: EffortOption = Effort.STANDARD,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """How much of what an instrument asks for does this bill say: verified, declared, withheld, absent?

    Example: forebear bom score vendor.cdx.json --profile uk-base-model
    Example: forebear bom score vendor.cdx.json ./their-model --profile g7-ai --min 60
    """
    if key is not None and signature is None:
        raise UsageError("--key without --signature has nothing to verify", "give the envelope with --signature")
    from forebear.inspect.bom_score import score_bom
    from forebear.report import bom_score as report

    with progress(quiet, no_progress) as step:
        result = score_bom(
            bill, profile, target, model, effort=effort.value, signature=signature, key=key, on_step=step
        )
    emit(
        result.to_json(),
        how,
        output,
        lambda console: report.terminal(console, result, quiet, verbose),
        lambda: report.markdown(result),
    )
    leave(0 if least is None else _code(result, least))


def _code(result: Score, least: float) -> int:
    """A bill that describes no model has not shown that it says enough of one: neither met nor missed."""
    if result.share is None or not result.subject:
        return 3
    return 0 if 100 * result.share >= least else 1
