"""What outlives the process, in every kind of store."""

from __future__ import annotations

import threading
import time
from collections import Counter

from forebear.web.store import Job, State, Store, Token, Upload
from forebear.web.store.base import MOST_EVENTS

Stores = tuple[Store, Store]


def job(id: str, owner: str = "a") -> Job:
    return Job(id, owner, "scan", {"target": "org/name", "odd": "\x00\ud800 é"})


def claimed(store: Store, server: str = "s") -> Job:
    found = store.claim(server)
    assert found is not None
    return found


def test_a_finished_job_outlives_its_server_and_others_wait_again(stores: Stores) -> None:
    store, left = stores
    assert store.beat("s", 60.0, (), "here") == 0
    for id in ("one", "two", "three"):
        store.add_job(job(id))
    one, two = claimed(store), claimed(store)
    assert (one.id, two.id, one.attempts, one.request) == ("one", "two", 1, job("one").request)
    store.tell(one, "reading\x1b[2J the model")
    assert store.finish(one, State.DONE, b"{}\0", None)
    assert left.leave("s") == 1
    assert [(j.id, j.state, j.attempts) for j in left.jobs("a", 10)] == [
        ("three", State.QUEUED, 0),
        ("two", State.QUEUED, 1),
        ("one", State.DONE, 1),
    ]
    assert left.result("one") == b"{}\0" and left.result("two") is None
    assert [(e.seq, e.kind, e.text) for e in left.events("one")] == [
        (1, "state", "queued"),
        (2, "state", "running"),
        (3, "step", "reading [2J the model"),
        (4, "state", "done"),
    ]
    assert [e.seq for e in left.events("one", 3)] == [4] and left.events("one", 10**30) == []


def test_only_what_nobody_alive_runs_waits_again(store: Store) -> None:
    for id in ("one", "two", "three"):
        store.add_job(job(id))
    store.beat("dead", 0.0, (), "here")
    store.beat("s", 60.0, (), "here")
    mine, lost, theirs = claimed(store), claimed(store), claimed(store, "dead")
    time.sleep(0.01)
    assert list(store.servers()) == ["s"]
    assert store.beat("s", 60.0, (mine.id, lost.id), "here") == 1  # of the dead one
    assert store.beat("s", 60.0, (mine.id,), "here") == 1  # claimed, but the claim was never heard of
    states = {j.id: j.state for j in store.jobs(None, 9)}
    assert states == {mine.id: State.RUNNING, lost.id: State.QUEUED, theirs.id: State.QUEUED}
    assert [store.leave("s"), store.leave("s"), store.servers()] == [1, 0, {}]


def test_who_was_taken_for_dead_can_do_nothing_to_the_job_of_another(store: Store) -> None:
    store.add_job(job("one"))
    store.beat("slow", 60.0, (), "here")
    early = claimed(store, "slow")
    store.leave("slow")
    store.beat("s", 60.0, (), "here")
    late = claimed(store)
    assert (late.id, late.attempts) == ("one", 2)
    store.tell(early, "still here")
    assert not store.finish(early, State.DONE, b"old", None) and not store.again(early)
    assert store.finish(late, State.DONE, b"new", None) and not store.finish(late, State.DONE, b"twice", None)
    assert store.result("one") == b"new" and [e.kind for e in store.events("one")] == ["state"] * 5


def test_a_job_with_a_key_waits_for_the_server_that_has_it(store: Store) -> None:
    for server in ("s", "t"):
        store.beat(server, 60.0, (), "here")
    store.add_job(job("keyed"), "s")
    assert store.claim("t") is None
    first = claimed(store, "s")
    assert store.again(first, "s") and store.claim("t") is None
    store.leave("s")
    assert claimed(store, "t").id == "keyed"


