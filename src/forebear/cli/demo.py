"""``forebear demo``: four small models that come with the package, and what Forebear says about them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from forebear.cli.options import (
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    emit,
    progress,
)
from forebear.errors import one_line


def demo(
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
    kept: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Also put the four models there, to try other commands on."),
    ] = None,
) -> None:
    """Scan a small real fine-tune, a disguised copy of it and an innocent twin. No set-up, no network.

    Example: forebear demo
    Example: forebear demo --keep .
    """
    from forebear.inspect.demo import keep, run
    from forebear.report import showcase

    names = keep(kept) if kept is not None else ()
    with progress(quiet, no_progress) as step:
        result = run(step)
    emit(result.to_json(), how, output, lambda c: showcase.show(c, result), lambda: showcase.markdown(result))
    sys.stdout.flush()
    if names:
        sys.stderr.write(f"forebear: {', '.join(names)} lie in {one_line(str(kept))}\n")
