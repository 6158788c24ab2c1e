"""The header of a GGUF file: what is in it, what is refused, and how little of the file that takes."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts.formats.gguf import Gguf
from forebear.artifacts.gguf import MAX_HEADER, Header, read_header
from forebear.errors import ForebearError, FormatError
from forebear.sources import File
from ggufs import f16, f32, gguf, q8_0, text, value
from models import Memory, refused
from shared import shared

ONE = {"t": f32(np.arange(6.0).reshape(2, 3))}
BASE = {"general.architecture": "llama", "llama.block_count": 1}


def header(raw: bytes) -> Header:
    return read_header(Memory({"m.gguf": raw}), File("m.gguf", len(raw)))


class Counting(Memory):
    """A source that knows what was read of it."""

    def __init__(self, raw: bytes, size: int) -> None:
        super().__init__({"m.gguf": raw + bytes(size - len(raw))})
        self.reads: list[tuple[int, int]] = []

    def read(self, path: str, start: int, stop: int) -> bytes:
        self.reads.append((start, stop))
        return super().read(path, start, stop)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_all_versions_say_the_same(version: int) -> None:
    metadata = {**BASE, "f": 0.5, "b": True, "texts": ["a", "ﷺ", ""], "numbers": [1, -2], "floats": [0.5, 2.0]}
    tensors = {"x": f32(np.zeros((4, 2))), "y": q8_0(np.ones((3, 2, 64))), "z": f16(np.ones(5))}
    found = header(gguf(metadata, tensors, version))
    assert found.version == version
    assert {k: v for k, v in found.metadata.items() if not isinstance(v, np.ndarray)} == {
        **BASE,
        "f": 0.5,
        "b": True,
        "texts": ["a", "ﷺ", ""],
    }
    assert found.metadata["numbers"].tolist() == [1, -2] and found.metadata["floats"].tolist() == [0.5, 2.0]
    assert [(i.name, i.shape, i.kind) for i in found.tensors] == [
        ("x", (4, 2), 0),
        ("y", (3, 2, 64), 8),
        ("z", (5,), 1),
    ]
    assert [i.start - found.data for i in found.tensors] == [0, 32, 32 + 416] and found.data % 32 == 0


def test_the_magic_of_the_draft_is_read() -> None:
    assert header(b"FUGG" + gguf(BASE, {}, 1)[4:]).text("general.architecture") == "llama"


def test_another_alignment_is_kept() -> None:
    found = header(gguf({**BASE, "general.alignment": 64}, {"a": f32(np.ones(1)), "b": f32(np.ones(1))}, alignment=64))
    assert (found.alignment, found.data % 64, found.tensors[1].start - found.tensors[0].start) == (64, 0, 64)


def test_a_number_for_each_layer_is_one_number_where_all_are_equal() -> None:
    found = header(gguf({**BASE, "same": [4, 4, 4], "other": [4, 2], "yes": True}, {}))
    assert (found.count("same"), found.count("other"), found.count("yes"), found.count("none")) == (4, None, None, None)


def test_nested_arrays_are_read_and_their_depth_is_bounded() -> None:
    flat = struct.pack("<IQ", 5, 2) + struct.pack("<ii", 1, 2)
    nested = struct.pack("<II", 9, 9) + struct.pack("<Q", 2) + flat + flat
    assert [a.tolist() for a in header(gguf({**BASE, "n": nested}, {})).metadata["n"]] == [[1, 2], [1, 2]]
    deep = struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 100 + flat
    with refused("m.gguf: n holds arrays nested more than 3 deep"):
        header(gguf({**BASE, "n": deep}, {}))


def test_the_header_costs_a_few_reads_of_about_its_size() -> None:
    tokens = [f"token number {k}" for k in range(128_000)]
    raw = gguf({**BASE, "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.merges": tokens}, ONE)
    source = Counting(raw, 20_000_000)
    found = read_header(source, source.files()[0])
    assert len(found.metadata["tokenizer.ggml.merges"]) == 128_000
    assert len(source.reads) <= 8
    assert [a for a, _ in source.reads[1:]] == [b for _, b in source.reads[:-1]]  # nothing twice
    assert found.data < source.reads[-1][1] < found.data + 4_100_000
    small = Counting(gguf(BASE, ONE), 20_000_000)
    read_header(small, small.files()[0])
    assert len(small.reads) == 1


def broken(*, count: int = 1, pairs: bytes = b"", infos: bytes = b"", tensors: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, count) + pairs + infos


def info(
    name: str = "t", sizes: tuple[int, ...] = (3, 2), kind: int = 0, offset: int = 0, dims: int | None = None
) -> bytes:
    number = len(sizes) if dims is None else dims
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", number, *sizes, kind, offset)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "does not begin as a GGUF file"),
        (b"GG", "does not begin as a GGUF file"),
        (b"PK\x03\x04" + bytes(100), "does not begin as a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"GGUF", "its version at offset 4 ends at byte 8"),
        (b"GGUF" + struct.pack(">I", 3) + bytes(16), "big-endian"),
        (b"GGUF" + struct.pack("<I", 4) + bytes(16), "GGUF version 4 (offset 4)"),
        (b"GGUF" + struct.pack("<I", 0xDEADBEEF) + bytes(16), "GGUF version 3,735,928,559"),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 0), "tensors do not fit"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 2**40) + bytes(99), "metadata entries do not fit"),
        (broken(pairs=struct.pack("<QQ", 2**40, 0)), "metadata key of 1,099,511,627,776 bytes (offset 24)"),
        (broken(pairs=text(b"\xff\xfe") + value(1)), "a metadata key is not UTF-8 (offset 24)"),
        (broken(pairs=text("k") + struct.pack("<I", 13)), "k has the unknown type 13"),
        (broken(pairs=text("k") + struct.pack("<IIQ", 9, 77, 0)), "k has the unknown type 77"),
        (broken(pairs=text("k") + struct.pack("<IIQ", 9, 8, 2**50)), "texts of k do not fit into the 0 bytes"),
        (broken(pairs=text("k") + struct.pack("<IIQ", 9, 6, 2**61)), "numbers of k do not fit"),
        (broken(pairs=text("k") + struct.pack("<IIQ", 9, 9, 2**61)), "arrays of k do not fit"),
        (broken(pairs=text("k") + struct.pack("<IIQQ", 9, 8, 1, 2**62)), "is truncated or damaged"),
        (broken(pairs=text("k") + struct.pack("<IQ", 8, 2**62)), "the text of k of 4,611,686,018,427,387,904 bytes"),
        (broken(pairs=text("k") + struct.pack("<IIQ", 9, 8, 1) + text(b"\xc3(")), "text 0 of k is not UTF-8"),
        (broken(count=2, pairs=(text("k") + value(1)) + (text("k") + value(2))), "the key k stands twice"),
        (broken(pairs=text("general.alignment") + value(0)), "general.alignment is no power of two"),
        (broken(pairs=text("general.alignment") + value(48)), "general.alignment is no power of two"),
        (broken(pairs=text("general.alignment") + value("32")), "general.alignment is no power of two"),
        (broken(count=0, tensors=1, infos=info(dims=2**31)), "tensor t has 2,147,483,648 dimensions"),
        (broken(count=0, tensors=1, infos=info(sizes=(2**40, 2**40))), "too large for any file (offset 24)"),
        (broken(count=0, tensors=1, infos=info(offset=7)), "tensor t begins at 7, no multiple of 32"),
        (broken(count=0, tensors=2, infos=info() + info(offset=32)), "tensor t stands twice"),
        (b"GGUF\x03\0\0", "offset 4"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_line(raw: bytes, words: str, deadline: None) -> None:
    with refused("m.gguf: ", words):
        header(raw)


def test_a_key_may_stand_twice_with_one_value() -> None:
    raw = broken(count=2, pairs=2 * (text("k") + value("v"))) + bytes(32)
    assert header(raw).metadata == {"k": "v"}


def test_a_header_has_a_bound_however_large_the_file() -> None:
    class Endless(Memory):
        def read(self, path: str, start: int, stop: int) -> bytes:
            assert stop <= MAX_HEADER
            return (broken(pairs=text("k") + struct.pack("<IQ", 8, 2**31)) + bytes(stop))[start:stop]

    with refused("the text of k of 2,147,483,648 bytes"):
        read_header(Endless({}), File("m.gguf", 2**40))


@pytest.mark.parametrize("kind", [8, 9])
def test_a_header_of_nothing_but_small_things_is_refused_before_they_are_made(kind: int, deadline: None) -> None:
    class Zeros(Memory):
        def read(self, path: str, start: int, stop: int) -> bytes:
            assert stop < 1_000_000
            return (broken(pairs=text("k") + struct.pack("<IIQ", 9, kind, 10_000_000)) + bytes(stop))[start:stop]

    with refused("its header has more than 4,000,000 parts (offset"):
        read_header(Zeros({}), File("m.gguf", 150_000_000))


def test_a_file_that_was_taken_for_text_is_told_so() -> None:
    tokens = [f"line\n{k}" for k in range(100)]
    raw = gguf({"general.architecture": "llama", "tokenizer.ggml.tokens": tokens}, ONE)
    with refused("every line feed has a carriage return before it", "offset", "as a binary file"):
        header(raw.replace(b"\n", b"\r\n"))
    lossy = gguf({"a": 1e-5, **BASE}, ONE).decode("utf-8", "replace").encode()
    with refused("bytes that are no text are U+FFFD", "as a binary file"):
        header(lossy)


@settings(max_examples=300)
@given(st.data())
def test_any_change_of_a_file_is_read_or_refused(data: st.DataObject) -> None:
    """Bytes set, cut out or put in: a Forebear error or an answer, and no read beyond the file."""
    tensors = {"blk.0.attn_q.weight": q8_0(np.ones((4, 32))), "token_embd.weight": f32(np.ones((3, 2)))}
    raw = bytearray(gguf({**BASE, "tokenizer.ggml.tokens": ["a", "b"], "llama.attention.head_count": 2}, tensors))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        patch = data.draw(st.sampled_from([b"\xff" * 8, b"\0" * 8, b"\x80", b"\x09", b"\x01"]) | st.binary(max_size=9))
        raw[at : at + data.draw(st.sampled_from([0, len(patch)]))] = patch
    source = Memory({"m.gguf": bytes(raw)})
    try:
        weights = Gguf().read(source)
    except ForebearError as error:
        assert str(error).isprintable() and len(str(error)) < 1_300
    else:
        for tensor in weights.tensors.values():
            assert tensor.size <= 8 * len(raw)
            if tensor.readable and tensor.shape:
                assert tensor.values().shape == tensor.shape


@settings(max_examples=200)
@given(st.integers(0, 2_000))
def test_a_file_cut_off_anywhere_is_refused(length: int) -> None:
    raw = gguf({**BASE, "llama.attention.head_count": 2, "t": ["x"] * 30}, {"token_embd.weight": f32(np.ones((9, 7)))})
    with refused("m.gguf: "):
        Gguf().read(Memory({"m.gguf": raw[: min(length, len(raw) - 33)]}))


@pytest.mark.shared
def test_every_real_file_is_read_or_refused_with_the_right_reason() -> None:
    found: dict[str, str] = {}
    for path in sorted(shared("artefacts").rglob("*.gguf")):
        raw = path.read_bytes()
        try:
            header(raw)
        except FormatError as error:
            found[path.name] = error.problem
    assert found.keys() == {"crlf_mangled_gpt-2.gguf", "gemma-2b-it.gguf"}
    assert "from offset 335 on, bytes that are no text are U+FFFD" in found["crlf_mangled_gpt-2.gguf"]
    assert "a Git LFS pointer" in found["gemma-2b-it.gguf"]


def test_the_reader_of_this_test_is_not_the_writer(tmp_path: Path) -> None:
    """What the tests write, the library of the format's makers reads."""
    library = pytest.importorskip("gguf", reason="the gguf package is not installed")
    path = tmp_path / "m.gguf"
    path.write_bytes(
        gguf({**BASE, "texts": ["a", "b"]}, {"a": f32(np.arange(6.0).reshape(2, 3)), "b": f16(np.ones(4))})
    )
    theirs = library.GGUFReader(path)
    ours = header(path.read_bytes())
    assert [(t.name, tuple(t.shape[::-1].tolist()), t.data_offset) for t in theirs.tensors] == [
        (i.name, i.shape, i.start) for i in ours.tensors
    ]
