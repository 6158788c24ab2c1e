"""Fingerprints as records of the index and back; names that may stand in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Protocol

import numpy as np

from forebear.errors import UsageError, one_line
from forebear.index.base import Addition, Entry, Provenance
from forebear.index.nominate import Sketched
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.declared import Declared
from forebear.signals.layout import SLOTS
from forebear.signals.sign_code import CODE_BYTES, SignCode
from forebear.signals.spectra import Spectra
from forebear.signals.token_geometry import TokenGeometry
from forebear.signals.vocabulary import Vocabulary

MAX_NAME = 200
SKETCHES = ("spectra", "tokens", "activations")
"""Columns of sketches."""


class Record(Protocol):
    """A row of a table, of whichever database."""

    def __getitem__(self, key: str, /) -> Any:
        """A column by its name."""
        ...


def is_name(name: str) -> bool:
    """Whether a name can be shown, typed and stored."""
    return bool(name) and len(name) <= MAX_NAME and one_line(name) == name


def check_name(name: str) -> None:
    """Raise ``UsageError`` for a name that cannot be shown or typed."""
    if not is_name(name):
        raise UsageError(
            f"{one_line(name)!r} cannot be a name in the index",
            "give it a short one (--name; a crawl takes a folder's)",
        )


def checksum(payload: bytes) -> str:
    """What a record keeps of its row of codes, so that damage is found."""
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def seal(name: str, digest: str, record: str, signature: bytes) -> str:
    """What a record keeps of itself, so that a flipped bit is found that still makes sense."""
    found = hashlib.blake2b(digest_size=8)
    for part in (name.encode("utf-8", "surrogatepass"), digest.encode(), record.encode(), signature):
        found.update(b"%d:%b" % (len(part), part))
    return found.hexdigest()


def text_bytes(text: str) -> bytes:
    """Text as SQLite keeps it; paths may hold bytes that are no UTF-8, which Python shows as lone surrogates."""
    return text.encode("utf-8", "surrogatepass")


def record_of(fingerprint: Fingerprint) -> str:
    """Everything of a fingerprint that has neither a column of its own nor a place in the row of codes, as JSON.

    ``vars`` and not ``asdict``, which copies 256 numbers one by one and made adding four times as slow.
    """
    return json.dumps(
        {
            "target": fingerprint.target,
            "shape": dict(fingerprint.shape),
            "code": code_data(fingerprint.code),
            "vocabulary": vars(fingerprint.vocabulary) if fingerprint.vocabulary else None,  # asdict copies 256 numbers
            "declared": vars(fingerprint.declared),
            "dtype": fingerprint.dtype,
            "content": fingerprint.content,
        }
    )


def provenance_record(provenance: Provenance) -> str:
    """A provenance as it is stored, with a seal of itself: a flipped bit must not open a private entry unnoticed."""
    said = dict(vars(provenance))
    return json.dumps({**said, "seal": _sealed(said)}, sort_keys=True)


def _sealed(said: Mapping[str, Any]) -> str:
    return checksum(json.dumps(said, sort_keys=True).encode("utf-8", "surrogatepass"))


def provenance_of(record: str | None) -> Provenance | None:
    """A provenance from what is stored; ``ValueError`` (or ``TypeError``) where that is damaged."""
    if record is None:
        return None
    said = json.loads(record)
    if "seal" in said and said.pop("seal") != _sealed(said):  # older ones have none
        raise ValueError("a provenance that is not what was written")
    known = {field.name for field in fields(Provenance)}
    return Provenance(**{key: value for key, value in said.items() if key in known})


def stays(stored: str | None, addition: Addition) -> bool:
    """Whether a record stays as it is when the same model is added again.

    It does where the addition would open a private entry, which only replacing it may, and where it is somebody's word
    on what was measured here: an import found the name free, and another process has measured the model since.
    """
    kept, said = provenance_of(stored), addition.provenance or Provenance()
    if kept is not None and kept.private and not said.private:
        return True
    return bool(said.origin) and not (kept is not None and kept.origin)


def sketches_of(fingerprint: Fingerprint) -> tuple[bytes | None, bytes | None, bytes | None]:
    """The sketches as they are stored (:data:`SKETCHES`), None where they were not measured."""
    return (
        fingerprint.spectra.to_bytes() if fingerprint.spectra is not None else None,
        fingerprint.tokens.to_bytes() if fingerprint.tokens is not None else None,
        fingerprint.activations.to_bytes() if fingerprint.activations is not None else None,
    )


def sketched(row: Record) -> Sketched:
    """Name and sketches of a row; ``ValueError`` (or ``TypeError``) where they are damaged."""
    return Sketched(
        row["name"],
        Spectra.from_bytes(row["spectra"]) if row["spectra"] is not None else None,
        TokenGeometry.from_bytes(row["tokens"]) if row["tokens"] is not None else None,
    )


def entry_of(row: Record, payload: bytes) -> Entry:
    """The entry of a record and its row of codes.

    Raises:
        ValueError: the record is damaged (or ``KeyError``, ``TypeError``).
    """
    sealed = seal(row["name"], row["digest"], row["record"], row["signature"])
    if row["seal"] not in (None, sealed):  # None: by a Forebear that sealed nothing
        raise ValueError("a record that is not what was written")
    record = json.loads(row["record"])
    sketches = sketched(row)
    return Entry(
        Fingerprint(
            row["name"],
            record["target"],
            row["digest"],
            record["shape"],
            code_of(record["code"], payload, row["signature"]),
            _vocabulary(record["vocabulary"]),
            _declared(record["declared"]),
            record["dtype"],
            record["content"],
            sketches.spectra,
            sketches.tokens,
            Activations.from_bytes(row["activations"]) if row["activations"] is not None else None,
        ),
        row["location"],
        row["added"],
        provenance_of(row["provenance"]),
    )


def code_data(code: SignCode) -> dict[str, Any]:
    """What is kept of a code beside its bits and its signature."""
    return {
        "layers": list(code.layers),
        "groups": list(code.groups),
        "keyed_by": code.keyed_by,
        "repeats": list(code.repeats),
    }


def code_of(data: dict[str, Any], payload: bytes, signature: bytes) -> SignCode:
    """A code from what is kept of it: ``ValueError`` (or ``KeyError``, ``TypeError``) where that is damaged."""
    return SignCode(
        np.frombuffer(payload[:CODE_BYTES], dtype=np.uint8),
        np.frombuffer(payload[CODE_BYTES:], dtype=np.uint8),
        tuple(data["layers"]),
        np.frombuffer(signature, dtype="<f2").reshape(SLOTS, 2, -1).astype(np.float16),
        tuple(data["groups"]),
        data["keyed_by"],
        tuple(data["repeats"]),
    )


def _declared(data: dict[str, Any]) -> Declared:
    return Declared(
        tuple(data["base_models"]),
        data["relation"],
        data["licence"],
        tuple(data["licence_files"]),
        data["from_scratch"],
        data.get("loaded_from", ""),
    )


def _vocabulary(data: dict[str, Any] | None) -> Vocabulary | None:
    return Vocabulary(data["size"], data["digest"], tuple(data["smallest"])) if data else None
