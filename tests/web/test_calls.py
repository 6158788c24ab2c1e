"""Every job's call on the command line is one that the command takes, with what was asked and no more."""

from __future__ import annotations

import shlex
from typing import Any

import pytest
import typer
from typer.main import get_command

from forebear.cli import app
from forebear.report import html
from forebear.web.calls import command, how_of, options
from forebear.web.store import Job
from forebear.web.work import WORK
from reports import everything

ASKED: dict[str, dict[str, Any]] = {
    "scan": {"target": "org/name", "effort": "deep", "fetch": False},
    "compare": {"a": "org/a", "b": "org/b", "effort": "quick"},
    "bom": {"bom": "upload:x/b.json", "effort": "deep", "model": "org/child", "profiles": ["one", "two"]},
    "policy": {"target": "job:x", "policies": ["baseline", "uk-defence"], "effort": "quick", "model": "m"},
    "probe": {"url": "https://h/v1", "model": "m", "keyed": True, "expect": "kimi", "max_requests": 9, "max_tokens": 5},
    "search": {"target": "org/name", "limit": 3},
    "traffic": {"files": ["upload:x/a.har"]},
    "write": {"target": "org/name"},
}


def taken(said: str) -> dict[str, Any]:
    """What a command line asks for, as the command itself reads it; fails where it is no call."""
    program, *words = shlex.split(said)
    assert program == "forebear"
    found: Any = get_command(app)
    context = typer.Context(found)
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
        context = typer.Context(found, parent=context)
    found.parse_args(context, words)
    return dict(context.params)


@pytest.mark.parametrize(
    ("kind", "words", "targets", "wanted"),
    [
        ("scan", "scan", ("m",), {"effort": "deep", "no_fetch": True}),
        ("compare", "compare", ("a", "b"), {"effort": "quick", "a": "a", "b": "b"}),
        ("bom", "bom verify", ("b.json",), {"effort": "deep", "model": "org/child"}),
        ("policy", "policy check", ("t.json",), {"effort": "quick", "model": "m"}),
        ("probe", "probe", ("https://h/v1",), {"model": "m", "key_env": "KEY", "expect": "kimi", "max_requests": 9}),
        ("search", "index search", ("m",), {"limit": 3}),
        ("traffic", "traffic", ("a.har",), {}),
    ],
)
def test_a_call_is_taken_by_its_command(
    kind: str, words: str, targets: tuple[str, ...], wanted: dict[str, Any]
) -> None:
    found = taken(command(words, targets, Job("one", "a", kind, ASKED[kind])))
    for name, value in wanted.items():
        assert str(found[name]) == str(value) or found[name] == value, (name, found)


def test_what_is_so_by_default_is_not_said() -> None:
    for kind, work in WORK.items():
        named = {k: v for k, v in ASKED.get(kind, {}).items() if k in (*work.targets, *work.documents, "url")}
        asked = work.model(**{**named, **({"model": "m"} if kind == "probe" else {})}).model_dump(mode="json")
        said: tuple[str, ...] = {"policy": ("--policy", "baseline"), "search": ("--limit", "10")}.get(kind, ())
        if kind == "probe":
            said = ("--model", "m", "--max-requests", "250", "--max-tokens", "100000")
        assert options(kind, asked) == said


def test_no_secret_of_an_address_is_in_a_call() -> None:
    said = command("probe", ("https://me:hunter2@h/v1?sig=abc",), Job("one", "a", "probe", {"model": "m"}))
    assert said == "forebear probe 'https://h/v1?sig=redacted' --model m"


@pytest.mark.parametrize("kind", ["scan", "compare", "bom", "policy"])
def test_a_report_of_a_job_has_its_options_and_is_a_call(kind: str) -> None:
    document = everything()["bill" if kind == "bom" else kind]
    text = html.report(document, how_of(Job("one", "a", kind, ASKED[kind])))
    said = text.split("<pre><code>")[1].split("</code>")[0]
    for word in ("--effort", *(["--policy baseline --policy uk-defence"] if kind == "policy" else [])):
        assert word in said
    assert taken(said) and "This asks the same again, where" in text
