"""What a stranger may send by a form: replayed, from elsewhere, hostile in its names, too large."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import UploadFile

from browsers import Browser, browser
from forebear.web import pages
from forebear.web.api.caller import Service
from forebear.web.crew import Crew
from forebear.web.pages.asks import upload
from forebear.web.pages.files import Files, name_of, plain_name
from forebear.web.pages.home import check_captures
from forebear.web.store import Job
from forebear.web.targets import prepare
from forebear.web.work import WORK
from services import Served, served

NOBODY = "0" * 32
BILL = b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())
        limits = {"file_bytes": 1_000, "upload_bytes": 1_500, "upload_files": 3, "uploads": 8, "body_bytes": 4_000}
        with served(home / "own", queued=100, **limits) as found:
            yield found


@pytest.fixture
def served_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A service of its own, with room for uploads."""
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(Crew, "_work", lambda self: self._stopping.wait())
    with served(tmp_path / "home" / "service") as found:
        yield found


@pytest.fixture(scope="module")
def ann(service: Served) -> Browser:
    return browser(service, "read", "submit", "probe")


def jobs(service: Served) -> list[Any]:
    found: list[Any] = service.client.app.state.service.store.jobs(None, 200)  # type: ignore[attr-defined]
    return found


def posts() -> list[str]:
    """Every address of the pages that takes a form."""
    found = [r.path for router in pages.ROUTERS for r in router.routes if "POST" in getattr(r, "methods", ())]  # type: ignore[attr-defined]
    return [p.replace("{id}", NOBODY).replace("{kind}", "scan") for p in found if p != "/sign-in"]


@pytest.mark.parametrize("path", posts())
def test_no_form_is_taken_without_a_session_its_mark_or_from_another_site(
    service: Served, ann: Browser, path: str
) -> None:
    fields = ann.hidden("/")
    before = len(jobs(service))
    nobody = browser(service).client.post(path, data=fields, follow_redirects=False)
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/sign-in")
    other = browser(service, "read", "submit").hidden("/")["csrf"]
    for wrong in ({}, {**fields, "csrf": ""}, {**fields, "csrf": other}, {**fields, "csrf": "\u202e"}):
        assert ann.client.post(path, data=wrong, follow_redirects=False).status_code == 403
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}):
        assert ann.client.post(path, data=fields, headers=headers, follow_redirects=False).status_code == 403
    assert len(jobs(service)) == before and ann.get("/jobs").status_code == 200


def test_a_form_that_is_sent_again_starts_nothing_again(service: Served, ann: Browser) -> None:
    before = len(jobs(service))
    fields = {**ann.hidden("/compare"), "a": "org/a", "b": "org/b", "effort": "standard"}
    led = [ann.client.post("/start/compare", data=fields, follow_redirects=False) for _ in range(3)]
    assert len({a.headers["location"] for a in led}) == 1 and len(jobs(service)) == before + 1
    again = ann.client.post("/start/compare", data={**fields, "once": "x"}, follow_redirects=False)
    assert again.status_code == 422
    mended = {**ann.hidden("/compare"), "a": "/etc/passwd", "b": "org/b"}
    wrong = ann.client.post("/start/compare", data=mended, follow_redirects=False)
    assert wrong.status_code == 422 and "no model that can be named here" in wrong.text
    right = ann.client.post("/start/compare", data={**mended, "a": "org/c"}, follow_redirects=False)
    assert right.status_code == 303
    ann.send("/", "/sign-out")
    assert ann.client.post("/start/compare", data=fields, follow_redirects=False).status_code == 303
    assert len(jobs(service)) == before + 2
    text = service.client.app.state.service  # type: ignore[attr-defined]
    assert text.store.unfinished  # the token itself still works
    ann.client.cookies = browser(service, "read", "submit", "probe").client.cookies


