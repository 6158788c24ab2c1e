"""Keys, certificates and signed things that the tests make themselves."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("cryptography", reason="signing needs the [sign] extra")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
NOW = datetime(2026, 6, 1, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey


def private_pem(key: Any, passphrase: bytes | None = None) -> bytes:
    """PKCS#8, protected where there is a pass phrase."""
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    return pem


def public_pem(key: Any) -> bytes:
    """SubjectPublicKeyInfo."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    pem: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, form)
    return pem


def key_files(
    folder: Path, name: str = "key", curve: str = "P-256", passphrase: bytes | None = None
) -> tuple[Path, Path]:
    """A fresh pair of keys: paths of the private and the public one."""
    key = ec.generate_private_key(CURVES[curve])
    folder.mkdir(parents=True, exist_ok=True)
    private, public = folder / f"{name}.pem", folder / f"{name}.pub"
    private.write_bytes(private_pem(key, passphrase))
    public.write_bytes(public_pem(key))
    return private, public


def certificate(
    key: Key,
    name: str,
    issuer: tuple[Key, x509.Certificate] | None = None,
    authority: bool = False,
    days: tuple[int, int] = (-10, 365),
    signing: bool = True,
) -> x509.Certificate:
    """A certificate for a key, by an issuer or by itself; valid from and to, in days from :data:`NOW`."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by, parent = issuer if issuer else (key, None)
    usage = x509.KeyUsage(signing, False, False, False, False, authority, authority, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + timedelta(days=days[0]))
        .not_valid_after(NOW + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )
    if signing and not authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return builder.sign(by, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> bytes:
    """Certificates in PEM."""
    return b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)


def der(*certificates: x509.Certificate) -> tuple[bytes, ...]:
    """Certificates in DER."""
    return tuple(c.public_bytes(serialization.Encoding.DER) for c in certificates)


def bill(path: Path, name: str = "acme/model", ancestor: str = "org/base") -> Path:
    """A small CycloneDX bill."""
    component = {"type": "machine-learning-model", "name": name, "bom-ref": "m"}
    component["pedigree"] = {"ancestors": [{"type": "machine-learning-model", "name": ancestor}]}  # type: ignore[assignment]
    document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": component}}
    path.write_text(json.dumps(document, indent=1), "utf-8")
    return path
