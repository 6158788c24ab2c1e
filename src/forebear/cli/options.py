"""Options that every command has, and what follows from them."""

from __future__ import annotations

import difflib
import functools
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from forebear.errors import UsageError, one_line
from forebear.types import Finding, Level, Verdict

if TYPE_CHECKING:
    from rich.console import Console


Choice = TypeVar("Choice", bound=StrEnum)


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    MD = "md"


class PageFormat(StrEnum):
    """The same, and as a page that a browser shows and prints."""

    TABLE = "table"
    JSON = "json"
    MD = "md"
    HTML = "html"


class ReportFormat(StrEnum):
    """How the result of a command with findings is written: for people, for programs, for continuous integration."""

    TABLE = "table"
    JSON = "json"
    MD = "md"
    HTML = "html"
    SARIF = "sarif"
    JUNIT = "junit"
    GITLAB = "gitlab"
    GITHUB = "github"


class Effort(StrEnum):
    """How much is read."""

    QUICK = "quick"
    STANDARD = "standard"
    DEEP = "deep"


class FailOn(StrEnum):
    """The least level of a finding that makes the exit code 1."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"
    NEVER = "never"


FormatOption = Annotated[Format, typer.Option("--format", "-f", help="How to write the result.")]
PageFormatOption = Annotated[
    PageFormat, typer.Option("--format", "-f", help="How to write the result; html: a page to read and print.")
]
ReportFormatOption = Annotated[
    ReportFormat,
    typer.Option(
        "--format",
        "-f",
        help="How to write the result; html: a page to read and print; sarif, junit, gitlab, github: for continuous "
        "integration.",
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Write to this file instead of the terminal; *.json, *.md and *.html are written as such.",
        dir_okay=False,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Only the essential lines; no progress.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Everything that was measured.")]
OfflineOption = Annotated[
    bool,
    typer.Option("--offline", envvar="FOREBEAR_OFFLINE", help="Never touch the network."),
]
ProgressOption = Annotated[bool, typer.Option("--no-progress", help="No progress on stderr.")]
EffortOption = Annotated[
    Effort,
    typer.Option("--effort", help="quick: shape and claims; standard: sign code; deep: hash every value too."),
]
ActivationsOption = Annotated[
    bool,
    typer.Option("--activations", help="Run the model on short texts too: the first third of its layers, no torch."),
]
FailOnOption = Annotated[FailOn, typer.Option("--fail-on", help="Exit 1 for a finding of this level or above.")]
ExpectOption = Annotated[
    str | None,
    typer.Option(
        "--expect",
        metavar="related|unrelated|NAME",
        help="Exit 0 if so, 1 if contradicted, 3 if not settled.",
    ),
]


COMMON: dict[str, tuple[Any, Any]] = {
    "how": (FormatOption, Format.TABLE),
    "output": (OutputOption, None),
    "quiet": (QuietOption, False),
    "verbose": (VerboseOption, False),
    "offline": (OfflineOption, False),
    "no_progress": (ProgressOption, False),
}
"""The options of every command, by parameter name: type and default."""


def common(function: Callable[..., None]) -> Callable[..., None]:
    """A command with every common option, also those that it has no use for: scripts can rely on them."""
    hints = get_type_hints(function, include_extras=True)
    own = inspect.signature(function).parameters
    missing = {name: entry for name, entry in COMMON.items() if name not in own}

    @functools.wraps(function)
    def command(**values: Any) -> None:
        set_log_level()
        if values.get("offline"):  # one switch for this process and all it starts; the library reads it where it counts
            os.environ["FOREBEAR_OFFLINE"] = "1"
        function(**{name: value for name, value in values.items() if name in own})

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in missing.items()
    ]
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*(p.replace(annotation=hints[name]) for name, p in own.items()), *added], return_annotation=None
    )
    command.__annotations__ = {**hints, **{name: kind for name, (kind, _) in missing.items()}}
    del command.__wrapped__
    return command


@contextmanager
def progress(quiet: bool, no_progress: bool) -> Iterator[Callable[[str], None]]:
    """Yields a function that shows the present step on stderr, where that is a terminal."""
    if quiet or no_progress or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status("…", spinner="dots") as status:
        yield lambda step: status.update(step)


def set_log_level() -> None:
    """Honour ``FOREBEAR_LOG_LEVEL``."""
    level = os.environ.get("FOREBEAR_LOG_LEVEL", "warning").upper()
    if level not in logging.getLevelNamesMapping():
        raise UsageError(f"FOREBEAR_LOG_LEVEL={level.lower()} is not a level", "use debug, info, warning or error")
    logging.basicConfig(stream=sys.stderr, format="forebear: %(message)s")
    logging.getLogger("forebear").setLevel(level)  # ours alone: HTTP libraries would log signed addresses and headers


def secret_in(variable: str | None, option: str) -> str:
    """A key from an environment variable, "" where none is named; ``UsageError`` where the variable is not set."""
    if variable is None:
        return ""
    if not (key := os.environ.get(variable, "")):
        raise UsageError(f"{option} {variable}: the variable is not set", "export it, or name another")
    return key


def by_name(how: Choice, output: Path | None) -> Choice:
    """The format to write in: a table for a file whose name ends in another format's name is that format.

    So ``--output result.json`` is a document that the next command reads, and no drawing of one.
    """
    suffix = output.suffix[1:].lower() if output is not None else ""
    return type(how)(suffix) if how.value == "table" and suffix in {one.value for one in type(how)} else how


def emit(
    document: dict[str, Any],
    how: Format | PageFormat | ReportFormat,
    output: Path | None,
    table: Callable[[Console], None],
    markdown: Callable[[], str],
) -> None:
    """Write a result in the chosen format to stdout or a file, whole or not at all; see :func:`by_name`."""
    how = by_name(how, output)
    if how.value == "table" and output is None and sys.stdout.isatty():
        from rich.console import Console

        table(Console(highlight=False))
        return
    if how.value == "json":
        text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    elif how.value == "md":
        text = markdown()
    elif how.value == "html":
        text = page_of(document)
    else:
        text = rendered(table)
    write([text], output)


def page_of(document: Mapping[str, Any]) -> str:
    """A document as a page, with the command that was typed and the state of the index."""
    from forebear.report import html

    return html.report(
        document, html.Reproduction(typed(), index=_references() if "references_tested" in document else "")
    )


def _references() -> str:
    """What the index holds, in words."""
    from forebear.index import open_index

    found = open_index().info()
    families = ", ".join(f"{count:,} {family}" for family, count in found["families"].items())
    return f"{found['models']:,} in the index{f' ({families})' if families else ''}, format {found['version']}"


def typed() -> str:
    """The command line of this process, without what is secret in addresses; "" where it is no command of ours."""
    import shlex

    from forebear.report.words import without_secrets

    program = Path(sys.argv[0])
    if program.name != "forebear" and program.parent.name != "forebear":
        return ""
    return one_line(without_secrets(shlex.join(["forebear", *sys.argv[1:]])), 4_000)


def write(pieces: Iterable[str], output: Path | None, option: str = "--output") -> None:
    """Write a text to stdout or, whole or not at all, to the file of an option; ``UsageError`` where that fails.

    What of a file name is not UTF-8 comes as a lone surrogate and becomes an escape that JSON reads back as it was.
    """
    encoded = (piece.encode("utf-8", "backslashreplace") for piece in pieces)
    if output is None:
        for piece in encoded:
            sys.stdout.write(piece.decode())
        sys.stdout.flush()
        return
    write_whole(output, encoded, option)


def write_whole(path: Path, pieces: Iterable[bytes], option: str = "--output") -> None:
    """Write a file so that a reader never sees half of it; ``UsageError`` where it cannot be written."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as stream:
            stream.writelines(pieces)
        temporary.replace(path)
    except OSError as error:
        raise UsageError(f"{option} {path}: {error.strerror}", "choose a file that can be written") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def rendered(table: Callable[[Console], None]) -> str:
    """The table as plain text, for files and pipes."""
    import io

    from rich.console import Console

    buffer = io.StringIO()
    table(Console(file=buffer, highlight=False, no_color=True, width=100, force_terminal=False))
    return "".join(line.rstrip() + "\n" for line in buffer.getvalue().splitlines())


