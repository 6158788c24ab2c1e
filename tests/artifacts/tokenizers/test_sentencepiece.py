"""SentencePiece models, written here byte by byte: pieces are read in order, and a damaged message is refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.artifacts.tokenizers.protobuf import fields, signed
from forebear.artifacts.tokenizers.sentencepiece import Kind, Piece, Trainer, parse_model
from forebear.errors import ForebearError
from models import Memory, refused


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def piece(text: str, score: float = 0.0, kind: Kind = Kind.NORMAL) -> bytes:
    return block(1, block(1, text.encode()) + b"\x15" + struct.pack("<f", score) + number(3, kind))


SPECIALS = piece("<unk>", 0, Kind.UNKNOWN) + piece("<s>", 0, Kind.CONTROL) + piece("</s>", 0, Kind.CONTROL)
BYTES = b"".join(piece(f"<0x{k:02X}>", 0, Kind.BYTE) for k in range(256))
WORDS = b"".join(piece(text, -k) for k, text in enumerate(("▁the", "a", "▁", "né", "שלום", "<mask>")))
TRAINER = block(2, number(3, 2) + number(4, 265) + number(35, 1) + number(43, -1) + block(45, b"<unk>"))
REST = block(3, block(1, b"identity")) + block(5, b"")
MODEL = SPECIALS + BYTES + WORDS + TRAINER + REST


def test_pieces_are_read_in_their_order_with_score_and_type() -> None:
    pieces, trainer = parse_model(MODEL, "m")
    assert pieces[0] == Piece("<unk>", 0.0, Kind.UNKNOWN)
    assert pieces[3] == Piece("<0x00>", 0.0, Kind.BYTE)
    assert pieces[260:262] == [Piece("a", -1.0, Kind.NORMAL), Piece("▁", -2.0, Kind.NORMAL)]
    assert trainer == Trainer(model_type=2, byte_fallback=True, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)


@pytest.mark.parametrize(
    "name", ["tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model.v3", "own_words.model"]
)
def test_the_model_is_found_under_the_names_in_use(name: str) -> None:
    found = read_tokenizer(Memory({name: MODEL}))
    assert found is not None
    assert (found.model, found.byte_level, found.merges, len(found.ids)) == ("BPE", False, 0, 265)
    assert found.ids["▁the"] == 259 and found.ids["<0x0A>"] == 13 and found.ids["שלום"] == 263
    assert found.specials == ("<unk>", "<s>", "</s>")
    assert any("fairseq" in note for note in found.oddities) == (name == "sentencepiece.bpe.model")


def test_the_same_vocabulary_in_json_has_the_same_digest() -> None:
    pieces, _ = parse_model(MODEL, "m")
    data = {"model": {"type": "BPE", "vocab": {p.text: k for k, p in enumerate(pieces)}}}
    one = read_tokenizer(Memory({"tokenizer.json": json.dumps(data).encode()}))
    two = read_tokenizer(Memory({"tokenizer.model": MODEL}))
    assert one is not None and two is not None and one.digest == two.digest


def test_added_tokens_come_from_beside() -> None:
    added = {"[PAD]": 265}
    config = {"added_tokens_decoder": {"264": {"content": "<mask>", "special": True}}}
    source = {"added_tokens.json": added, "tokenizer_config.json": config}
    found = read_tokenizer(Memory({"tokenizer.model": MODEL} | {n: json.dumps(v).encode() for n, v in source.items()}))
    assert found is not None and found.oddities == ()
    assert (found.ids["[PAD]"], found.added) == (265, ("[PAD]",))
    assert found.specials == ("<unk>", "<s>", "</s>", "<mask>")


@pytest.mark.parametrize(
    ("raw", "note"),
    [
        (SPECIALS + WORDS, "no settings of the trainer: the file may have been cut off between two pieces"),
        (SPECIALS + block(2, number(42, 7)), "its eos id 7 names no piece"),
        (SPECIALS + block(2, number(35, 1)), "falls back to bytes and has 0 of 256 byte pieces"),
        (SPECIALS + piece("a", float("nan")) + block(2, b""), "a score that is not finite"),
        (SPECIALS + piece("<s>") + block(2, b""), "1 token repeated, '<s>' for one; the last counts"),
        (SPECIALS + piece("") + block(2, b""), "the empty string is a token (3)"),
    ],
)
def test_oddities_are_read_and_noted(raw: bytes, note: str) -> None:
    found = read_tokenizer(Memory({"tokenizer.model": raw}))
    assert found is not None and note in found.oddities


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"version 7", "neither a SentencePiece model nor a tiktoken file"),
        (b"\n", "truncated"),
        (b"\n\x05abc", "truncated"),
        (b"\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "truncated"),  # a length of 2⁶⁴ - 1
        (b"\n" + b"\xff" * 30, "an integer of more than ten bytes"),
        (b"\n\x80", "truncated"),
        (MODEL[:40], "truncated"),
        (MODEL + b"\x0b", "wire type 3"),  # a group: the one way to nest without a length
        (MODEL + b"\x0b" * 100_000, "wire type 3"),
        (MODEL + b"\x0e", "wire type 6"),
        (MODEL + b"\x02\x00", "a field without a number"),
        (MODEL + b"\x15\x00", "truncated"),
        (MODEL + b"\x19\x00", "truncated"),
        (SPECIALS + number(1, 5), "its piece is an integer instead of a range of bytes"),
        (SPECIALS + number(2, 5), "its trainer_spec is an integer"),
        (SPECIALS + block(1, number(1, 5)), "its text of a piece is an integer"),
        (SPECIALS + block(1, number(2, 5)), "its score of a piece is an integer instead of four bytes"),
        (SPECIALS + block(1, block(3, b"x")), "its type of a piece is a range of bytes instead of an integer"),
        (SPECIALS + block(2, block(40, b"x")), "its unk_id is a range of bytes"),
        (SPECIALS + block(1, block(1, b"\xff")), "piece 3 is not UTF-8"),
        (SPECIALS + block(1, block(1, b"\xed\xa0\x80")), "piece 3 is not UTF-8"),
        (SPECIALS + block(1, b"\n\x7fabc"), "truncated"),  # reaches into the next piece
        (SPECIALS + block(2, number(3, 9)), "the unknown model type 9"),
    ],
)
def test_a_damaged_model_is_refused_with_the_reason(raw: bytes, words: str) -> None:
    with refused("tokenizer.model: ", words):
        read_tokenizer(Memory({"tokenizer.model": raw}))


def test_fields_are_ranges_of_the_message_and_no_more() -> None:
    raw = b"\xff" + number(1, 300) + block(2, b"ab") + b"\x1d1234" + b"\x2112345678" + b"\xff"
    found = list(fields(raw, 1, len(raw) - 1, "f"))
    assert [field[:2] for field in found] == [(1, 0), (2, 2), (3, 5), (4, 1)]
    assert found[0][2] == 300 and [raw[start:stop] for _, _, start, stop in found[1:]] == [b"ab", b"1234", b"12345678"]
    assert signed((1 << 64) - 1) == -1 and signed(5) == 5


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.text(max_size=6), st.sampled_from(list(Kind))), min_size=1, max_size=20))
def test_every_list_of_pieces_comes_back(entries: list[tuple[str, Kind]]) -> None:
    pieces, _ = parse_model(b"".join(piece(text, 0.5, kind) for text, kind in entries) + TRAINER, "m")
    assert pieces == [Piece(text, 0.5, kind) for text, kind in entries]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4), st.integers(0, 10**6))
def test_changed_and_cut_models_are_read_or_refused(changes: list[tuple[int, int]], cut: int) -> None:
    raw = bytearray(SPECIALS + WORDS + TRAINER + REST)
    for place, value in changes:
        raw[place % len(raw)] = value
    try:
        read_tokenizer(Memory({"tokenizer.model": bytes(raw[: 1 + cut % len(raw)])}))
    except ForebearError as error:
        assert str(error).startswith("tokenizer.model: ")


def test_300000_pieces_are_read() -> None:
    raw = SPECIALS + b"".join(piece(f"▁{k:x}", -k) for k in range(300_000)) + TRAINER
    found = read_tokenizer(Memory({"tokenizer.model": raw}))
    assert found is not None and len(found.ids) == 300_003


def test_the_library_reads_the_same(tmp_path: Path) -> None:
    library = pytest.importorskip("sentencepiece")
    (tmp_path / "m.model").write_bytes(MODEL)
    theirs = library.SentencePieceProcessor(model_file=str(tmp_path / "m.model"))
    pieces, trainer = parse_model(MODEL, "m")
    assert [theirs.id_to_piece(k) for k in range(theirs.get_piece_size())] == [p.text for p in pieces]
    assert [theirs.get_score(k) for k in range(len(pieces))] == [p.score for p in pieces]
    assert trainer is not None and theirs.eos_id() == trainer.eos_id and theirs.pad_id() == trainer.pad_id
