"""Envelopes: the published test vector, strictness, and what becomes of each signature."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from forebear.attest.dsse import BUNDLE, IN_TOTO, Standing, check, is_envelope, pae, read_envelope, sign
from forebear.attest.keys import PrivateKey, load_private, load_public
from forebear.errors import FormatError
from signers import private_pem, public_pem


def fresh() -> PrivateKey:
    return load_private(private_pem(ec.generate_private_key(ec.SECP256R1())))


KEY, OTHER = fresh(), fresh()
ENVELOPE = sign(b'{"a":1}', KEY)


def edited(**changes: Any) -> bytes:
    return json.dumps({**json.loads(ENVELOPE.to_bytes()), **changes}).encode()


def test_the_protocols_own_vector() -> None:
    # protocol.md of DSSE v1.0.0: "hello world" of type http://example.com/HelloWorld, and a P-256 key
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    document = {
        "payload": "aGVsbG8gd29ybGQ=",
        "payloadType": "http://example.com/HelloWorld",
        "signatures": [
            {"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}
        ],
    }
    envelope = read_envelope(json.dumps(document).encode())
    from cryptography.hazmat.primitives.asymmetric import utils

    raw = envelope.signatures[0].sig  # the document writes r and s one behind the other
    sig = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = load_public(_pem(key))
    assert public.verifies(envelope.message, sig) and not public.verifies(envelope.message + b" ", sig)


def _pem(key: Any) -> bytes:
    class Holder:
        def public_key(self) -> Any:
            return key

    return public_pem(Holder())


@given(st.text(max_size=20), st.binary(max_size=40), st.text(max_size=20), st.binary(max_size=40))
def test_no_two_payloads_have_one_encoding(a: str, x: bytes, b: str, y: bytes) -> None:
    assert (pae(a, x) == pae(b, y)) == ((a, x) == (b, y))


@given(st.binary(max_size=300))
def test_what_is_written_reads_back(payload: bytes) -> None:
    made = sign(payload, KEY)
    assert read_envelope(made.to_bytes()) == made
    assert made.to_bytes() == sign(payload, KEY).to_bytes() or len(made.signatures) == 1
    with_chain = replace(made, chain=(b"one", b"two"))
    assert read_envelope(with_chain.to_bytes()) == with_chain


def test_every_signature_has_its_own_standing() -> None:
    both = replace(ENVELOPE, signatures=(*ENVELOPE.signatures, *sign(b'{"a":1}', OTHER).signatures))
    assert [c.standing for c in check(both, [KEY.public, OTHER.public])] == [Standing.VALID, Standing.VALID]
    assert [c.standing for c in check(both, [KEY.public])] == [Standing.VALID, Standing.UNKNOWN]
    forged = replace(both, payload=b'{"a":2}')
    assert [c.standing for c in check(forged, [KEY.public])] == [Standing.BAD, Standing.UNKNOWN]
    hinted = replace(ENVELOPE, signatures=(replace(ENVELOPE.signatures[0], keyid="whatever"),))
    assert check(hinted, [KEY.public])[0].standing is Standing.VALID  # a hint decides nothing


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b'{"payload":"","payload":""}',
        b"{" * 100_000,
        edited(payload="eyJhIjoxfQ"),  # no padding
        edited(payload="eyJhIjoxfQ=\n="),
        edited(payload="eyJhIjoxfR=="),  # bits behind the last byte
        edited(payload="eyJhIjoxf_=="),
        edited(payload=["eyJhIjoxfQ=="]),
        edited(payloadType=""),
        edited(payloadType=1),
        edited(payloadType="ä"),
        edited(signatures=[]),
        edited(signatures="x"),
        edited(signatures=[1]),
        edited(signatures=[{"sig": ""}]),
        edited(signatures=[{"keyid": 1, "sig": "AAAA"}]),
        edited(signatures=[{"sig": "AAAA", "cert": "…"}]),
        edited(signatures=[{"sig": "AAAA"}] * 2),
        edited(signatures=[{"sig": base64.b64encode(bytes([k])).decode()} for k in range(17)]),
        edited(signatures=[{"sig": base64.b64encode(bytes(1_001)).decode()}]),
        edited(note="unsigned"),
        edited(mediaType="application/vnd.dev.sigstore.bundle.v0.1+json"),
        edited(mediaType=BUNDLE),
        json.dumps({"mediaType": BUNDLE, "verificationMaterial": [], "dsseEnvelope": {}}).encode(),
    ],
)
def test_what_is_no_envelope_is_refused_in_a_line(raw: bytes) -> None:
    with pytest.raises(FormatError) as refused:
        read_envelope(raw, "x")
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 300


def bundled(**material: Any) -> bytes:
    inner = json.loads(ENVELOPE.to_bytes())
    return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": inner}).encode()


def test_bundles_are_read_as_strictly() -> None:
    plain = read_envelope(bundled(publicKey={"hint": "abc"}, tlogEntries=[]))
    assert (plain.hint, plain.chain, plain.keyless) == ("abc", (), False)
    assert read_envelope(bundled(certificate={"rawBytes": "AAAA"})).keyless
    chains: list[Any] = [[], {}, {"certificates": []}, {"certificates": [{"rawBytes": "A"}]}, {"certificates": [{}]}]
    for chain in chains:
        with pytest.raises(FormatError):
            read_envelope(bundled(x509CertificateChain=chain))
    with pytest.raises(FormatError, match="not known: note"):
        read_envelope(bundled(note=1))
    with pytest.raises(FormatError, match="hint"):
        read_envelope(bundled(publicKey={"hint": 3}))


def test_telling_envelopes_from_other_files() -> None:
    assert is_envelope(ENVELOPE.to_bytes()) and is_envelope(bundled())
    assert not any(map(is_envelope, (b"", b"PK\x03\x04", b'{"bomFormat":1}', b"[" * 100_000)))
    assert ENVELOPE.payload_type == IN_TOTO
