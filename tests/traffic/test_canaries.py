"""No secret of a capture reaches any output: canaries in every field of every format are looked for everywhere."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from captures import FORMATS, KIMI, Talk, events, har, saved
from forebear.cli import app
from forebear.inspect import read_traffic
from forebear.traffic import Search, exchanges, open_stream

SECRET = "cAnArY7q9ZxW3vK5tR8u"
PARTS = tuple(SECRET[k : k + 8] for k in range(0, len(SECRET) - 7))
TOKEN, MAIL = f"sk-{SECRET}", f"{SECRET}@corp.example"
JWT = f"eyJhbGciOiJIUzI1NiJ9.{base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip('=')}.c2ln"
CODED = base64.b64encode(json.dumps({"key": SECRET, "model": TOKEN}).encode()).decode()
SENT = (
    ("Authorization", f"Bearer {TOKEN}"),
    ("Cookie", f"session={SECRET}; model={TOKEN}"),
    ("X-Api-Key", SECRET),
    (f"X-{SECRET}", "a header of its own"),
    ("User-Agent", f"claude-cli/1.0 {SECRET}"),
    ("Referer", f"https://{SECRET}:{SECRET}@h.example/{SECRET}?q={SECRET}#gpt-4o"),
    ("X-Model-Id", TOKEN),
    (f"X-{SECRET}-Model", "gpt-4o"),
)
RECEIVED = (
    ("Set-Cookie", f"id={SECRET}; Path=/"),
    ("x-request-id", SECRET),
    ("x-litellm-model-name", f"openai/{TOKEN}"),
    ("x-litellm-model-api-base", f"https://user:{SECRET}@h.example/v1/models/gpt-4o?key={SECRET}"),
    ("openai-model", MAIL),
    (f"llm_provider-{SECRET}", f"gpt-4o {SECRET}"),
)
URL = f"https://user:{SECRET}@{SECRET}.example/{SECRET}/v1/models/{TOKEN}/x?key={SECRET}&model={JWT}&{SECRET}=gpt-4o#{SECRET}"
ASKED = {
    "model": f"acme {SECRET}",
    "base_model": TOKEN,
    "engine": JWT,
    SECRET: {"model": "gpt-4o", "note": f"claude-sonnet-4-5 {SECRET}"},
    "messages": [{"role": "user", "content": f"my password is {SECRET}, is gpt-4o safe? kimi-k2.5/{SECRET}"}],
    "tools": [{"function": {"name": SECRET, "arguments": json.dumps({"model": TOKEN, SECRET: "qwen3-8b"})}}],
    "metadata": {"user": MAIL, f"gpt-4o-{SECRET}": 1},
    f"gen_ai.request.{SECRET}.model": "gpt-4o",
    f"{SECRET}_model": "gpt-4o",
    f"{SECRET}.model_name": "gpt-4o",
    "attributes": [{"key": f"llm.{SECRET}.model", "value": {"stringValue": "gpt-4o"}}],
    "attachment": {"bytes": CODED, "url": f"data:text/plain;base64,{CODED}"},
}
SAID = {
    "id": SECRET,
    "model": KIMI,
    "system_fingerprint": SECRET,
    "served_model_name": f"/home/{SECRET}/models/{TOKEN}",
    "deployment": SECRET,
    "choices": [{"message": {"content": f"<|im_start|>{SECRET} I am gpt-4o, {MAIL} <think>{SECRET}"}}],
    "error": {"message": f"no key {TOKEN} for deepseek-v3.1 at https://u:{SECRET}@h/{SECRET}", "param": SECRET},
}
STREAM = [
    {"model": KIMI, "choices": [{"delta": {"content": f"{SECRET[:9]}"}}]},
    {"model": TOKEN, "choices": [{"delta": {"content": SECRET[9:]}}]},
    {"model": KIMI, "choices": [{"delta": {"tool_calls": [{"function": {"arguments": f'{{"{SECRET}": "gpt-4o'}}]}}]},
    f"not json {SECRET} gpt-4o-mini model={TOKEN}",
    "[DONE]",
]
FORM = f"model={quote(TOKEN)}&{SECRET}=gpt-4o&password={SECRET}&engine={quote(MAIL)}"
PARTED = (
    f'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n{TOKEN}\r\n--b\r\nname="{SECRET}"\r\n\r\n{SECRET}\r\n'
)
EXTRA = {
    "comment": f"{SECRET} gpt-4o",
    "client_conn": {"sni": SECRET, "address": [SECRET, 1]},
    "metadata": {SECRET: SECRET, "model": TOKEN},
    "marked": SECRET,
    "_initiator": {"url": URL},
}
TALKS = [
    Talk(URL, ASKED, SAID, 200, SENT, RECEIVED, extra=EXTRA),
    Talk(URL, ASKED, {"error": SAID["error"]}, 500, SENT, RECEIVED),
    Talk(URL, ASKED, events(STREAM), 200, SENT, RECEIVED, "text/event-stream"),
    Talk(URL, FORM, FORM, 200, SENT, RECEIVED, "application/x-www-form-urlencoded"),
    Talk(
        URL,
        PARTED,
        f"<html>{SECRET} model: {TOKEN} gpt-4o-2024-08-06 {SECRET}</html>",
        502,
        SENT,
        RECEIVED,
        "text/html",
    ),
    Talk(URL, CODED, CODED, 200, SENT, RECEIVED, "application/octet-stream"),
]


def forms() -> Iterator[str]:
    """The canary as it is and in every dress that would still give it away."""
    for part in PARTS:
        yield part.lower()
        yield part[::-1].lower()
        yield part.encode().hex()
    for shift in range(3):
        coded = base64.b64encode(b"." * shift + SECRET.encode() + b"..").decode()
        yield coded[4 : 4 + 20].lower()


def assert_silent(text: str, what: str) -> None:
    low = text.lower()
    for form in forms():
        assert form not in low, f"{what}: …{low[max(0, low.index(form) - 60) : low.index(form) + 30]!r}…"


def outputs(path: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Everything that can be printed of a capture, and what the library gives."""
    monkeypatch.setenv("FOREBEAR_LOG_LEVEL", "debug")
    for options in (["-v"], ["-q"], ["-f", "json"], ["-f", "md"], ["--expect", "gpt-4o", "--fail-on", "note"]):
        done = CliRunner().invoke(app, ["traffic", path, *options])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        yield " ".join(options), done.output + done.stderr
    result = read_traffic([path])
    yield "repr", repr(result) + json.dumps(result.to_json())
    with open_stream(path) as stream:
        seen = list(exchanges(stream, lambda line: None))
    search = Search()
    yield "records", repr(seen) + repr([list(search.sightings(e)) for e in seen]) + repr(search.redactions)


