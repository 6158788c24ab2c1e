"""Keys: elliptic curves P-256, P-384 and P-521 in PEM, each with the hash that belongs to its size.

A key's id is the SHA-256 of its SubjectPublicKeyInfo in DER. Neither a private key nor a pass phrase is ever part of a
message, a ``repr`` or a log.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forebear.attest.documents import read_file, sha256
from forebear.errors import MissingExtra, UsageError

MAX_KEY = 64_000
PASSPHRASE = "FOREBEAR_KEY_PASSPHRASE"
"""Environment variable of a private key's pass phrase, unless another is named."""
HASHES = {"secp256r1": "SHA256", "secp384r1": "SHA384", "secp521r1": "SHA512"}
NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
MAKE = "make one with: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"


def crypto() -> Any:
    """The parts of ``cryptography`` that are used, as attributes of one value.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        from cryptography import exceptions, x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, utils
    except ImportError:
        raise MissingExtra("sign", "signing and verifying") from None
    return _Crypto(exceptions, x509, hashes, serialization, ec, utils)


@dataclass(frozen=True)
class _Crypto:
    exceptions: Any
    x509: Any
    hashes: Any
    serialization: Any
    ec: Any
    utils: Any

    @property
    def damaged(self) -> tuple[type[Exception], ...]:
        """What it raises for certificates and keys that are damaged or of an unknown kind."""
        x509 = self.x509
        return (
            *(ValueError, TypeError, self.exceptions.UnsupportedAlgorithm),
            *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
        )


@dataclass(frozen=True)
class PublicKey:
    """A public key.

    Attributes:
        id: SHA-256 of its SubjectPublicKeyInfo (DER), hexadecimal.
        curve: ``P-256``, ``P-384`` or ``P-521``.
        pem: its SubjectPublicKeyInfo in PEM, as ``openssl ec -pubout`` writes it.
    """

    id: str
    curve: str
    pem: bytes = field(repr=False)
    _key: Any = field(repr=False, compare=False)

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether an ECDSA signature (DER) over a message is by this key."""
        c = crypto()
        try:
            self._key.verify(signature, message, c.ec.ECDSA(getattr(c.hashes, HASHES[self._key.curve.name])()))
        except c.exceptions.InvalidSignature:
            return False
        return True

    def plain(self, signature: bytes) -> bool:
        """Whether a signature is in the one form that is written here: DER, and the lower of the two values of s.

        (r, s) and (r, order − s) are signatures of the same message; whoever sees one can write the other.
        """
        return self.lowered(signature) == signature

    def lowered(self, signature: bytes) -> bytes:
        """The same signature in that form; what is none stays as it is."""
        utils = crypto().utils
        try:
            r, s = utils.decode_dss_signature(signature)
        except ValueError:
            return signature
        order = ORDERS[self.curve]
        return bytes(utils.encode_dss_signature(r, min(s, order - s)))


@dataclass(frozen=True)
class PrivateKey:
    """A private key; only its public half can be seen."""

    public: PublicKey
    _key: Any = field(repr=False, compare=False)

    def sign(self, message: bytes) -> bytes:
        """An ECDSA signature in DER with the lower s; the same for the same message where OpenSSL can (RFC 6979)."""
        c = crypto()
        algorithm = getattr(c.hashes, HASHES[self._key.curve.name])()
        try:
            made = self._key.sign(message, c.ec.ECDSA(algorithm, deterministic_signing=True))
        except (TypeError, c.exceptions.UnsupportedAlgorithm):
            made = self._key.sign(message, c.ec.ECDSA(algorithm))
        return self.public.lowered(made)


ORDERS = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "P-521": (1 << 521) - 657877501894328237357444332315020117536923257219387276263472201219398408051703,
}
"""Orders of the three groups (SEC 2, version 2.0)."""


