"""SentencePiece models: ``tokenizer.model``, ``spiece.model`` and other ``*.model`` files.

A ``ModelProto`` (sentencepiece_model.proto): pieces in the order of their ids, then the settings of the trainer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, NamedTuple

from forebear.artifacts.tokenizers.additions import read_additions
from forebear.artifacts.tokenizers.base import MAX_ID, Additions, Tokenizer, assemble, read_file
from forebear.artifacts.tokenizers.protobuf import FIXED32, LENGTH, VARINT, fields, float32, signed, wrong
from forebear.errors import FormatError
from forebear.sources import Source

_NAMES = ("tokenizer.model", "sentencepiece.bpe.model", "sentencepiece.model", "spiece.model", "spm.model")
_MISTRAL = re.compile(r"tokenizer\.model\.v\d+")
_FIRST_PIECE = b"\n"
_MODELS = {1: "Unigram", 2: "BPE", 3: "Word", 4: "Char"}


class Kind(IntEnum):
    """What a piece is for."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


class Piece(NamedTuple):
    """One token: its text, the score (log-probability, or minus the rank of its merge) and what it is for."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True)
class Trainer:
    """The settings that matter here, with the schema's defaults; an id of -1 means that there is none."""

    model_type: int = 1
    byte_fallback: bool = False
    unk_id: int = 0
    bos_id: int = 1
    eos_id: int = 2
    pad_id: int = -1


_TRAINER_FIELDS = {3: "model_type", 35: "byte_fallback", 40: "unk_id", 41: "bos_id", 42: "eos_id", 43: "pad_id"}


def model_files(source: Source) -> Iterator[str]:
    """Files that a ``*.model`` tokenizer can be in, the usual names first.

    A name that is not among them counts where the file begins as SentencePiece models do.
    """
    sizes = {f.path: f.size for f in source.files()}
    yield from (path for path in _NAMES if path in sizes)
    yield from (path for path in sizes if _MISTRAL.fullmatch(path))
    for path, size in sizes.items():
        if path.endswith(".model") and path not in _NAMES and source.read(path, 0, min(size, 1)) == _FIRST_PIECE:
            yield path


class SentencePiece:
    """See :class:`TokenizerFormat`."""

    def find(self, source: Source) -> str | None:
        """See :meth:`TokenizerFormat.find`."""
        return next(model_files(source), None)

    def read(self, source: Source, path: str) -> Tokenizer:
        """See :meth:`TokenizerFormat.read`."""
        pieces, trainer = parse_model(read_file(source, path), path)
        beside = read_additions(source)
        control = tuple(p.text for p in pieces if p.kind in (Kind.UNKNOWN, Kind.CONTROL))
        notes = list(_notes(pieces, trainer))
        if path == "sentencepiece.bpe.model":
            notes.append("ids are SentencePiece's own; models trained with fairseq (XLM-R, mBART, NLLB) shift them")
        return assemble(
            _MODELS[(trainer or Trainer()).model_type],
            [(piece.text, number) for number, piece in enumerate(pieces)],
            Additions(beside.ids, (*control, *beside.specials)),
            notes=notes,
        )


def parse_model(raw: bytes, path: str) -> tuple[list[Piece], Trainer | None]:
    """The pieces of a model in the order of their ids, and how it was trained where that is stated.

    Raises:
        FormatError: the bytes are not a ``ModelProto``, are truncated, or hold too many pieces.
    """
    if not raw.startswith(_FIRST_PIECE):
        raise FormatError(path, "neither a SentencePiece model nor a tiktoken file")
    pieces: list[Piece] = []
    trainer: Trainer | None = None
    for number, wire, start, stop in fields(raw, 0, len(raw), path):
        if number == 1:
            if wire != LENGTH:
                raise wrong(wire, LENGTH, "piece", path)
            if len(pieces) == MAX_ID:
                raise FormatError(path, f"has more than {MAX_ID:,} pieces")
            pieces.append(_piece(raw, start, stop, len(pieces), path))
        elif number == 2:
            if wire != LENGTH:
                raise wrong(wire, LENGTH, "trainer_spec", path)
            trainer = _trainer(raw, start, stop, trainer or Trainer(), path)
    return pieces, trainer


def _piece(raw: bytes, start: int, stop: int, position: int, path: str) -> Piece:
    text, score, kind = "", 0.0, 1  # a normal piece, by default
    for number, wire, value, end in fields(raw, start, stop, path):
        if number == 1:
            if wire != LENGTH:
                raise wrong(wire, LENGTH, "text of a piece", path)
            try:
                text = raw[value:end].decode("utf-8")
            except UnicodeDecodeError:
                raise FormatError(path, f"piece {position:,} is not UTF-8") from None
        elif number == 2:
            if wire != FIXED32:
                raise wrong(wire, FIXED32, "score of a piece", path)
            score = float32(raw, value)
        elif number == 3:
            if wire != VARINT:
                raise wrong(wire, VARINT, "type of a piece", path)
            kind = value
    return Piece(text, score, kind)


def _trainer(raw: bytes, start: int, stop: int, trainer: Trainer, path: str) -> Trainer:
    found: dict[str, Any] = {}
    for number, wire, value, _ in fields(raw, start, stop, path):
        if name := _TRAINER_FIELDS.get(number):
            if wire != VARINT:
                raise wrong(wire, VARINT, name, path)
            found[name] = signed(value)
    if found.get("model_type", 1) not in _MODELS:
        raise FormatError(path, f"has the unknown model type {found['model_type']}")
    if "byte_fallback" in found:
        found["byte_fallback"] = found["byte_fallback"] != 0
    return replace(trainer, **found)


def _notes(pieces: list[Piece], trainer: Trainer | None) -> Iterator[str]:
    if trainer is None:
        yield "no settings of the trainer: the file may have been cut off between two pieces"
        return
    for name in ("unk", "bos", "eos", "pad"):
        if (number := getattr(trainer, f"{name}_id")) >= len(pieces):
            yield f"its {name} id {number} names no piece"
    count = sum(piece.kind == Kind.BYTE for piece in pieces)
    if trainer.byte_fallback and count != 256:
        yield f"falls back to bytes and has {count} of 256 byte pieces"
    if not all(math.isfinite(piece.score) for piece in pieces):
        yield "a score that is not finite"