def show_problems(problems: tuple[str, ...]) -> int:
    """One line on stderr for every input that could not be read; 4 where there was one, else 0."""
    for problem in problems:
        sys.stderr.write(f"forebear: {one_line(problem)}\n")
    return 4 if problems else 0


def fail_exit(findings: tuple[Finding, ...], fail_on: FailOn) -> int:
    """1 where a finding reaches the level, else 0."""
    if fail_on is FailOn.NEVER:
        return 0
    limit = Level(fail_on.value).rank
    return 1 if any(f.level.rank >= limit for f in findings) else 0


def expect_exit(expected: str | None, verdict: Verdict, named: Mapping[str, Verdict]) -> int:
    """Exit code of ``--expect``: 0 met, 1 contradicted, 3 not settled; 0 where nothing is expected.

    Args:
        expected: ``related``, ``unrelated``, a model's name, or None.
        verdict: the verdict of the whole answer.
        named: the verdict on every model that the answer names.
    """
    if expected is None:
        return 0
    if expected == "related":
        return verdict.expect_related_exit
    if expected == "unrelated":
        return {True: 1, False: 0, None: 3}[verdict.related]
    wanted = expected.lower()
    for name, found in named.items():
        if wanted in (name.lower(), name.lower().rsplit("/", 1)[-1]):
            return found.expect_related_exit
    return 1 if verdict is Verdict.UNRELATED else 3


def check_expected(expected: str | None) -> None:
    """Refuse a slip of the pen for ``related`` or ``unrelated``, which would be taken for the name of a model.

    Raises:
        UsageError: the expectation is nearly one of the two words.
    """
    words = ("related", "unrelated")
    if expected is None or expected in words:
        return
    if close := difflib.get_close_matches(expected.strip().lower(), words, 1, 0.8):
        raise UsageError(f"--expect {expected}: no such word", f"did you mean {close[0]}? A model: owner/{expected}")


def tell_expected(expected: str | None, named: Iterable[str]) -> None:
    """Say on stderr that an answer does not name the model that is expected, since the exit code alone cannot."""
    if expected is None or expected in ("related", "unrelated"):
        return
    names = sorted({one_line(name) for name in named})
    if any(expected.lower() in (name.lower(), name.lower().rsplit("/", 1)[-1]) for name in names):
        return
    told = f"it names {', '.join(names[:5])}{', …' if len(names) > 5 else ''}" if names else "it names none"
    sys.stderr.write(f"forebear: --expect {one_line(expected)}: no model of that name is in the answer; {told}\n")


def leave(*codes: int) -> None:
    """Exit with the gravest of some codes: unreadable input, then contradiction, then not enough evidence."""
    for code in (4, 2, 1, 3):
        if code in codes:
            raise typer.Exit(code)
