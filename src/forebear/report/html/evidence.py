"""Every observation in a row: what was measured, what it says, and what kind of number stands behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forebear.report.html.blocks import rows
from forebear.report.html.saved import Saved, count, line, log_p, number, part, text
from forebear.report.markup import Html
from forebear.report.page.blocks import Cell
from forebear.report.words import p_value, ratio

COUNTED = ("sign-code/", "aligned-coins/")
KINDS = {
    "exact": "exact",
    "calibrated": "calibrated on models known to be independent",
    "heuristic": "heuristic: no error rate is known",
    "none": "context, no test",
}


def counted(evidence: Sequence[Mapping[str, Any]], among: tuple[str, ...] = COUNTED) -> Mapping[str, Any] | None:
    """The coins that a verdict rests on: those that agree, else the first that were counted; None without any."""
    found = [e for e in evidence if text(e, "signal").startswith(among) and count(e, "n")]
    return next((e for e in found if text(e, "supports") == "related"), found[0] if found else None)


def all_counted(evidence: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Every count of coins that agree beyond chance; where none does, the first that was counted."""
    found = [e for e in evidence if text(e, "signal").startswith(COUNTED) and count(e, "n")]
    return [e for e in found if text(e, "supports") == "related"] or found[:1]


def coins_said(evidence: Sequence[Mapping[str, Any]]) -> str:
    """``576 of 576 coins agree``; "" where none were counted."""
    found = counted(evidence)
    return f"{count(part(found, 'details'), 'agree'):,} of {count(found, 'n'):,} coins agree" if found else ""


def evidence(saved: Saved) -> Html | None:
    """All evidence against the other model, or against the nearest reference."""
    content = []
    for item in saved.evidence:
        p, odds = log_p(item), number(item, "log10_lr")
        numbers = [p_value(p)] if p is not None else []
        numbers += [ratio(odds)] if odds is not None and abs(odds) < 300 else []
        kind = text(item, "test")
        tone = "met" if text(item, "supports") == "related" else ""
        supports = {"related": "related", "unrelated": "independent"}.get(text(item, "supports"), "nothing by itself")
        content.append(
            (
                Cell(line(item, "signal", 60)),
                Cell(line(item, "summary", 700)),
                Cell(supports, tone),
                Cell(KINDS.get(kind, "not told") + (f"; null: {null}" if (null := line(item, "null", 200)) else "")),
                Cell("; ".join(numbers) or "–"),
            )
        )
    return rows("Evidence", ("Signal", "What it found", "Speaks for", "Kind of number", "Number"), content, shown=False)
