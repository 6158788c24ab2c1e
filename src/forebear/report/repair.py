"""What ``forebear index repair`` found: as a document, and as a table."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from forebear.index.repair import Loss, Repair
from forebear.report import words
from forebear.types import counted

MOST_SHOWN = 50
"""Losses in a table; the document has them all."""


def summary(done: Repair) -> dict[str, Any]:
    """The fields of a ``forebear.index-repair/1`` document."""
    return {
        "path": done.path,
        "status": "repaired" if done.damaged else "intact",
        "kept": done.kept,
        "old": done.old or None,
        "lost": [
            {
                "name": loss.name or None,
                "what": loss.what,
                "why": loss.why,
                "location": loss.location or None,
                "again": again(loss),
            }
            for loss in done.losses
        ],
    }


def again(loss: Loss) -> str | None:
    """The command that measures what was lost once more, None where nobody knows where the model lies."""
    if not loss.name or not loss.location:
        return None
    return f"forebear index add {shlex.quote(loss.location)} --name {shlex.quote(loss.name)}"


def show(console: Console, document: Mapping[str, Any]) -> None:
    """A sentence, and a table of what was lost."""
    if document["status"] == "intact":
        console.print(
            words.text(f"Nothing is wrong with {document['path']}: {counted(document['kept'], 'reference')}.")
        )
        return
    lost = document["lost"]
    console.print(words.text(f"{document['kept']:,} references are intact and were kept in {document['path']}."))
    if lost:
        table = Table(box=None, padding=(0, 1), header_style="dim", show_edge=False)
        for column in ("name", "lost", "why", "to get it back"):
            table.add_column(column, overflow="fold")
        for loss in lost[:MOST_SHOWN]:
            what = "all of it" if loss["what"] == "reference" else loss["what"]
            command = loss["again"] or "add the model again; where it lay is lost"
            table.add_row(*(words.text(cell) for cell in (loss["name"] or "(unknown)", what, loss["why"], command)))
        console.print(table)
        if len(lost) > MOST_SHOWN:
            console.print(words.text(f"… and {len(lost) - MOST_SHOWN:,} more: --format json", style="dim"))
    else:
        console.print("Nothing was lost.")
    console.print(words.text(f"The files as they were: {document['old']}", style="dim"))
