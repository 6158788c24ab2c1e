"""SentencePiece models: ids as the library gives them, on published models and on small ones with known answers."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from forebear.artifacts.tokenizers.sentencepiece import Kind, Piece
from forebear.sources import LocalSource
from forebear.tokenization import encoder_of
from forebear.tokenization.base import Refused
from forebear.tokenization.normalising import Normaliser, chars_map
from forebear.tokenization.sentencepiece import Pieces, from_model, pieces_of
from models import Memory
from shared import shared
from token_texts import digest, ids_of

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
MODELS = sorted(name for name in VECTORS if name.endswith(".model") and "llama3" not in name and "kimi" not in name)
PLAIN = Normaliser(None, prefix=False)
SPECIAL = [Piece("<unk>", 0.0, Kind.UNKNOWN), Piece("<s>", 0.0, Kind.CONTROL)]


@pytest.mark.shared
@pytest.mark.parametrize("name", MODELS)
def test_ids_of_published_models_are_the_librarys(name: str) -> None:
    path = shared("artefacts/tokenizers") / name
    assert digest(from_model(path.read_bytes(), name)) == VECTORS[name]


def small(unigram: bool, pieces: dict[str, float], fixed: tuple[str, ...] = (), **more: Any) -> Pieces:
    """A model of few pieces, by their scores."""
    listed = [*SPECIAL, *(Piece(text, score, Kind.NORMAL) for text, score in pieces.items())]
    listed += [Piece(text, 0.0, Kind.USER_DEFINED) for text in fixed]
    if more.pop("bytes", False):
        listed += [Piece(f"<0x{k:02X}>", 0.0, Kind.BYTE) for k in range(256)]
        return pieces_of(listed, unigram, True, more.pop("normalise", PLAIN))
    return pieces_of(listed, unigram, False, more.pop("normalise", PLAIN))


def texts_of(encoder: Pieces, text: str) -> list[str]:
    """The pieces of a text."""
    names = {number: piece for piece, number in (*encoder.normal.items(), *encoder.fixed.items())}
    return [names.get(number, f"#{number}") for number in ids_of(encoder, text)]


def test_the_highest_score_is_merged_first() -> None:
    assert texts_of(small(False, {"a": -9, "b": -9, "ab": -2, "bb": -1}), "abb") == ["a", "bb"]
    assert texts_of(small(False, {"a": -9, "b": -9, "ab": -1, "bb": -2}), "abb") == ["ab", "b"]


def test_the_likeliest_cut_is_found() -> None:
    found = small(True, {"a": -1, "b": -1, "ab": -3, "abb": -2.5, "bb": -1})
    assert texts_of(found, "abb") == ["a", "bb"]
    assert texts_of(found, "abab") == ["a", "b", "a", "b"]


@pytest.mark.parametrize("unigram", [False, True])
def test_strangers_become_bytes_or_one_unknown(unigram: bool) -> None:
    assert texts_of(small(unigram, {"a": -1}), "aéüa") == ["a", "#0", "a"]
    with_bytes = small(unigram, {"a": -1}, bytes=True)
    assert ids_of(with_bytes, "é") == [3 + 0xC3, 3 + 0xA9]
    found = small(unigram, {"a": -1}).encode("éa")
    assert not isinstance(found, str) and found.unknown == 1


@pytest.mark.parametrize("unigram", [False, True])
def test_defined_pieces_are_found_first_and_the_longest(unigram: bool) -> None:
    found = small(unigram, {"a": -1, "b": -1, "<": -1, ">": -1, "b>": -1, ">a": -3, "zz": -0.01}, fixed=("<b", "<b>"))
    assert texts_of(found, "a<b>a") == ["a", "<b>", "a"]
    assert texts_of(found, "<bb") == ["<b", "b"]


def test_a_text_that_only_looks_like_a_byte_piece_is_none() -> None:
    parts = dict.fromkeys(["<", "0", "x", "4", "1", ">", "<0", "<0x", "<0x4", "<0x41"], -1.0)
    assert texts_of(small(False, parts, bytes=True), "<0x41>") == ["<0x41", ">"]


def test_spaces() -> None:
    assert Normaliser()(" a  b ") == "▁▁a▁▁b▁"
    assert Normaliser(squeeze=True)(" a  b ") == "▁a▁b"
    assert Normaliser(prefix=False)("a b") == "a▁b"
    assert Normaliser(suffix=True)("a b") == "a▁b▁"
    assert Normaliser(escape=False)("a b") == " a b"
    assert Normaliser()("") == "" and Normaliser(squeeze=True)("  ") == ""


def table(units: list[int], texts: bytes) -> bytes:
    raw = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(raw)) + raw + texts


def double_array() -> bytes:
    """``x`` becomes ``yy``: the root leads to 0x78 ^ 1 << 10, and that to the value 0."""
    units = [0] * 256
    units[0] = 1 << 10  # the offset of the root is 1
    place = 1 ^ ord("x")
    units[place] = ord("x") | 0x100 | (3 << 10)
    units[place ^ 3] = 0x80000000
    return table(units, b"yy\0")


def test_a_table_of_replacements_is_applied() -> None:
    found = chars_map(double_array())
    assert Normaliser(found, prefix=False)("axé") == "ayyé"
    assert Normaliser(found, prefix=False)("ax.xa", {"x.": 1}) == "ax.yya"
    assert chars_map(b"") is None


@pytest.mark.parametrize("raw", [b"\0", b"\x04\0\0\0", b"\x03\0\0\0abcx\0", table([0], b"no end"), table([], b"x\0")])
def test_a_damaged_table_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused, match="damaged"):
        chars_map(raw)


def test_a_table_that_leads_astray_changes_nothing() -> None:
    units = [0xFFFFFFFF] * 4
    assert Normaliser(chars_map(table(units, b"\0")), prefix=False)("abc") == "abc"
    value = double_array().replace(struct.pack("<I", 0x80000000), struct.pack("<I", 0x80000009))
    assert Normaliser(chars_map(value), prefix=False)("x") == "x"


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([Piece("a", -1.0, Kind.NORMAL)], "no piece for the unknown"),
        ([*SPECIAL, Piece("a", -1.0, Kind.UNUSED)], "unused"),
        ([*SPECIAL, Piece("<0x00>", 0.0, Kind.BYTE)], "for some"),
        ([*SPECIAL, Piece("a", float("nan"), Kind.NORMAL)], "not finite"),
    ],
)
def test_what_cannot_be_cut_exactly_is_refused(pieces: list[Piece], why: str) -> None:
    with pytest.raises(Refused, match=why):
        pieces_of(pieces, False, "0x00" in pieces[-1].text, PLAIN)


def test_a_damaged_model_is_one_reason() -> None:
    said = encoder_of(Memory({"tokenizer.model": b"\n\xff\xff\xff"}))
    assert isinstance(said, str) and said.isprintable()


@pytest.mark.shared
def test_a_folder_with_a_model_is_read(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").symlink_to(shared("artefacts/tokenizers") / "llama2" / "tokenizer.model")
    assert isinstance(encoder_of(LocalSource(tmp_path)), Pieces)