def test_no_job_is_taken_twice(stores: Stores) -> None:
    """Eight threads on two connections, as two servers."""
    for server in ("s", "t"):
        stores[0].beat(server, 60.0, (), "here")
    for k in range(60):
        stores[0].add_job(job(f"j{k}", f"o{k % 5}"))
    taken: list[str] = []

    def take(k: int) -> None:
        while (found := stores[k % 2].claim("st"[k % 2])) is not None:
            taken.append(found.id)
            assert stores[k % 2].finish(found, State.DONE, b"", None)

    threads = [threading.Thread(target=take, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while (found := stores[0].claim("s")) is not None:  # what was locked by others when the last one looked
        taken.append(found.id)
    assert len(taken) == 60 and set(Counter(taken).values()) == {1}


def test_what_was_cancelled_stays_so(store: Store) -> None:
    store.add_job(job("one"))
    one = claimed(store)
    assert store.cancel("one") and not store.cancel("one")
    assert not store.finish(one, State.DONE, b"{}", None) and not store.again(one)
    found = store.job("one")
    assert found is not None and found.state is State.CANCELLED and store.result("one") is None
    store.tell(one, "late")
    assert [e.kind for e in store.events("one")] == ["state"] * 3


def test_who_asks_much_does_not_keep_others_waiting(store: Store) -> None:
    for k in range(5):
        store.add_job(job(f"a{k}"))
    store.add_job(job("b0", "b"))
    assert [claimed(store).id for _ in range(3)] == ["a0", "b0", "a1"]
    assert store.unfinished("a") == 5 and store.unfinished("b") == 1


def test_bytes_of_results_are_counted_by_owner(store: Store) -> None:
    assert store.kept("a") == 0
    for k, owner in enumerate("aab"):
        store.add_job(job(f"j{k}", owner))
    for result in (b"12345", None, b"123"):
        assert store.finish(claimed(store), State.DONE if result else State.FAILED, result, None)
    assert (store.kept("a"), store.kept("b"), store.kept("c")) == (5, 3, 0)
    assert store.remove("j0") and (store.kept("a"), store.kept("b")) == (0, 3)
    assert store.expire("9000-01-01T00:00:00Z") == 2 and store.kept("a") == store.kept("b") == 0


def test_the_bytes_of_results_that_are_lost_are_not_counted(store: Store) -> None:
    store.add_job(job("one"))
    one = claimed(store)
    assert store.cancel("one") and not store.finish(one, State.DONE, b"123", None) and store.kept("a") == 0


def test_jobs_in_pages_and_their_end(store: Store) -> None:
    for k in range(5):
        store.add_job(job(f"j{k}", "ab"[k % 2]))
    assert [j.id for j in store.jobs(None, 2)] == ["j4", "j3"]
    assert [j.id for j in store.jobs("a", 2, before="j4")] == ["j2", "j0"]
    assert not store.remove("j0") and store.cancel("j0") and store.expire("2000-01-01T00:00:00Z") == 0
    assert store.expire("9000-01-01T00:00:00Z") == 1 and store.job("j0") is None and store.events("j0") == []
    one = claimed(store)
    assert not store.remove(one.id) and store.finish(one, State.FAILED, None, {"message": "no"})
    assert (failed := store.job(one.id)) is not None and failed.error == {"message": "no"}
    assert store.remove(one.id) and store.events(one.id) == [] and not store.remove(one.id)


def test_steps_are_bounded_and_the_end_is_told(store: Store) -> None:
    store.add_job(job("one"))
    one = claimed(store)
    with_room = MOST_EVENTS - len(store.events("one"))
    for k in range(3):
        store.tell(one, f"step {k}")
    _pretend(store, "one", with_room + 2)
    store.tell(one, "one too many")
    store.finish(one, State.FAILED, None, {"message": "no"})
    assert [e.text for e in store.events("one")][-2:] == ["x", "failed"]


def _pretend(store: Store, id: str, seq: int) -> None:
    """An event of a given number, without the two thousand before it."""
    row = f"INSERT INTO events VALUES ('{id}', {seq}, '', 'step', 'x')"
    if store.shared:
        store._changed(row)  # type: ignore[attr-defined]
    else:
        store._db.execute(row)  # type: ignore[attr-defined]


def test_tokens_and_uploads(store: Store) -> None:
    for id in ("b", "a"):
        store.add_token(
            Token(id, "Ann é", frozenset({"read", "submit"}), b"\0salt", b"\xff", "2026-01-01T00:00:00Z", 1.5)
        )
    assert [t.id for t in store.tokens()] == ["b", "a"] and store.token("c") is None
    assert store.token("a") == Token(
        "a", "Ann é", frozenset({"read", "submit"}), b"\0salt", b"\xff", "2026-01-01T00:00:00Z", 1.5
    )
    assert store.revoke("a") and not store.revoke("a") and (gone := store.token("a")) is not None and gone.revoked
    store.add_upload(Upload("u", "a", "model", 1.0))
    store.grow("u", 3_000_000_000)
    assert store.uploads("a") == [Upload("u", "a", "model", 1.0, 3_000_000_000, 1)] and store.uploads("b") == []
    store.drop_upload("u")
    assert store.upload("u") is None and store.uploads() == []
