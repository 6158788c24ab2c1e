"""What an import came to, and what a list shows of names that others chose."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from forebear.attest.exchange_file import Sheet
from forebear.inspect.share import Conflict, Imported
from forebear.report import exchange, terminal

HOSTILE = "[/x] [bold]llama"


def shown(made: Imported) -> str:
    written = io.StringIO()
    exchange.imported(Console(file=written, width=100), made)
    return written.getvalue()


def test_what_stays_whatever_is_asked_is_not_said_to_give_way() -> None:
    conflicts = (Conflict("a", "another model"), Conflict("ours", "another model; the other is private", True))
    made = Imported("x.fbx", Sheet("0" * 64, "0" * 64, 3, None, ()), "unchecked", "", ("b",), (), 0, conflicts, False)
    said = shown(made)
    assert "1 refused (--replace takes them):" in said and "1 refused, whatever is asked:" in said
    page = exchange.imported_md(made)
    assert page.index("takes them") < page.index("a: another") < page.index("whatever") < page.index("ours: another")


def test_a_family_that_looks_like_markup_is_text() -> None:
    model: dict[str, Any] = {
        "name": HOSTILE,
        "family": HOSTILE,
        "parameters": 1,
        "coins": 1,
        "licence": HOSTILE,
        "added": "2026-01-01T00:00:00Z",
        "provenance": {"origin": "sha256:00"},
    }
    console = Console(file=io.StringIO(), width=200)
    models = [model, {**model, "family": None}]
    terminal.listed(console, {"models": models, "tokenizers": [], "behaviours": []})
    assert console.file.getvalue().count(HOSTILE) == 5  # type: ignore[attr-defined]
