"""Tokens: forged, stolen, revoked, expired."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from forebear.errors import UsageError
from forebear.web import tokens
from forebear.web.store import SqliteStore
from forebear.web.tokens import Keeper, make_token


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return SqliteStore(tmp_path / "service.sqlite")


def test_a_token_is_proven_by_its_secret_alone(store: SqliteStore) -> None:
    token, text = make_token("Ann", ["read", "submit"])
    other, other_text = make_token("Bob", ["read"])
    store.add_token(token)
    store.add_token(other)
    keeper = Keeper(store)
    assert keeper.check(text) == token == store.token(token.id)
    secret = other_text.rpartition("_")[2] if "_" not in other_text[20:] else other_text[20:]
    for forged in ("", "fb_", text[:-1], text + "x", text[:20] + secret, text.replace("fb_", "FB_"), "fb_" + "0" * 60):
        assert keeper.check(forged) is None, forged
    assert keeper.check(f"fb_{'0' * 16}_{text[20:]}") is None


def test_the_secret_is_not_in_the_file(store: SqliteStore) -> None:
    token, text = make_token("Ann", ["read"])
    store.add_token(token)
    store.close()
    kept = b"".join(p.read_bytes() for p in store.path.parent.iterdir())
    assert token.id.encode() in kept and text[20:].encode() not in kept


def test_a_proven_token_is_cheap_and_a_revoked_one_refused_at_once(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, text = make_token("Ann", ["read"])
    store.add_token(token)
    keeper = Keeper(store)
    assert keeper.check(text)
    monkeypatch.setattr(tokens, "_digest", lambda *_: b"")  # from here on scrypt proves nothing
    assert keeper.check(text) and Keeper(store).check(text) is None
    assert store.revoke(token.id) and not store.revoke(token.id)
    assert keeper.check(text) is None


def test_an_expired_token_is_refused(store: SqliteStore) -> None:
    token, text = make_token("Ann", ["read"], days=1)
    assert 86_000 < token.expires - time.time() < 86_500
    store.add_token(replace(token, expires=time.time() - 1))
    assert Keeper(store).check(text) is None


def test_scrypt_is_slow_enough() -> None:
    began = time.process_time()
    tokens._digest("secret", b"salt" * 4)
    assert time.process_time() - began > 0.01


@pytest.mark.parametrize(
    ("name", "scopes", "said"), [("a", ["root"], "root"), ("a", [], "scope"), (" ", ["read"], "name")]
)
def test_bad_tokens_are_not_made(name: str, scopes: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_token(name, scopes)
