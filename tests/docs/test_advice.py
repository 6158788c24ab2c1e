"""Errors say what to do: every call that cannot be carried out comes with advice. Tab completes what can be typed."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forebear.cli import app
from forebear.cli.completion import policies, topics

SOURCE = Path(__file__).parents[2] / "src" / "forebear"
ELSEWHERE = "web"
"""The service answers a program over HTTP, and says in its own fields what is wrong."""


def raised(tree: ast.AST, name: str) -> list[ast.Call]:
    """Every construction of an error, also where it is kept before it is raised."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == name]


def advised(call: ast.Call) -> bool:
    """Whether a second argument is there, and is no empty text."""
    given = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "hint")]
    return bool(given) and not (isinstance(given[0], ast.Constant) and not given[0].value)


def test_every_usage_error_has_a_hint() -> None:
    count = 0
    for file in sorted(SOURCE.rglob("*.py")):
        text = file.read_text("utf-8")
        if file.relative_to(SOURCE).parts[0] == ELSEWHERE or "UsageError(" not in text:
            continue
        for call in raised(ast.parse(text), "UsageError"):
            count += 1
            assert advised(call), f"{file.relative_to(SOURCE)}:{call.lineno}: what is to be done? {ast.unparse(call)}"
    assert count > 180


@pytest.mark.parametrize("code", ["UsageError('no')", "UsageError('no', '')", "UsageError('no', hint='')"])
def test_an_error_without_a_hint_would_be_seen(code: str) -> None:
    assert not advised(raised(ast.parse(code), "UsageError")[0])


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("forebear explain sign-", "sign-code/1"),
        ("forebear explain same_", "same_init_or_derived"),
        ("forebear policy check x --policy us-", "us-federal"),
        ("forebear policy show base", "baseline"),
        ("forebear com", "compare"),
        ("forebear scan --eff", "--effort"),
    ],
)
def test_tab_completes(typed: str, offered: str) -> None:
    environment = {
        "_FOREBEAR_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split()) - 1),
    }
    done = CliRunner().invoke(app, [], prog_name="forebear", env=environment)
    assert offered in done.output.split(), (done.output, done.exception)


def test_what_is_completed_begins_as_it_was_typed() -> None:
    assert policies("uk-") == ["uk-defence", "uk-public-sector"] and policies("zz") == []
    assert topics("aligned") == ["aligned-coins/1"]
    assert {"pickle-unsafe", "dependent", "sign-code/1"} <= set(topics(""))
