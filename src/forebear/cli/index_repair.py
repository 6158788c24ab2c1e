"""``forebear index repair``."""

from __future__ import annotations

from forebear.cli.options import (
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    emit,
    leave,
    progress,
)
from forebear.errors import UsageError
from forebear.types import head


def repair(
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Keep what is intact of a damaged index, and tell what was lost; the old files stay under another name.

    Exits with 1 where something was lost. No other process should write meanwhile.

    Example: forebear index repair
    """
    from forebear.index import LocalIndex, open_index
    from forebear.index.repair import repair as run
    from forebear.report import repair as report
    from forebear.report import terminal

    index = open_index()
    if not isinstance(index, LocalIndex):
        raise UsageError("only an index on this machine can be repaired", "a database server mends its own files")
    with progress(quiet, no_progress) as step:
        done = run(index.folder, step)
    document = {**head("forebear.index-repair/1"), **report.summary(done)}
    emit(
        document,
        how,
        output,
        lambda console: report.show(console, document),
        lambda: terminal.plain(report.show, document),
    )
    leave(1 if done.losses else 0)
