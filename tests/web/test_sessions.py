"""Who is signed in."""

from __future__ import annotations

import pytest

from forebear.web import sessions
from forebear.web.sessions import Sessions


def test_a_session_is_found_by_its_secret_alone_until_it_is_closed_or_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("forebear.web.sessions.time.monotonic", lambda: now[0])
    kept = Sessions()
    one, two = kept.open("a" * 16), kept.open("a" * 16)
    found = kept.find(one)
    assert found is not None and found.token == "a" * 16 and found.csrf not in (one, two)
    for forged in ("", one[:-1], one.upper(), f"{one}x", "\udcff"):
        assert kept.find(forged) is None
    kept.close(one)
    assert kept.find(one) is None and kept.find(two) is not None
    now[0] += sessions.SESSION_SECONDS
    assert kept.find(two) is None
    assert one.encode() not in repr(kept.__dict__).encode()


def test_sessions_are_bounded_and_one_token_does_not_end_those_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebear.web.sessions.MOST", 6)
    monkeypatch.setattr("forebear.web.sessions.MOST_OF_TOKEN", 3)
    kept = Sessions()
    bob = kept.open("bob")
    anns = [kept.open("ann") for _ in range(10)]
    assert [kept.find(s) is not None for s in anns] == [False] * 7 + [True] * 3
    assert kept.find(bob) is not None
    for k in range(10):
        kept.open(f"other {k}")
    assert kept.find(bob) is None and len(kept._sessions) == 6


def test_a_form_leads_to_one_place_however_often_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebear.web.sessions.MOST_FORMS", 2)
    kept = Sessions()
    session = kept.find(kept.open("ann"))
    assert session is not None
    assert kept.take(session, "a") is None and kept.take(session, "a") == ""
    kept.lead(session, "a", "/jobs/1")
    assert kept.take(session, "a") == "/jobs/1"
    assert kept.take(session, "b") is None
    kept.lead(session, "b", "")  # it did not work, and may be mended
    assert kept.take(session, "b") is None and kept.take(session, "c") is None
    assert len(session.sent) == 2


def test_the_mark_of_a_form_is_of_its_cookie_and_of_this_server() -> None:
    kept = Sessions()
    assert kept.mark("a") == kept.mark("a") != kept.mark("b")
    assert Sessions().mark("a") != kept.mark("a")
