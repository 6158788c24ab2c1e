"""Certificates: chains that hold, and every way in which one does not."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from forebear.attest.certificates import Certified, certified, load_chain
from forebear.errors import UsageError
from signers import NOW, Key, certificate, der, pem


def keys(count: int) -> list[Key]:
    return [ec.generate_private_key(ec.SECP256R1()) for _ in range(count)]


def test_a_chain_leads_to_the_authority() -> None:
    a, b, c = keys(3)
    root = certificate(a, "root", authority=True)
    middle = certificate(b, "middle", (a, root), authority=True)
    leaf = certificate(c, "signer", (b, middle))
    found = certified(der(leaf, middle), der(root), NOW)
    assert isinstance(found, Certified) and found.name == "CN=signer" and found.key.curve == "P-256"
    assert "does not lead to a trusted authority" in str(certified(der(leaf), der(root), NOW))
    assert "does not lead to a trusted authority" in str(certified(der(leaf, middle), (), NOW))


def test_its_own_word_is_not_enough() -> None:
    a, b = keys(2)
    forged = certificate(a, "root", authority=True)
    leaf = certificate(b, "signer", (a, forged))
    real = certificate(keys(1)[0], "root", authority=True)  # the same name, another key
    assert "does not lead" in str(certified(der(leaf, forged), der(real), NOW))


def test_a_signer_is_no_authority() -> None:
    a, b, c = keys(3)
    root = certificate(a, "root", authority=True)
    signer = certificate(b, "signer", (a, root))
    child = certificate(c, "child", (b, signer))
    assert "does not lead" in str(certified(der(child, signer), der(root), NOW))


def test_time_is_that_of_the_reader() -> None:
    a, b = keys(2)
    root = certificate(a, "root", authority=True, days=(-1000, 3000))
    leaf = certificate(b, "signer", (a, root), days=(-10, 365))
    assert isinstance(certified(der(leaf), der(root), NOW), Certified)
    assert "expired on 2027-06-01" in str(certified(der(leaf), der(root), NOW + timedelta(days=366)))
    assert "not valid before 2026-05-22" in str(certified(der(leaf), der(root), NOW - timedelta(days=11)))
    short = certificate(a, "root", authority=True, days=(-20, 20))
    young = certificate(b, "signer", (a, short), days=(-10, 365))
    assert "does not lead" in str(certified(der(young), der(short), NOW + timedelta(days=30)))  # its authority expired


def test_a_certificate_has_to_be_for_signing() -> None:
    a, b = keys(2)
    root = certificate(a, "root", authority=True)
    assert "is not for signing" in str(certified(der(certificate(b, "web", (a, root), signing=False)), der(root), NOW))


def test_damage_and_other_keys_are_clauses() -> None:
    a = keys(1)[0]
    root = certificate(a, "root", authority=True)
    for chain in ((), (b"",), (b"\x30\x03abc",), (der(root)[0][:-9],)):
        assert certified(chain, der(root), NOW) == "its certificate is damaged"
    other = certificate(rsa.generate_private_key(65537, 2048), "rsa", (a, root))  # type: ignore[arg-type]
    assert "not supported" in str(certified(der(other), der(root), NOW))


def test_a_key_of_an_unknown_kind_is_not_supported() -> None:
    root = certificate(keys(1)[0], "root", authority=True)
    prime256v1 = bytes.fromhex("06082a8648ce3d030107")
    assert der(root)[0].count(prime256v1) == 1
    unknown = der(root)[0].replace(prime256v1, prime256v1[:-1] + b"\x7f")  # found by fuzzing: it is looked at late
    assert "not supported (certificate: a key of an unknown kind" in str(certified((unknown,), der(root), NOW))


def test_a_version_that_there_is_not_is_damage() -> None:
    root = certificate(keys(1)[0], "root", authority=True)
    third = bytes.fromhex("a003020102")
    assert der(root)[0].count(third) == 1
    sixtieth = der(root)[0].replace(third, third[:-1] + b"\x3b")  # found by fuzzing, too
    assert certified((sixtieth,), der(root), NOW) == "its certificate is damaged"
    lines = base64.encodebytes(sixtieth)
    with pytest.raises(UsageError, match="x: no certificates in PEM"):
        load_chain(b"-----BEGIN CERTIFICATE-----\n" + lines + b"-----END CERTIFICATE-----\n", "x")


def test_chains_are_read_within_bounds() -> None:
    root = certificate(keys(1)[0], "root", authority=True)
    assert load_chain(pem(root, root), "x") == der(root, root)
    for bad in (b"", b"junk", pem(root)[:80], pem(root) * 17):
        with pytest.raises(UsageError):
            load_chain(bad, "x")