def test_what_is_written_into_the_box_goes_where_it_is_answered(service: Served, ann: Browser) -> None:
    def asked(text: str) -> tuple[int, str, str]:
        answer = ann.send("/", "/start/ask", {"ask": text})
        where = answer.headers.get("location", "")
        kind = service.client.app.state.service.store.job(where[6:]).kind if where.startswith("/jobs/") else where  # type: ignore[attr-defined]
        return answer.status_code, kind, answer.text

    assert asked("org/name")[:2] == asked("https://huggingface.co/org/name/tree/main")[:2] == (303, "scan")
    assert asked("https://host.example/m.safetensors")[:2] == (303, "scan")
    said = asked("accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast")
    assert said[0] == 200 and "Moonshot AI" in said[2] and "Kimi-K2.5" in said[2]
    assert (
        asked("https://api.example.com/v1")[0] == 200 and "api.example.com/v1" in asked("https://api.example.com/v1")[2]
    )
    assert asked("a name")[:2] == (303, "/references?q=a%20name")
    for wrong in ("", "http://127.0.0.1/m.gguf", "https://me:hunter2@host.example/m.gguf"):
        status, _, text = asked(wrong)
        assert status == 422 and "did not work" in text
    assert asked("line one\nsent to gpt-4o-2024-08-06")[0] == 200


def test_files_are_told_apart_and_become_uploads(service: Served, ann: Browser) -> None:
    def sent(*files: tuple[str, bytes]) -> Any:
        answer = ann.send("/", "/start/ask", files=[("files", file) for file in files])
        assert answer.status_code == 303, answer.text
        return service.client.app.state.service.store.job(answer.headers["location"][6:])  # type: ignore[attr-defined]

    assert sent(("a bill (1).cdx.json", BILL)).kind == "bom"
    assert sent(("capture.har", b"{}")).kind == "traffic"
    assert sent(("m/model.safetensors", b"x"), ("m/config.json", b"{}")).kind == "scan"
    assert sent(("r.json", b'{"schema": "forebear.scan/1"}')).kind == "policy"
    kept = sorted(p.name for folder in service.settings.uploaded.iterdir() for p in folder.iterdir())
    assert kept == ["a-bill-1-.cdx.json", "capture.har", "config.json", "model.safetensors", "r.json"]


