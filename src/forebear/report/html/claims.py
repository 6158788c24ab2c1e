"""What was claimed beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.report.html.blocks import rows
from forebear.report.html.saved import Saved, line, log_p, objects, part, text
from forebear.report.markup import Html
from forebear.report.page.blocks import Cell
from forebear.report.words import p_value

TONES = {"confirmed": "met", "contradicted": "unmet", "unverified": "conditional"}


def claims(saved: Saved) -> Html | None:
    """A row for each claim: who says what, and what became of it when it was tested."""
    document = part(saved.document, "input") if saved.kind == "policy check" else saved.document
    content = [
        (
            Cell(line(c, "claim", 300)),
            Cell(line(c, "source", 200) or "not told"),
            Cell(line(c, "status", 20), TONES.get(text(c, "status"), "")),
            Cell(_measured(c)),
        )
        for c in objects(document, "claims")
    ]
    return rows("Claims", ("Claimed", "By", "Result", "Measured"), content, shown=False)


def _measured(claim: Mapping[str, Any]) -> str:
    p = log_p(claim)
    numbers = f" ({p_value(p)}, {line(claim, 'test', 20)} test)" if p is not None else ""
    clears = line(claim, "clears", 200)
    return (
        (line(claim, "why") or "the document does not say")
        + numbers
        + (f" What would settle it: {clears}" if clears else "")
    )
