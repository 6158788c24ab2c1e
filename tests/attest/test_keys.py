"""Keys: what is taken, what is refused in a line, and that nothing secret is shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from forebear.attest.documents import sha256
from forebear.attest.keys import ORDERS, load_private, load_public, read_private, read_public
from forebear.errors import MissingExtra, UsageError
from signers import CURVES, key_files, private_pem, public_pem


@pytest.mark.parametrize("curve", CURVES)
def test_what_a_key_signs_its_public_half_verifies_and_no_other(curve: str) -> None:
    one, two = (ec.generate_private_key(CURVES[curve]) for _ in range(2))
    key, other = load_private(private_pem(one)), load_public(public_pem(two))
    signature = key.sign(b"message")
    assert key.public == load_public(public_pem(one)) and key.public.curve == curve
    assert key.public.verifies(b"message", signature) and not key.public.verifies(b"Message", signature)
    assert not other.verifies(b"message", signature)
    spki = one.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert key.public.id == sha256(spki)


@pytest.mark.parametrize("curve", CURVES)
def test_of_two_spellings_of_a_signature_one_is_plain(curve: str) -> None:
    from cryptography.hazmat.primitives.asymmetric import utils

    key = load_private(private_pem(ec.generate_private_key(CURVES[curve])))
    signature = key.sign(b"message")
    r, s = utils.decode_dss_signature(signature)
    twin = utils.encode_dss_signature(r, ORDERS[curve] - s)
    assert key.public.verifies(b"message", twin)  # the weakness is ECDSA's own
    assert key.public.plain(signature) and not key.public.plain(twin)
    assert key.public.lowered(twin) == signature


@given(st.binary(max_size=80))
def test_bytes_that_are_no_signature_do_not_verify(junk: bytes) -> None:
    key = load_public(public_pem(ec.derive_private_key(7, ec.SECP256R1())))
    assert not key.verifies(b"message", junk)


def test_the_pass_phrase_comes_from_the_environment_and_is_never_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    private, public = key_files(tmp_path, passphrase=b"a secret phrase")
    monkeypatch.delenv("FOREBEAR_KEY_PASSPHRASE", raising=False)
    with pytest.raises(UsageError, match="protected by a pass phrase; put it into FOREBEAR_KEY_PASSPHRASE"):
        read_private(private)
    monkeypatch.setenv("FOREBEAR_KEY_PASSPHRASE", "another secret")
    with pytest.raises(UsageError, match="the pass phrase does not open it") as refused:
        read_private(private)
    monkeypatch.setenv("OTHER", "a secret phrase")
    key = read_private(private, "OTHER")
    assert key.public in read_public([public, public]) and len(read_public([public, public])) == 1
    shown = f"{refused.value} {refused.value!r} {key!r} {key.public!r} {caplog.text}"
    assert refused.value.__cause__ is None and refused.value.__suppress_context__
    for secret in ("secret", "PRIVATE", "EllipticCurvePrivateKey", private.read_text().splitlines()[1]):
        assert secret not in shown


def test_other_keys_and_no_keys_are_refused_in_a_line(tmp_path: Path) -> None:
    others = [
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256K1()),
    ]
    for other in others:
        with pytest.raises(UsageError, match="P-256, P-384 or P-521"):
            load_private(private_pem(other))
        with pytest.raises(UsageError, match="P-256, P-384 or P-521"):
            load_public(public_pem(other))
    good = public_pem(ec.generate_private_key(ec.SECP256R1()))
    for bad in (
        b"",
        b"\xff\x00",
        good * 2,
        good[:60],
        good.replace(b"M", b"N", 3),
        b"-----BEGIN PUBLIC KEY-----\n" * 2,
    ):
        with pytest.raises(UsageError, match="public key in PEM"):
            load_public(bad)
    with pytest.raises(UsageError, match="a private key; verify with the public one"):
        load_public(private_pem(ec.generate_private_key(ec.SECP256R1())))
    with pytest.raises(UsageError, match="not a private key"):
        load_private(good)
    with pytest.raises(UsageError, match="no such file"):
        read_private(tmp_path / "none.pem")


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MissingExtra, match=r"pip install 'forebear\[sign\]'"):
        load_public(b"-----BEGIN PUBLIC KEY-----")
