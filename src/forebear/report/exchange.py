"""What was written for others, and what became of somebody's file: a few lines each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.padding import Padding

from forebear.inspect.share import Exported, Imported
from forebear.report import words
from forebear.report.markdown import escape
from forebear.types import counted

MOST_SHOWN = 20


def exported(console: Console, made: Exported) -> None:
    """An export."""
    _show(console, f"{made.file}: {counted(made.entries, 'reference')} written", _exported(made))


def exported_md(made: Exported) -> str:
    """The same in Markdown."""
    return _page(f"{made.file}: {counted(made.entries, 'reference')} written", _exported(made))


def imported(console: Console, made: Imported) -> None:
    """An import."""
    _show(console, _headline(made), _imported(made))


def imported_md(made: Imported) -> str:
    """The same in Markdown."""
    return _page(_headline(made), _imported(made))


def _exported(made: Exported) -> Iterator[str]:
    yield f"sha256:{made.sha256}"
    yield f"signed by key {made.key_id}" if made.key_id else "not signed: who imports it has to say --unsigned"
    if made.private:
        yield f"left out: {counted(made.private, 'private model')} (--include-private)"
    if made.withheld:
        yield f"without where it lies on this machine: {counted(made.withheld, 'reference')} (--with-paths)"
    if made.imported:
        yield f"{counted(made.imported, 'reference')} of these came in somebody's file and were not measured here"
    yield from _listed("could not be written", made.unwritable)


def _headline(made: Imported) -> str:
    verb = "would be added" if made.dry else "added"
    return f"{made.file}: {len(made.added):,} of {counted(made.sheet.entries, 'reference')} {verb}"


def _imported(made: Imported) -> Iterator[str]:
    vouched = f"verified: signed by {made.signer}" if made.signature == "verified" else "nobody vouches for it"
    yield f"{vouched}; sha256:{made.sheet.sha256}"
    if made.there:
        yield f"there already, and left as they are: {counted(made.there, 'reference')}"
    if made.replaced:
        yield f"{len(made.replaced):,} {'would take' if made.dry else 'took'} the place of another of their name"
    yield from _listed(
        "refused (--replace takes them)", [f"{c.name}: {c.why}" for c in made.conflicts if not c.private]
    )
    yield from _listed("refused, whatever is asked", [f"{c.name}: {c.why}" for c in made.conflicts if c.private])
    yield "A signature says whose word these are, not that they are right; a scan that finds one says it was imported."


def _listed(what: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{len(lines):,} {what}:"
        yield from (f"  {line}" for line in lines[:MOST_SHOWN])
        if lines[MOST_SHOWN:]:
            yield f"  and {len(lines) - MOST_SHOWN:,} more (--format json)"


def _show(console: Console, title: str, lines: Iterator[str]) -> None:
    console.print(words.text(title, style="bold"))
    for line in lines:
        console.print(Padding(words.text(line), (0, 2, 0, 2 + len(line) - len(line.lstrip()))))


def _page(title: str, lines: Iterator[str]) -> str:
    body = "".join(f"{'  ' * line.startswith('  ')}- {escape(line.strip())}\n" for line in lines)
    return f"# {escape(title)}\n\n{body}"
