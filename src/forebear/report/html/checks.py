"""Every check of a bill of materials: what fails and what could not be decided first."""

from __future__ import annotations

from forebear.report.html.blocks import folded, rows
from forebear.report.html.saved import Saved, line, objects, text
from forebear.report.markup import Html, joined
from forebear.report.page.blocks import Cell

STATUSES = {
    "fail": ("Failed", "fails", "unmet"),
    "unknown": ("Could not be decided", "not decided", "conditional"),
    "pass": ("Passed", "passes", "met"),
    "not_applicable": ("Does not apply", "does not apply", ""),
}
HEAD = ("Check", "Result", "What was found", "Where", "Demanded by")


def checks(saved: Saved) -> Html | None:
    """A table for each result; what passed is folded."""
    found = objects(saved.document, "checks")
    out = []
    for status, (title, word, tone) in STATUSES.items():
        content = [
            (
                Cell(line(c, "id", 120)),
                Cell(word, tone),
                Cell(line(c, "message", 600)),
                Cell(line(c, "pointer", 200) or "–"),
                Cell(line(c, "rule", 200) or "–"),
            )
            for c in found
            if text(c, "status") == status
        ]
        table = rows(f"{title} ({len(content):,})", HEAD, content)
        grave = status in ("fail", "unknown")
        out.append(table if grave else folded(f"{title} ({len(content):,})", table))
    return joined(out) if found else None
