"""X.509 certificates: from a signer's certificate to an authority that the reader trusts, at a stated time.

The time is the caller's. A signature here carries none that can be trusted, so who takes the start of the certificate's
own validity for it, as the OpenSSF library does, never finds one expired.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from forebear.attest.keys import MAX_KEY, PublicKey, certificate_of, certified_key, crypto
from forebear.errors import ForebearError, MissingExtra, UsageError, one_line

MOST = 16
"""Certificates of a chain; real ones have two to four."""


@dataclass(frozen=True)
class Certified:
    """A key that an authority vouches for.

    Attributes:
        key: of the signer.
        name: the certificate's subject.
        until: end of its validity.
    """

    key: PublicKey
    name: str
    until: datetime


def load_chain(pem: bytes, name: str) -> tuple[bytes, ...]:
    """Certificates in PEM as DER, in their order.

    Raises:
        UsageError: there is none, there are too many, or one is damaged.
    """
    c = crypto()
    if len(pem) > MAX_KEY * MOST:
        raise UsageError(f"{name}: too large for a chain of certificates", "give a file with certificates in PEM")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as in `certificate_of`
            found = c.x509.load_pem_x509_certificates(pem)
    except c.damaged:
        raise UsageError(f"{name}: no certificates in PEM", "openssl x509 -inform der -in FILE writes PEM") from None
    if len(found) > MOST:
        raise UsageError(
            f"{name}: {len(found)} certificates, more than the {MOST} of a chain",
            "give those from the key's own up to the root",
        )
    return tuple(bytes(f.public_bytes(c.serialization.Encoding.DER)) for f in found)


def certified(chain: Sequence[bytes], roots: Sequence[bytes], at: datetime) -> Certified | str:
    """The signer's key where its certificate leads to a trusted one, or a clause that says why it does not.

    Args:
        chain: DER, the signer's certificate first, then intermediates; not trusted by themselves.
        roots: DER of the authorities that are trusted.
        at: the time at which all of them have to be valid.
    """
    c = crypto()
    try:
        from OpenSSL import crypto as openssl
    except ImportError:
        raise MissingExtra("sign", "verifying certificates") from None
    try:
        leaf = certificate_of(chain[0])
        name = one_line(leaf.subject.rfc4514_string(), 200) or "without a name"
        key = certified_key(leaf, "certificate")
        usable = _may_sign(leaf)
        loaded = [openssl.X509.from_cryptography(certificate_of(der)) for der in chain]
        store = openssl.X509Store()
        for der in roots:
            store.add_cert(openssl.X509.from_cryptography(certificate_of(der)))
    except ForebearError as error:
        return f"its certificate has a key that is not supported ({error.message})"
    except (*c.damaged, IndexError, openssl.Error):
        return "its certificate is damaged"
    told = f"the certificate of {name}"
    if at > leaf.not_valid_after_utc:
        return f"{told} expired on {_date(leaf.not_valid_after_utc)}"
    if at < leaf.not_valid_before_utc:
        return f"{told} is not valid before {_date(leaf.not_valid_before_utc)}"
    if not usable:
        return f"{told} is not for signing"
    store.set_time(at.astimezone(UTC).replace(tzinfo=None))
    try:
        openssl.X509StoreContext(store, loaded[0], loaded[1:]).verify_certificate()
    except openssl.X509StoreContextError as error:
        return f"{told} does not lead to a trusted authority ({one_line(str(error), 120)})"
    return Certified(key, name, leaf.not_valid_after_utc)


def _may_sign(certificate: Any) -> bool:
    """Whether key usage says signatures, or extended key usage code signing; where neither is there, it does not."""
    x509 = crypto().x509
    try:
        if certificate.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return True
    except x509.ExtensionNotFound:
        pass
    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return x509.oid.ExtendedKeyUsageOID.CODE_SIGNING in usage


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d")
