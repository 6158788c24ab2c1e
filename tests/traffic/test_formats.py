"""Every format gives the same exchanges, is told by its content, and keeps what there is when it breaks."""

from __future__ import annotations

import base64
import gzip
import io
import json
from typing import Any

import pytest
import yaml

from captures import FORMATS, KIMI, Talk, cassette, chat, flows, har, json_lines, netstring, transcript
from forebear.traffic import Exchange, Role, Search, Stream, exchanges, lines
from forebear.traffic.base import Broken
from forebear.traffic.cassettes import tree
from forebear.traffic.flows import value
from forebear.traffic.read import format_of

TALKS = [
    chat("acme-1", KIMI, sent=(("x-model", "acme-1"),), received=(("openai-model", "gpt-4o-mini"),)),
    Talk("https://h/v1/models/qwen3-8b", None, {"error": {"message": "no qwen3-8b here"}}, 404),
    chat("gpt-4.1", "gpt-4.1"),
]


def read(content: bytes) -> tuple[list[Exchange], list[str]]:
    problems: list[str] = []
    return list(exchanges(Stream(io.BytesIO(content)), problems.append)), problems


def told(content: bytes) -> set[tuple[int, str, str]]:
    search = Search()
    found, problems = read(content)
    assert not problems
    return {(e.record, s.identifier, s.role.value) for e in found for s in search.sightings(e)}


@pytest.mark.parametrize("name", [n for n in FORMATS if "log" not in n and "lines" not in n])
def test_formats_of_exchanges_agree(name: str) -> None:
    assert told(FORMATS[name](TALKS)) - {(2, "qwen3-8b", "mentioned")} == {
        (1, "acme-1", "asked"),
        (1, KIMI, "served"),
        (1, "gpt-4o-mini", "served"),
        (2, "qwen3-8b", "asked"),
        (2, "qwen3-8b", "error"),
        (3, "gpt-4.1", "asked"),
        (3, "gpt-4.1", "served"),
    }


@pytest.mark.parametrize("name", [n for n in FORMATS if "log" in n or "lines" in n])
def test_logs_have_a_record_for_every_line(name: str) -> None:
    found = told(FORMATS[name](TALKS))
    assert {(1, KIMI), (2, "qwen3-8b"), (3, "gpt-4.1")} <= {(record, identifier) for record, identifier, _ in found}
    if "json" in name:
        assert {(1, "acme-1", "asked"), (1, KIMI, "served"), (2, "qwen3-8b", "error")} <= found


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (har(TALKS), "HAR"),
        (json.dumps(json.loads(har(TALKS)), indent=4).encode(), "HAR"),
        (b"\xef\xbb\xbf" + har([]), "HAR"),
        (flows(TALKS), "mitmproxy flows"),
        (cassette(TALKS), "VCR cassette"),
        (b"---\nhttp_interactions:\n- request:\n    uri: http://h/v1/models/gpt-4o\n", "VCR cassette"),
        (b'{"version": 1, "interactions": [{"request": {}}]}', "VCR cassette"),
        (transcript(TALKS), "curl -v transcript"),
        (transcript(TALKS).replace(b"\n", b"\r\n"), "curl -v transcript"),
        (json_lines(TALKS), "lines"),
        (b'{\n "object": "list",\n "data": []\n}', "JSON"),
        (b'[\n {"model": "gpt-4o"}]', "JSON"),
        (b"[2026-03-19 10:00] model=gpt-4o", "lines"),
        (b"{not json", "lines"),
        (b"\x00\x01", "lines"),
    ],
)
def test_a_format_is_told_by_its_content(content: bytes, name: str) -> None:
    assert format_of(Stream(io.BytesIO(content)).head).name == name


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_before_a_cut_is_kept_and_the_cut_is_told(name: str) -> None:
    whole = FORMATS[name](TALKS)
    found, problems = read(whole[: int(len(whole) * 0.8)])
    assert found[0].record == 1
    if name not in ("plain log", "transcript"):  # of which no one can tell
        assert problems
    assert not any(word in line for line in problems for word in ("kimi", "acme", "gpt"))


