"""``forebear cache …``: ranges of remote models on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from forebear.cli.options import Format, FormatOption, OutputOption, common, emit
from forebear.types import head

app = typer.Typer(help="Ranges of remote models that were fetched before.", no_args_is_help=True)


@app.command("path")
@common
def path(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Where the cache lies (FOREBEAR_CACHE, else the user's cache directory).

    Example: forebear cache path
    """
    from forebear.sources import cache_home

    document = {**head("forebear.cache-path/1"), "path": str(cache_home())}
    emit(
        document,
        how,
        output,
        lambda console: console.print(document["path"], soft_wrap=True, markup=False, highlight=False),
        lambda: f"```text\n{document['path']}\n```\n",
    )


@app.command("info")
@common
def info(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """How much is in the cache, and how much there may be.

    Example: forebear cache info --format json
    """
    from forebear.sources import RangeCache, cache_home

    cache = RangeCache()
    found = cache.contents()
    sizes = {"entries": found.entries, "bytes": found.bytes, "limit": cache.limit}
    _show({**head("forebear.cache-info/1"), "path": str(cache_home()), **sizes}, how, output)


@app.command("clear")
@common
def clear(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Remove everything from the cache; the index of references is kept.

    Example: forebear cache clear
    """
    from forebear.sources import RangeCache, cache_home

    removed = RangeCache().clear()
    sizes = {"removed": removed.entries, "bytes": removed.bytes}
    _show({**head("forebear.cache-clear/1"), "path": str(cache_home()), **sizes}, how, output)


def _show(document: dict[str, Any], how: Format, output: Path | None) -> None:
    from forebear.report import terminal

    emit(
        document,
        how,
        output,
        lambda console: terminal.shown(console, document),
        lambda: terminal.plain(terminal.shown, document),
    )
