"""``forebear scan --recursive``, of a folder or a hub's list, and what a scan says to continuous integration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from forebear.cli.machines import write_for_machines
from forebear.cli.options import (
    FailOn,
    ReportFormat,
    expect_exit,
    fail_exit,
    leave,
    page_of,
    progress,
    rendered,
    show_problems,
    tell_expected,
    write,
)
from forebear.errors import InputError, UsageError
from forebear.types import Level, counted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

    from forebear.inspect.scan_set import Row, ScanSet
    from forebear.report.subject import Subject


@dataclass(frozen=True)
class Asked:
    """The options that decide what is scanned and what is written."""

    target: str
    effort: str
    expect: str | None
    fail_on: FailOn
    jobs: int | None
    fresh: bool
    how: ReportFormat
    output: Path | None
    fetch: bool = True
    activations: bool = False
    limit: int | None = None

    def codes(self, row: Row) -> tuple[int, int, int]:
        """The exit codes of one model: could it be read, does a finding fail, is the expectation met."""
        failed = fail_exit(row.findings, self.fail_on)
        return 4 if row.problems else 0, failed, self.expected(row)

    def expected(self, row: Row) -> int:
        """What ``--expect`` says of one model; nothing of one that could not be read."""
        return 0 if row.verdict is None else expect_exit(self.expect, row.best, row.ancestors)

    def subjects(self, rows: Iterable[Row]) -> Iterator[Subject]:
        """Rows for the formats of machines."""
        from forebear.report import scan_set

        return (scan_set.subject(row, self.expect, self.expected(row)) for row in rows)


def scan_all(asked: Asked, quiet: bool, verbose: bool, no_progress: bool) -> None:
    """Scan every model below a folder, or of a hub's list. What was done is shown and kept however the run ends."""
    from forebear.crawl.published import is_published, published
    from forebear.inspect.scan_set import ScanSet

    listed = is_published(asked.target)
    if asked.limit is not None and not listed:
        raise UsageError("--limit goes with hf:org or hf:collections/OWNER/SLUG", "leave it out, or name one of them")
    with progress(quiet, no_progress) as step:
        step(f"asking for the models of {asked.target}" if listed else f"looking for models below {asked.target}")
        whole = ScanSet(
            asked.target,
            effort=asked.effort,
            workers=asked.jobs,
            fresh=asked.fresh,
            activations=asked.activations,
            discovery=published(asked.target, asked.limit) if listed else None,
        )
    rows: list[Row] = []
    with closing(whole):
        try:
            try:
                _run(asked, whole, rows, quiet, verbose, no_progress)
            finally:
                _finish(asked, whole, rows, quiet, verbose)
        except BrokenPipeError:  # whoever reads the rows has seen enough: no error, which click would make of it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return
        tell_expected(asked.expect, (name for row in rows for name in row.ancestors))
        codes = [code for row in rows for code in asked.codes(row)]
        leave(4 if whole.problems else 0, *codes)


def _run(asked: Asked, whole: ScanSet, rows: list[Row], quiet: bool, verbose: bool, no_progress: bool) -> None:
    """Collect the rows; a table on stdout shows each as it comes."""
    from forebear.report import scan_set

    live = asked.how is ReportFormat.TABLE and asked.output is None
    how = scan_set.layout((m.path for m in whole.models), _width())
    with _status(quiet or no_progress) as status, closing(whole.__iter__()) as answers:
        if live and not quiet:
            with _aside(status):
                _show(lambda console: scan_set.header(console, how))
        for number, row in enumerate(answers, 1):
            rows.append(row)
            if live:
                with _aside(status):
                    _show(partial(scan_set.row, how=how, item=row, verbose=verbose))
            if status is not None:
                status.update(f"{number} of {counted(len(whole.models), 'model')}")


def _finish(asked: Asked, whole: ScanSet, rows: list[Row], quiet: bool, verbose: bool) -> None:
    """Everything that needs all rows: the summary or the document, and a line on stderr for every problem."""
    from forebear.report import scan_set

    if asked.how is ReportFormat.TABLE and asked.output is None:
        if not quiet:
            _show(lambda console: scan_set.totals(console, rows, whole))
    elif asked.how is ReportFormat.TABLE:
        write([rendered(lambda console: scan_set.table(console, rows, whole, verbose))], asked.output)
    elif asked.how is ReportFormat.JSON:
        write(scan_set.json_text(rows, whole), asked.output)
    elif asked.how is ReportFormat.MD:
        write([scan_set.markdown(rows, whole)], asked.output)
    elif asked.how is ReportFormat.HTML:
        write([page_of(scan_set.short(rows, whole))], asked.output)
    else:
        root = None if whole.listed_at else os.path.abspath(whole.root)
        _write_for_ci(asked, rows, root, (*whole.problems, *scan_set.cut_off(rows, whole)))
    show_problems(scan_set.unread(rows, whole))
    if whole.notice:
        sys.stderr.write(f"forebear: {whole.notice}\n")


def scan_for_ci(asked: Asked, quiet: bool, no_progress: bool) -> None:
    """Scan one model and write what machines read; also of a model that cannot be read, since somebody waits for it."""
    from forebear.inspect import scan
    from forebear.inspect.discover import place
    from forebear.inspect.scan_set import row_of, unread

    root, found = place(asked.target)
    try:
        with progress(quiet, no_progress) as step:
            result = scan(
                asked.target, effort=asked.effort, on_step=step, fetch=asked.fetch, activations=asked.activations
            )
    except InputError as error:
        _write_for_ci(asked, [unread(found, str(error))], root)
        raise
    row = row_of(found, result.to_json())
    _write_for_ci(asked, [row], root)
    show_problems(row.problems)
    tell_expected(asked.expect, row.ancestors)
    leave(*asked.codes(row))


def _write_for_ci(asked: Asked, rows: list[Row], root: str | None, problems: tuple[str, ...] = ()) -> None:
    least = None if asked.fail_on is FailOn.NEVER else Level(asked.fail_on.value)
    name = os.path.basename(root or asked.target) or "models"
    write_for_machines(asked.how, list(asked.subjects(rows)), name, root, least, asked.output, problems)


def _show(part: Callable[[Console], None]) -> None:
    """Print a part of the table at once; as plain text where stdout is no terminal."""
    if sys.stdout.isatty():
        from rich.console import Console

        part(Console(highlight=False))
    else:
        sys.stdout.write(rendered(part))
    sys.stdout.flush()


def _width() -> int | None:
    """Columns of the terminal; None where stdout is none."""
    from rich.console import Console

    return Console().width if sys.stdout.isatty() else None


@contextmanager
def _status(hidden: bool) -> Iterator[Status | None]:
    """The line at the bottom of a terminal that counts; None where it is not wanted or stderr is none."""
    if hidden or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("…", spinner="dots") as status:
        yield status


@contextmanager
def _aside(status: Status | None) -> Iterator[None]:
    """Take the counting line away while a row is printed: the two may share a terminal, or only one may be one."""
    if status is not None:
        status.stop()
    yield
    if status is not None:
        status.start()
