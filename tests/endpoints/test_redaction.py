from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from forebear.endpoints.redaction import REDACTED, Redactor

KEY = 'ca/nary"0123456789+abc-DEF=end'


def spellings() -> dict[str, str]:
    raw = KEY.encode()
    shifted = {f"base64 after {n}": base64.b64encode(b"u" * n + raw).decode() for n in range(4)}
    return {
        "plain": KEY,
        "json": json.dumps(KEY),
        "json in json": json.dumps(json.dumps(KEY)),
        "slashes escaped": json.dumps(KEY).replace("/", "\\/"),
        "unicode escapes": "".join(f"\\u{ord(c):04X}" for c in KEY),
        "percent": quote(KEY, safe=""),
        "percent in lower case": "".join(f"%{b:02x}" for b in raw),
        "html": "".join(f"&#{ord(c)};" for c in KEY),
        "hex": raw.hex(),
        "urlsafe": base64.urlsafe_b64encode(b"user:" + raw).decode(),
        "cut short": KEY[:14] + "...",
        "twice": KEY + " " + KEY,
        **shifted,
    }


@pytest.mark.parametrize("how", spellings())
def test_a_known_secret_is_found_however_it_is_spelled(how: str) -> None:
    text = f"before {spellings()[how]} after"
    clean = Redactor([KEY]).text(text)
    assert REDACTED in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for secret in (
        KEY[4:16],
        base64.b64encode(KEY.encode()).decode()[4:20],
        KEY[4:16].encode().hex(),
        quote(KEY)[8:20],
    ):
        assert secret not in clean


@pytest.mark.parametrize(
    "text",
    [
        "Bearer abcdefgh12345678",
        "sk-proj-0123456789abcdefXYZ",
        "hf_abcdefghijklmnopqrst",
        "AIza" + "x" * 35,
        "AKIAABCDEFGHIJKLMNOP",
        "eyJhbGciOiJI.eyJzdWIiOiIx.abc",
        "sk-ab****wxyz",
    ],
)
def test_what_looks_like_a_key_goes_without_being_known(text: str) -> None:
    assert Redactor().text(f'{{"m": "{text}"}}') == f'{{"m": "{REDACTED}"}}'


def test_ordinary_answers_are_left_as_they_are() -> None:
    data = b'{"model": "kimi-k2p5-rl-0317-s515-fast", "text": "task-oriented, 5 ** 3, sk-8", "prompt_tokens": 12}'
    assert Redactor([KEY]).data(data) is data


def test_a_short_secret_is_taken_out_where_it_is_a_word_only() -> None:
    assert Redactor(["none"]).text('"none" nonetheless') == f'"{REDACTED}" nonetheless'
    assert Redactor(["abc"]).text("abc") == "abc"


def test_headers_go_by_name_and_by_value() -> None:
    headers = {
        "Authorization": "x",
        "X-Api-Key": "y",
        "Set-Cookie": "a=b",
        "llm_provider-set-cookie": "c",
        "X-Amz-Security-Token": "d",
        "x-ratelimit-remaining-tokens": "55",
        "x-litellm-model-name": "acme",
        "x-echo": f"said {KEY}",
    }
    clean = Redactor([KEY]).headers(headers)
    hidden = {name for name, value in clean.items() if value == REDACTED}
    assert hidden == {"authorization", "x-api-key", "set-cookie", "llm_provider-set-cookie", "x-amz-security-token"}
    assert clean["x-ratelimit-remaining-tokens"] == "55"
    assert clean["x-litellm-model-name"] == "acme"
    assert clean["x-echo"] == f"said {REDACTED}"


def test_json_is_cleaned_in_names_and_values() -> None:
    assert Redactor([KEY]).json({"a": [KEY, 1, None, {KEY: True}]}) == {"a": [REDACTED, 1, None, {REDACTED: True}]}


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_secret_in_pieces_of_a_stream_is_taken_out(size: int) -> None:
    pieces = [KEY[i : i + size] for i in range(0, len(KEY), size)]
    events = [{"choices": [{"delta": {"content": piece}}]} for piece in ["You sent ", *pieces, " to me"]]
    body = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in events)
    clean = Redactor([KEY]).data(body)
    joined = "".join(
        json.loads(line[6:])["choices"][0]["delta"]["content"] for line in clean.decode().splitlines() if line
    )
    assert "nary" not in joined and REDACTED in joined
    assert clean.count(b"\n\n") == len(events)


def test_a_stream_without_it_stays_as_it_is() -> None:
    body = b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
    assert Redactor([KEY]).data(body) is body


@pytest.mark.parametrize("said", [KEY.upper(), KEY.lower(), f"...{KEY[-12:]}", f"{KEY[:11]}…"])
def test_a_secret_in_other_letters_or_shortened(said: str) -> None:
    assert REDACTED in Redactor([KEY]).text(f"key {said} is wrong")


def test_a_secret_as_the_name_of_a_header() -> None:
    plain = "abcDEF0123456789xyzw"
    assert list(Redactor([plain]).headers({plain: "1"})) == [REDACTED]


@pytest.mark.parametrize("unit", [b"a", b"\\", b"eyJ-", b"sk-", b"bearer ", b"&#x0", b"%", b"*", KEY.encode()[:-1]])
def test_hostile_bodies_do_not_block(unit: bytes) -> None:
    body = unit * (2_000_000 // len(unit))  # a second; hours, were it the square
    assert len(Redactor([KEY]).data(body)) > 0