@pytest.mark.parametrize("name", FORMATS)
def test_no_canary_gets_out_and_the_identifier_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path, FORMATS[name](TALKS))
    for what, text in outputs(path, monkeypatch):
        assert_silent(text, f"{name}, {what}")
        if what in ("-v", "-f json", "repr"):
            assert KIMI in text and "gpt-4o" in text
    assert_silent(caplog.text, "the log")
    assert read_traffic([path]).redactions


@pytest.mark.parametrize("name", FORMATS)
def test_nor_does_one_from_a_capture_that_is_cut_off_or_damaged(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FORMATS[name](TALKS[:3])
    for number, content in enumerate(damaged(whole)):
        path = saved(tmp_path, content, f"cut{number}")
        result = read_traffic([path])
        assert_silent(repr(result) + json.dumps(result.to_json()), f"{name}, {number}")
    done = CliRunner().invoke(app, ["traffic", saved(tmp_path, whole[: len(whole) * 2 // 3]), "-v"])
    assert_silent(done.output + done.stderr + repr(done.exception), f"{name}, cut, at the command line")


def damaged(whole: bytes) -> Sequence[bytes]:
    """Cut off at several places, and with bytes that break it."""
    cuts = [whole[: len(whole) * k // 9] for k in range(1, 9)]
    return [*cuts, whole[50:], whole.replace(b'"', b"", 3), whole[:200] + b"\xff\x00}" + whole[200:], whole + b"}]}"]


def test_the_canaries_would_be_found(tmp_path: Path) -> None:
    """The search for canaries finds what it is to find."""
    for dress in (
        SECRET,
        SECRET.upper(),
        SECRET[::-1],
        SECRET.encode().hex(),
        CODED,
        quote(SECRET),
        f"x{SECRET[3:12]}y",
    ):
        with pytest.raises(AssertionError):
            assert_silent(f"text {dress} text", "self-test")
    assert_silent(f"text {KIMI} gpt-4o /*/model", "self-test")


def test_what_looks_like_a_name_is_shown_and_what_looks_like_a_secret_is_counted(tmp_path: Path) -> None:
    shy = [TOKEN, MAIL, JWT, f"two words {SECRET}", SECRET, f"org/{TOKEN}", "a" * 300]
    result = read_traffic([saved(tmp_path, har([Talk(asked={"model": value}) for value in (*shy, "acme-1")]))])
    assert [i.identifier for i in result.identifiers] == ["acme-1"]
    assert sum(result.redactions.values()) == len(shy)


@pytest.mark.parametrize(
    "turn", [lambda s: s, lambda s: quote(s, safe=""), lambda s: base64.b64encode(s.encode()).decode()]
)
def test_in_an_address_only_the_path_is_looked_at(turn: Callable[[str], str], tmp_path: Path) -> None:
    url = (
        f"https://gpt-4o:{turn(TOKEN)}@gpt-4o.example/v1/models/gpt-4o-mini?{turn(SECRET)}=gpt-4.1&key=gpt-4.1#gpt-4.1"
    )
    result = read_traffic([saved(tmp_path, har([Talk(url)]))])
    assert {i.identifier for i in result.identifiers} == {"gpt-4o-mini"}
