"""Objects of JSON documents found by brackets alone: against the parser, whatever the blocks, and of broken ones."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.traffic import structure
from forebear.traffic.structure import Element, Ending, cut, elements, pieces

VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='"\\{}[], \nxé', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='"\\{k', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.lists(st.dictionaries(st.text(alphabet='"\\]a', max_size=4), VALUES, max_size=4), max_size=6)


def found(raw: bytes, depth: int) -> tuple[list[Element], Ending]:
    ending = Ending()
    return list(elements(io.BytesIO(raw), depth, ending)), ending


@settings(max_examples=60, deadline=None)
@given(OBJECTS, st.sampled_from([1, 2, 3, 7, 64, 1 << 20]), st.sampled_from([None, 1]), st.booleans())
def test_objects_of_an_array_are_those_that_the_parser_finds(
    objects: list[dict[str, Any]], block: int, indent: int | None, ascii_only: bool
) -> None:
    raw = json.dumps(objects, indent=indent, ensure_ascii=ascii_only).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(structure, "BLOCK", block)
        got, ending = found(raw, 2)
        lines, _ = found(b"\n".join(json.dumps(o).encode() for o in objects), 1)
    assert [json.loads(e.raw) for e in got] == objects == [json.loads(e.raw) for e in lines]
    assert [e.number for e in got] == list(range(1, len(objects) + 1)) and all(e.whole for e in got)
    assert ending.why == "" and ending.at == len(raw)


def test_a_document_that_is_cut_off_gives_what_there_is() -> None:
    raw = json.dumps({"log": {"entries": [{"a": 1}, {"b": "}]}"}, {"c": "cut"}]}}).encode()
    got, ending = found(raw[: raw.index(b"cut") + 2], 4)
    assert [(e.number, e.whole) for e in got] == [(1, True), (2, True), (3, False)]
    assert ending.why and ending.open and ending.number == 3 and got[2].raw == b'{"c": "cu'


def test_a_bracket_too_many_ends_the_document_and_the_rest_is_text() -> None:
    got, ending = found(b'[{"a": 1}]]\nmodel=x', 2)
    assert [(e.raw, e.whole) for e in got] == [(b'{"a": 1}', True), (b"]\nmodel=x", False)]
    assert "never opened" in ending.why and ending.at == 10


def test_what_stands_between_objects_is_text_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b'{"a": 1} model=x, {"b": 2},\n{"c": 3} tail \'s' + b" word" * 100
    for block, piece in ((1 << 20, 1 << 20), (5, 60)):
        monkeypatch.setattr(structure, "BLOCK", block)
        monkeypatch.setattr(structure, "PIECE", piece)
        got = list(elements(io.BytesIO(raw), 1, Ending(), gaps=True))
        assert b"".join(e.raw for e in got).replace(b",\n", b"") == raw.replace(b",\n", b"")
        assert [e.raw for e in got if e.whole] == [b'{"a": 1}', b'{"b": 2}', b'{"c": 3}']
        assert [e.number for e in got if not e.whole][:2] == [1, 3]


def test_an_object_that_is_too_large_comes_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("BLOCK", 64), ("MOST", 1_000), ("PIECE", 300), ("MARGIN", 50)):
        monkeypatch.setattr(structure, name, value)
    large = {"text": ", ".join(f"word{k}" for k in range(500))}
    raw = json.dumps([{"a": 1}, large, {"b": 2}]).encode()
    got, ending = found(raw, 2)
    assert not ending.why
    assert b"".join(e.raw for e in got if e.number == 2) == json.dumps(large).encode()
    assert not any(e.whole for e in got if e.number == 2) and max(len(e.raw) for e in got) <= 1_100
    assert [json.loads(e.raw) for e in got if e.whole] == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"a":' * 100_000, b'[{"a":"' + b"\\" * 100_001, b'["' * 100_000, b"]" * 9]
)
def test_brackets_and_quotes_without_end_are_only_counted(raw: bytes) -> None:
    _, ending = found(raw, 2)
    assert ending.why


def test_long_text_is_cut_where_nothing_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"key: value, other: thing"
    assert cut(raw, 22) == raw.index(b",") + 1
    assert cut(b"a" * 99, 50) == 50 and cut(b"two words", 7) == 4
    monkeypatch.setattr(structure, "PIECE", 20)
    assert b"".join(pieces(raw * 10)) == raw * 10 and all(len(p) <= 20 for p in pieces(raw * 10))
