"""What signatures are worth to a reader: keys, authorities, hints, and what is left open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from evidence_bundles import DEMO
from forebear.attest.certificates import load_chain
from forebear.attest.documents import canonical
from forebear.attest.dsse import Envelope, Signature, read_envelope, sign
from forebear.attest.keys import load_private
from forebear.attest.statements import Statement, Subject
from forebear.attest.trust import EXITS, Signer, Trust, Verdict, signed, verdict
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import FormatError
from forebear.inspect.sign import credentials, sign_files
from forebear.inspect.verify_signature import verify_signature
from signers import NOW, certificate, der, key_files, pem, private_pem

RAW = ec.generate_private_key(ec.SECP256R1())
KEY = load_private(private_pem(RAW))
OTHER = load_private(private_pem(ec.generate_private_key(ec.SECP256R1())))
PAYLOAD = Statement((Subject("m", "ab" * 32),), "x", {}).to_bytes()
ENVELOPE = sign(PAYLOAD, KEY)


def states(envelope: Envelope, trust: Trust) -> list[str]:
    return [c.status.value for c in signed(envelope, trust).checks]


def test_whom_nobody_is_trusted_leaves_it_open() -> None:
    assert states(ENVELOPE, Trust()) == ["unknown"]
    assert signed(ENVELOPE, Trust()).signers == ()


def test_a_key_or_another() -> None:
    found = signed(ENVELOPE, Trust((OTHER.public, KEY.public)))
    assert found.valid and found.signers == (Signer(KEY.public),)
    assert found.signers[0].to_json() == {"key_id": KEY.public.id, "curve": "P-256", "name": ""}
    assert states(ENVELOPE, Trust((OTHER.public,))) == ["fail"]


def test_a_second_signature_is_no_less_than_the_first() -> None:
    both = replace(ENVELOPE, signatures=(*ENVELOPE.signatures, *sign(PAYLOAD, OTHER).signatures))
    assert states(both, Trust((KEY.public, OTHER.public))) == ["pass", "pass"]
    assert states(both, Trust((KEY.public,))) == ["pass", "unknown"] and not signed(both, Trust((KEY.public,))).valid
    bad = replace(ENVELOPE, signatures=(*ENVELOPE.signatures, Signature(OTHER.sign(b"x"), KEY.public.id)))
    assert states(bad, Trust((KEY.public,))) == ["pass", "fail"]


def test_certificates_need_an_authority_and_a_bare_key_needs_a_key() -> None:
    authority = ec.generate_private_key(ec.SECP256R1())
    root = certificate(authority, "root", authority=True)
    chained = replace(ENVELOPE, chain=der(certificate(RAW, "signer", (authority, root))))
    trust = Trust(roots=der(root), at=NOW)
    found = signed(chained, trust)
    assert found.valid and found.signers[0].name == "CN=signer" and "CN=signer" in found.checks[0].message
    assert states(ENVELOPE, trust) == ["unknown"]  # no certificate that an authority could vouch for
    assert states(chained, Trust((KEY.public,))) == ["pass"]
    assert states(chained, replace(trust, at=NOW.replace(year=2040))) == ["fail"]
    other = replace(chained, payload=PAYLOAD + b" ")
    assert states(other, trust) == ["fail"]
    assert load_chain(pem(root), "x") == trust.roots


def test_a_hint_that_names_another_key_fails_and_sigstore_is_left_open() -> None:
    assert states(replace(ENVELOPE, hint="ab" * 32), Trust((KEY.public,))) == ["pass", "fail"]
    assert states(replace(ENVELOPE, keyless=True), Trust((KEY.public,))) == ["unknown"]


def test_what_all_checks_come_to() -> None:
    good, bad, open_ = (Check("x", s, "") for s in (CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN))
    somebody = (Signer(KEY.public),)
    assert verdict([good], somebody) == Verdict.VERIFIED and verdict([good], ()) == Verdict.INCONCLUSIVE
    assert verdict([good, open_], somebody) == Verdict.INCONCLUSIVE
    assert verdict([bad, open_, good], somebody) == Verdict.FAILED
    assert [EXITS[v] for v in (Verdict.VERIFIED, Verdict.FAILED, Verdict.INCONCLUSIVE)] == [0, 1, 3]


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    if isinstance(value, dict | list) and value:
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, item in items for leaf in leaves(item, (*path, key))]
    return [path]


@pytest.mark.parametrize("with_certificate", [False, True])
def test_every_field_of_a_model_signature_counts(with_certificate: bool, tmp_path: Path) -> None:
    """All but ``keyid``, which is a hint, and empty in this format."""
    private, public = key_files(tmp_path)
    authority = ec.generate_private_key(ec.SECP256R1())
    root = certificate(authority, "root", authority=True)
    (tmp_path / "root.pem").write_bytes(pem(root))
    key: Any = credentials(private).key._key
    (tmp_path / "own.pem").write_bytes(pem(certificate(key, "signer", (authority, root))))
    how: dict[str, Any] = {"keys": [public]}
    if with_certificate:
        how = {"authorities": [tmp_path / "root.pem"], "at": NOW.isoformat()}
    signer = credentials(private, [tmp_path / "own.pem"] if with_certificate else ())
    path, model = tmp_path / "model.sig", str(DEMO / "base")
    document = json.loads(sign_files(model, signer, path).signature)
    path.write_bytes(canonical(document))
    assert verify_signature(str(path), model, **how).verdict == Verdict.VERIFIED
    paths = [p for p in leaves(document) if p[-1] != "keyid"]
    assert len(paths) >= 5
    for leaf in paths:
        altered = json.loads(json.dumps(document))
        at = altered
        for part in leaf[:-1]:
            at = at[part]
        old = at[leaf[-1]]
        at[leaf[-1]] = f"{old[:-5]}{'A' if old[-5] != 'A' else 'B'}{old[-4:]}" if isinstance(old, str) else [{"a": 1}]
        path.write_bytes(canonical(altered))
        try:
            assert verify_signature(str(path), model, **how).verdict != Verdict.VERIFIED, leaf
        except FormatError:
            continue
    assert read_envelope(canonical(document)).keyless is False