def public_key(key: Any, name: str) -> PublicKey:
    """What ``cryptography`` loaded as our value; ``UsageError`` for other kinds of keys."""
    c = crypto()
    curve = getattr(getattr(key, "curve", None), "name", "")
    if not isinstance(key, c.ec.EllipticCurvePublicKey) or curve not in HASHES:
        raise UsageError(f"{name}: not an elliptic curve key of P-256, P-384 or P-521", MAKE)
    encoding, form = c.serialization.Encoding, c.serialization.PublicFormat.SubjectPublicKeyInfo
    spki = key.public_bytes(encoding.DER, form)
    return PublicKey(sha256(spki), NAMES[curve], bytes(key.public_bytes(encoding.PEM, form)), key)


def certificate_of(der: bytes) -> Any:
    """A certificate as ``cryptography`` loads it; what it thinks of a stranger's serial number is not told.

    Raises:
        ValueError: it is damaged.
    """
    c = crypto()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return c.x509.load_der_x509_certificate(der)
        except c.damaged:
            raise ValueError("a damaged certificate") from None


def certified_key(certificate: Any, name: str) -> PublicKey:
    """The key of a loaded certificate, which ``cryptography`` looks at only now; ``UsageError`` for other kinds."""
    try:
        key = certificate.public_key()
    except crypto().damaged:
        raise UsageError(f"{name}: a key of an unknown kind, or a damaged one", MAKE) from None
    return public_key(key, name)


def load_public(pem: bytes, name: str = "key") -> PublicKey:
    """A public key from PEM.

    Raises:
        UsageError: it is none, a private one, or several.
        MissingExtra: ``cryptography`` is not installed.
    """
    c = crypto()
    if b"PRIVATE KEY" in pem:
        raise UsageError(f"{name}: a private key", "verify with the public one: openssl ec -in key.pem -pubout")
    if len(pem) > MAX_KEY or pem.count(b"-----BEGIN ") != 1:
        raise UsageError(f"{name}: not one public key in PEM", "openssl ec -in key.pem -pubout writes it")
    try:
        key = c.serialization.load_pem_public_key(pem)
    except c.damaged:
        raise UsageError(f"{name}: not a public key in PEM", "openssl ec -in key.pem -pubout writes it") from None
    return public_key(key, name)


def load_private(pem: bytes, passphrase: bytes | None = None, name: str = "key") -> PrivateKey:
    """A private key from PEM (PKCS#8 or SEC 1), with the pass phrase that protects it.

    Raises:
        UsageError: it is none, or the pass phrase is missing or wrong.
        MissingExtra: ``cryptography`` is not installed.
    """
    c = crypto()
    if len(pem) > MAX_KEY or b"PRIVATE KEY-----" not in pem:
        raise UsageError(f"{name}: not a private key in PEM", MAKE)
    protected = b"ENCRYPTED" in pem
    if protected and not passphrase:
        raise UsageError(f"{name}: the key is protected by a pass phrase", f"put it into {PASSPHRASE}")
    try:
        key = c.serialization.load_pem_private_key(pem, passphrase if protected else None)
    except c.damaged:
        why = "the pass phrase does not open it" if protected else "not a private key in PEM"
        raise UsageError(f"{name}: {why}", "" if protected else MAKE) from None
    if not isinstance(key, c.ec.EllipticCurvePrivateKey):
        raise UsageError(f"{name}: not an elliptic curve key of P-256, P-384 or P-521", MAKE)
    return PrivateKey(public_key(key.public_key(), name), key)


def read_private(path: str | os.PathLike[str], variable: str = PASSPHRASE) -> PrivateKey:
    """A private key from a file; the pass phrase from an environment variable. Raises as :func:`load_private`."""
    passphrase = os.environ.get(variable, "").encode("utf-8", "surrogateescape") or None
    return load_private(read_file(path, MAX_KEY), passphrase, os.path.basename(os.fspath(path)))


def read_public(paths: Sequence[str | os.PathLike[str]]) -> tuple[PublicKey, ...]:
    """Public keys from files, each once. Raises as :func:`load_public`."""
    found = [load_public(read_file(path, MAX_KEY), os.path.basename(os.fspath(path))) for path in paths]
    return tuple({key.id: key for key in found}.values())
