"""The zip directory: read as Python's zipfile reads it, or refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts.formats.pytorch import read_tensors
from forebear.artifacts.formats.pytorch.archive import read_archive
from forebear.errors import FormatError
from forebear.sources import File
from models import Memory, refused
from torch_files import zip64_bytes, zip_bytes

MODEL = {"w": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.ones(3, dtype=np.float32)}
RAW = zip_bytes(MODEL)


def read(raw: bytes) -> object:
    return read_tensors(Memory({"m.bin": raw}), File("m.bin", len(raw)))


@pytest.mark.parametrize("raw", [RAW, zip64_bytes(MODEL), zip_bytes(MODEL, "deep/er")], ids=["zip", "zip64", "deeper"])
def test_entries_lie_where_zipfile_finds_them(raw: bytes) -> None:
    found = read_archive(Memory({"m.bin": raw}), File("m.bin", len(raw)))
    with zipfile.ZipFile(io.BytesIO(raw)) as theirs:
        assert list(found.entries) == theirs.namelist()
        for name, entry in found.entries.items():
            start, stop = found.stored(entry)
            assert raw[start:stop] == theirs.read(name)
    part = read_tensors(Memory({"m.bin": raw}), File("m.bin", len(raw)))
    assert {n: t.values().tolist() for n, t in part.tensors.items()} == {n: v.tolist() for n, v in MODEL.items()}


def test_the_headers_of_a_models_entries_are_announced_together() -> None:
    """Each is a request where the file is far away."""
    raw = zip_bytes(MODEL)
    source = Memory({"m.bin": raw})
    read_tensors(source, File("m.bin", len(raw)))
    entries = read_archive(source, File("m.bin", len(raw))).entries
    storages = [e for name, e in entries.items() if "/data/" in name]
    assert len(storages) == len(MODEL) == len(source.hints)
    assert {(start, raw[stop - len(e.name) : stop].decode()) for _, start, stop in source.hints for e in storages} >= {
        (e.header, e.name) for e in storages
    }


def test_a_compressed_pickle_is_read_and_a_compressed_tensor_refused() -> None:
    raw = zip_bytes(MODEL, method=zipfile.ZIP_DEFLATED)
    archive = read_archive(Memory({"m.bin": raw}), File("m.bin", len(raw)))
    assert archive.window(archive.entries["archive/data.pkl"]).take(2) == b"\x80\x02"
    with refused("m.bin: entry archive/byteorder is compressed, which torch never does", "load and save it again"):
        read(raw)


def test_a_zip_bomb_is_not_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", b"N" * 70_000_000)
    with refused("m.bin: entry a/data.pkl has 70,000,000 bytes, more than a pickle of tensors needs"):
        read(out.getvalue())
    lying = bytearray(out.getvalue())
    at = lying.rfind(b"PK\1\2")
    lying[at + 24 : at + 28] = struct.pack("<I", 1_000)
    with refused("m.bin: entry a/data.pkl unpacks to another size"):
        read(bytes(lying))


def changed(at: Callable[[bytes], int], value: bytes) -> bytes:
    where = at(RAW)
    return RAW[:where] + value + RAW[where + len(value) :]


def directory(offset: int) -> Callable[[bytes], int]:
    return lambda raw: raw.find(b"PK\1\2") + offset


def ending(offset: int) -> Callable[[bytes], int]:
    return lambda raw: raw.rfind(b"PK\5\6") + offset


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (RAW[:-30], "a zip file without its directory"),
        (RAW[:200], "a zip file without its directory"),
        (RAW + b"x", "its zip directory does not end where the file does"),
        (RAW[:100] + RAW[150:], "its zip directory is not where byte"),
        (changed(ending(8), b"\xff\xff\xff\xff"), "its zip directory claims 65,535 entries"),
        (changed(ending(10), b"\x01\x00"), "its zip directory is not where"),
        (changed(ending(12), b"\xff\xff\xff\x00"), "its zip directory is not where"),
        (changed(directory(0), b"PK\1\3"), "no entry"),
        (changed(directory(8), b"\x01"), "an encrypted entry"),
        (changed(directory(28), b"\xff\xff"), "no entry"),
        (changed(directory(42), b"\xff\xff\xff\x7f"), "reaches beyond the entries"),
        (changed(directory(42), b"\xff\xff\xff\xff"), "an entry without its zip64 sizes"),
        (changed(directory(42), b"\x05\x00\x00\x00"), "is not that of entry archive/data.pkl"),
        (changed(lambda raw: 30, b"X"), "the header at byte 0 is not that of entry archive/data.pkl"),
        (changed(lambda raw: 28, b"\xff\xff"), "reaches beyond the entries"),
        (zip_bytes(MODEL, extra={"x/data.pkl": b"N."}), "a zip file with 2 data.pkl in it"),
        (zip_bytes(MODEL, extra={"constants.pkl": b"N."}), "a TorchScript program, not a checkpoint"),
        (RAW.replace(b"little", b"bigggg"), "was saved on a big-endian machine"),
        (RAW.replace(b"archive/data/0", b"archive/data/7"), "archive/data/0, which is not in the archive"),
        (RAW.replace(b"archive/data/0", b"archive/data/1"), "lists archive/data/1 twice"),
        (RAW.replace(b"data.pkl", b"data.pkk"), "a zip file with no data.pkl in it"),
    ],
)
def test_archives_that_contradict_themselves_are_refused(raw: bytes, words: str) -> None:
    with refused("m.bin: ", words):
        read(raw)


@given(st.lists(st.tuples(st.integers(0, len(RAW) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(RAW)))
def test_mutated_archives_are_read_or_refused(edits: list[tuple[int, int]], length: int) -> None:
    for raw in (bytearray(RAW), bytearray(RAW[:length])):
        for at, value in edits:
            if at < len(raw):
                raw[at] = value
        try:
            read(bytes(raw))
        except FormatError as error:
            assert str(error).isprintable() and str(error).startswith("m.bin: ")
