"""What ``explain`` and ``doctor`` show: the catalogue's words and the signals' own, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from forebear.catalogue import explanation
from forebear.catalogue import nearest as catalogue_nearest
from forebear.catalogue import topics as catalogue_topics
from forebear.report import words
from forebear.signals import SIGNALS, signal

_TITLES = {
    "meaning": "What it means",
    "does_not_say": "What it does not say",
    "settles": "What would settle or clear it",
    "summary": "What it measures",
    "test": "What stands behind its number",
    "null": "What its p-value is computed under",
    "needs": "What it needs",
    "survives": "What it survives",
    "cannot_see": "What it cannot see",
    "reference": "Reference",
}
_MARK = {"ok": ("✓", "green"), "note": ("·", "cyan"), "fail": ("✗", "red")}


def explain(topic: str) -> dict[str, Any] | None:
    """The explanation of a finding, verdict or signal as a flat document, None for an unknown topic."""
    found = explanation(topic)
    if found is not None:
        return asdict(found)
    measured = signal(topic.lower())
    if measured is None:
        return None
    return {"topic": measured.name, "kind": "signal", "title": measured.name, **asdict(measured)} | {"kind": "signal"}


def nearest(topic: str) -> str | None:
    """The most similar known topic."""
    near = catalogue_nearest(topic, [s.name for s in SIGNALS])
    return near[0] if near else None


def topics() -> dict[str, Any]:
    """All topics by kind."""
    by_kind: dict[str, list[str]] = {}
    for topic in catalogue_topics():
        found = explanation(topic)
        if found is not None:
            by_kind.setdefault(f"{found.kind}s", []).append(found.topic)
    by_kind["signals"] = [s.name for s in SIGNALS]
    return dict(by_kind)


def show(console: Console, document: Mapping[str, Any]) -> None:
    """One explanation for a terminal."""
    line = words.text(str(document["title"]), style="bold")
    line.append(f"  [{document['kind']}: {document['topic']}]", style="dim")
    console.print(line)
    for key, title in _TITLES.items():
        if document.get(key):
            console.print(words.text(f"\n  {title}", style="cyan"))
            console.print(Padding(words.text(str(document[key])), (0, 2, 0, 4)))


def markdown(document: Mapping[str, Any]) -> str:
    """One explanation as Markdown."""
    out = [f"# {document['title']}", "", f"{document['kind']} `{document['topic']}`", ""]
    for key, title in _TITLES.items():
        if document.get(key):
            out += [f"**{title}.** {document[key]}", ""]
    return "\n".join(out)


def show_topics(console: Console, document: Mapping[str, Any]) -> None:
    """All topics for a terminal."""
    for kind, names in document.items():
        if isinstance(names, list):
            console.print(words.text(kind, style="bold"))
            console.print(Padding(words.text(", ".join(names)), (0, 2, 1, 2)))


def markdown_topics(document: Mapping[str, Any]) -> str:
    """All topics as Markdown."""
    rows = [
        f"- **{kind}**: {', '.join(f'`{n}`' for n in names)}"
        for kind, names in document.items()
        if isinstance(names, list)
    ]
    return "\n".join(["# Topics", "", *rows, ""])


def show_checks(console: Console, document: Mapping[str, Any]) -> None:
    """The doctor's checks for a terminal."""
    table = Table.grid(padding=(0, 2))
    for overflow in ("ellipsis", "ellipsis", "fold"):  # a path is told to its end
        table.add_column(overflow=overflow)
    for check in document["checks"]:
        mark, colour = _MARK[check["status"]]
        table.add_row(
            words.text(mark, style=colour), words.text(check["name"], style="bold"), words.text(check["seen"])
        )
        if check["mend"]:
            table.add_row("", "", words.text(f"→ {check['mend']}", style="dim"))
    console.print(table)


def markdown_checks(document: Mapping[str, Any]) -> str:
    """The doctor's checks as Markdown."""
    rows = [f"| {c['name']} | {c['status']} | {c['seen']} | {c['mend'] or ''} |" for c in document["checks"]]
    return "\n".join(["# Doctor", "", "| check | status | seen | to mend it |", "| --- | --- | --- | --- |", *rows, ""])
