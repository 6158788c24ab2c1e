"""One model of an exchange file: what an index keeps of it, in the only form in which that is written.

A record is the length of its JSON (4 bytes, big-endian), the JSON, and then bytes whose number the JSON fixes: code,
validity and gains of the model, its sketches, and the codes of its towers. Nothing is compressed, so nothing can
unfold. A reader writes what it has read again and takes only what comes out the same, so that there is no second
spelling, no key that nobody reads, and nothing beside what is written here. Specified in docs/index-exchange.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from forebear.artifacts.text import load_json
from forebear.attest.fingerprints import patterned, patterns_told, plain_code, plain_shape, with_doubts
from forebear.errors import FormatError, one_line
from forebear.index import Entry, Provenance
from forebear.index.records import is_name
from forebear.signals import Fingerprint
from forebear.signals.activations import Activations
from forebear.signals.alignment import SIGNATURE_DIMS
from forebear.signals.declared import Declared
from forebear.signals.layout import SLOTS
from forebear.signals.sign_code import CODE_BYTES, INFERRED, SignCode
from forebear.signals.spectra import Spectra
from forebear.signals.token_geometry import TokenGeometry
from forebear.signals.towers import TowerMark
from forebear.signals.vocabulary import SKETCH, Vocabulary
from forebear.types import Json

MAX_RECORD = 1_000_000
"""Bytes of a record; the largest that is written has some 200,000."""
MAX_TOWERS = 16
MAX_LIST = 200
MAX_TEXT = 300
MAX_PATH = 4_096
MAX_NUMBER = 10**15
SIZES = frozenset(("width", "layers", "intermediate", "vocabulary", "query_heads", "heads", "kv_heads", "head_dim"))
"""Of a shape, what reports and orders count with."""
GAINS_BYTES = SLOTS * 2 * SIGNATURE_DIMS * 2
SKETCHES: Mapping[str, type[Spectra] | type[TokenGeometry] | type[Activations]] = {
    "spectra": Spectra,
    "tokens": TokenGeometry,
    "activations": Activations,
}
"""In the order in which their bytes are written."""
_HUB = re.compile(r"hf:[A-Za-z0-9._-]+/[A-Za-z0-9._-]+(@[A-Za-z0-9._/-]+)?")
_DIGEST = re.compile(r"[0-9a-f]{16,128}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_DTYPE = re.compile(r"[A-Za-z0-9_.-]{0,40}")


@dataclass(frozen=True)
class Terms:
    """What of an entry is written.

    Attributes:
        sketches: spectra, token geometry and activations too, which are most of its bytes.
        paths: every location, not only repositories of a hub: folders of this machine, and addresses, which can hold
            passwords.
    """

    sketches: bool = True
    paths: bool = False


def withheld(entry: Entry, terms: Terms) -> bool:
    """Whether its location is left out of its record."""
    return bool(entry.location) and not (public(entry.location) or (terms.paths and _plain(entry.location, MAX_PATH)))


def public(location: str) -> bool:
    """Whether a location is a repository of a hub, which says nothing about any machine."""
    return len(location) <= MAX_PATH and _HUB.fullmatch(location) is not None


def to_record(entry: Entry, terms: Terms) -> bytes:
    """An entry as the bytes of its record; the same for the same entry."""
    mark = entry.fingerprint
    blobs = [*_code_blobs(mark.code)]
    sketches = {}
    for key in SKETCHES if terms.sketches else ():
        if (sketch := getattr(mark, key)) is not None:
            sketches[key] = len(blob := sketch.to_bytes())
            blobs.append(blob)
    for tower in mark.towers:
        blobs += _code_blobs(tower.code)
    data = {
        "name": mark.name,
        "digest": mark.digest,
        "content": mark.content,
        "dtype": mark.dtype,
        "location": "" if withheld(entry, terms) else entry.location,
        "added": entry.added,
        "shape": dict(mark.shape),
        "code": _code_data(mark.code),
        "vocabulary": dict(vars(mark.vocabulary)) if mark.vocabulary else None,
        "declared": _said(mark.declared),
        "sketches": sketches,
        "towers": [
            {"component": one_line(t.component, 100), "shape": dict(t.shape), "code": _code_data(t.code)}
            for t in mark.towers
        ],
        "provenance": dict(vars(entry.provenance)) if entry.provenance else None,
    }
    text = json.dumps(data, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    return len(text).to_bytes(4, "big") + text + b"".join(blobs)


def from_record(raw: bytes, file: str, number: int) -> Entry:
    """The entry of a record. What spoils its codes is not found out yet: see :func:`settled`.

    Args:
        raw: the record.
        file: that it stands in, for messages.
        number: of the record in its file, from 1.

    Raises:
        FormatError: it is damaged, holds what an index does not, or is written otherwise than here.
    """
    size = int.from_bytes(raw[:4], "big")
    wrong = FormatError(file, f"entry {number:,} is damaged, or not as an index is written")
    if len(raw) > MAX_RECORD or not 0 < size <= len(raw) - 4:
        raise wrong
    try:
        entry = _entry(load_json(raw[4 : 4 + size], file, f"entry {number:,}"), raw[4 + size :])
        if to_record(entry, Terms(paths=True)) != raw:
            raise ValueError
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError, RecursionError):
        raise wrong from None
    return entry


def settled(entry: Entry) -> Entry:
    """The same entry with what spoils its codes found out anew from their bits, whatever the file says.

    Only that rows follow a pattern, which bits do not show, is taken over: it makes no accusation.
    """
    mark = entry.fingerprint
    towers = tuple(replace(t, code=_doubted(t.code)) for t in mark.towers)
    return replace(entry, fingerprint=replace(mark, code=_doubted(mark.code), towers=towers))


def _doubted(code: SignCode) -> SignCode:
    return with_doubts(code, INFERRED in code.repeats, patterns_told(patterned(code)))


def _said(declared: Declared) -> Json:
    """What a card says, in lines that can be shown: others wrote it."""
    return {
        key: one_line(value, MAX_TEXT)
        if isinstance(value, str)
        else [one_line(v, MAX_TEXT) for v in value[:MAX_LIST]]
        if isinstance(value, tuple)
        else value
        for key, value in vars(declared).items()
    }


def _code_blobs(code: SignCode) -> Iterator[bytes]:
    yield (code.bits & code.valid).tobytes()
    yield code.valid.tobytes()
    yield code.signature.astype("<f2").tobytes()


def _code_data(code: SignCode) -> Json:
    return {
        "layers": list(code.layers),
        "groups": list(code.groups),
        "keyed_by": code.keyed_by,
        "inferred": INFERRED in code.repeats,
        **patterned(code),
    }


def _entry(data: Any, rest: bytes) -> Entry:
    """The entry of a record's JSON and of the bytes behind it; ``ValueError`` and its like where it cannot be one."""
    place = 0

    def take(size: int) -> bytes:
        nonlocal place
        if type(size) is not int or not 0 <= size <= len(rest) - place:
            raise ValueError
        place += size
        return rest[place - size : place]

    def code(of: Mapping[str, Any]) -> SignCode:
        made = plain_code(of, take(CODE_BYTES), take(CODE_BYTES), take(GAINS_BYTES))
        return replace(made, repeats=(*((INFERRED,) if of["inferred"] else ()), *patterns_told(of)))

    own = code(data["code"])
    sketches: dict[str, Any] = {
        key: kind.from_bytes(take(data["sketches"][key])) for key, kind in SKETCHES.items() if key in data["sketches"]
    }
    if len(data["towers"]) > MAX_TOWERS:
        raise ValueError
    towers = tuple(TowerMark(_text(t["component"], 100), _shape(t["shape"]), code(t["code"])) for t in data["towers"])
    if not is_name(data["name"]) or not _DIGEST.fullmatch(data["digest"]) or not _MOMENT.fullmatch(data["added"]):
        raise ValueError
    if data["content"] is not None and not _DIGEST.fullmatch(data["content"]):
        raise ValueError
    if not _DTYPE.fullmatch(data["dtype"]):
        raise ValueError
    location = _text(data["location"], MAX_PATH)
    mark = Fingerprint(
        data["name"],
        location,
        data["digest"],
        _shape(data["shape"]),
        own,
        _vocabulary(data["vocabulary"]),
        _declared(data["declared"]),
        data["dtype"],
        data["content"],
        towers=towers,
        **sketches,
    )
    return Entry(mark, location, data["added"], _provenance(data["provenance"]))


