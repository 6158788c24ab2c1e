"""The search through exchanges: whose word a name is, where it stands, and how deep it may hide."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

import pytest

from captures import KIMI, events
from forebear.traffic import Exchange, Kind, Message, Role, Search, Side, Sighting, bodies


def seen(*messages: Message) -> list[Sighting]:
    return list(Search().sightings(Exchange(1, messages)))


def told(*messages: Message) -> set[tuple[str, str, str, str]]:
    return {(s.identifier, s.role.value, s.part, s.pointer) for s in seen(*messages)}


def said(body: Any, **more: Any) -> Message:
    return Message(Side.RESPONSE, body=body if isinstance(body, bytes) else json.dumps(body), **more)


def asked(body: Any, url: str = "") -> Message:
    return Message(Side.REQUEST, url, body=json.dumps(body))


def log(body: Any) -> Message:
    return Message(Side.LOG, body=body)


def test_request_and_response_fields_are_told_apart() -> None:
    assert told(asked({"model": "acme-1"}), said({"model": KIMI, "object": "chat.completion"})) == {
        ("acme-1", "asked", "request body", "/model"),
        (KIMI, "served", "response body", "/model"),
    }


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://h/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "gemini-2.5-pro"),
        (
            "https://h/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("https://h/openai/deployments/gpt-4o-mini/chat/completions?api-version=1", "gpt-4o-mini"),
        ("https://h/v1/models/acme-secure-1", "acme-secure-1"),
        ("https://h/v1/engines/acme-2/completions", "acme-2"),
        ("https://h/v1/chat?model=acme-3&key=gpt-4", "acme-3"),
        ("/v1/models/qwen3-32b", "qwen3-32b"),
    ],
)
def test_addresses_name_models(url: str, name: str) -> None:
    found = seen(Message(Side.REQUEST, url))
    assert [s.role for s in found] == [Role.ASKED] and name in found[0].identifier
    assert not seen(Message(Side.REQUEST, "https://gpt-4o.h/v1/chat/completions?user=gpt-4o#gpt-4o"))


def test_headers_of_gateways_name_models() -> None:
    headers = (
        ("x-litellm-model-name", "openai/kimi-k2.5"),
        ("x-litellm-model-group", "acme-1"),
        ("llm_provider-openai-model", "gpt-4o"),
        ("x-litellm-model-api-base", "https://h/v1/models/deepseek-v3.1?k=1"),
        ("X-Acme-Model", "qwen3-8b"),
        ("x-ratelimit-model-limit", "500"),
        ("cookie", "gpt-4o"),
        ("user-agent", "gpt-4o-client/1"),
        ("x-note", "routed to claude-sonnet-4-5"),
    )
    assert told(Message(Side.RESPONSE, headers=headers)) == {
        ("openai/kimi-k2.5", "served", "response header", "/x-litellm-model-name"),
        ("acme-1", "served", "response header", "/x-litellm-model-group"),
        ("gpt-4o", "served", "response header", "/llm_provider-openai-model"),
        ("deepseek-v3.1", "mentioned", "response header", "/x-litellm-model-api-base"),
        ("qwen3-8b", "served", "response header", "/*"),
        ("claude-sonnet-4-5", "mentioned", "response header", "/*"),
    }


def test_errors_are_errors_however_they_say_it() -> None:
    message = "The model `qwen3-235b-a22b-instruct` does not exist"
    for body, status in (({"error": {"message": message}}, 404), ({"detail": message}, 400), ({"error": message}, 200)):
        assert {s.role for s in seen(said(body, status=status))} == {Role.ERROR}
    assert {s.role for s in seen(said(f"<html>{message}</html>".encode(), status=502))} == {Role.ERROR}
    assert {s.role for s in seen(said({"message": message}))} == {Role.MENTIONED}


def test_lists_of_models_are_lists() -> None:
    openai = {"object": "list", "data": [{"id": "acme-1", "object": "model", "root": "/m/kimi-k2.5", "parent": None}]}
    ollama = {"models": [{"name": "qwen3:0.6b", "model": "qwen3:0.6b", "details": {"family": "qwen3"}}]}
    router = {"data": [{"id": "openai/gpt-4o", "name": "OpenAI: GPT-4o", "context_length": 1}]}
    for body in (openai, ollama, router, {"models": ["gpt-4o", "acme-2"]}, {"id": "gpt-4o", "object": "model"}):
        roles = {s.role for s in seen(said(body)) if "details" not in s.pointer}
        assert roles == {Role.LISTED}, (body, roles)
    assert ("acme-1", "listed", "response body", "/data/0/id") in told(said(openai))
    assert not seen(said({"data": [{"id": "acme-1", "object": "file"}], "name": "acme-2"}))


def test_what_users_and_tools_say_is_only_mentioned() -> None:
    body = {
        "model": "acme-1",
        "messages": [{"role": "user", "content": "is gpt-4o-mini better?"}, {"model": "claude-sonnet-4-5"}],
        "tools": [{"function": {"arguments": json.dumps({"model": "qwen3-8b", "car": {"model": "T5"}})}}],
    }
    roles = {s.identifier: s.role for s in seen(asked(body))}
    mentioned = dict.fromkeys(("gpt-4o-mini", "claude-sonnet-4-5", "qwen3-8b"), Role.MENTIONED)
    assert roles == {"acme-1": Role.ASKED, **mentioned}


def test_streams_are_read_event_by_event_and_joined() -> None:
    deltas = ["<|tool_calls_", "section_begin|>", " I am gp", "t-4o-mini", "", "\u25c1think\u25b7"]
    body = events([{"model": KIMI, "n": k, "choices": [{"delta": {"content": d}}]} for k, d in enumerate(deltas)])
    body += events([{"model": "gpt-4.1", "choices": []}, "[DONE]"])
    for text in (body, body.replace("\n", "\r\n"), ": ping\n\nevent: x\n" + body):
        found = seen(Message(Side.RESPONSE, headers=(("content-type", "text/event-stream"),), body=text))
        counts = {(s.identifier, s.kind): sum(o.times for o in found if o.identifier == s.identifier) for s in found}
        assert counts == {
            (KIMI, Kind.NAME): len(deltas),
            ("gpt-4.1", Kind.NAME): 1,
            ("gpt-4o-mini", Kind.NAME): 1,
            ("<|tool_calls_section_begin|>", Kind.MARKER): 1,
            ("◁think▷", Kind.MARKER): 1,
        }
    served = [s for s in seen(Message(Side.RESPONSE, body=body)) if s.identifier == KIMI]
    assert (served[0].part, served[0].pointer, served[0].role) == ("response stream", "/0/model", Role.SERVED)


def test_a_stream_whose_model_changes_half_way_shows_both() -> None:
    body = events(
        [{"model": "gpt-4o" if k < 50 else "gpt-4o-mini", "created": k, "t": {"text": "x" * k}} for k in range(99)]
    )
    found = {s.identifier: (s.times, s.pointer) for s in seen(Message(Side.RESPONSE, body=body))}
    assert found == {"gpt-4o": (50, "/0/model"), "gpt-4o-mini": (49, "/50/model")}


def test_lines_of_json_in_a_body_are_a_stream_too() -> None:
    body = "".join(
        json.dumps({"model": "qwen3:0.6b", "created_at": f"t{k}", "response": "hi"}) + "\n" for k in range(9)
    )
    assert [(s.identifier, s.times) for s in seen(Message(Side.RESPONSE, body=body))] == [("qwen3:0.6b", 9)]


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, lambda b: zlib.compress(b)[2:-4]])
def test_compressed_bodies_are_inflated(pack: Any) -> None:
    raw = pack(json.dumps({"model": "gpt-4o"}).encode())
    encoding = "gzip" if raw.startswith(b"\x1f\x8b") else "deflate"
    assert seen(Message(Side.RESPONSE, headers=(("content-encoding", encoding),), body=raw))
    search = Search()
    cut = Message(Side.RESPONSE, headers=(("content-encoding", "gzip"),), body=gzip.compress(b"{" * 9)[:-9])
    assert not list(search.sightings(Exchange(1, (cut,)))) and search.unread


def test_what_cannot_be_decompressed_here_is_counted() -> None:
    search = Search()
    message = Message(Side.RESPONSE, headers=(("content-encoding", "br"),), body=b"\x0b\x02\x80")
    assert not list(search.sightings(Exchange(1, (message, message))))
    ((why, count),) = search.unread.items()
    assert count == 2 and why.startswith("compressed with br; capture it readable")


def test_zstandard_is_read_where_python_can_and_its_user_is_told_how_where_not() -> None:
    frame = zstandard(json.dumps({"model": "gpt-4o"}).encode())
    for encoding in ("zstd", ""):  # the first bytes tell it as well
        search = Search()
        message = Message(Side.RESPONSE, headers=(("content-encoding", encoding),), body=frame)
        found = [s.identifier for s in search.sightings(Exchange(1, (message,)))]
        if bodies.zstandard() is not None:
            assert found == ["gpt-4o"] and not search.unread
        else:
            assert not found and "backports.zstd" in next(iter(search.unread))


def test_half_a_frame_of_zstandard_is_told() -> None:
    if bodies.zstandard() is None:
        pytest.skip("neither Python nor a package reads Zstandard here")
    for body, why in ((zstandard(b"x" * 99)[:-9], "cut off"), (zstandard(b"x")[:5] + b"\xff" * 9, "damaged")):
        search = Search()
        assert not list(search.sightings(Exchange(1, (Message(Side.RESPONSE, body=body),))))
        assert why in next(iter(search.unread))


def zstandard(raw: bytes) -> bytes:
    """One frame with one block that is stored as it is (RFC 8878, section 3.1.1)."""
    assert len(raw) < 256
    block = (len(raw) << 3 | 1).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\x20" + bytes([len(raw)]) + block + raw


def test_forms_and_their_parts_name_models() -> None:
    form = Message(Side.REQUEST, body="temperature=1&model=whisper-1&prompt=gpt-4")
    assert ("whisper-1", "asked", "request body", "/model") in told(form)
    parts = 'x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-large-v3\r\n--x--\r\n'
    assert ("whisper-large-v3", "asked", "request body", "/model") in told(Message(Side.REQUEST, body=parts))


def test_json_in_json_and_in_base_64_is_opened() -> None:
    inner = json.dumps({"response": {"body": json.dumps({"model": "gpt-4o"})}})
    assert ("gpt-4o", "served", "response body", "/payload/response/body/model") in told(said({"payload": inner}))
    chunk = base64.b64encode(json.dumps({"type": "x", "model": KIMI}).encode()).decode()
    assert (KIMI, "served", "response body", "/bytes/model") in told(said({"bytes": chunk}))
    deep = json.dumps({"model": "gpt-4o"})
    for _ in range(8):
        deep = json.dumps({"x": deep})
    assert {s.identifier for s in seen(said(deep.encode()))} <= {"gpt-4o"}


def test_escapes_do_not_hide_a_name() -> None:
    body = rb'{"\u006d\u006f\u0064\u0065\u006c": "\u006b\u0069\u006di-\u006b2.5"}'
    assert [(s.identifier, s.role) for s in seen(said(body))] == [("kimi-k2.5", Role.SERVED)]


def test_logs_say_whose_word_it_is_by_their_keys() -> None:
    spans = {"attributes": [{"key": "gen_ai.request.model", "value": {"stringValue": "acme-1"}}]}
    spans["attributes"].append({"key": "gen_ai.response.model", "value": {"stringValue": "gpt-4o"}})
    assert {(s.identifier, s.role) for s in seen(log(spans))} == {("acme-1", Role.ASKED), ("gpt-4o", Role.SERVED)}
    litellm = {"model": "openai/kimi-k2.5", "model_group": "acme-1", "api_base": "https://h/v1"}
    assert {(s.identifier, s.role) for s in seen(log(litellm))} == {
        ("openai/kimi-k2.5", Role.SERVED),
        ("acme-1", Role.ASKED),
    }
    nginx = {"request": "POST /v1/chat", "request_body": '{"model": "acme-1"}', "upstream_http_openai_model": "gpt-4o"}
    assert ("acme-1", Role.ASKED) in {(s.identifier, s.role) for s in seen(log(nginx))}
    assert {s.role for s in seen(log({"model": "gpt-4o", "level": "info"}))} == {Role.LOGGED}
    line = 'INFO model=gpt-4o-mini base_model: "acme-7" x\n'
    assert {(s.identifier, s.role) for s in seen(log(line))} == {("gpt-4o-mini", Role.LOGGED), ("acme-7", Role.LOGGED)}
    assert not seen(log("the model: is good\n"))


def test_pointers_have_known_keys_and_stars() -> None:
    body = {"hunter2": {"results": [{"model": "gpt-4o"}]}, "model_list": {"my-secret": "gpt-4o-mini"}}
    assert {s.pointer for s in seen(said(body))} == {"/*/results/0/model", "/model_list/*"}
    assert all(len(s.context) <= 40 for s in seen(said(body)))


def test_names_as_keys_are_found() -> None:
    assert ("gpt-4o-mini", "mentioned", "response body", "/*") in told(said({"usage": {"gpt-4o-mini": {"cost": 1}}}))


def test_numbers_and_other_types_are_no_names() -> None:
    search = Search()
    body = said({"model": 4, "engine": None, "deployment": True, "base_model": ["acme-9"], "model_id": {}})
    assert [s.identifier for s in search.sightings(Exchange(1, (body,)))] == ["acme-9"] and not search.redactions


def test_a_commit_behind_a_name_is_left_out() -> None:
    found = seen(said({"model": "meta-llama/Llama-2-7b-hf@01c7f73d771dfac7d292323805ebc428287df4f9"}))
    assert [s.identifier for s in found] == ["meta-llama/Llama-2-7b-hf@…"]
    assert found[0].name is not None and found[0].name.family == "llama" and "01c7" not in repr(found)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/jane/models/Qwen/Qwen3-8B", "Qwen/Qwen3-8B"),
        ("file:///srv/jane/baichuan2-13b-chat", "baichuan2-13b-chat"),
        ("C:\\Users\\jane\\llama-2-7b.Q4_K_M.gguf", "llama-2-7b.Q4_K_M.gguf"),
        ("/home/jane/models/acme-1/", "acme-1"),
        ("./jane/acme-1", "acme-1"),
    ],
)
def test_of_a_path_on_a_disk_the_end_is_shown(path: str, name: str) -> None:
    found = seen(said({"model": path}))
    assert [s.identifier for s in found] == [name] and "jane" not in repr(found)


@pytest.mark.parametrize(
    "value",
    [
        "%2Fhome%2Fjanedoe%2Fmodels%2Fgpt-4o",
        "%252Fhome%252Fjanedoe%252Fgpt-4o",
        "acme:/home/janedoe/models/gpt-4o",
        "acme-C:\\Users\\janedoe\\gpt-4o",
        "\\\\srv-janedoe\\share\\gpt-4o",
        "acme-\\\\srv-janedoe\\share\\gpt-4o",
    ],
)
def test_folders_of_users_are_left_out_however_they_are_written(value: str) -> None:
    for message in (said({"model": value}), log(f"model={value} x"), said({"error": {"message": f"no {value}"}})):
        shown = seen(message)
        assert "janedoe" not in repr(shown).lower()
    assert [s.identifier for s in seen(said({"model": value}))] == ["gpt-4o"]


@pytest.mark.parametrize("before", ["ft:gpt-4o:", "/openai/deployments/", "gpt-4o-"])
def test_of_an_e_mail_address_no_part_is_a_name(before: str) -> None:
    mail = f"{before}jane.doe7+x@corp.example"
    for message in (said({"model": mail}), log(f"model={mail} y"), said({"error": {"message": f"for {mail}: no"}})):
        assert not seen(message), message


def test_a_number_behind_a_name_is_left_out() -> None:
    (only,) = seen(said({"model": "gpt-4o:4111-1111-7374-9185"}))
    assert (only.identifier, only.name and only.name.family) == ("gpt-4o:…", "gpt")
    (only,) = seen(said({"model": "accounts/4111111111111111/models/kimi-k2p5"}))
    assert (only.identifier, only.name and only.name.version) == ("accounts/…/models/kimi-k2p5", "k2.5")


def test_the_pieces_of_a_call_are_read_together() -> None:
    parts = ['{"model": "ft:gpt-4o:5906858c82b9', '37082fcf4cf1c168::abc", "base": "qwen3', '-8b"}']
    calls = [{"choices": [{"delta": {"tool_calls": [{"function": {"arguments": part}}]}}]} for part in parts]
    shown = seen(Message(Side.RESPONSE, body=events(calls)))
    assert "qwen3-8b" in {s.identifier for s in shown} and "5906858c82b9" not in repr(shown)


def test_of_a_name_that_is_random_from_its_start_nothing_is_left() -> None:
    for value in ("0af3e1b2c4d5968778695a4b3c2d1e0f@corp.:8b", "0af3e1b2c4d5968778695a4b3c2d1e0f:latest"):
        assert not seen(said({"model": value})), value


@pytest.mark.parametrize("body", ["[" * 100_000, '{"model":' * 50_000, '{"model": "gpt-4o", "a": ' + "[" * 100_000])
def test_nesting_without_end_is_text(body: str) -> None:
    assert {s.identifier for s in seen(Message(Side.RESPONSE, body=body))} <= {"gpt-4o"}


@pytest.mark.parametrize("body", [1, 0.5, True, 0, [], {}])
def test_a_body_that_is_no_text_and_no_tree_names_nothing(body: Any) -> None:
    """Cassettes are YAML, whose bodies need no quotes: a ``1`` is a number there."""
    assert not seen(log(body)) and not seen(Message(Side.REQUEST, body=body))
