"""Fingerprints that a third party can compute with: the sign code of a model as JSON, and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from forebear.attest.documents import strict_base64
from forebear.errors import FormatError, one_line
from forebear.signals import Fingerprint
from forebear.signals.alignment import SIGNATURE_DIMS
from forebear.signals.layout import SLOTS
from forebear.signals.patterns import PATTERNS, doubt
from forebear.signals.sign_code import CODE_BYTES, INFERRED, SignCode, repeats
from forebear.types import Json, head

SCHEMA = "forebear.fingerprint/1"
MAX_LAYER = 100_000
GROUPS = ("residual", "glu", "experts", "value_output", "query_key", "latent", "cell")
_PATTERNED = {doubt(group, pattern): group for group in GROUPS for pattern in PATTERNS}


@dataclass(frozen=True)
class Mark:
    """What of a fingerprint the exact test needs.

    Attributes:
        name: of the model.
        digest: ``slices/2`` of what was read.
        shape: ``shape/1``.
        code: ``sign-code/1``.
    """

    name: str
    digest: str
    shape: Mapping[str, Any]
    code: SignCode


def mark_of(fingerprint: Fingerprint) -> Mark:
    """The part of a fingerprint that is carried."""
    return Mark(fingerprint.name, fingerprint.digest, fingerprint.shape, fingerprint.code)


def to_document(mark: Mark) -> Json:
    """The ``forebear.fingerprint/1`` document."""
    code = mark.code
    return {
        **head(SCHEMA),
        "name": mark.name,
        "digest": mark.digest,
        "shape": dict(mark.shape),
        "code": {
            "bits": base64.b64encode((code.bits & code.valid).tobytes()).decode(),
            "valid": base64.b64encode(code.valid.tobytes()).decode(),
            "layers": list(code.layers),
            "signature": base64.b64encode(code.signature.astype("<f2").tobytes()).decode(),
            "groups": list(code.groups),
            "keyed_by": code.keyed_by,
            "inferred": INFERRED in code.repeats,
            **patterned(code),
        },
    }


def from_document(document: Mapping[str, Any], name: str = "fingerprint") -> Mark:
    """A fingerprint as read; why its own coins cannot be relied on: see :func:`with_doubts`.

    Raises:
        FormatError: it is damaged.
    """
    try:
        code = document["code"]
        if document["schema"] != SCHEMA or not isinstance(document["digest"], str):
            raise ValueError
        bits, valid, signature = (strict_base64(code[k], name, k) for k in ("bits", "valid", "signature"))
        plain = plain_code(code, bits, valid, signature)
        shape = plain_shape(document["shape"])
        made = with_doubts(plain, code["inferred"], patterns_told(code))
        told = one_line(str(document["name"]), 200)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise FormatError(name, "no whole fingerprint") from None
    return Mark(told, document["digest"], shape, made)


def plain_code(data: Mapping[str, Any], bits: bytes, valid: bytes, signature: bytes) -> SignCode:
    """A code that somebody else wrote, checked; what makes its coins unreliable is left to :func:`with_doubts`.

    Raises:
        ValueError: it cannot be one (or ``KeyError``, ``TypeError``).
    """
    ones, known = np.frombuffer(bits, np.uint8), np.frombuffer(valid, np.uint8)
    gains = np.frombuffer(signature, "<f2").astype(np.float16)
    layers, groups = tuple(data["layers"]), tuple(data["groups"])
    right = len(ones) == len(known) == CODE_BYTES and gains.size == SLOTS * 2 * SIGNATURE_DIMS
    right = right and len(layers) == SLOTS and all(type(k) is int and -1 <= k < MAX_LAYER for k in layers)
    read = [k for k in layers if k >= 0]
    right = right and len(set(read)) == len(read) and set(groups) <= set(GROUPS) and not (ones & ~known).any()
    if not right or data["keyed_by"] not in ("token", "row") or type(data["inferred"]) is not bool:
        raise ValueError
    return SignCode(ones, known, layers, gains.reshape(SLOTS, 2, -1), groups, data["keyed_by"], ())


def with_doubts(plain: SignCode, inferred: bool, told: tuple[str, ...] = ()) -> SignCode:
    """The same code with why its own coins cannot be relied on: found out anew from its bits, whatever was written.

    Args:
        plain: the code without such reasons.
        inferred: its architecture was inferred from names or shapes.
        told: patterns of its rows by the word of who had the weights (:func:`patterns_told`). Bits do not show them,
            and to believe them makes no accusation: a model that is not relied on establishes less.
    """
    return replace(plain, repeats=(*((INFERRED,) if inferred else ()), *repeats(plain), *told))


def patterned(code: SignCode) -> Json:
    """``{"patterns": […]}`` where a code's rows follow some, else nothing: most models have none."""
    found = sorted(why for why in code.repeats if why in _PATTERNED)
    return {"patterns": found} if found else {}


def patterns_told(data: Mapping[str, Any]) -> tuple[str, ...]:
    """What :func:`patterned` wrote, of one pattern a group at most; ``ValueError`` (or ``TypeError``) for all else."""
    if "patterns" not in data:
        return ()
    told = data["patterns"]
    groups = [_PATTERNED[why] for why in told] if isinstance(told, list) and set(told) <= _PATTERNED.keys() else []
    if not groups or told != sorted(told) or len(set(groups)) != len(groups):
        raise ValueError
    return tuple(told)


def plain_shape(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Sizes and names; ``ValueError`` for anything else, ``KeyError`` where what the test asks for is missing."""
    plain = (str, int, float, type(None))
    for value in data.values():
        if not isinstance(value, plain) and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
            raise ValueError
    if data["family"] is not None:
        _ = data["coins"], data["head_dim"], data["intermediate"], data["width"]
    if data.get("layers") is not None and type(data["layers"]) is not int:
        raise ValueError
    return dict(data)