def _text(value: Any, limit: int = MAX_TEXT) -> str:
    if not _plain(value, limit):
        raise ValueError
    return str(value)


def _plain(value: Any, limit: int) -> bool:
    return isinstance(value, str) and len(value) <= limit and one_line(value, limit) == value


def _texts(values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or len(values) > MAX_LIST:
        raise ValueError
    return tuple(_text(value) for value in values)


def _shape(data: Any) -> Mapping[str, Any]:
    """A shape with no more in it than sizes and short names; one number of parameters at least."""
    shape = plain_shape(data)
    if len(shape) > 64 or type(shape["parameters"]) is not int or shape["parameters"] < 0:
        raise ValueError
    if not isinstance(shape["family"], str | None) or not isinstance(shape.get("coins", []), list):
        raise ValueError
    for key, value in shape.items():
        _text(key, 64)
        if key in SIZES and type(value) not in (int, type(None)):
            raise ValueError
        if isinstance(value, list):
            _texts(value)
        elif isinstance(value, str):
            _text(value, 100)
        elif value is not None and not 0 <= value <= MAX_NUMBER:
            raise ValueError
    return shape


def _vocabulary(data: Any) -> Vocabulary | None:
    if data is None:
        return None
    smallest = tuple(data["smallest"])
    right = type(data["size"]) is int and 0 <= data["size"] <= MAX_NUMBER and len(smallest) <= SKETCH
    right = right and all(type(v) is int and 0 <= v < 2**32 for v in smallest) and list(smallest) == sorted(smallest)
    if not right or not _DIGEST.fullmatch(data["digest"]):
        raise ValueError
    return Vocabulary(data["size"], data["digest"], smallest)


def _declared(data: Any) -> Declared:
    if type(data["from_scratch"]) is not bool:
        raise ValueError
    return Declared(
        _texts(data["base_models"]),
        _text(data["relation"]),
        _text(data["licence"]),
        _texts(data["licence_files"]),
        data["from_scratch"],
        _text(data["loaded_from"]),
    )


def _provenance(data: Any) -> Provenance | None:
    if data is None:
        return None
    if type(data["private"]) is not bool or set(data) != {field.name for field in fields(Provenance)}:
        raise ValueError
    texts = {key: _text(value) for key, value in data.items() if key != "private"}
    return Provenance(**texts, private=data["private"])
