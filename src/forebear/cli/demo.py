"""``forebear demo``: four small models that come with the package, and what Forebear says about them."""

from __future__ import annotations

import sys

from forebear.cli.options import (
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    emit,
    progress,
)


def demo(
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Scan a small real fine-tune, a disguised copy of it and an innocent twin. No set-up, no network.

    Example: forebear demo
    """
    from forebear.inspect.demo import run
    from forebear.report import showcase

    with progress(quiet, no_progress) as step:
        result = run(step)
    emit(result.to_json(), how, output, lambda c: showcase.show(c, result), lambda: showcase.markdown(result))
    sys.stdout.flush()
