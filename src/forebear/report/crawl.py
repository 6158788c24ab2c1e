"""A crawl for people: what has become of how many models, and why some could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from forebear.errors import one_line
from forebear.report import words
from forebear.report.markdown import escape
from forebear.types import counted

if TYPE_CHECKING:
    from forebear.crawl import Tally

MEANING = {
    "done": "in the index",
    "same": "the same content as a reference under another name",
    "skipped": "not read: nothing to compare",
    "unfit": "no reference: too few coins, or of an unknown kind",
    "gated": "access denied",
    "absent": "not there",
    "damaged": "its files are cut off or contradict themselves",
    "failed": "given up",
    "pending": "still to be read",
}
"""Every state in words, in the order in which they are shown."""
STYLE = {"done": "green", "gated": "yellow", "absent": "yellow", "damaged": "red", "failed": "red", "pending": "cyan"}
MOST_NAME = 120
"""Characters of a name."""
FEW = 10
"""Models that the table names one by one; --verbose names more."""


def progress_words(tally: Tally) -> str:
    """One line on a run that is under way."""
    if tally.listing:
        return f"listing: {counted(tally.listed, 'model')}"
    parts = [f"{tally.settled:,} of {counted(tally.listed, 'model')}"]
    if tally.rate > 0:
        parts.append(f"{tally.rate:,.1f}/s")
    if tally.waiting:
        parts.append(tally.waiting)
    elif tally.left is not None:
        parts.append(f"{duration(tally.left)} left")
    told = {state.value: count for state, count in tally.states.items()}
    parts += [f"{told[state]:,} {state}" for state in ("gated", "failed") if told.get(state)]
    if tally.matches:
        parts.append(f"{tally.matches:,} reports")
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """A time for people."""
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole // 3_600 % 24, whole // 60 % 60
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes}:{whole % 60:02}"


def shown(console: Console, document: Mapping[str, Any], most: int = FEW) -> None:
    """A ``forebear.crawl/1`` document."""
    _line(console, f"{document['source']}: {_listed(document)}", "bold")
    _states(console, document["states"])
    _line(console, "")
    _line(console, f"  {_cost(document)}", "dim")
    for line in _notes(document):
        _line(console, f"  {line}", "dim")
    _unread(console, document["unread"], most)
    if document["same"]:
        _line(console, "\nThe same content under another name", "bold")
        for each in document["same"][:most]:
            _line(console, f"  {_called(each)} is {each['same_as']}")
        _more(console, len(document["same"]) - most)
    for path in document["matches"]:
        _line(console, f"report: {path}", "bold magenta")
    for line in document["explained"]:
        _line(console, f"no report: {line} (forebear index watch --all-packs)", "magenta")


def verbose(console: Console, document: Mapping[str, Any]) -> None:
    """The same with every model that a document names."""
    shown(console, document, most=len(document["unread"]) + len(document["same"]))


def quiet(console: Console, document: Mapping[str, Any]) -> None:
    """One line."""
    states = ", ".join(f"{count:,} {state}" for state, count in _some(document["states"]))
    _line(console, f"{document['source']}: {states or 'nothing'}")


def markdown(document: Mapping[str, Any]) -> str:
    """The same as :func:`verbose`, as Markdown."""
    out = [f"# Crawl of {escape(document['source'])}", "", f"{_listed(document)}.", ""]
    out += _states_table(document["states"])
    out += ["", *(f"- {escape(line)}" for line in (_cost(document), *_notes(document)))]
    out += _unread_table(document["unread"])
    if document["same"]:
        out += ["", "## The same content under another name", "", "| model | is |", "| --- | --- |"]
        out += [f"| {escape(each['name'])} | {escape(each['same_as'])} |" for each in document["same"]]
    if document["matches"]:
        out += ["", "## Reports", "", *(f"- {escape(path)}" for path in document["matches"])]
    out += [f"- no report: {escape(line)}" for line in document["explained"]]
    return "\n".join([*out, ""])


def status(console: Console, document: Mapping[str, Any]) -> None:
    """A ``forebear.crawl-status/1`` document."""
    _line(console, f"{document['job']}: {counted(sum(document['states'].values()), 'model')}", "bold")
    _states(console, document["states"])
    _line(console, "")
    for run in document["runs"][:FEW]:
        _line(console, f"  {_run(run)}", "dim")
    _unread(console, document["unread"], FEW)


def status_markdown(document: Mapping[str, Any]) -> str:
    """The same as Markdown."""
    out = [f"# Crawls in {escape(document['job'])}", "", *_states_table(document["states"])]
    out += ["", "## Runs", "", *(f"- {escape(_run(run))}" for run in document["runs"])]
    return "\n".join([*out, *_unread_table(document["unread"]), ""])


def _run(run: Mapping[str, Any]) -> str:
    end = f"ended {run['ended']}" if run["ended"] else "under way, or killed"
    listed = f", {counted(run['listed'], 'model')}" if run["listed"] is not None else ""
    return f"run {run['run']}: {run['source']}{listed}, begun {run['started']}, {end}" + (
        f" ({run['why']})" if run["why"] else ""
    )


def _listed(document: Mapping[str, Any]) -> str:
    before = f", {document['known_before']:,} of them known before" if document["known_before"] else ""
    return f"{counted(document['listed'], 'model')} listed{before}, {counted(document['added'], 'reference')} added"


def _cost(document: Mapping[str, Any]) -> str:
    cost = document["cost"]
    parts = [
        f"{words.size(cost['bytes_read'])} read",
        f"{counted(cost['requests'], 'request')}",
        f"{duration(cost['seconds'])} with {counted(document['workers'], 'worker')} ({document['engine']})",
    ]
    if cost["models_per_second"]:
        parts.append(f"{cost['models_per_second']:,.1f} models/s")
    return " · ".join(parts)


def _notes(document: Mapping[str, Any]) -> Iterator[str]:
    yield f"index {document['index']}, jobs {document['job']}"
    if not document["complete"]:
        yield "not complete; the same command goes on from there"


def _some(states: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(state, states[state]) for state in MEANING if states[state]]


def _states(console: Console, states: Mapping[str, int]) -> None:
    found = _some(states)
    width = max((len(f"{count:,}") for _, count in found), default=0)
    for state, count in found:
        line = words.text(f"  {count:>{width},}  {state:<8}", STYLE.get(state, ""))
        console.print(line.append_text(words.text(f"  {MEANING[state]}", "dim")))


def _states_table(states: Mapping[str, int]) -> list[str]:
    rows = [f"| {state} | {count:,} | {MEANING[state]} |" for state, count in _some(states)]
    return ["| state | models | |", "| --- | --- | --- |", *rows]


def _unread(console: Console, jobs: list[Mapping[str, Any]], most: int) -> None:
    """What could not be read: where many have one reason, the reason once."""
    if not jobs:
        return
    _line(console, "\nNot read", "bold")
    for job in jobs[:most]:
        tries = f" after {counted(job['attempts'], 'attempt')}" if job["attempts"] > 1 else ""
        reason = f": {job['reason']}" if job["reason"] else ""
        _line(console, f"  {_called(job)}  {job['state']}{tries}{reason}")
    _more(console, len(jobs) - most)
    counts = Counter(str(job["reason"]) for job in jobs[most:] if job["reason"])
    for reason, count in counts.most_common(3):
        if count > 1:
            _line(console, f"  {count:,} of them: {reason}", "dim")


def _called(job: Mapping[str, Any]) -> str:
    """A model's name on one line: a folder's may hold line breaks, and begin what looks like another row."""
    return one_line(job["name"] or job["target"], MOST_NAME)


def _unread_table(jobs: list[Mapping[str, Any]]) -> list[str]:
    if not jobs:
        return []
    cells = ((job["name"] or job["target"], job["state"], str(job["attempts"]), job["reason"] or "–") for job in jobs)
    rows = [f"| {' | '.join(map(escape, row))} |" for row in cells]
    return ["", "## Not read", "", "| model | state | failed attempts | why |", "| --- | --- | --- | --- |", *rows]


def _more(console: Console, count: int) -> None:
    if count > 0:
        _line(console, f"  and {count:,} more (--verbose, --format json)", "dim")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(words.text(text, style), soft_wrap=True)
