"""Two servers of one database behind one name: a browser that meets the one or the other sees no difference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from browsers import Browser, browser
from forebear.web.crew import Crew
from services import Served, served

pytest.importorskip("psycopg", reason="needs the [postgres] extra")


@pytest.fixture
def both(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Served, Served]]:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    monkeypatch.setattr(Crew, "_work", lambda self: self._stopping.wait())
    with ExitStack() as stack:
        yield tuple(stack.enter_context(served(tmp_path / "own", database=database)) for _ in range(2))  # type: ignore[misc]


def _at(who: Browser, service: Served) -> Browser:
    """The same browser, whose next requests meet another server."""
    other = browser(service)
    other.client.cookies = who.client.cookies
    return other


def test_a_browser_is_signed_in_at_every_server_and_signed_out_at_every_server(both: tuple[Served, Served]) -> None:
    here = browser(both[0], "read", "submit")
    there = _at(here, both[1])
    assert there.get("/jobs").status_code == 200
    fields = {**here.hidden("/compare"), "a": "org/a", "b": "org/b"}  # shown by one, sent to the other, and again
    led = [w.client.post("/start/compare", data=fields, follow_redirects=False) for w in (there, here, there)]
    assert {a.status_code for a in led} == {303} and len({a.headers["location"] for a in led}) == 1
    assert len(both[0].client.app.state.service.store.jobs(None, 9)) == 1  # type: ignore[attr-defined]
    stolen = dict(here.client.cookies)
    assert there.send("/", "/sign-out").headers["location"] == "/sign-in"
    here.client.cookies.update(stolen)
    assert here.get("/jobs").status_code == 303


def test_a_form_for_signing_in_is_taken_by_another_server_and_a_revoked_token_ends_its_session(
    both: tuple[Served, Served],
) -> None:
    text = both[0].token("read")["Authorization"].removeprefix("Bearer ")
    here = browser(both[0])
    mark = here.get("/sign-in").text.split('name="mark" value="')[1].split('"')[0]
    there = _at(here, both[1])
    answer = there.client.post("/sign-in", data={"token": text, "mark": mark}, follow_redirects=False)
    assert answer.status_code == 303
    here.client.cookies = there.client.cookies
    assert here.get("/jobs").status_code == 200
    both[1].client.app.state.service.store.revoke(text.split("_")[1])  # type: ignore[attr-defined]
    assert [w.get("/jobs").status_code for w in (here, there)] == [303, 303]
