"""Whoever is refused is told what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import forebear.web

FILES = sorted(Path(forebear.web.__file__).parent.rglob("*.py"))
ERRORS = ("UsageError", "Denied", "DeniedFile", "InputError")


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.stem)
def test_every_error_has_a_hint(file: Path) -> None:
    calls = [n for n in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(n, ast.Call)]
    ours = [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in ERRORS]
    assert [c.lineno for c in ours if len(c.args) + len(c.keywords) < 2] == []


def test_there_are_errors_to_look_at() -> None:
    assert sum(f"raise {name}(" in file.read_text("utf-8") for file in FILES for name in ERRORS) > 5
