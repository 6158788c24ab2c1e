"""What changed between two bills of materials, for people."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console
from rich.padding import Padding

from forebear.bom.difference import Change, Difference
from forebear.report import words
from forebear.report.markdown import escape
from forebear.types import Level

TITLES = {
    "lineage": "Lineage",
    "licences": "Licences",
    "training": "Training",
    "data": "Data and energy",
    "files": "Files",
    "organisations": "Organisations",
    "services": "Services",
    "claims": "Claims, findings, gaps",
    "model": "The model",
    "document": "The document",
}
_SIGNS = {"added": "+", "removed": "−", "changed": "~"}
_STYLES = {Level.ERROR: "bold red", Level.WARNING: "yellow", Level.NOTE: "dim"}
MOST = 15
"""Changes of one part that a table has room for."""


def headline(result: Difference) -> str:
    """The answer in a sentence."""
    if result.equal:
        return "Nothing changed."
    graver = [c for c in result.changes if c.level is not Level.NOTE]
    parts = list(dict.fromkeys(TITLES[c.part].lower() for c in graver))
    count = len(result.changes) + result.left_out
    changed = f"{count:,} change{'s' if count != 1 else ''}"
    if not graver:
        return f"{changed}; lineage, licences and weights are as they were."
    return f"{changed}, of which {len(graver):,} matter{'s' if len(graver) == 1 else ''}: {', '.join(parts)}."


def show(console: Console, result: Difference, quiet: bool = False, verbose: bool = False) -> None:
    """The changes at a terminal; ``quiet``: the first line alone, ``verbose``: all of them."""
    console.print(words.text(headline(result), "bold"))
    console.print(Padding(words.text(f"{result.old} ({result.old_format})", "dim"), (0, 2)))
    console.print(Padding(words.text(f"{result.new} ({result.new_format})", "dim"), (0, 2)))
    if quiet:
        return
    for part, group in groupby(result.changes, key=lambda change: change.part):
        changes = list(group)
        console.print(words.text(f"\n  {TITLES[part]}", "bold"))
        for change in changes if verbose else changes[:MOST]:
            console.print(Padding(words.text(_line(change), _STYLES[change.level]), (0, 2, 0, 4)))
        if not verbose and (more := len(changes) - MOST) > 0:
            console.print(Padding(words.text(f"and {more:,} more (--verbose)", "dim"), (0, 2, 0, 4)))
    if result.left_out:
        console.print(words.text(f"\n  {result.left_out:,} more were left out", "dim"))


def markdown(result: Difference) -> str:
    """The changes for a pull request."""
    out = [f"# {headline(result)}", "", f"- **old**: {escape(result.old)} ({result.old_format})"]
    out += [f"- **new**: {escape(result.new)} ({result.new_format})", ""]
    for part, group in groupby(result.changes, key=lambda change: change.part):
        out += [
            f"## {TITLES[part]}",
            "",
            "| level | change | what | before | after |",
            "| --- | --- | --- | --- | --- |",
        ]
        for c in group:
            what = f"{c.what}: {c.field}" if c.field else c.what
            out.append(f"| {c.level} | {c.kind} | {escape(what)} | {escape(c.before)} | {escape(c.after)} |")
        out.append("")
    return "\n".join(out)


def _line(change: Change) -> str:
    field = change.field.replace("_", " ")
    what = f"{change.what}: {field}" if field not in ("", change.what) else change.what
    if change.kind == "changed":
        return f"{_SIGNS['changed']} {what}: {_cut(change.before) or 'nothing'} → {_cut(change.after) or 'nothing'}"
    value = change.after if change.kind == "added" else change.before
    return f"{_SIGNS[change.kind]} {what}" + (f": {_cut(value)}" if change.field and value else "")


def _cut(text: str) -> str:
    """Beginning and end of a long text, between words where it has some."""
    if len(text) <= 90:
        return text
    return f"{text[:60].rsplit(' ', 1)[0]} … {text[-30:].partition(' ')[2] or text[-20:]}"
