"""``forebear serve``: tokens, and calls that cannot be carried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from documents import check_document
from forebear.cli import app, serve
from forebear.errors import ForebearError, UsageError
from forebear.web.store import SqliteStore
from forebear.web.tokens import Keeper


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    return tmp_path


def call(*args: str) -> Result:
    return CliRunner().invoke(app, ["serve", *args])


def test_tokens_are_made_listed_and_revoked(home: Path) -> None:
    assert "There are no tokens" in call("token", "list").output
    text = call("token", "add", "Ann \x1b[2J").output.strip()
    made = json.loads(call("token", "add", "Bob", "--scope", "probe", "--days", "0", "-f", "json").output)
    check_document(made)
    assert made["expires"] is None and made["scopes"] == ["probe"]
    keeper = Keeper(SqliteStore(home / "service" / "service.sqlite"))
    assert (found := keeper.check(text)) is not None and found.scopes == {"read", "submit"}
    assert keeper.check(made["token"]) is not None
    listed = json.loads(call("token", "list", "-f", "json").output)
    check_document(listed)
    assert [t["name"] for t in listed["tokens"]] == ["Ann [2J", "Bob"]
    assert text not in json.dumps(listed) and "\x1b" not in call("token", "list").output
    assert f"revoked {found.id}" in call("token", "revoke", found.id).output
    assert keeper.check(text) is None and "revoked" in call("token", "list").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["token", "revoke", "none"], "there is no such token"),
        (["token", "add", "Ann", "--scope", "root"], "--scope root: unknown"),
        (["--workers", "0"], "--workers 0"),
        (["--allow-network", "house"], "--allow-network house"),
    ],
)
def test_bad_calls_are_told_in_a_line(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_is_root", lambda: False)
    error = call(*arguments).exception
    assert isinstance(error, ForebearError) and error.exit_code == 2 and said in str(error)


def test_it_does_not_run_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_is_root", lambda: True)
    error = call().exception
    assert isinstance(error, UsageError) and "root" in error.message
