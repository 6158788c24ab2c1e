"""Nothing is left of files whose form, request or server came to no end: no row, no folder, nothing in hand."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import UploadFile

from browsers import Browser, browser
from forebear.errors import IndexError_
from forebear.web.api.caller import Service
from forebear.web.crew import Crew
from forebear.web.pages import files
from forebear.web.pages.files import Files
from forebear.web.settings import Settings
from forebear.web.store import Job, Store, open_store
from forebear.web.tokens import make_token
from services import Served, listening, served

BILL = b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())
        with served(home / "own", file_bytes=1_000, upload_bytes=1_500, body_bytes=4_000) as found:
            yield found


@pytest.fixture(scope="module")
def ann(service: Served) -> Browser:
    return browser(service, "read", "submit")


def state(service: Served) -> Service:
    found: Service = service.client.app.state.service  # type: ignore[attr-defined]
    return found


def left(settings: Settings, store: Store) -> list[str]:
    """Everything that is there of uploads."""
    names = [
        str(p.relative_to(settings.home)) for place in (settings.uploaded, settings.runs) for p in place.rglob("*")
    ]
    return [*names, *(u.id for u in store.uploads())]


def tried(service: Served, ann: Browser, form: str, fields: dict[str, Any], *sent: tuple[str, str, bytes]) -> int:
    """A form with files, sent; its status, once it is sure that nothing of it has stayed."""
    before = left(service.settings, state(service).store)
    at = {"ask": "/"}.get(form, f"/{form}")
    to = "/identify" if form == "identify" else f"/start/{'bom' if form == 'verify' else form}"
    answer = ann.send(at, to, fields, files=[(field, (name, content)) for field, name, content in sent])
    assert left(service.settings, state(service).store) == before, answer.text
    return int(answer.status_code)


SIDE_A, SIDE_B = ("a_files", "a.gguf", b"x"), ("b_files", "b.gguf", b"x")
BOM_FILE, TARGET_FILE = ("bom_files", "b.cdx.json", BILL), ("target_files", "m.gguf", b"x")


@pytest.mark.parametrize(
    ("form", "fields", "sent", "status"),
    [
        ("compare", {}, [SIDE_A], 422),
        ("compare", {}, [SIDE_B], 422),
        ("compare", {"b": "/etc/passwd"}, [SIDE_A], 422),
        ("compare", {"a": "job:" + "0" * 32}, [SIDE_B], 422),
        ("compare", {"effort": "endless"}, [SIDE_A, SIDE_B], 422),
        ("compare", {}, [SIDE_A, ("b_files", "b.gguf", b"x" * 1_001)], 413),
        ("compare", {}, [SIDE_A, ("b_files", "é", b"x")], 422),
        ("compare", {"b": "x" * 2_001}, [SIDE_A], 422),
        ("verify", {"target": "/etc/passwd"}, [BOM_FILE], 422),
        ("verify", {"effort": "endless"}, [BOM_FILE, TARGET_FILE], 422),
        ("verify", {}, [BOM_FILE, ("target_files", "m.gguf", b"x" * 1_001)], 413),
        ("verify", {}, [BOM_FILE, BOM_FILE], 422),
        ("verify", {}, [TARGET_FILE], 422),
        ("policy", {"policies": "none"}, [TARGET_FILE], 422),
        ("policy", {}, [TARGET_FILE], 422),
        ("policy", {"policies": ["baseline"] * 11}, [TARGET_FILE], 422),
        ("policy", {"policies": "baseline", "effort": "endless"}, [TARGET_FILE], 422),
        ("probe", {"url": "http://127.0.0.1"}, [TARGET_FILE], 403),
        ("ask", {"once": "wrong"}, [("files", "a.har", b"x")], 422),
        ("ask", {"csrf": "wrong"}, [("files", "a.har", b"x")], 403),
        ("identify", {}, [("files", "a.har", b"x"), ("files", "a.har", b"x")], 422),
    ],
)
def test_nothing_is_left_of_a_form_with_something_wrong_in_it(
    service: Served, ann: Browser, form: str, fields: dict[str, Any], sent: list[tuple[str, str, bytes]], status: int
) -> None:
    assert tried(service, ann, form, fields, *sent) == status


def _full(*_: object, **__: object) -> Any:
    raise OSError(errno.ENOSPC, "full")


def _wrong(*_: object) -> Any:
    raise ValueError("an error of our own")


def _away(*_: object) -> Any:
    raise IndexError_("the database is away")


@pytest.mark.parametrize(
    ("where", "what", "status"),
    [
        (lambda s: (files, "_copied"), _full, 507),
        (lambda s: (files, "_copied"), _wrong, 500),
        (lambda s: (s.store, "grow"), _away, 503),
        (lambda s: (s.store, "unfinished"), lambda _: 10**9, 429),
        (lambda s: (s.store, "kept"), lambda _: 10**18, 429),
        (lambda s: (s.crew, "submit"), _away, 503),
        (lambda s: (s.crew, "submit"), _wrong, 500),
    ],
)
@pytest.mark.parametrize("form", ["ask", "identify"])
def test_nothing_is_left_where_the_service_itself_cannot_go_on(
    service: Served,
    ann: Browser,
    monkeypatch: pytest.MonkeyPatch,
    form: str,
    where: Callable[[Service], tuple[Any, str]],
    what: Any,
    status: int,
) -> None:
    place, name = where(state(service))
    monkeypatch.setattr(place, name, what)
    assert tried(service, ann, form, {}, ("files", "a.har", b"{}"), ("files", "b.har", b"{}")) == status


def test_files_of_a_form_that_led_to_a_job_stay_and_nothing_beside_them(service: Served, ann: Browser) -> None:
    sent = [("files", ("a.har", b"{}")), ("files", ("b.har", b"{}"))]
    answer = ann.send("/", "/start/ask", files=sent)
    assert answer.status_code == 303
    (upload,) = state(service).store.uploads()
    assert sorted(left(service.settings, state(service).store)) == sorted(
        [f"uploads/{upload.id}", f"uploads/{upload.id}/a.har", f"uploads/{upload.id}/b.har", upload.id]
    )
    files.drop(state(service), upload.id)


def test_a_file_that_cannot_be_counted_is_not_there(
    service: Served, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    who = service.token("read", "submit")
    id = service.upload(who, "model")
    store = state(service).store
    with monkeypatch.context() as patch:
        patch.setattr(store, "grow", _away)
        assert service.client.put(f"/api/v1/uploads/{id}/a.gguf", content=b"x", headers=who).status_code == 503
    assert left(service.settings, store) == [f"uploads/{id}", id]
    os.rmdir(service.settings.uploaded / id)
    gone = service.client.put(f"/api/v1/uploads/{id}/a.gguf", content=b"x", headers=who)
    assert gone.status_code == 404 and "hint" in gone.json()["error"]
    assert left(service.settings, store) == [id]
    store.drop_upload(id)
    monkeypatch.setattr(Path, "mkdir", _full)
    made = service.client.post("/api/v1/uploads", json={"name": "m"}, headers=who)
    assert made.status_code == 507 and left(service.settings, store) == []


def test_nothing_is_left_of_a_request_that_breaks_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A file and a form, each cut in the middle of a body of which more was announced."""
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    monkeypatch.setattr(Crew, "_work", lambda self: self._stopping.wait())
    caplog.set_level("INFO", "forebear.web")
    with listening(Settings(tmp_path / "own", hosts=("127.0.0.1", "testserver"))) as (app, address):
        who = Served(browser(Served(_Client(app), app.state.service.settings)).client, app.state.service.settings)  # type: ignore[arg-type]
        token = who.token("read", "submit")
        id = who.upload(token, "model")
        ann = browser(who, "read", "submit")
        cookie = "; ".join(f"{k}={v}" for k, v in ann.client.cookies.items())
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.har"\r\n\r\n' + b"x" * 2_000_000
        for head in (
            f"PUT /api/v1/uploads/{id}/a.gguf HTTP/1.1\r\nAuthorization: {token['Authorization']}\r\n",
            f"POST /start/ask HTTP/1.1\r\nCookie: {cookie}\r\nContent-Type: multipart/form-data; boundary=x\r\n",
        ):
            caplog.clear()
            with socket.create_connection(address) as one:
                one.sendall(f"{head}Host: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n".encode() + part)
            until = time.monotonic() + 60
            while not (ended := [r for r in caplog.records if r.getMessage() == "request"]):
                assert time.monotonic() < until, [r.getMessage() for r in caplog.records]
                time.sleep(0.01)
            assert [r.fields["status"] for r in ended] == [400]  # type: ignore[attr-defined]
            assert not [r for r in caplog.records if r.levelname == "ERROR"]
            assert left(app.state.service.settings, app.state.service.store) == [f"uploads/{id}", id]


