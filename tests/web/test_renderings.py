"""What is made of results is made once, by one, and has a bound in bytes."""

from __future__ import annotations

import threading

from forebear.web.renderings import Renderings


def test_what_is_kept_has_a_bound_and_the_least_recently_shown_goes_first() -> None:
    kept: Renderings[bytes] = Renderings(len, 10)
    for name in "abc":
        assert kept.make(name, lambda: b"xxx") == b"xxx"
    assert kept.get("a") == b"xxx" and kept.bytes == 9
    assert kept.make("d", lambda: b"xxxx") == b"xxxx"
    assert [kept.get(n) is not None for n in "abcd"] == [True, False, True, True] and kept.bytes == 10
    assert kept.make("large", lambda: b"x" * 11) == b"x" * 11 and kept.get("large") is None and kept.bytes == 10
    kept.drop("a")
    kept.drop("a")
    assert kept.get("a") is None and kept.bytes == 7
    assert kept.make("all", lambda: b"x" * 10) and kept.bytes == 10 and kept.get("d") is None


def test_it_is_made_once_however_many_ask_at_once() -> None:
    kept: Renderings[bytes] = Renderings(len)
    made: list[int] = []
    begun = threading.Barrier(6)

    def how() -> bytes:
        made.append(1)
        return b"x"

    def ask() -> None:
        begun.wait()
        assert kept.make("a", how) == b"x"

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_nothing_is_kept_of_what_failed() -> None:
    kept: Renderings[bytes] = Renderings(len)

    def wrong() -> bytes:
        raise ValueError

    for _ in range(2):
        try:
            kept.make("a", wrong)
        except ValueError:
            continue
        raise AssertionError
    assert kept.make("a", lambda: b"x") == b"x"
