"""What a reader has to act on, and what would clear it."""

from __future__ import annotations

from forebear.report.html.blocks import rows
from forebear.report.html.saved import Saved, line, objects, text
from forebear.report.markup import Html
from forebear.report.page.blocks import Cell

TONES = {"error": "unmet", "warning": "conditional"}
_ORDER = ("error", "warning", "note")


def findings(saved: Saved) -> Html | None:
    """A row for each, the gravest first."""
    found = sorted(objects(saved.document, "findings"), key=lambda f: _rank(text(f, "level")))
    content = [
        (
            Cell(line(f, "id", 60)),
            Cell(line(f, "level", 20), TONES.get(text(f, "level"), "")),
            Cell(line(f, "message", 600)),
            Cell(line(f, "clears", 400) or "–"),
        )
        for f in found
    ]
    return rows("Findings", ("Finding", "Level", "What was found", "What clears it"), content, shown=False)


def _rank(level: str) -> int:
    return _ORDER.index(level) if level in _ORDER else len(_ORDER)
