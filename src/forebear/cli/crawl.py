"""``forebear crawl``: fingerprint many models, on this machine or a Ray cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
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
    show_problems,
)
from forebear.errors import UsageError
from forebear.types import counted

if TYPE_CHECKING:
    from forebear.crawl import Crawled, Tally, Watched
    from forebear.index import Index

ALL_PRIVATE = "all-private"


def crawl(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="hf: (a hub), hf:org, hf:collections/OWNER/SLUG, a file of names, a folder, s3://… or gs://…",
            show_default=False,
        ),
    ] = "",
    workers: Annotated[int, typer.Option("--workers", min=1, max=1000, help="Models read at once.")] = 2,
    engine: Annotated[str, typer.Option("--engine", help="processes, or ray (an extra).")] = "processes",
    rate: Annotated[
        list[str] | None,
        typer.Option("--rate", metavar="HOST=N/s", help="Most requests to a host, by all workers together."),
    ] = None,
    author: Annotated[str, typer.Option("--author", help="Of a hub: this owner's models.")] = "",
    tag: Annotated[list[str] | None, typer.Option("--tag", help="Of a hub: models with this tag.")] = None,
    since: Annotated[str, typer.Option("--since", help="Of a hub: models that have changed since this date.")] = "",
    min_downloads: Annotated[
        int, typer.Option("--min-downloads", min=0, help="Of a hub: models with so many downloads a month.")
    ] = 0,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="List at most so many models.")] = None,
    gguf: Annotated[bool, typer.Option("--gguf", help="Read models of which there are GGUF files alone, too.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what could not be read.")] = False,
    job: Annotated[
        Path | None,
        typer.Option("--job", help="The job table; default crawl.db beside the index.", dir_okay=False),
    ] = None,
    free_space: Annotated[float, typer.Option("--free-space", min=0, help="Gigabytes that stay free on disk.")] = 1.0,
    watch: Annotated[
        list[str] | None,
        typer.Option("--watch", metavar="NAME|all-private", help="Report new models that descend from this one."),
    ] = None,
    evidence: Annotated[
        Path, typer.Option("--evidence", help="Where --watch writes its reports.", file_okay=False)
    ] = Path("forebear-evidence"),
    contact: Annotated[
        str, typer.Option("--contact", metavar="TEXT", help="In reports of --watch: where the other side answers to.")
    ] = "",
    withhold: Annotated[
        bool, typer.Option("--withhold-code", help="Leave the guarded model's code out of reports of --watch.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Show the job table; crawl nothing.")] = False,
    effort: EffortOption = Effort.STANDARD,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Fingerprint every model of a source. Interrupted or killed, the same command goes on where it was.

    Example: forebear crawl hf:my-org --workers 4 --rate huggingface.co=5/s
    """
    from forebear.crawl import Asked, Filters, Rules, job_file
    from forebear.crawl import crawl as run
    from forebear.crawl.limits import rates_of
    from forebear.index import home, open_index
    from forebear.report import crawl as report
    from forebear.sources import cache_home

    if status:
        _status(job or job_file(), how, output)
        return
    if not source:
        raise UsageError("nothing to crawl", "give a SOURCE, as hf:my-org; or --status")
    asked = Asked(
        source,
        engine,
        workers,
        rates_of(rate or ()),
        effort.value,
        retry_failed,
        (home(), cache_home()),
        Rules(free=round(free_space * 1e9)),
    )
    filters = Filters(author, tuple(tag or ()), since, min_downloads, limit, gguf)
    index = open_index()
    if not watch and (contact or withhold):
        raise UsageError("--contact and --withhold-code are about reports", "--watch all-private writes them")
    watcher = _watcher(watch or [], index, evidence, contact, withhold)

    def tell(result: Crawled) -> None:
        document = result.to_json()
        show = report.quiet if quiet else report.verbose if verbose else report.shown
        emit(document, how, output, lambda console: show(console, document), lambda: report.markdown(document))

    with _progress(quiet or no_progress) as on_tally:
        kept: list[Crawled] = []
        try:
            result = run(asked, filters, index, job, on_tally, watcher, kept.append)
        finally:
            on_tally(None)
            for each in kept:
                tell(each)
    if not kept:  # nothing was listed, and nothing was wrong with that
        tell(result)
    problems = (*result.problems, *((f"stopped: {result.stopped}",) if result.stopped else ()))
    if result.unreadable:
        problems += (f"{result.unreadable:,} of {counted(result.tally.listed, 'model')} could not be read",)
    leave(show_problems(problems))


def _status(job: Path, how: Format, output: Path | None) -> None:
    from forebear.crawl.status import status
    from forebear.report import crawl as report

    document = status(job)
    emit(document, how, output, lambda c: report.status(c, document), lambda: report.status_markdown(document))


def _watcher(
    names: list[str], index: Index, folder: Path, contact: str, withhold: bool
) -> Callable[[Sequence[str]], Watched] | None:
    """Looks at new references; None where nothing is watched.

    A report is a question to whoever published a model: none is written where something older in the index could
    explain the tie.

    Raises:
        UsageError: a guarded model is not in the index, or reports cannot be written.
    """
    if not names:
        return None
    from forebear.crawl import Watched
    from forebear.inspect.share import guarded_names
    from forebear.inspect.watch import watch
    from forebear.report.watch import Sender, explanation, write_pack

    guarded = {name for name in names if name != ALL_PRIVATE}
    if missing := sorted(name for name in guarded if index.get(name) is None):
        raise UsageError(f"--watch {missing[0]}: not in the index", "forebear index add --private adds it")
    if ALL_PRIVATE in names:
        guarded |= set(guarded_names(index))
    if not guarded:
        raise UsageError("--watch all-private: the index has no private reference", "forebear index add --private")

    try:  # now, and not after the hours that it takes to find the first match
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--evidence {folder}: {error.strerror}", "choose a folder that can be written") from None
    sender = Sender(contact, withhold=withhold)

    def look(fresh: Sequence[str]) -> Watched:
        matches = [match for name in fresh for match in watch(name, index, guarded)]
        return Watched(
            tuple(str(write_pack(match, folder, sender)) for match in matches if not match.explained),
            tuple(f"{match.name} and {match.guarded}: {explanation(match)}" for match in matches if match.explained),
        )

    return look


@contextmanager
def _progress(hidden: bool) -> Iterator[Callable[[Tally | None], None]]:
    """Yields a function that shows how far the crawl is, on stderr where that is a terminal; None takes it away."""
    if hidden or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from forebear.report.crawl import progress_words

    columns = (BarColumn(24), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as shown:
        bar = shown.add_task("listing …", total=None)

        def tell(tally: Tally | None) -> None:
            if tally is None:
                shown.stop()
                return
            total = None if tally.listing else tally.listed
            shown.update(bar, total=total, completed=tally.settled, description=progress_words(tally))

        yield tell
