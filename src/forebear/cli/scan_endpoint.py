"""``forebear scan api:URL#MODEL``: a scan of what has no weights is a probe."""

from __future__ import annotations

from pathlib import Path

from forebear.cli.options import Effort, FailOn, Format, ReportFormat
from forebear.errors import UsageError

API = "api:"


def scan(
    target: str,
    effort: Effort,
    expect: str | None,
    fail_on: FailOn,
    how: ReportFormat,
    output: Path | None,
    quiet: bool,
    verbose: bool,
    no_progress: bool,
) -> None:
    """Probe the endpoint that a target names.

    Raises:
        UsageError: the target names no model, or the format is not one of a probe.
    """
    from forebear.cli.probe import probe

    url, _, model = target.removeprefix(API).rpartition("#")
    if not url or not model:
        raise UsageError("an endpoint is named as api:URL#MODEL", "for example api:https://host/v1#acme-1")
    if how.value not in {one.value for one in Format}:
        raise UsageError(f"--format {how}: a probe has no such report", "use json or md")
    probe(
        url,
        model,
        expect=expect,
        effort=effort,
        fail_on=fail_on,
        how=Format(how.value),
        output=output,
        quiet=quiet,
        verbose=verbose,
        no_progress=no_progress,
    )
