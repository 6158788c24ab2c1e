"""The lists of the documentation, from the registries that the program itself reads: nothing is written twice."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any

from typer.core import TyperCommand
from typer.main import get_command

from forebear.cli import app
from forebear.cli.options import COMMON

DOCS = Path(__file__).resolve().parent


def signals() -> str:
    """A table of each signal, from the registry that ``forebear explain`` reads."""
    from forebear.signals import SIGNALS

    out = ["\n"]
    for one in SIGNALS:
        rows = (
            ("measures", one.summary),
            ("its number is", f"{one.test} ({one.kind})"),
            ("null", one.null or "it has no p-value"),
            ("needs", one.needs),
            ("survives", one.survives),
            ("cannot see", one.cannot_see),
            ("reference", one.reference),
        )
        table = "".join(f"| {title} | {_cell(value)} |\n" for title, value in rows)
        out.append(f"### {one.name}\n\n| | |\n| --- | --- |\n{table}\n")
    return "".join(out)


def verdicts() -> str:
    """Every verdict with what it says and does not."""
    from forebear.catalogue import verdict_text
    from forebear.types import Verdict

    rows = []
    for verdict in Verdict:
        text = verdict_text(verdict)
        related = {True: "true", False: "false", None: "null"}[verdict.related]
        cells = (text.title, related, str(verdict.expect_related_exit), text.meaning, text.does_not_say, text.settles)
        rows.append(f"| `{verdict}` | {' | '.join(map(_cell, cells))} |\n")
    titles = "what was established | does not say | what would settle it"
    head = f"| verdict | in words | `related` | `--expect related` exits | {titles} |\n"
    return f"\n{head}| --- | --- | --- | --- | --- | --- | --- |\n{''.join(rows)}\n"


def formats() -> str:
    """The readers of weights and the families, from their registries."""
    from forebear.artifacts.architecture import families
    from forebear.artifacts.formats import READERS

    readers = "".join(f"- {reader.name}\n" for reader in READERS)
    names = ", ".join(sorted(family.name for family in families()))
    order = "Asked in this order, and the first that finds files of its own reads them:"
    return f"\n{order}\n\n{readers}\nFamilies: {names}.\n\n"


def findings() -> str:
    """Every finding with its level, meaning and remedy."""
    from forebear.catalogue import explanation, topics

    known = [found for topic in topics() if (found := explanation(topic)) is not None and found.kind == "finding"]
    rows = "".join(f"| `{f.topic}` | {f.level} | {_cell(f.meaning)} | {_cell(f.settles)} |\n" for f in known)
    return f"\n| finding | level | means | what clears it |\n| --- | --- | --- | --- |\n{rows}\n"


def every_command() -> Iterator[tuple[str, TyperCommand]]:
    """Each command with its whole name, as ``--help`` lists them; hidden ones are other spellings."""
    yield from _below("forebear", get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, TyperCommand]]:
    children = getattr(command, "commands", None)
    if children is None or "Example: " in (command.help or ""):  # a group that is a command itself, too
        yield name, command
    if children is None:
        return
    for child, found in children.items():
        if not found.hidden:
            yield from _below(f"{name} {child}", found)


def examples(command: TyperCommand) -> list[str]:
    """The command lines of its help."""
    lines = (line.strip() for line in (command.help or "").splitlines())
    return [line.removeprefix("Example: ") for line in lines if line.startswith("Example: ")]


def commands() -> str:
    """Each command: what it does, its examples and its own options; the common ones are told once, above the list."""
    out = ["\n"]
    for name, command in every_command():
        said = (line.strip() for line in (command.help or "").splitlines())
        text = " ".join(line for line in said if line and not line.startswith("Example:"))
        lines = "".join(f"{line}\n" for line in examples(command))
        rows = "".join(_parameter(p) for p in command.params if p.name not in (*COMMON, "help"))
        table = f"| | |\n| --- | --- |\n{rows}\n" if rows else ""
        out.append(f"### {name}\n\n{_plain(text)}\n\n```sh\n{lines}```\n\n{table}")
    return "".join(out)


def _parameter(one: Any) -> str:
    """A row: how it is written, and what it is."""
    option = one.opts[0].startswith("-")
    shown = ", ".join(one.opts) if option else one.metavar or one.name.upper()
    said = _plain(one.help or "")
    if isinstance(one.default, StrEnum):
        said += f" One of {', '.join(type(one.default))}; {one.default} where nothing is said."
    return f"| `{_cell(shown)}` | {_cell(said)} |\n"


def _plain(text: str) -> str:
    """Text of a help page as Markdown: what looks like a tag is none."""
    return text.replace("<", "&lt;")


def measured() -> str:
    """The summary table of the lineage benchmark, as that page has it."""
    text = (DOCS / "lineage-benchmark.md").read_text("utf-8")
    table = text.partition("| method | threshold")[1:]
    lines = "".join(table).splitlines()
    rows = lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]
    return "\n" + "".join(f"{row}\n" for row in rows) + "\n"


def api() -> str:
    """Every public name: how it is called, and what it is in a sentence."""
    import forebear

    functions, values = [], []
    for name in forebear.__all__:
        found = getattr(forebear, name)
        if not callable(found):
            continue
        said = _plain(_sentence(inspect.getdoc(found) or ""))
        if inspect.isfunction(found):
            functions.append(f"#### {name}\n\n```python\n{_signature(name, found)}\n```\n\n{said}\n\n")
        else:
            values.append(f"| `{name}` | {_cell(said)} | {_cell(_members(found))} |\n")
    table = f"| value | is | has |\n| --- | --- | --- |\n{''.join(values)}\n"
    return f"\n### Functions\n\n{''.join(functions)}### Values and errors\n\n{table}"


def _signature(name: str, function: Callable[..., Any]) -> str:
    """A line for each parameter, with the type as it is written in the code; callbacks by that word."""
    made = inspect.signature(function)
    lines = []
    for one in made.parameters.values():
        default = one.default
        ending = "" if default is one.empty else f" = {'nothing' if callable(default) else repr(default)}"
        lines.append(f"    {one.name}: {one.annotation}{ending},\n")
    return f"{name}(\n{''.join(lines)}) -> {made.return_annotation}"


def _members(kind: type) -> str:
    if issubclass(kind, Enum):
        return ", ".join(f"`{member.value}`" for member in kind)
    if is_dataclass(kind):
        return ", ".join(f"`{field.name}`" for field in fields(kind) if not field.name.startswith("_"))
    if issubclass(kind, Exception):
        return f"is a {kind.__mro__[1].__name__}; exit code {getattr(kind, 'exit_code', '')}"
    members = (name for name, member in vars(kind).items() if callable(member) and not name.startswith("_"))
    return ", ".join(f"`{name}()`" for name in members)


def _sentence(text: str) -> str:
    """The first paragraph of a docstring as one line, without the marks of reStructuredText."""
    first = " ".join(text.partition("\n\n")[0].split())
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", first).replace("``", "`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ") or "–"


LISTS: dict[str, Callable[[], str]] = {
    "signals": signals,
    "verdicts": verdicts,
    "formats": formats,
    "findings": findings,
    "commands": commands,
    "field": measured,
    "api": api,
}
