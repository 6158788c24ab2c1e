"""What GitHub Actions shows of a run: annotations at files, and a summary of the step.

Annotations are workflow commands on stdout (https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
GitHub shows ten of a level and step, so the gravest come first; the summary, at most a megabyte of Markdown, has all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from forebear.errors import one_line
from forebear.report.markdown import escape
from forebear.report.subject import Subject
from forebear.types import Level

_COMMANDS = {Level.NOTE: "notice", Level.WARNING: "warning", Level.ERROR: "error"}
MAX_TEXT = 1_000
MAX_SUMMARY = 1_000_000
"""Bytes; GitHub refuses a summary of more than 1 MiB altogether."""
_MARKS = {3: "⛔", 2: "❌", 1: "⚠️", 0: "ℹ️"}
CUT = "\n_The rest was left out: GitHub takes a megabyte. The JSON document holds all of it._\n"


def commands(subjects: Sequence[Subject], problems: Iterable[str] = ()) -> str:
    """A workflow command in a line for each finding and problem, the gravest first."""
    found = [line for subject in subjects for line in _of(subject)]
    found += [(Level.ERROR, _command(Level.ERROR, "unreadable", problem, "")) for problem in problems]
    return "".join(f"{line}\n" for _, line in sorted(found, key=lambda pair: -pair[0].rank))


def _of(subject: Subject) -> Iterator[tuple[Level, str]]:
    for finding in subject.findings:
        said = f"{subject.name}: {finding.message}" + (f" Clears: {finding.clears}" if finding.clears else "")
        yield finding.level, _command(finding.level, finding.id, said, subject.about, subject.line)
    for problem in subject.problems:
        yield Level.ERROR, _command(Level.ERROR, "unreadable", problem, subject.about, subject.line)
    for why, level in ((subject.contradicted, Level.ERROR), (subject.undecided, Level.WARNING)):
        if why:
            yield level, _command(level, "not as expected", f"{subject.name}: {why}", subject.about, subject.line)


def _command(level: Level, title: str, said: str, path: str, line: int = 1) -> str:
    """One command; nothing in a stranger's text ends it or begins another."""
    place = _property(path.removeprefix("./").rstrip("/"))
    file = f"file={place},line={line}," if place and place != "." else ""
    return f"::{_COMMANDS[level]} {file}title={_property(f'forebear: {title}')}::{_data(said)}"


def _data(text: str) -> str:
    return one_line(text, MAX_TEXT).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def summary(title: str, subjects: Sequence[Subject], problems: Sequence[str] = (), room: int = MAX_SUMMARY) -> str:
    """The step's summary as Markdown of at most ``room`` bytes; it ends between two lines.

    Args:
        title: its heading.
        subjects: what was checked.
        problems: what could not be read and belongs to no subject.
        room: what an earlier command of the same step has left.
    """
    kept: list[str] = []
    left = room - len(CUT)
    for line in _lines(title, subjects, problems):
        left -= len(line.encode("utf-8", "backslashreplace")) + 1
        if left < 0:
            return "\n".join([*kept, CUT]) if kept and room > len(CUT) else ""
        kept.append(line)
    return "\n".join([*kept, ""])


def _lines(title: str, subjects: Sequence[Subject], problems: Sequence[str]) -> Iterator[str]:
    yield from (f"## {escape(title)}", "")
    levels = [f.level for s in subjects for f in s.findings]
    unread = sum(bool(s.problems) for s in subjects) + len(problems)
    told = [
        f"{levels.count(level):,} {level.value}{'' if levels.count(level) == 1 else 's'}" for level in reversed(Level)
    ]
    yield f"{len(subjects):,} checked, {unread:,} unreadable; findings: {', '.join(told)}."
    yield from ("", "| | model | result | gravest finding |", "| --- | --- | --- | --- |")
    for subject in sorted(subjects, key=lambda s: -_rank(s)):
        yield _row(subject)
    for heading, items in (
        ("Findings", list(_findings(subjects))),
        ("Could not be read", list(_problems(subjects, problems))),
    ):
        if items:
            yield from ("", f"### {heading}", "", *items)


def _rank(subject: Subject) -> int:
    return 3 if subject.problems else max((f.level.rank for f in subject.findings), default=-1)


def _row(subject: Subject) -> str:
    worst = max(subject.findings, key=lambda f: f.level.rank, default=None)
    said = "unreadable" if subject.problems else f"{worst.level} `{worst.id}`" if worst is not None else "none"
    facts = subject.properties
    result = subject.contradicted or subject.undecided or str(facts.get("decision") or facts.get("verdict") or "–")
    near = facts.get("closest")
    result += f", nearest {near}" if near and result == facts.get("verdict") else ""
    mark = _MARKS.get(_rank(subject), "❔" if subject.undecided else "✅" if facts.get("decision") == "pass" else "")
    return f"| {mark} | {_short(subject.name)} | {_short(result)} | {said} |"


def _findings(subjects: Sequence[Subject]) -> Iterator[str]:
    found = [(s, f) for s in subjects for f in s.findings]
    for subject, finding in sorted(found, key=lambda pair: -pair[1].level.rank):
        more = f" Clears: {_short(finding.clears)}" if finding.clears else ""
        yield f"- **{finding.level}** `{finding.id}` {_short(subject.name)}: {_short(finding.message)}{more}"


def _problems(subjects: Sequence[Subject], problems: Sequence[str]) -> Iterator[str]:
    yield from (f"- {_short(subject.name)}: {_short(p)}" for subject in subjects for p in subject.problems)
    yield from (f"- {_short(p)}" for p in problems)


def _short(text: str) -> str:
    return escape(one_line(text, MAX_TEXT))