def test_archives_number_entries_and_not_pages() -> None:
    made = json.loads(har(TALKS))
    made["log"]["pages"] *= 3
    assert [e.record for e in read(json.dumps(made).encode())[0]] == [1, 2, 3]


def test_archives_keep_messages_of_web_sockets_and_skip_pictures() -> None:
    made = json.loads(har([Talk(said="x", kind="image/png")]))
    entry: dict[str, Any] = made["log"]["entries"][0]
    entry["_webSocketMessages"] = [
        {"type": "send", "data": '{"model":"acme-1"}'},
        {"type": "receive", "data": '{"model":"gpt-4o"}'},
    ]
    entry["request"]["postData"] = {"params": [{"name": "model", "value": "whisper-1"}]}
    assert told(json.dumps(made).encode()) == {
        (1, "acme-1", "asked"),
        (1, "gpt-4o", "served"),
        (1, "whisper-1", "asked"),
    }


def test_an_entry_that_is_no_json_is_text_and_those_around_it_are_not_lost() -> None:
    broken = har(TALKS).replace(b'"status": 404', b'"status": oops')
    found, problems = read(broken)
    assert [e.record for e in found] == [1, 2, 3] and len(problems) == 1 and "record 2" in problems[0]


def test_netstrings_of_every_type_are_read() -> None:
    thing = {"a": [1, 2.5, True, None, "text é", b"\xff"], "b": {"c": []}}
    raw = netstring(thing)
    assert value(raw[raw.index(b":") + 1 : -1], raw[-1:]) == thing


@pytest.mark.parametrize("raw", [b"3:abc,", b"9:3:abc,1:", b"5:99:a,", b"2:xx#", b"1:x?", b"4:1:a,"])
def test_damaged_netstrings_are_refused(raw: bytes) -> None:
    payload, kind = raw[raw.index(b":") + 1 : -1], b"}"
    with pytest.raises(ValueError, match=r"^$"):
        value(payload, kind)
    deep = b""
    for _ in range(100):
        deep = str(len(deep)).encode() + b":" + deep + b"]"
    with pytest.raises(ValueError, match=r"^$"):
        value(deep, b"]")


def test_flows_behind_a_damaged_one_are_read() -> None:
    found, problems = read(netstring({"request": {"path": "/v1/models/gpt-4o"}}) + b"4:oops}" + flows(TALKS[2:]))
    assert [e.record for e in found] == [1, 2, 3] and "flow 2" in problems[0]
    found, problems = read(flows(TALKS[:1]) + b"4:oops}" * 300)
    assert len(found) == 301 and problems == ["flow 2 and 299 more are damaged; searched as text"]
    found, problems = read(flows(TALKS[:1]) + b"99999999999:x")
    assert len(found) == 1 and "flow 2" in problems[0]
    sockets = {"request": {"path": "/"}, "websocket": {"messages": [[1, True, b'{"model":"acme-1"}', 1.0]]}}
    assert told(netstring(sockets)) == {(1, "acme-1", "asked")}
    assert told(netstring({"request": {"path": "/"}, "error": {"msg": "no gpt-4o-mini"}})) == {
        (1, "gpt-4o-mini", "error")
    }


def test_yaml_is_read_as_a_loader_would_and_nothing_is_made_of_it() -> None:
    for text in ("- a: {b: [x, 'y', \"z\"]}\n  c: |\n    two\n    lines\n", "- {}\n", "- - 'q'\n"):
        assert tree(text.encode()) == yaml.safe_load(text)
    assert tree(b"- a: 4\n  b: 2.5\n  c: null\n  d: '4'\n") == [{"a": 4, "b": None, "c": None, "d": "4"}]
    assert tree(b"- !!binary aGVsbG8=\n") == [b"hello"] and tree(b"- !!python/object/apply:os.system ['x']\n") == [
        ["x"]
    ]
    assert tree(b"- &a [x]\n- *a\n- *a\n") == [["x"], None, None]
    for bad in (b"- [" * 5_000, b"- a: *none\n- 'open", b"\x00", b"- {a: b\n"):
        assert not tree(bad) or tree(bad) == [{"a": None}]


