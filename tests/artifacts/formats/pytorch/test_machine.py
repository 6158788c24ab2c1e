"""The pickle machine against Python's own pickle, and against what would break or occupy it."""

from __future__ import annotations

import pickle
import struct
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forebear.artifacts.formats.pytorch.machine import MAX_NUMBER, unpickled
from forebear.artifacts.formats.pytorch.values import Global, Log
from forebear.artifacts.formats.pytorch.window import Window
from forebear.errors import FormatError
from models import refused

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("aé漢\n'\"", max_size=9)
KEYS = st.text(max_size=5) | st.integers()
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v) | st.dictionaries(KEYS, v) | st.tuples(v, v) | st.tuples(v, v, v, v), max_leaves=30
)


def run(data: bytes, log: Log | None = None) -> Any:
    return unpickled(Window("x.pkl", lambda a, b: data[a:b], 0, len(data)), log or Log())


@given(VALUES, st.integers(0, 5))
def test_plain_values_come_out_as_they_went_in(value: Any, protocol: int) -> None:
    assert run(pickle.dumps(value, protocol)) == value


@given(st.binary(min_size=1, max_size=300), st.integers(0, 5))
def test_bytes_come_out_as_they_went_in(value: bytes, protocol: int) -> None:
    assert run(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
def test_shared_and_recursive_values_keep_their_identity(protocol: int) -> None:
    inner: list[Any] = [1]
    value: list[Any] = [inner, inner]
    value.append(value)
    found = run(pickle.dumps(value, protocol))
    assert found[0] is found[1] and found[2] is found
    inner = list(range(1000))
    assert run(pickle.dumps([str(k) for k in inner] * 2, protocol)) == [str(k) for k in inner] * 2


@pytest.mark.parametrize("protocol", range(6))
def test_a_global_is_a_name_and_nothing_else(protocol: int) -> None:
    assert run(pickle.dumps(time.sleep, protocol)) == Global("time", "sleep")
    assert run(b"c__builtin__\neval\n.") == Global("builtins", "eval")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "asks for 1 bytes where 0 are left"),
        (b"N", "asks for 1 bytes where 0 are left"),
        (b".", "does not end with one value"),
        (b"NN.", "does not end with one value"),
        (b"(.", "does not end with one value"),
        (b"(N(.", "does not end with one value"),
        (b"\xff.", "0xff is no pickle opcode"),
        (b"\x97.", "0x97 is no pickle opcode"),
        (b"h\x05.", "recalls what it never stored"),
        (b"N(\x85.", "empty stack"),
        (b"}Na.", "finds something else"),
        (b"]NNs.", "finds something else"),
        (b"Px\n.", "finds something else"),
        (b"NNb.", "finds something else"),
        (b"}(Nu.", "finds something else"),
        (b"I12x\n.", "finds something else"),
        (b"Fabc\n.", "finds something else"),
        (b"S'abc\n.", "finds something else"),
        (b"NNR.", "finds something else"),
        (b"NN\x93.", "finds something else"),
        (b"NQ.", "finds something else"),
        (b"X\xff\xff\xff\xffab", "asks for 4,294,967,295 bytes where 2 are left"),
        (b"\x8d" + b"\xff" * 8, "bytes where 0 are left"),
        (b"\x96" + b"\xff" * 7 + b"\x7f", "bytes where 0 are left"),
        (b"\x8b\xff\xff\xff\x7f", "a number of 2,147,483,647 bytes"),
        (b"Nr\x00\x00\x00\x80.", "memo index 2,147,483,648 is larger than any pickle needs"),
        (b"Np-1\n.", "memo index -1"),
        (b"c" + b"a" * 2_000 + b"\n.", "a line does not end"),
        (b"cos\nsystem", "a line does not end"),
        (b"I" + b"9" * 5_000 + b"\n.", "a line does not end"),
    ],
)
def test_damage_is_one_line_that_says_where(data: bytes, words: str) -> None:
    with refused("x.pkl: byte ", words):
        run(data)


def test_a_number_may_have_as_many_bytes_as_is_said() -> None:
    data = b"\x8b" + struct.pack("<I", MAX_NUMBER) + b"\x01" * MAX_NUMBER + b"."
    assert run(data) == int.from_bytes(b"\x01" * MAX_NUMBER, "little")


BOMBS = {
    "marks": b"(" * 300_000,
    "nested tuples": b")" + b"\x85" * 300_000 + b".",
    "a tuple as key": b"})" + b"\x85" * 300_000 + b"Ns.",
    "doubled": b"]q\x00" + b"h\x00h\x00\x86q\x00" * 100_000 + b".",
    "doubled and called": b"ctorch\nSize\nq\x01)q\x00" + b"h\x00h\x00\x86q\x00" * 1_000 + b"h\x01h\x00\x85R.",
    "copied": b"ccollections\nOrderedDict\nq\x01](" + b")" * 100_000 + b"eq\x00" + b"0h\x01h\x00\x85R" * 10_000 + b".",
    "long names": b"(" + b"X\xe8\x03\x00\x00" + b"\xc3\xa9" * 500 + b"q\x00h\x00\x93)R" * 1_000 + b".",
    "classes": b"(" + b"cos\nsystem\n)R" * 50_000 + b"t.",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_quickly(name: str, deadline: None) -> None:
    began = time.monotonic()
    try:
        run(BOMBS[name])
    except FormatError as error:
        assert str(error).isprintable()
    assert time.monotonic() - began < 10


def test_half_characters_do_not_come_out() -> None:
    assert run(b"V\\ud800x\n.") == "\\ud800x" and run(b"V\\u00e9\n.") == "é"


def test_steps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forebear.artifacts.formats.pytorch.machine.MAX_STEPS", 100)
    with refused("more than 100 steps"):
        run(b"N0" * 60 + b"N.")
    log = Log()
    run(b"N0" * 45 + b"N.", log)
    with refused("more than 100 steps"):  # all pickles of a file, and of a folder, share them
        run(b"N0" * 45 + b"N.", log)


SEEDS = [pickle.dumps({"a": [1, 2.5, "x", (None, b"y")], "b": {1: -(2**70)}}, p) for p in range(6)]


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6), st.booleans()
)
def test_mutated_pickles_are_read_or_refused(data: bytes, edits: list[tuple[int, int]], grow: bool) -> None:
    raw = bytearray(data)
    for at, value in edits:
        at %= len(raw)
        raw[at : at if grow else at + 1] = bytes([value])
    try:
        run(bytes(raw))
    except FormatError as error:
        assert str(error).isprintable()


@settings(max_examples=400)
@given(
    st.lists(
        st.sampled_from([bytes([c]) for c in range(256)] + [b"cos\nsystem\n", b"ctorch\nSize\n", b"h\x00", b"q\x00"])
    )
)
def test_opcodes_in_any_order_are_read_or_refused(parts: list[bytes]) -> None:
    try:
        run(b"".join(parts))
    except FormatError as error:
        assert str(error).isprintable()
