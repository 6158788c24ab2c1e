from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from forebear.endpoints.streams import events, is_stream, json_pieces


def test_events_have_names_comments_and_data_in_several_lines() -> None:
    body = b': hello\n\nevent: start\ndata: {"a":\ndata:  1}\nid: 7\n\ndata:x\n\nevent: empty\n\ndata: last'
    assert list(events(body)) == [("start", '{"a":\n 1}'), ("message", "x"), ("message", "last")]


def test_line_ends_are_all_alike() -> None:
    body = b"\xef\xbb\xbfevent: a\ndata: 1\ndata: 2\n\ndata: 3\n\n"
    expected = list(events(body))
    for end in (b"\r\n", b"\r"):
        assert list(events(body.replace(b"\n", end))) == expected
    assert expected == [("a", "1\n2"), ("message", "3")]


def test_pieces_that_are_no_json_are_noticed_and_the_others_kept() -> None:
    body = b'data: {"a": 1}\n\ndata: [DONE]\n\ndata: {"b": \n\ndata: 5\n\ndata: {"c": 2}\n\n'
    assert json_pieces(body, sse=True) == ([{"a": 1}, {"c": 2}], False)
    assert json_pieces(b'{"a": 1}\n\n{"b": 2}\r\n{"c"', sse=False) == ([{"a": 1}, {"b": 2}], False)
    assert json_pieces(b"data: " + b"[" * 100_000 + b"\n\n", sse=True) == ([], False)


def test_a_stream_is_known_by_its_beginning_too() -> None:
    assert is_stream("text/event-stream; charset=utf-8", b"")
    for body in (b"data: {}", b"\n\nevent: x", b": ping\n", b"\xef\xbb\xbfdata:1"):
        assert is_stream("application/json", body)
    for body in (b'{"data": 1}', b"", b"<html>"):
        assert not is_stream("application/json", body)


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(), max_size=3), max_size=5))
def test_whatever_is_sent_as_events_is_read_again(pieces: list[dict[str, str]]) -> None:
    body = b"".join(b"data: " + json.dumps(p, ensure_ascii=True).encode() + b"\n\n" for p in pieces)
    assert json_pieces(body, sse=True) == (pieces, True)


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reader(body: bytes) -> None:
    list(events(body))
    json_pieces(body, sse=False)
