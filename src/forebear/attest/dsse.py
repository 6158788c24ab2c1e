"""DSSE v1 envelopes (Dead Simple Signing Envelope, secure-systems-lab): a payload, its type, signatures over both.

Where the signer has a certificate, the envelope travels in a Sigstore bundle (v0.3, media type
``application/vnd.dev.sigstore.bundle.v0.3+json``), as signatures of the OpenSSF model-signing format do.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from forebear.attest.documents import canonical, load_object, only_keys, strict_base64
from forebear.attest.keys import PrivateKey, PublicKey
from forebear.errors import FormatError

IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_SIGNATURES = 16
MAX_SIGNATURE = 1_000
MAX_CHAIN = 16


@dataclass(frozen=True)
class Signature:
    """One signature: bytes, and a hint at the key, which nothing vouches for."""

    sig: bytes
    keyid: str = ""


@dataclass(frozen=True)
class Envelope:
    """A signed payload.

    Attributes:
        payload: the bytes that are signed.
        payload_type: what they are; signed too.
        signatures: one at least.
        chain: DER certificates that came along, the signer's first.
        hint: the public key that a bundle names (SHA-256 of its PEM), "" for none.
        keyless: it was signed by Sigstore's service, which its own library has to verify.
    """

    payload: bytes
    payload_type: str
    signatures: tuple[Signature, ...]
    chain: tuple[bytes, ...] = ()
    hint: str = ""
    keyless: bool = False

    @property
    def message(self) -> bytes:
        """What the signatures are over."""
        return pae(self.payload_type, self.payload)

    def to_bytes(self) -> bytes:
        """The one form in which it is written here."""
        dsse: dict[str, Any] = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": s.keyid, "sig": base64.b64encode(s.sig).decode()} for s in self.signatures],
        }
        if not self.chain:
            return canonical(dsse)
        certificates = [{"rawBytes": base64.b64encode(der).decode()} for der in self.chain]
        material = {"tlogEntries": [], "x509CertificateChain": {"certificates": certificates}}
        return canonical({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": dsse})


class Standing(StrEnum):
    """What became of one signature."""

    VALID = "valid"
    BAD = "bad"  # it names a key that was given, and is not by it
    UNKNOWN = "unknown"  # by none of the keys that were given


@dataclass(frozen=True)
class Checked:
    """A signature, held against keys: by which it is, and whether it is."""

    standing: Standing
    key: PublicKey | None = None


def pae(payload_type: str, payload: bytes) -> bytes:
    """Pre-authentication encoding: lengths before contents, so that no two pairs have one encoding."""
    kind = payload_type.encode("utf-8")
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(payload: bytes, key: PrivateKey, payload_type: str = IN_TOTO, chain: tuple[bytes, ...] = ()) -> Envelope:
    """A payload in an envelope, with one signature."""
    return Envelope(payload, payload_type, (Signature(key.sign(pae(payload_type, payload)), key.public.id),), chain)


def check(envelope: Envelope, keys: Sequence[PublicKey]) -> tuple[Checked, ...]:
    """Every signature against the keys. A hint decides nothing: all keys are tried, whatever it says."""
    return tuple(_check(envelope.message, signature, keys) for signature in envelope.signatures)


def _check(message: bytes, signature: Signature, keys: Sequence[PublicKey]) -> Checked:
    for key in keys:
        if key.verifies(message, signature.sig):
            return Checked(Standing.VALID, key)
    named = next((key for key in keys if key.id == signature.keyid), None)
    return Checked(Standing.BAD, named) if named else Checked(Standing.UNKNOWN)


def read_envelope(raw: bytes, name: str = "envelope") -> Envelope:
    """An envelope, plain or in a Sigstore bundle.

    Raises:
        FormatError: it is none, is too large, or holds what is not known and not signed.
    """
    data = load_object(raw, name)
    if "mediaType" not in data:
        return _envelope(data, name)
    if data["mediaType"] != BUNDLE:
        raise FormatError(name, "a Sigstore bundle of a version that is not read", f"this is: {BUNDLE}")
    only_keys(data, ("mediaType", "verificationMaterial", "dsseEnvelope"), name, "the bundle")
    material, inner = data.get("verificationMaterial"), data.get("dsseEnvelope")
    if not isinstance(material, dict) or not isinstance(inner, dict):
        raise FormatError(name, "a bundle without verificationMaterial or dsseEnvelope")
    known = ("publicKey", "x509CertificateChain", "certificate", "tlogEntries", "timestampVerificationData")
    only_keys(material, known, name, "verificationMaterial")
    envelope = _envelope(inner, name)
    keyless = bool(material.get("certificate") or material.get("tlogEntries"))
    chain, hint = _chain(material.get("x509CertificateChain"), name), _hint(material.get("publicKey"), name)
    return Envelope(envelope.payload, envelope.payload_type, envelope.signatures, chain, hint, keyless)


def _envelope(data: dict[str, Any], name: str) -> Envelope:
    only_keys(data, ("payload", "payloadType", "signatures"), name, "the envelope")
    payload = strict_base64(data.get("payload"), name, "the payload")
    kind, listed = data.get("payloadType"), data.get("signatures")
    if not isinstance(kind, str) or not kind.isascii() or not 0 < len(kind) <= 200:
        raise FormatError(name, "an envelope without a payloadType")
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_SIGNATURES:
        raise FormatError(name, f"an envelope has 1 to {MAX_SIGNATURES} signatures")
    found = []
    for entry in listed:
        if not isinstance(entry, dict):
            raise FormatError(name, "a signature that is no object")
        only_keys(entry, ("keyid", "sig"), name, "a signature")
        keyid = entry.get("keyid")
        if keyid is not None and (not isinstance(keyid, str) or len(keyid) > 200):
            raise FormatError(name, "a keyid that is no short text")
        sig = strict_base64(entry.get("sig"), name, "a signature")
        if not 0 < len(sig) <= MAX_SIGNATURE:
            raise FormatError(name, "a signature of no length that a signature has")
        found.append(Signature(sig, keyid or ""))
    if len({s.sig for s in found}) != len(found):
        raise FormatError(name, "the same signature twice")
    return Envelope(payload, kind, tuple(found))


def _chain(data: Any, name: str) -> tuple[bytes, ...]:
    if data is None:
        return ()
    listed = data.get("certificates") if isinstance(data, dict) else None
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_CHAIN:
        raise FormatError(name, f"a chain has 1 to {MAX_CHAIN} certificates")
    if not all(isinstance(entry, dict) and set(entry) == {"rawBytes"} for entry in listed):
        raise FormatError(name, "a certificate without rawBytes")
    return tuple(strict_base64(entry["rawBytes"], name, "a certificate") for entry in listed)


def _hint(data: Any, name: str) -> str:
    if data is None:
        return ""
    hint = data.get("hint") if isinstance(data, dict) else data
    if hint is not None and (not isinstance(hint, str) or len(hint) > 200):
        raise FormatError(name, "a publicKey without a hint that is a short text")
    return hint or ""


def is_envelope(raw: bytes) -> bool:
    """Whether bytes look like an envelope, plain or in a bundle."""
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return isinstance(data, dict) and ("payloadType" in data or "dsseEnvelope" in data)
