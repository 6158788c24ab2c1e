"""The catalogue's facts for people: tables of a kind, one entry with its sources, the state of it all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from forebear.report import words
from forebear.report.markdown import escape

_NOTHING: tuple[Any, ...] = ("", None, [], ())
_MOST = 40
"""Facts that nobody retrieved which are listed by name."""


def show_list(console: Console, document: Mapping[str, Any]) -> None:
    """The entries of a kind, or how many there are of each."""
    columns, rows = _table(document)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(words.text(cell) for cell in row))
    console.print(table)
    if document["overlay"]:
        console.print(words.text(f"with {', '.join(document['overlay'])}", "dim"), soft_wrap=True)


def markdown_list(document: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    columns, rows = _table(document)
    out = [f"| {' | '.join(columns)} |", f"| {' | '.join('---' for _ in columns)} |"]
    out += [f"| {' | '.join(map(escape, row))} |" for row in rows]
    return "\n".join(out) + "\n"


def show_entries(console: Console, document: Mapping[str, Any]) -> None:
    """Entries with every field that says something and every source."""
    for number, entry in enumerate(document["entries"]):
        line = words.text(("\n" if number else "") + _title(entry), "bold")
        line.append(words.clean(f"  [{entry['kind']}: {entry['id']}]"), style="dim")
        console.print(line)
        for depth, label, text in _lines(entry):
            found = words.text("  " * (depth + 1) + label + ("  " if label and text else ""), "cyan")
            found.append(words.clean(text), style="default")
            console.print(found, soft_wrap=True)


def markdown_entries(document: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    out: list[str] = []
    for entry in document["entries"]:
        out += [f"# {escape(_title(entry))}", "", f"{entry['kind']} `{entry['id']}`", ""]
        for depth, label, text in _lines(entry):
            named = f"**{escape(label)}** " if label else ""
            out.append(f"{'  ' * depth}- {named}{escape(text)}".rstrip())
        out.append("")
    return "\n".join(out)


def show_check(console: Console, document: Mapping[str, Any]) -> None:
    """The state of the facts."""
    for style, line in _state(document):
        console.print(words.text(line, style), soft_wrap=True)


def markdown_check(document: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    return "\n".join(f"- {escape(line.strip())}" for _, line in _state(document)) + "\n"


def _table(document: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    if document["kind"] is None:
        return ["kind", "entries"], [[kind, f"{n:,}"] for kind, n in document["counts"].items()]
    keys = [key for key in (document["entries"] or [{}])[0] if key != "unverified"]
    rows = [[_cell(entry.get(key)) for key in keys] for entry in document["entries"]]
    return [key.replace("_", " ") for key in keys], rows


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "–"
    return "–" if value in _NOTHING else str(value)


def _title(entry: Mapping[str, Any]) -> str:
    fields = entry["entry"]
    return str(fields.get("name") or fields.get("title") or fields.get("what") or entry["id"])


def _lines(entry: Mapping[str, Any]) -> Iterator[tuple[int, str, str]]:
    """Depth, label and text of every line of an entry."""
    yield from _fields(entry["entry"], 0)
    for key in ("models", "descendants"):
        if entry.get(key):
            yield 0, key, ", ".join(entry[key])
    yield 0, "file", entry["file"]
    for source in entry["sources"]:
        yield 0, f"[{source['id']}]", f"{source['what']} ({source['kind']}, read {source['read']})"


def _fields(fields: Mapping[str, Any], depth: int) -> Iterator[tuple[int, str, str]]:
    for key, value in fields.items():
        label = key.replace("_", " ")
        if key == "basis":
            yield depth, "rests on", _basis(value)
        elif value in _NOTHING or (key in ("id", "name", "title") and depth == 0):
            continue
        elif isinstance(value, list) and isinstance(value[0], dict):
            for item in value:
                yield depth, label, _headline(item)
                yield from _fields(_rest(item), depth + 1)
        elif isinstance(value, list):
            yield depth, label, "; ".join(map(str, value)) if key in ("asks", "owners") else ", ".join(map(str, value))
        else:
            yield depth, label, _plain(key, value)


def _plain(key: str, value: Any) -> str:
    """A single value; sizes of models with their unit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g} billion" if key in ("parameters", "active") and isinstance(value, int | float) else str(value)


_HEADS = ("country", "licence", "name", "kind", "metric")


def _headline(item: Mapping[str, Any]) -> str:
    """What a nested fact is, in the first words of its line."""
    if "metric" in item:
        return _condition(item)
    return ", ".join(str(item[key]) for key in _HEADS if item.get(key))


def _rest(item: Mapping[str, Any]) -> dict[str, Any]:
    drop = {*_HEADS, "above", "inclusive", "currency", "period", "group"} if "metric" in item else set(_HEADS)
    return {key: value for key, value in item.items() if key not in drop and not (key == "flows" and value)}


def _condition(item: Mapping[str, Any]) -> str:
    name = str(item["metric"]).replace("_", " ")
    if item.get("above") is None:
        return name
    bound = "at or above" if item["inclusive"] else "above"
    unit = f" {item['currency']}" if item["currency"] else ""
    per = f" per {item['period']}" if item["period"] else ""
    return f"{name} {bound} {item['above']:,.0f}{unit}{per}{', with affiliates' if item['group'] else ''}"


def _basis(basis: Mapping[str, Any]) -> str:
    return f"{basis['confidence']}, as of {basis['as_of']}, {' '.join(f'[{s}]' for s in basis['sources'])}"


def _state(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Style and text of every line on the state of the facts."""
    yield "bold", ", ".join(f"{n:,} {kind}" for kind, n in document["counts"].items())
    yield "", "facts by confidence: " + ", ".join(f"{n:,} {level}" for level, n in document["confidence"].items())
    if document["overlay"]:
        yield "", f"overlay: {', '.join(document['overlay'])}"
    yield "", f"schemas: {document['schemas']}"
    unverified = document["unverified"]
    if unverified:
        yield "yellow", f"{len(unverified):,} facts that nobody retrieved; no finding above note rests on them:"
        by_entry: dict[str, list[str]] = {}
        for fact in unverified:
            by_entry.setdefault(f"{fact['kind']} {fact['id']}", []).append(fact["what"])
        for name, facts in list(by_entry.items())[:_MOST]:
            yield "dim", f"  {name}: {', '.join(facts)}"
        if len(by_entry) > _MOST:
            yield "dim", f"  and {len(by_entry) - _MOST:,} more entries; --format json lists all"
    if document["without_licence"]:
        yield "dim", f"models without a licence that a source gives: {', '.join(document['without_licence'])}"
    if document["unused_sources"]:
        yield "dim", f"sources that no fact names: {', '.join(document['unused_sources'])}"
    for problem in document["problems"]:
        yield "red", f"✗ {problem}"
    if not document["problems"]:
        yield "green", "✓ every fact has a source, and everything that is referred to exists"
