"""``forebear serve``: tokens, and calls that cannot be carried out."""

from __future__ import annotations

import json
import os
import socket
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from documents import check_document
from forebear.cli import app, serve
from forebear.errors import ForebearError, UsageError
from forebear.web.limits import LIMITS
from forebear.web.settings import Settings
from forebear.web.store import SqliteStore
from forebear.web.tokens import Keeper


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    return tmp_path


def packs_file(name: str) -> str:
    """The text of a policy that ships."""
    return (resources.files("forebear") / "data" / "policies" / f"{name}.yaml").read_text("utf-8")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


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
        (["--rate", "0"], "--rate 0: out of bounds"),
        (["--max-file", "5x"], "--max-file 5x: no size"),
        (["--max-body", "1GiB"], "--max-body 1GiB: out of bounds"),
        (["--policy", "none.yaml"], "none.yaml"),
        (["--database", "mysql://me:pa55@h/m"], "--database: no address of a database"),
        (["token", "list", "--database", "me:pa55@h"], "--database: no address of a database"),
    ],
)
def test_bad_calls_are_told_in_a_line(arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_is_root", lambda: False)
    error = call(*arguments).exception
    assert isinstance(error, ForebearError) and error.exit_code == 2 and said in str(error) and error.hint
    assert "pa55" not in str(error)


def test_limits_are_in_the_help_with_their_defaults_and_reach_the_service(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["serve", "--help"]).output
    for limit in LIMITS:
        assert limit.option in shown, limit.option
    assert "512MiB" in shown and "256KiB" in shown
    found: list[Settings] = []

    class Done(Exception):
        pass

    def made(settings: Settings) -> None:
        found.append(settings)
        raise Done

    monkeypatch.setattr(serve, "_is_root", lambda: False)
    monkeypatch.setattr("forebear.web.app.create_app", made)
    monkeypatch.setenv("FOREBEAR_DATABASE", address := "postgresql://me:pa55@h/m")
    own = home / "house.yaml"
    own.write_text(packs_file("baseline"), "utf-8")
    error = call("--port", str(free_port()), "--max-file", "2GB", "--rate", "5", "--policy", str(own)).exception
    assert isinstance(error, Done)
    (settings,) = found
    assert settings.database == address and "FOREBEAR_DATABASE" not in os.environ
    assert (settings.file_bytes, settings.rate, settings.job_bytes) == (2 * 10**9, 5.0, 8 << 30)
    assert settings.policies == {"house": str(own)}


def test_it_does_not_run_as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "_is_root", lambda: True)
    error = call().exception
    assert isinstance(error, UsageError) and "root" in error.message
    assert "--user 10001" in error.hint


def test_where_it_serves_is_said(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended:
        def run(self, sockets: list[socket.socket]) -> None:
            assert len(sockets) == 1

    monkeypatch.setattr(serve, "_is_root", lambda: False)
    monkeypatch.setattr("forebear.web.app.create_app", lambda settings: None)
    monkeypatch.setattr("forebear.web.listener.server", lambda made, settings: Ended())
    port = free_port()
    found = call("--port", str(port))
    assert found.exit_code == 0
    assert f'"event": "serving", "address": "http://127.0.0.1:{port}/"' in found.stderr
