"""What a stranger may send: one test per threat, against the routes without a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forebear.errors import UsageError
from forebear.web.app import create_app
from forebear.web.crew import Crew
from forebear.web.rates import Rates
from forebear.web.settings import Settings
from services import Served, served

NOBODY = "0" * 32


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())  # jobs wait, and nothing runs them
        limits = {"file_bytes": 1_000, "upload_bytes": 1_500, "upload_files": 3, "uploads": 6, "body_bytes": 4_000}
        with served(home / "own", queued=20, **limits) as found:
            yield found


@pytest.fixture(scope="module")
def ann(service: Served) -> dict[str, str]:
    return service.token()


def test_without_a_valid_token_nothing_is_told(service: Served) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    assert len(paths) > 12
    for path, methods in paths.items():
        for method in methods:
            address = path.replace("{id}", NOBODY).replace("{file}", "a")
            answer = service.client.request(method, address, json={})
            assert answer.status_code == (200 if path == "/healthz" else 401), address
    forged = service.client.get("/api/v1/jobs", headers={"Authorization": "Bearer fb_x"})
    assert forged.status_code == 401 and forged.headers["www-authenticate"] == "Bearer"


def test_forged_tokens_are_slowed_down(service: Served) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.client.app.state.service, "failures", Rates(0.001, 3))  # type: ignore[attr-defined]
        answers = [service.client.get("/api/v1/jobs", headers={"Authorization": "Bearer fb_x"}) for _ in range(5)]
    assert [a.status_code for a in answers] == [401, 401, 401, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 100


def test_a_proven_token_is_not_slowed_down_by_others_at_its_address(service: Served) -> None:
    """Behind a proxy all have one address; who was proven a while ago goes on."""
    who = service.token()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.client.app.state.service, "failures", Rates(0.001, 3))  # type: ignore[attr-defined]
        assert service.client.get("/api/v1/jobs", headers=who).status_code == 200
        forged = {"Authorization": f"Bearer fb_{'0' * 16}_{'A' * 43}"}
        answers = [service.client.get("/api/v1/jobs", headers=forged).status_code for _ in range(5)]
        assert answers == [401, 401, 401, 429, 429]
        assert service.client.get("/api/v1/jobs", headers=who).status_code == 200
        assert service.client.get("/api/v1/jobs", headers=service.token()).status_code == 429


def test_scopes_and_owners(service: Served, ann: dict[str, str]) -> None:
    id = service.start(ann, "scan", target="org/name")
    bob, reader, admin = service.token(), service.token("read"), service.token("read", "submit", "admin")
    for who in (bob, reader):
        for address in (f"/jobs/{id}", f"/jobs/{id}/result", f"/jobs/{id}/events", f"/jobs/{id}/report"):
            assert service.client.get(f"/api/v1{address}", headers=who).status_code == 404
        assert service.client.get("/api/v1/jobs", headers=who).json()["jobs"] == []
    assert service.client.post("/api/v1/jobs/scan", json={"target": "a/b"}, headers=reader).status_code == 403
    assert service.client.post(f"/api/v1/jobs/{id}/cancel", headers=bob).status_code == 404
    assert service.client.get(f"/api/v1/jobs/{id}", headers=admin).status_code == 200
    upload = service.upload(ann, "mine")
    for method in ("GET", "DELETE"):
        assert service.client.request(method, f"/api/v1/uploads/{upload}", headers=bob).status_code == 404
    asked = {"target": f"upload:{upload}"}
    assert service.client.post("/api/v1/jobs/scan", json=asked, headers=bob).status_code == 422
    assert service.client.post("/api/v1/jobs/scan", json=asked, headers=ann).status_code == 202


def test_a_job_that_waits_is_cancelled_and_removed(service: Served, ann: dict[str, str]) -> None:
    id = service.start(ann, "scan", target="org/name@main")
    assert service.client.delete(f"/api/v1/jobs/{id}", headers=ann).status_code == 409
    assert service.client.get(f"/api/v1/jobs/{id}/result", headers=ann).status_code == 409
    assert service.client.post(f"/api/v1/jobs/{id}/cancel", headers=ann).json()["state"] == "cancelled"
    assert service.client.post(f"/api/v1/jobs/{id}/cancel", headers=ann).status_code == 409
    assert "cancelled" in service.client.get(f"/api/v1/jobs/{id}/events", headers=ann).text
    assert service.client.delete(f"/api/v1/jobs/{id}", headers=ann).status_code == 204
    assert service.client.get(f"/api/v1/jobs/{id}", headers=ann).status_code == 404


BAD_TARGETS = (
    "/etc/passwd", "./model", "..", "../../x/y", "~/model", "file:///etc/passwd", "ollama:llama3", "api:http://x#m",
    "s3://bucket/key", "gs://bucket/key", "index:name", f"upload:{NOBODY}", f"upload:{NOBODY}/../../x", "upload:x",
    f"job:{NOBODY}", "http://127.0.0.1/m.safetensors", "http://[::1]/m.gguf", "http://169.254.169.254/latest",
    "https://localhost/m.gguf", "https://LOCALHOST./m.gguf", "http://[::ffff:10.0.0.1]/m.gguf", "http://a.internal/m",
    "https://me:hunter2@host.example/m.gguf", "https:///m.gguf", "https://host.example:0/m", "a/b/c/../d", "a b/c", "",
    "x" * 2_001, "a/b\u202e", "a/b\nc", "<script>/x",
)  # fmt: skip


@pytest.mark.parametrize("target", BAD_TARGETS)
def test_no_path_no_secret_and_no_private_place_is_a_target(service: Served, ann: dict[str, str], target: str) -> None:
    answer = service.client.post("/api/v1/jobs/scan", json={"target": target}, headers=ann)
    assert answer.status_code == 422 and answer.json()["error"]["message"]
    assert "hunter2" not in answer.text and len(answer.text) < 600


def test_requests_are_understood_whole_or_refused(service: Served, ann: dict[str, str]) -> None:
    bodies: tuple[Any, ...] = (
        {},
        {"target": 5},
        {"target": "a/b", "effort": "x"},
        {"target": "a/b", "path": "/etc"},
        [],
        "x",
    )
    for body in bodies:
        assert service.client.post("/api/v1/jobs/scan", json=body, headers=ann).status_code == 422
    for raw in (b"{", b"\xff\xfe", b'{"target": "a/b"', b"[" * 3_000):
        answer = service.client.post(
            "/api/v1/jobs/scan", content=raw, headers={**ann, "Content-Type": "application/json"}
        )
        assert answer.status_code in (400, 422), raw
    for kind, asked in (
        ("policy", {"target": f"job:{NOBODY}", "policies": []}),
        ("traffic", {"files": []}),
        ("traffic", {"files": ["org/name"]}),
        ("bom", {"bom": "https://host.example/bom.json"}),
    ):
        assert service.client.post(f"/api/v1/jobs/{kind}", json=asked, headers=ann).status_code == 422
    assert service.client.get("/api/v1/jobs?limit=0", headers=ann).status_code == 422
    assert service.client.get("/api/v1/jobs/..%2f..%2fetc", headers=ann).status_code in (404, 422)


def test_large_bodies_are_refused_whatever_they_say(service: Served, ann: dict[str, str]) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b"x" * 100

    upload = service.upload(ann, "large")
    for address, method in (("/api/v1/jobs/scan", "POST"), (f"/api/v1/uploads/{upload}/model.bin", "PUT")):
        said = service.client.request(method, address, headers={**ann, "Content-Length": "99999999"}, content=b"x")
        unsaid = service.client.request(method, address, headers=ann, content=endless())
        assert said.status_code == unsaid.status_code == 413
    packed = service.client.put(
        f"/api/v1/uploads/{upload}/a", headers={**ann, "Content-Encoding": "gzip"}, content=b"x"
    )
    assert packed.status_code == 415
    folder = service.settings.uploaded / upload
    assert list(folder.iterdir()) == []  # nothing is left of them


def test_uploads_have_bounds_and_plain_names(service: Served, ann: dict[str, str], tmp_path: Path) -> None:
    who = service.token()
    upload = service.upload(who, "m")
    for name in ("..%2fx", "%2e%2e", ".hidden", "a%00b", "a%20b", "caf%C3%A9", "-rf", "x" * 121, "a%5cb", "a%0ab"):
        answer = service.client.put(f"/api/v1/uploads/{upload}/{name}", headers=who, content=b"x")
        assert answer.status_code in (404, 405, 422), name
    assert service.client.post("/api/v1/uploads", json={"name": "../x"}, headers=who).status_code == 422
    put = [
        service.client.put(f"/api/v1/uploads/{upload}/{name}", headers=who, content=b"x" * size).status_code
        for name, size in (("a", 900), ("a", 1), ("b", 900), ("b", 100), ("c", 1), ("d", 1))
    ]
    assert put == [201, 409, 413, 201, 201, 413]
    shown = service.client.get(f"/api/v1/uploads/{upload}", headers=who).json()
    assert (shown["bytes"], shown["files"]) == (1_001, ["a", "b", "c"])
    assert {p.name for p in service.settings.uploaded.iterdir()} >= {upload}
    for _ in range(5):
        service.upload(who, "n")
    assert service.client.post("/api/v1/uploads", json={"name": "o"}, headers=who).status_code == 429
    assert service.client.delete(f"/api/v1/uploads/{upload}", headers=who).status_code == 204
    assert not (service.settings.uploaded / upload).exists()


def test_an_upload_whose_time_is_over_is_removed(service: Served) -> None:
    who = service.token()
    upload = service.upload(who, "old")
    found = service.client.app.state.service  # type: ignore[attr-defined]
    found.store._db.execute("UPDATE uploads SET made = 0 WHERE id = ?", (upload,))
    found.crew.expire()
    assert service.client.get(f"/api/v1/uploads/{upload}", headers=who).status_code == 404


def test_too_many_requests_and_jobs(service: Served) -> None:
    who = service.token()
    for _ in range(20):
        service.start(who, "scan", target="org/name")
    answer = service.client.post("/api/v1/jobs/scan", json={"target": "a/b"}, headers=who)
    assert answer.status_code == 429 and "retry-after" in answer.headers
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.client.app.state.service, "rates", Rates(0.001, 2))  # type: ignore[attr-defined]
        codes = [service.client.get("/api/v1/jobs", headers=who).status_code for _ in range(3)]
    assert codes == [200, 200, 429]


def test_a_token_keeps_so_many_results(service: Served) -> None:
    who = service.token()
    state = service.client.app.state.service  # type: ignore[attr-defined]
    first = service.start(who, "scan", target="org/name")
    job = state.store.job(first)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(state.store), "kept", lambda self, owner: state.settings.result_bytes * (owner == job.owner))
        answer = service.client.post("/api/v1/jobs/scan", json={"target": "a/b"}, headers=who)
        assert answer.status_code == 429 and "results" in answer.json()["error"]["message"]
        service.start(service.token(), "scan", target="org/name")
    service.start(who, "scan", target="org/name")


def test_rates_come_back_and_are_bounded_in_number(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("forebear.web.rates.time.monotonic", lambda: now[0])
    monkeypatch.setattr("forebear.web.rates.MOST", 10)
    rates = Rates(1.0, 2)
    assert [rates.wait("a") for _ in range(3)] == [0, 0, 1]
    now[0] += 1
    assert [rates.wait("a"), rates.wait("a"), rates.wait("b", 0)] == [0, 1, 0]
    for k in range(100):
        rates.wait(f"n{k}")
    assert len(rates._buckets) <= 10


def test_every_answer_has_strict_headers_and_no_other_host_is_served(service: Served, ann: dict[str, str]) -> None:
    answers = [
        service.client.get("/healthz"),
        service.client.get("/nowhere"),
        service.client.get("/api/v1/jobs", headers=ann),
        service.client.get("/healthz", headers={"Host": "evil.example"}),
        service.client.get("/healthz", headers={"Host": "testserver.evil.example:80"}),
    ]
    assert [a.status_code for a in answers] == [200, 404, 200, 421, 421]
    for answer in answers:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
        assert "server" not in answer.headers and answer.headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in answer.headers
    assert service.client.get("/docs").status_code == 404


def test_the_description_says_what_is_answered(service: Served, ann: dict[str, str]) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    assert service.client.get("/api/v1/jobs/scan", headers=ann).status_code == 405
    assert service.client.get(f"/api/v1/jobs/{NOBODY}", headers=ann).status_code == 404
    for what, kind in (("report", "text/html"), ("events", "text/event-stream")):
        answers = paths[f"/api/v1/jobs/{{id}}/{what}"]["get"]["responses"]
        assert kind in answers["200"]["content"] and list(answers["401"]["content"]) == ["application/json"]


def test_errors_of_the_services_own_tell_nothing(
    service: Served, ann: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password in here")

    monkeypatch.setattr(service.client.app.state.service.store, "jobs", broken)  # type: ignore[attr-defined]
    answer = service.client.get("/api/v1/jobs", headers=ann)
    assert answer.status_code == 500 and "password" not in answer.text and "Traceback" not in answer.text


def test_one_server_has_a_home_at_a_time_and_settings_are_checked(service: Served, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another server"):
        create_app(service.settings)
    for wrong, said in (
        ({"workers": 0}, "--workers"),
        ({"networks": ("10.0.0.0/99",)}, "--allow-network"),
        ({"paths": (str(tmp_path / "none"),)}, "--allow-path"),
    ):
        with pytest.raises(UsageError, match=said):
            Settings(tmp_path, **wrong)
