"""Results for continuous integration: SARIF, JUnit, GitLab's code quality, GitHub's annotations and step summary."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forebear.cli.options import ReportFormat, write
from forebear.errors import UsageError
from forebear.types import Level

if TYPE_CHECKING:
    from forebear.report.subject import Subject

MACHINES = frozenset({ReportFormat.SARIF, ReportFormat.JUNIT, ReportFormat.GITLAB, ReportFormat.GITHUB})
SUMMARY = "GITHUB_STEP_SUMMARY"
"""Where GitHub says that the summary of the step goes."""


def write_for_machines(
    how: ReportFormat,
    subjects: Sequence[Subject],
    name: str,
    root: str | None,
    least: Level | None,
    output: Path | None,
    problems: Sequence[str] = (),
) -> None:
    """Write one of :data:`MACHINES`.

    Args:
        how: which.
        subjects: what was checked.
        name: of the suite, and of the step's summary.
        root: the folder that places are relative to; None for what is not on this machine.
        least: the level from which on a finding is a failure; None for no level.
        output: the file, None for stdout. GitHub's summary goes where GitHub wants it, whatever is written here.
        problems: what could not be read and belongs to no subject.
    """
    from forebear.report import github, gitlab, junit, sarif
    from forebear.report.subject import within

    if how is ReportFormat.SARIF:
        write([json.dumps(sarif.document(subjects, root, problems), ensure_ascii=False, indent=2) + "\n"], output)
        return
    if how is ReportFormat.JUNIT:
        write([junit.document(name, subjects, least, problems)], output)
        return
    repository = os.environ.get("CI_PROJECT_DIR") or os.environ.get("GITHUB_WORKSPACE") or os.getcwd()
    top = None if root is None else os.path.realpath(root)
    placed = [within(subject, top, os.path.realpath(repository)) for subject in subjects]
    if how is ReportFormat.GITLAB:
        write([json.dumps(gitlab.document(placed, problems), ensure_ascii=False, indent=2) + "\n"], output)
        return
    write([github.commands(placed, problems)], output)
    if where := os.environ.get(SUMMARY):
        _append(where, name, placed, problems)


def _append(where: str, name: str, subjects: Sequence[Subject], problems: Sequence[str]) -> None:
    """Add to the step's summary what there is room for."""
    from forebear.report import github

    try:
        used = os.path.getsize(where) if os.path.exists(where) else 0
        text = github.summary(f"Forebear: {name}", subjects, problems, github.MAX_SUMMARY - used)
        with open(where, "ab") as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise UsageError(f"{SUMMARY}={where}: {error.strerror}", "choose a file that can be written") from None
