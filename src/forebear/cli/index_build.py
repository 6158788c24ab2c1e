"""``forebear index build``."""

from __future__ import annotations

from forebear.cli.options import Format, FormatOption, OutputOption, emit
from forebear.errors import UsageError
from forebear.types import head


def build(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Build candidates for an index in PostgreSQL that is searched with search=approximate in its address.

    Only what was added since the last time is built; until then it is counted one by one, so nothing new is missed.

    Example: forebear index build
    """
    from forebear.index import open_index
    from forebear.report import terminal

    index = open_index()
    make = getattr(index, "build_candidates", None)
    if make is None:
        raise UsageError(
            f"{index.where} is always searched exactly and has nothing to build",
            "this is for an index in PostgreSQL: set FOREBEAR_INDEX=postgresql://…",
        )
    document = {**head("forebear.index-build/1"), "path": index.where, "codes": make()}
    emit(
        document,
        how,
        output,
        lambda console: terminal.shown(console, document),
        lambda: terminal.plain(terminal.shown, document),
    )
