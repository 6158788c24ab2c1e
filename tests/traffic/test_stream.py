"""Captures as bytes: files, gzip within bounds, UTF-16, standard input, and what cannot be opened."""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path

import pytest

from captures import saved
from forebear.errors import InputError
from forebear.traffic import stream as module
from forebear.traffic.stream import HEAD, Stream, open_stream

TEXT = b"".join(b"line %d of a capture\n" % k for k in range(100_000))


def read(content: bytes) -> tuple[bytes, Stream]:
    stream = Stream(io.BytesIO(content))
    return stream.read(), stream


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT), gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:])])
def test_bytes_come_whole_and_the_head_is_not_taken(content: bytes) -> None:
    stream = Stream(io.BytesIO(content))
    assert stream.head == TEXT[:HEAD]
    assert stream.readline() == TEXT[: TEXT.index(b"\n") + 1] and stream.read() == TEXT[TEXT.index(b"\n") + 1 :]
    assert stream.broken == "" and stream.bytes_read == len(content)


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_gzip_that_is_cut_off_or_damaged_gives_what_there_is(cut: float) -> None:
    whole = gzip.compress(TEXT)
    got, stream = read(whole[: int(len(whole) * cut)])
    assert TEXT.startswith(got) and got and "cut off" in stream.broken
    got, stream = read(whole + b"junk")
    assert got == TEXT and "damaged" in stream.broken
    got, stream = read(gzip.compress(TEXT) + b"\0" * 512)
    assert got == TEXT and stream.broken == ""


def test_a_bomb_is_left_alone_when_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RATIO_FROM", 1 << 21)
    got, stream = read(gzip.compress(bytes(1 << 26)))
    assert "beyond bounds" in stream.broken and len(got) < 1 << 25
    assert read(gzip.compress(TEXT))[1].broken == ""
    monkeypatch.setattr(module, "MOST_INFLATED", 1 << 20)
    assert "beyond bounds" in read(gzip.compress(TEXT))[1].broken


@pytest.mark.parametrize("name", ["utf-16", "utf-16-be"])
def test_utf_16_becomes_utf_8(name: str) -> None:
    mark = b"\xfe\xff" if name.endswith("be") else b""
    got, _ = read(mark + TEXT.decode().encode(name))
    assert got == TEXT


def test_standard_input_is_read_and_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(gzip.compress(TEXT)))
    monkeypatch.setattr(sys, "stdin", given)
    with open_stream("-") as stream:
        assert stream.read() == TEXT
    assert not given.buffer.closed


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    for path, words in ((tmp_path, "folder"), (tmp_path / "none", "No such file"), ("a\0b", "cannot be opened")):
        with pytest.raises(InputError, match=words):
            open_stream(str(path))
    with open_stream(saved(tmp_path, b"")) as stream:
        assert stream.head == b"" and stream.read() == b""
