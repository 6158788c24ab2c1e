"""A bill against its envelope, as ``bom verify --signature`` asks for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from forebear.attest import check_bom_signature
from forebear.attest.documents import canonical
from forebear.attest.dsse import Envelope, Signature, sign
from forebear.attest.keys import PrivateKey, load_private
from forebear.attest.statements import CYCLONEDX, Statement, Subject, bom_statement
from forebear.bom.checks import CheckStatus
from forebear.errors import UsageError
from signers import bill, private_pem, public_pem

RAW_KEY, RAW_OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
KEY: PrivateKey = load_private(private_pem(RAW_KEY))
OTHER: PrivateKey = load_private(private_pem(RAW_OTHER))
KEYS = [public_pem(RAW_KEY)]


@pytest.fixture(scope="module")
def bom(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return bill(tmp_path_factory.mktemp("bills") / "bom.json").read_bytes()


def envelope(bom: bytes, key: PrivateKey = KEY) -> Envelope:
    return sign(bom_statement(bom, json.loads(bom), "bom.json", ()).to_bytes(), key)


def states(bom: bytes, signed: bytes, keys: list[bytes] = KEYS) -> dict[str, str]:
    return {c.id: c.status.value for c in check_bom_signature(bom, signed, keys)}


GOOD = {"signature": "pass", "signature/predicate": "pass", "signature/subject": "pass"}


def test_a_signed_bill_passes(bom: bytes) -> None:
    assert states(bom, envelope(bom).to_bytes()) == GOOD
    assert states(bom, envelope(bom).to_bytes(), [public_pem(RAW_OTHER), *KEYS]) == GOOD


def test_without_a_key_nothing_is_decided(bom: bytes) -> None:
    assert states(bom, envelope(bom).to_bytes(), [])["signature"] == "unknown"


def test_another_key_fails_and_no_key_is_refused(bom: bytes) -> None:
    assert states(bom, envelope(bom, OTHER).to_bytes())["signature"] == "fail"
    with pytest.raises(UsageError):
        check_bom_signature(bom, envelope(bom).to_bytes(), [b"junk"])


def test_another_spelling_of_the_same_bill_is_not_the_bytes(bom: bytes) -> None:
    other = canonical(json.loads(bom))
    assert states(other, envelope(bom).to_bytes()) == {**GOOD, "signature/subject": "fail"}


def test_one_that_only_looks_equal_is_another(bom: bytes) -> None:
    other = json.dumps({**json.loads(bom), "version": True}).encode()  # equals 1 for Python
    assert states(other, envelope(bom).to_bytes())["signature/predicate"] == "fail"


@given(st.data())
def test_every_byte_of_a_bill_counts(bom: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(bom) - 1))
    altered = bom[:place] + bytes([bom[place] ^ data.draw(st.integers(1, 255))]) + bom[place + 1 :]
    assert "fail" in states(altered, envelope(bom).to_bytes()).values()


@given(st.binary(max_size=200))
def test_junk_in_its_place_fails_and_does_not_crash(bom: bytes, junk: bytes) -> None:
    assert states(bom, junk) == {"signature": "fail"}
    assert "fail" in states(junk, envelope(bom).to_bytes()).values()


def test_a_second_signature_counts(bom: bytes) -> None:
    made = envelope(bom)
    bad = Envelope(made.payload, made.payload_type, (*made.signatures, Signature(KEY.sign(b"x"), KEY.public.id)))
    assert CheckStatus.FAIL in {c.status for c in check_bom_signature(bom, bad.to_bytes(), KEYS)}
    stranger = Envelope(made.payload, made.payload_type, (*made.signatures, *envelope(bom, OTHER).signatures))
    assert {c.status for c in check_bom_signature(bom, stranger.to_bytes(), KEYS)} >= {CheckStatus.UNKNOWN}


def test_statements_of_other_programs_need_not_name_the_bytes(bom: bytes) -> None:
    image = (Subject("an image", "ab" * 32),)
    made = sign(Statement(image, CYCLONEDX, json.loads(bom)).to_bytes(), KEY)
    assert states(bom, made.to_bytes()) == {**GOOD, "signature/subject": "not_applicable"}


def test_other_statements_hold_no_bill(bom: bytes, tmp_path: Path) -> None:
    made = sign(Statement((Subject("x", "ab" * 32),), "other", {}).to_bytes(), KEY)
    assert states(bom, made.to_bytes())["signature/predicate"] == "fail"
    another = bill(tmp_path / "other.json", name="acme/other").read_bytes()
    assert states(another, envelope(bom).to_bytes()) == {"signature": "pass", "signature/predicate": "fail"}


def test_a_changed_type_of_payload_fails(bom: bytes) -> None:
    made = envelope(bom)
    other = Envelope(made.payload, "application/json", made.signatures)
    assert states(bom, other.to_bytes())["signature"] == "fail"
    own = sign(made.payload, KEY, "application/json")  # signed as another type: no in-toto statement
    assert states(bom, own.to_bytes())["signature"] == "fail"