@pytest.mark.parametrize(
    ("sent", "called"),
    [
        (["LICENSE", "README.md", "config.json", "model.safetensors"], "model"),
        (["LICENSE", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"], "model"),
        (["README.md", "Qwen3-8B-Q4_K_M.gguf"], "Qwen3-8B-Q4_K_M"),
        (["README.md", "big-00001-of-00002.GGUF", "big-00002-of-00002.GGUF"], "big"),
        (["a.gguf", "b.gguf"], "model"),
        (["my-model/LICENSE", "my-model/model.safetensors"], "my-model"),
        (["../LICENSE", "../config.json"], "model"),
        (["one.har", "two.har"], "one.har"),
        (["bill.cdx.json"], "bill.cdx.json"),
    ],
)
def test_an_upload_is_called_by_its_model_and_never_by_a_file_beside_it(sent: list[str], called: str) -> None:
    assert name_of(sent) == called


def placed(service: Service, place: Path, kind: str, **asked: Any) -> tuple[dict[str, Any], list[str]]:
    """The request that a job gets, and the files that lie in its folder."""
    model = WORK[kind].model.model_validate(asked).model_dump(mode="json")
    owner = next(iter(service.store.uploads())).owner
    found = prepare(Job("one", owner, kind, model), place, service.store, service.settings)
    return found, sorted(str(p.relative_to(place)) for p in place.rglob("*") if p.is_file())


def test_a_job_knows_files_by_the_names_that_they_were_sent_by(served_alone: Served, tmp_path: Path) -> None:
    service: Service = served_alone.client.app.state.service  # type: ignore[attr-defined]
    who = browser(served_alone, "read", "submit")
    token = service.store.tokens()[-1]

    def kept(*names: str) -> str:
        with Files(service, token) as files:
            return upload(files, [UploadFile(io.BytesIO(name.encode()), filename=name) for name in names])

    bill, model, alone = kept("b.cdx.json"), kept("LICENSE", "config.json", "model.safetensors"), kept("m.gguf")
    found, files = placed(service, tmp_path / "a", "bom", bom=bill, target=model)
    assert (found["bom"], found["target"]) == ("b.cdx.json", "model")
    assert files == ["b.cdx.json", "model/LICENSE", "model/config.json", "model/model.safetensors"]
    captures = kept("one.har", "two.har")
    found, files = placed(service, tmp_path / "b", "traffic", files=[f"{captures}/one.har", f"{captures}/two.har"])
    assert found["files"] == ["one.har", "two.har"] == files
    assert placed(service, tmp_path / "c", "scan", target=alone)[0]["target"] == "m.gguf"
    found, files = placed(service, tmp_path / "d", "compare", a=alone, b=alone)
    assert (found["a"], found["b"]) == ("m/m.gguf", "m-2/m.gguf")  # each without the other beside it
    whole = kept("model.safetensors")
    assert placed(service, tmp_path / "e", "scan", target=whole)[0]["target"] == "model/model.safetensors"
    assert who.get("/").status_code == 200


@pytest.mark.parametrize(
    ("file", "hint"),
    [
        (("bundle.zip", b"PK\x03\x04\x14\0\0\0"), "forebear verify"),
        (("shot.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "a capture"),
        (("policy.yaml", b"rules:\n  - id: one\n"), "a capture"),
    ],
)
def test_what_is_not_recognised_is_said_and_not_read_as_a_capture(
    service: Served, ann: Browser, file: tuple[str, bytes], hint: str
) -> None:
    for at, to in (("/", "/start/ask"), ("/identify", "/identify")):
        answer = ann.send(at, to, files=[("files", file)])
        assert answer.status_code == 422 and file[0] in answer.text and hint in answer.text, answer.text


def test_captures_of_every_kind_are_taken() -> None:
    cassette = b"interactions:\n- request:\n    uri: https://h/v1\n  response: {}\nversion: 1\n"
    packed = gzip.compress(b"sent to gpt-4o\n")
    for name, content in (("cassette.yaml", cassette), ("a.log.gz", packed), ("b.log", "a\0".encode("utf-16"))):
        check_captures([UploadFile(io.BytesIO(content), filename=name)])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\model.gguf", "model.gguf"),
        (".hidden", "hidden"),
        ("a\u202eb\x00c<script>.json", "a-b-c-script-.json"),
        ("...", ""),
        ("é", ""),
        ("x" * 10_000 + ".json", "x" * 60 + "x" * 55 + ".json"),
    ],
)
def test_names_of_files_are_made_plain(sent: str, kept: str) -> None:
    assert plain_name(sent) == kept


def test_files_have_the_bounds_of_uploads_and_nothing_is_left_of_those_refused(service: Served) -> None:
    who = browser(service, "read", "submit")
    places = sorted(service.settings.uploaded.iterdir())
    for files, status in (
        ([("a.har", b"x" * 1_001)], 413),
        ([("a.har", b"x" * 900), ("b.har", b"x" * 900)], 413),
        ([("a.har", b"x"), ("a.har", b"x")], 422),
        ([("é", b"x")], 422),
        ([(f"{k}.har", b"x") for k in range(4)], 400),
        ([("a.har", b"x" * 9_000)], 413),
    ):
        answer = who.send("/", "/start/ask", files=[("files", f) for f in files])
        assert answer.status_code == status, (files[0][0], answer.status_code, answer.text)
    assert sorted(service.settings.uploaded.iterdir()) == places
    # nothing is read of whoever has no session, however much is announced
    answer = browser(service).client.post("/start/ask", content=b"x" * 1_000, follow_redirects=False)
    assert answer.status_code == 303


def test_a_key_is_used_for_one_job_and_is_on_no_page(
    service: Served, ann: Browser, capfd: pytest.CaptureFixture[str]
) -> None:
    key = "sk-very-secret-1234567890"
    good = {"url": "http://93.184.216.34/v1", "model": "m", "key": key, "effort": "quick"}
    refused = ann.send("/probe", "/start/probe", {**good, "url": "http://127.0.0.1/v1"})
    invalid = ann.send("/probe", "/start/probe", {**good, "effort": key, "max_requests": "9999"})
    assert refused.status_code == invalid.status_code == 422
    started = ann.send("/probe", "/start/probe", good)
    assert started.status_code == 303
    page = ann.get(started.headers["location"])
    kept = b"".join(p.read_bytes() for p in service.settings.home.glob("service.sqlite*"))
    for place in (refused.text, invalid.text, page.text, str(started.headers), "".join(capfd.readouterr())):
        assert key not in place
    assert key.encode() not in kept
    assert "http://127.0.0.1/v1" in refused.text  # the rest of the form is still there
    assert browser(service, "read", "submit").send("/probe", "/start/probe", good).status_code == 403


def test_reading_tokens_start_and_end_nothing(service: Served, ann: Browser) -> None:
    reader = browser(service, "read")
    assert reader.send("/", "/start/demo").status_code == 403
    started = ann.send("/", "/start/demo").headers["location"]
    assert reader.get(started).status_code == 404
    for what in ("cancel", "remove"):
        assert reader.send("/", f"{started}/{what}").status_code == 403
        assert browser(service, "read", "submit").send("/", f"{started}/{what}").status_code == 404
    assert ann.send("/", f"{started}/remove").status_code == 409
    assert ann.send("/", f"{started}/cancel").status_code == 303
    assert "Cancelled" in ann.get(started).text
    assert ann.send("/", f"{started}/remove").headers["location"] == "/jobs"
    assert ann.get(started).status_code == 404


def test_bodies_that_are_no_forms_are_refused_in_words(service: Served, ann: Browser) -> None:
    for content, type_ in (
        (b"--x", "multipart/form-data"),
        (b"--y\r\n\r\n", "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
        (b"a=" + b"x" * 9_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a=b" for _ in range(900)), "application/x-www-form-urlencoded"),
    ):
        answer = ann.client.post("/start/ask", content=content, headers={"Content-Type": type_}, follow_redirects=False)
        assert answer.status_code in (400, 403, 413, 422), (content[:20], answer.status_code)


def test_a_body_that_is_slow_to_decode_is_not_looked_at(service: Served, ann: Browser) -> None:
    """A part in punycode takes time with the square of its length, before anybody has signed in."""
    form = b'--x\r\nContent-Disposition: form-data; name="token"\r\n\r\ndn32gaaaa\r\n--x--\r\n'
    for kind in ("multipart/form-data; boundary=x; charset=punycode", "Multipart/Form-Data; Charset=utf-7; boundary=x"):
        answer = browser(service).client.post("/sign-in", content=form, headers={"Content-Type": kind})
        assert answer.status_code == 415 and "UTF-8" in answer.text


@pytest.mark.parametrize(
    "written, target",
    [
        ("https://huggingface.co/org/name/tree/v1.0", "org/name@v1.0"),
        ("HTTPS://HuggingFace.co/org/name?library=x", "org/name"),
        ("https://huggingface.co/org/name/blob/main/config.json", "org/name@main"),
        ("https://huggingface.co/org/name/discussions/3", "org/name"),
    ],
)
def test_an_address_on_the_hub_is_read_at_its_revision(
    service: Served, ann: Browser, written: str, target: str
) -> None:
    assert ann.send("/", "/start/ask", {"ask": written}).status_code == 303
    assert jobs(service)[0].request["target"] == target


def test_a_token_that_may_not_submit_sends_no_files(service: Served) -> None:
    """Nothing of them is written anywhere first."""
    reader, store = browser(service, "read"), service.client.app.state.service.store  # type: ignore[attr-defined]
    before = store.uploads()
    answer = reader.send("/jobs", "/start/ask", files={"files": ("a.jsonl", b"{}")})
    assert answer.status_code in (400, 403) and store.uploads() == before


def test_a_token_sends_few_bodies_at_once(service: Served, ann: Browser) -> None:
    state = service.client.app.state.service  # type: ignore[attr-defined]
    bob = browser(service, "read", "submit", name="bob")
    owner = next(t.id for t in state.store.tokens() if t.name == "bob")
    state.bodies[owner] = 4
    assert bob.send("/", "/start/ask", {"ask": "org/name"}).status_code == 429
    assert ann.send("/", "/start/ask", {"ask": "org/name"}).status_code == 303
    state.bodies[owner] = 3
    assert bob.send("/", "/start/ask", {"ask": "org/name"}).status_code == 303 and state.bodies == {owner: 3}
    del state.bodies[owner]
