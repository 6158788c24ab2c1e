"""Findings as GitLab's code quality report, for the widget of a merge request.

Format: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format. It wants a path within the
repository and a line for each; a model's weights have no lines, so it is the first of the file that tells about them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from hashlib import sha256

from forebear.errors import one_line
from forebear.report.subject import Subject, fingerprint
from forebear.types import Json, Level

SEVERITIES = {Level.NOTE: "info", Level.WARNING: "minor", Level.ERROR: "critical"}
UNREADABLE, EXPECTED, UNDECIDED = "unreadable", "expectation", "undecided"
"""Checks of what could not be read, of an expectation that is contradicted, of a decision that could not be taken."""
MAX_TEXT = 1_000


def document(subjects: Iterable[Subject], problems: Iterable[str] = ()) -> list[Json]:
    """An entry for each finding, input that could not be read, contradicted expectation and decision not taken.

    Args:
        subjects: what was checked; their places are relative to the repository.
        problems: what could not be read and belongs to no subject.
    """
    out = []
    for subject in subjects:
        seen: Counter[str] = Counter()
        for finding in subject.findings:
            message = f"{subject.name}: {finding.message}"
            more = f" What clears it: {finding.clears}" if finding.clears else ""
            mark = fingerprint(subject, finding, seen[finding.id])
            out.append(_entry(message + more, finding.id, mark, SEVERITIES[finding.level], subject.about, subject.line))
            seen[finding.id] += 1
        out += [
            _entry(p, UNREADABLE, _mark(subject.path, p), "blocker", subject.about, subject.line)
            for p in subject.problems
        ]
        for check, why, severity in (
            (EXPECTED, subject.contradicted, "critical"),
            (UNDECIDED, subject.undecided, "major"),
        ):
            if why:
                mark = _mark(subject.path, check)
                out.append(_entry(f"{subject.name}: {why}", check, mark, severity, subject.about, subject.line))
    out += [_entry(problem, UNREADABLE, _mark("", problem), "blocker", ".") for problem in problems]
    return out


def _entry(message: str, check: str, mark: str, severity: str, path: str, line: int = 1) -> Json:
    return {
        "description": one_line(message, MAX_TEXT),
        "check_name": check,
        "fingerprint": mark,
        "severity": severity,
        "location": {"path": one_line(path.removeprefix("./").rstrip("/"), MAX_TEXT) or ".", "lines": {"begin": line}},
    }


def _mark(*parts: str) -> str:
    return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
