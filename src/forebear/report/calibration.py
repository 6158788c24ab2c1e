"""A calibration for people and machines: what it was made from, and how large the scores of independent models are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from forebear.lineage.calibration import ANY_WORDS, FEWEST_NULL, STRATA, Calibration
from forebear.report import words
from forebear.report.markdown import escape

COLUMNS = ("signal", "null", "pairs", "median", "95 %", "largest")


def summary(made: Calibration) -> dict[str, Any]:
    """The fields of a ``forebear.index-calibrate/1`` document."""
    return {
        "made": dict(made.made),
        "signals": [
            {
                "signal": name,
                "consensus": scores.least,
                "null": [_null(kind, values) for kind, values in scores.null.items()],
                "related": len(scores.related),
            }
            for name, scores in made.signals.items()
        ],
    }


def _null(kind: str, values: Sequence[float]) -> dict[str, Any]:
    middle, high, top = (float(np.quantile(values, q)) if values else None for q in (0.5, 0.95, 1.0))
    usable = len(values) >= FEWEST_NULL
    return {"stratum": kind, "pairs": len(values), "usable": usable, "median": middle, "p95": high, "largest": top}


def show(console: Console, document: Mapping[str, Any]) -> None:
    """For a terminal."""
    for line in _about(document):
        console.print(words.text(line), soft_wrap=True)
    table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
    for number, column in enumerate(COLUMNS):
        table.add_column(column, overflow="fold", justify="left" if number < 2 else "right")
    for row in _rows(document):
        table.add_row(*row)
    console.print(table)


def markdown(document: Mapping[str, Any]) -> str:
    """For a ticket."""
    out = ["# Calibration of an index", "", *(f"- {escape(line)}" for line in _about(document)), ""]
    out += [f"| {' | '.join(COLUMNS)} |", "|" + " --- |" * len(COLUMNS)]
    out += [f"| {' | '.join(row)} |" for row in _rows(document)]
    return "\n".join([*out, ""])


def _about(document: Mapping[str, Any]) -> list[str]:
    made = document["made"]
    related = ", ".join(f"{s['signal']} {s['related']}" for s in document["signals"])
    return [
        f"kept in {document['path']}",
        f"made from {made['source']} ({made['references']:,} with sketches were looked at)",
        f"every score with a consensus of {made['consensus']}; seed {made['seed']}",
        f"cannot exclude {made['cannot_exclude']}",
        f"lineages with a relative that codes show, for likelihood ratios: {related}",
    ]


def _rows(document: Mapping[str, Any]) -> list[tuple[str, ...]]:
    out = []
    for s in document["signals"]:
        for null in s["null"]:
            numbers = ("–" if null[k] is None else f"{null[k]:.3f}" for k in ("median", "p95", "largest"))
            which = STRATA.get(null["stratum"], ANY_WORDS) + ("" if null["usable"] else " (too few, not used)")
            out.append((s["signal"], which, f"{null['pairs']:,}", *numbers))
    return out