class _Client:
    """As much of a client as shows which application is asked."""

    def __init__(self, app: Any) -> None:
        self.app = app


@pytest.fixture
def killed(address: str, tmp_path: Path) -> Iterator[tuple[Settings, Store, Service]]:
    """A server that has begun, of which nothing will be heard again."""
    settings = Settings(tmp_path / "own", database=address, lease_seconds=1)
    store = open_store(settings.home, address)
    crew = Crew(settings, store)
    service = Service(settings, store, crew, None, None, None)  # type: ignore[arg-type]
    yield settings, store, service
    store.close()


def _restart(settings: Settings, store: Store, dead: Crew) -> None:
    os.close(dead._lock)
    store.beat(dead.name, 0.0, (), "here")
    time.sleep(0.01)
    crew = Crew(settings, store)
    os.close(crew._lock)
    store.leave(crew.name)


def test_a_restart_removes_what_a_killed_server_had_in_hand(killed: tuple[Settings, Store, Service]) -> None:
    settings, store, dead = killed
    token, _ = make_token("ann", ["submit"])

    def kept(name: str) -> str:
        """An upload whose form was never left: the server was killed within it."""
        id, _ = Files(dead, token).keep(name, [UploadFile(BytesIO(b"{}"), filename=name)])
        return id

    lost, led, old = kept("lost.har"), kept("led.har"), kept("old.har")
    store.add_job(Job("one", token.id, "traffic", {"files": [f"upload:{led}/led.har"]}))
    store.drop_upload(old)  # while it was being made
    (settings.runs / f"{dead.crew.name}-part-0").write_bytes(b"half of a file")
    (settings.runs / f"{dead.crew.name}-one-1").mkdir()
    assert lost in json.dumps(left(settings, store)) and store.upload(lost) is not None
    _restart(settings, store, dead.crew)
    assert sorted(left(settings, store)) == sorted([f"uploads/{led}", f"uploads/{led}/led.har", led])


def test_what_a_living_server_has_in_hand_is_left_to_it(killed: tuple[Settings, Store, Service]) -> None:
    settings, store, alive = killed
    token, _ = make_token("ann", ["submit"])
    with Files(alive, token) as open_:
        id, _ = open_.keep("a.har", [UploadFile(BytesIO(b"{}"), filename="a.har")])
        alive.crew.clean()
        assert store.upload(id) is not None and any(settings.runs.iterdir())
    assert store.upload(id) is not None and not any(settings.runs.iterdir())
    os.close(alive.crew._lock)