def test_cassettes_have_bodies_in_many_forms() -> None:
    said = json.dumps({"model": "gpt-4o"}).encode()
    forms: list[dict[str, Any]] = [
        {"body": {"string": said.decode()}},
        {"body": {"string": gzip.compress(said)}},
        {"body": {"base64_string": base64.b64encode(said).decode()}},
        {"body": said.decode()},
        {"parsed_body": {"model": "gpt-4o"}},
    ]
    for form in forms:
        made = {"interactions": [{"request": {"uri": "http://h/"}, "response": {**form, "status": {"code": 200}}}]}
        assert told(yaml.safe_dump(made).encode()) == {(1, "gpt-4o", "served")}, form
    other = {
        "interactions": [
            {"request_sample": {"json": {"model": "acme-1"}}, "response_sample": {"json": {"model": "gpt-4o"}}}
        ]
    }
    assert told(yaml.safe_dump(other).encode()) == {(1, "acme-1", "asked"), (1, "gpt-4o", "served")}


def test_an_interaction_that_is_damaged_costs_itself() -> None:
    raw = cassette(TALKS)
    parts = raw.split(b"\n- request:")
    parts[2] = parts[2].replace(b"status:", b"status: {", 1)
    found, problems = read(b"\n- request:".join(parts))
    assert {e.record for e in found} == {1, 2, 3} and "interaction 2" in problems[0]


def test_transcripts_survive_meters_and_commands() -> None:
    meter = b"  % Total    % Received % Xferd\n  0     0    0     0    0     0      0      0 --:--:--\n"
    raw = transcript(TALKS[:1]).replace(b"\n< \n", b"\n< \n" + meter)
    assert (1, KIMI, "served") in told(raw) and (1, "acme-1", "asked") in told(raw)
    found, problems = read(b"> POST /v1/models/gpt-4o HTTP/1.1\n> \n")
    assert len(found) == 1 and "no answer" in problems[0]


def test_lines_without_an_end_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PIECE", 4_096)
    raw = (
        b"first gpt-4o-mini\n"
        + b"x, " * 5_000
        + b'"model": "acme-1", '
        + b"y, " * 5_000
        + b"kimi-k2.5 \nlast gpt-4.1\n"
    )
    assert told(raw) == {
        (1, "gpt-4o-mini", "mentioned"),
        (2, "acme-1", "logged"),
        (2, "kimi-k2.5", "mentioned"),
        (3, "gpt-4.1", "mentioned"),
    }


def test_batches_of_requests_are_requests() -> None:
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "gpt-4o"}}
    answer = {"custom_id": "1", "response": {"status_code": 200, "body": {"model": "gpt-4o-2024-08-06"}}, "error": None}
    raw = (json.dumps(line) + "\n" + json.dumps(answer) + "\n").encode()
    assert told(raw) == {(1, "gpt-4o", Role.ASKED.value), (2, "gpt-4o-2024-08-06", Role.SERVED.value)}


def test_nothing_and_noise_are_told() -> None:
    assert read(b"") == ([], ["it is empty"])
    assert read(gzip.compress(b"")) == ([], ["it is empty"])
    _, problems = read(bytes(range(32)) * 100)
    assert "no format" in problems[0]
    assert (
        told('model="gpt-4o" é\n'.encode("latin-1"))
        == told('model="gpt-4o"\n'.encode("utf-16"))
        == {(1, "gpt-4o", "logged")}
    )


def test_of_numbers_the_first_are_kept_and_counted() -> None:
    broken = Broken()
    assert not broken.count and str(broken) == ""
    for number in (7, 7, 8, 9, 9, 1_000_000):
        broken.add(number)
    assert (broken.first, broken.count, str(broken)) == ([7, 8, 9], 4, "7 and 3 more")
