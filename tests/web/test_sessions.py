"""Who is signed in, in every kind of store: what one server has opened, taken or closed is so for the other."""

from __future__ import annotations

import threading

import pytest

from forebear.web import sessions
from forebear.web.sessions import Sessions, form_mark
from forebear.web.store import Store

Stores = tuple[Store, Store]


@pytest.fixture
def both(stores: Stores) -> tuple[Sessions, Sessions]:
    """Those of two servers of one store."""
    return Sessions(stores[0]), Sessions(stores[1])


def test_a_session_is_found_by_its_secret_alone_until_it_is_closed_or_ends(
    both: tuple[Sessions, Sessions], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = both
    one, two = here.open("a" * 16), here.open("a" * 16)
    found = there.find(one)
    assert found is not None and found.token == "a" * 16 and found == here.find(one) != here.find(two)
    assert one not in repr(found)
    for forged in ("", one[:-1], one.swapcase(), f"{one}x", f"{one}\n", "\udcff", found.id, "é" * 43):
        assert there.find(forged) is None
        there.close(forged)
    there.close(one)
    assert here.find(one) is None and there.find(one) is None and here.find(two) is not None
    monkeypatch.setattr("forebear.web.sessions.time.time", lambda: found.ends + 60)
    assert here.find(two) is None


def test_sessions_that_ended_are_forgotten_when_another_one_begins(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Sessions(stores[0])
    monkeypatch.setattr("forebear.web.sessions.SESSION_SECONDS", -1.0)
    old = kept.open("ann")
    monkeypatch.setattr("forebear.web.sessions.SESSION_SECONDS", 60.0)
    assert kept.find(old) is None and stores[1].session(sessions._hash(old)) is not None
    new = kept.open("bob")
    assert stores[1].session(sessions._hash(old)) is None and kept.find(new) is not None


def test_sessions_are_bounded_and_one_token_does_not_end_those_of_others(
    both: tuple[Sessions, Sessions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebear.web.sessions.MOST", 6)
    monkeypatch.setattr("forebear.web.sessions.MOST_OF_TOKEN", 3)
    here, there = both
    bob = here.open("bob")
    anns = [both[k % 2].open("ann") for k in range(10)]
    assert [there.find(s) is not None for s in anns] == [False] * 7 + [True] * 3
    assert here.find(bob) is not None
    others = [both[k % 2].open(f"other {k}") for k in range(10)]
    assert here.find(bob) is None and [here.find(s) is not None for s in others] == [False] * 4 + [True] * 6


def test_a_form_leads_to_one_place_however_often_and_wherever_it_is_sent(
    both: tuple[Sessions, Sessions], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forebear.web.sessions.MOST_FORMS", 2)
    here, there = both
    session, other = here.find(here.open("ann")), here.find(here.open("ann"))
    assert session is not None and other is not None
    assert here.take(session, "a") is None and there.take(session, "a") == ""
    there.lead(session, "a", "/jobs/1")
    assert here.take(session, "a") == "/jobs/1"
    assert here.take(other, "a") is None  # of another session it is another form
    assert there.take(session, "b") is None
    here.lead(session, "b", "")  # it did not work, and may be mended
    assert there.take(session, "b") is None and here.take(session, "c") is None
    assert here.take(session, "b") == "" and here.take(session, "a") is None  # the oldest is forgotten
    assert here.take(other, "a") == ""


def test_a_form_of_a_session_that_is_closed_starts_nothing(both: tuple[Sessions, Sessions]) -> None:
    here, there = both
    secret = here.open("ann")
    session = here.find(secret)
    assert session is not None and there.take(session, "a") is None
    there.close(secret)
    assert here.take(session, "b") == "" == here.take(session, "a")
    here.lead(session, "a", "/jobs/1")
    assert here.take(session, "a") == ""


def test_a_form_that_comes_many_times_at_once_is_taken_once(both: tuple[Sessions, Sessions]) -> None:
    session = both[0].find(both[0].open("ann"))
    assert session is not None
    taken: list[tuple[str, str | None]] = []

    def send(k: int) -> None:
        taken.extend((once, both[k % 2].take(session, once)) for once in "abcdef")

    threads = [threading.Thread(target=send, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(once for once, led in taken if led is None) == list("abcdef") and len(taken) == 36


def test_the_mark_of_a_form_is_of_its_cookie() -> None:
    assert form_mark("a") == form_mark("a") != form_mark("b")
    assert len(form_mark("\udcff")) == 64
