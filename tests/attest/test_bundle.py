"""Evidence bundles: what is in them, and that no single change to one goes unnoticed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from evidence_bundles import Papers, papers
from forebear.attest.archive import read_archive, write_archive
from forebear.attest.bundle import OUTER, Contents, verify_bundle, write_bundle
from forebear.attest.documents import canonical, sha256
from forebear.attest.dsse import Envelope, Signature, read_envelope, sign
from forebear.attest.keys import ORDERS
from forebear.attest.statements import DOCUMENT, MANIFEST, Statement, Subject, read_statement
from forebear.attest.trust import Trust, Verdict, trust_in, verdict
from forebear.bom.checks import CheckStatus
from forebear.errors import ForebearError, FormatError
from forebear.inspect.attest import attest
from forebear.inspect.sign import credentials
from signers import NOW, certificate, der, key_files, pem


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def files(made: Papers) -> dict[str, bytes]:
    return read_archive(made.bundle.read_bytes(), "bundle")


def outcome(raw: bytes, trust: Trust) -> str:
    """The verdict, or ``refused`` where it cannot be read."""
    try:
        found = verify_bundle(raw, trust, "bundle")
    except ForebearError as error:
        assert "\n" not in str(error)
        return "refused"
    return verdict(found.checks, found.signers)


def detected(raw: bytes, made: Papers) -> bool:
    return outcome(raw, trust_in([made.public])) in ("refused", Verdict.FAILED)


def test_it_holds_what_is_needed_and_verifies(made: Papers, files: dict[str, bytes]) -> None:
    assert sorted(files) == [
        "README.md",
        "SHA256SUMS",
        "attestations/bom.dsse.json",
        "attestations/scan.dsse.json",
        "bom.json",
        "bundle.dsse.json",
        "fingerprints/model.json",
        "fingerprints/reference-001.json",
        "model.sig",
        "results/scan.json",
    ]
    found = verify_bundle(made.bundle.read_bytes(), trust_in([made.public]), "bundle")
    assert verdict(found.checks, found.signers) == Verdict.VERIFIED
    assert {c.status for c in found.checks} == {CheckStatus.PASS} and len(found.signers) == 1
    assert any("coins of the two codes agree" in line for line in found.replay.recomputed)
    for line in files["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert sha256(files[name]) == digest
    assert outcome(made.bundle.read_bytes(), Trust()) == Verdict.INCONCLUSIVE


def test_equal_evidence_gives_equal_bytes(made: Papers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1795000000")
    one, two = (
        attest(made.signer, str(made.model), str(made.bom), [str(made.scan)], str(made.signature), made.index, True)
        for _ in range(2)
    )
    assert one.bundle is not None and two.bundle is not None
    trust = trust_in([made.public])
    assert outcome(one.bundle, trust) == outcome(two.bundle, trust) == Verdict.VERIFIED
    contents = [{n: r for n, r in read_archive(b, "b").items() if "dsse" not in n} for b in (one.bundle, two.bundle)]
    assert {n for n in contents[0] if contents[0][n] != contents[1][n]} <= {"SHA256SUMS"}
    if one.envelopes == two.envelopes:  # where OpenSSL signs deterministically
        assert one.bundle == two.bundle


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def changed(value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, bool) or value is None:
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return ("A" if value[:1] != "A" else "B") + value[1:]
    return [0] if isinstance(value, list) else {"x": 0}


def edited(document: Any, path: tuple[str | int, ...]) -> Any:
    copied = json.loads(json.dumps(document))
    at = copied
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = changed(at[path[-1]])
    return copied


def test_every_leaf_of_every_document_counts(made: Papers, files: dict[str, bytes]) -> None:
    count = 0
    for name in (n for n in files if n.endswith(".json") or n == "model.sig"):
        document = json.loads(files[name])
        paths = list(leaves(document))
        for path in paths if len(paths) < 300 else paths[:: len(paths) // 300]:
            assert detected(write_archive({**files, name: canonical(edited(document, path))}), made), (name, path)
            count += 1
    assert count > 200


def test_every_leaf_of_every_signed_statement_counts(made: Papers, files: dict[str, bytes]) -> None:
    for name in (n for n in files if n.endswith(".dsse.json")):
        envelope = read_envelope(files[name])
        statement = json.loads(envelope.payload)
        for path in leaves(statement):
            forged = Envelope(canonical(edited(statement, path)), envelope.payload_type, envelope.signatures)
            assert detected(write_archive({**files, name: forged.to_bytes()}), made), (name, path)


def test_every_region_of_every_file_counts(made: Papers, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        for place in range(0, len(data), max(1, len(data) // 40)):
            altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
            assert detected(write_archive({**files, name: altered}), made), (name, place)
        for other in (data + b"\n", data[:-1], b"", data + data):
            assert detected(write_archive({**files, name: other}), made), name


def test_every_region_of_the_zip_counts(made: Papers) -> None:
    raw = made.bundle.read_bytes()
    for place in range(0, len(raw), 97):
        assert detected(raw[:place] + bytes([raw[place] ^ 4]) + raw[place + 1 :], made), place


def test_files_that_are_added_removed_renamed_or_exchanged(made: Papers, files: dict[str, bytes]) -> None:
    for name in files:
        assert detected(write_archive({n: d for n, d in files.items() if n != name}), made), name
        renamed = {**{n: d for n, d in files.items() if n != name}, f"x{name}": files[name]}
        assert detected(write_archive(renamed), made), name
        for other in files:
            if files[other] != files[name]:
                exchanged = {**files, name: files[other], other: files[name]}
                assert detected(write_archive(exchanged), made), (name, other)
    for extra in ("extra.txt", "results/more.json", "attestations/x.dsse.json", "fingerprints/x.json"):
        assert detected(write_archive({**files, extra: b"{}"}), made), extra


def test_keys_twice_and_other_spellings_of_the_outer_envelope(made: Papers, files: dict[str, bytes]) -> None:
    outer = files[OUTER]
    document = json.loads(outer)
    twice = outer.replace(b'{"payload":', b'{"payload":"","payload":', 1)
    spaced = json.dumps(document, indent=1, sort_keys=True).encode()
    reordered = json.dumps(dict(reversed(document.items()))).encode()
    broken = canonical({**document, "payload": document["payload"] + "\n"})
    for other in (twice, spaced, reordered, broken):
        assert other != outer
        assert detected(write_archive({**files, OUTER: other}), made)


def test_base64_has_one_form(made: Papers, files: dict[str, bytes]) -> None:
    document = json.loads(files[OUTER])
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    sig = document["signatures"][0]["sig"]
    for text in (sig + "\n", " " + sig, sig.replace("+", "-").replace("/", "_") + "=", sig.rstrip("=") + "===="):
        document["signatures"][0]["sig"] = text
        assert detected(write_archive({**files, OUTER: canonical(document)}), made), text
    if sig.endswith("="):
        last = alphabet.index(sig.rstrip("=")[-1])
        document["signatures"][0]["sig"] = sig.rstrip("=")[:-1] + alphabet[last ^ 1] + "=" * sig.count("=")
        assert detected(write_archive({**files, OUTER: canonical(document)}), made)


def test_the_other_value_of_s_is_no_second_form(made: Papers, files: dict[str, bytes]) -> None:
    envelope = read_envelope(files[OUTER])
    r, s = utils.decode_dss_signature(envelope.signatures[0].sig)
    twin = Signature(utils.encode_dss_signature(r, ORDERS["P-384"] - s), envelope.signatures[0].keyid)
    other = Envelope(envelope.payload, envelope.payload_type, (twin,))
    assert made.signer.key.public.verifies(other.message, twin.sig)  # valid by itself
    assert detected(write_archive({**files, OUTER: other.to_bytes()}), made)


def test_a_type_that_was_changed_and_a_second_signature_that_is_bad(made: Papers, files: dict[str, bytes]) -> None:
    for name in (n for n in files if n.endswith(".dsse.json")):
        envelope = read_envelope(files[name])
        other = Envelope(envelope.payload, "application/json", envelope.signatures)
        assert detected(write_archive({**files, name: other.to_bytes()}), made)
        bad = Signature(made.signer.key.sign(b"something else"), made.signer.key.public.id)
        both = Envelope(envelope.payload, envelope.payload_type, (*envelope.signatures, bad))
        assert detected(write_archive({**files, name: both.to_bytes()}), made)
    outer = read_envelope(files[OUTER])
    stranger = Envelope(outer.payload, outer.payload_type, (*outer.signatures, Signature(b"junk", "somebody")))
    assert outcome(write_archive({**files, OUTER: stranger.to_bytes()}), trust_in([made.public])) != Verdict.VERIFIED


def test_another_key_does_not_verify(made: Papers, tmp_path: Path) -> None:
    _, public = key_files(tmp_path)
    assert outcome(made.bundle.read_bytes(), trust_in([public])) == Verdict.FAILED


def test_nothing_of_another_bundle_fits_in(made: Papers, files: dict[str, bytes], tmp_path: Path) -> None:
    private = made.signer.path
    other = papers(tmp_path, "permuted")
    signer = credentials(private)  # the same signer, of another model
    again = attest(signer, str(other.model), str(other.bom), [str(other.scan)], "", other.index, bundle=True)
    assert again.bundle is not None
    theirs = read_archive(again.bundle, "other")
    assert outcome(again.bundle, trust_in([made.public])) == Verdict.VERIFIED
    for name in set(files) & set(theirs):
        if files[name] != theirs[name]:
            assert detected(write_archive({**files, name: theirs[name]}), made), name
            assert detected(write_archive({**theirs, name: files[name]}), made), name
    envelopes = {n: d for n, d in theirs.items() if n.endswith(".dsse.json")}
    assert detected(write_archive({**files, **envelopes}), made)


def test_a_signer_cannot_bundle_what_does_not_belong_together(made: Papers, files: dict[str, bytes]) -> None:
    """Signed anew, by the right key, around papers that contradict one another."""
    statement = read_statement(read_envelope(files[OUTER]).payload)
    model = tuple(s for s in statement.subjects if s.of != DOCUMENT)
    inner = {n: d for n, d in files.items() if n not in (OUTER, "SHA256SUMS", "README.md")}

    def bundled(files: dict[str, bytes], subjects: tuple[Subject, ...] = model) -> str:
        raw = write_bundle(Contents("m", subjects, files), made.signer.key)
        return outcome(raw, trust_in([made.public]))

    assert bundled(inner) == Verdict.VERIFIED
    elsewhere = tuple(Subject(s.name, "ab" * 32, s.of) for s in model)
    assert bundled(inner, elsewhere) == Verdict.FAILED  # statements about another model
    scan = json.loads(inner["results/scan.json"])
    scan["ancestors"][0]["evidence"][0]["log10_p"] = -12.5
    assert bundled({**inner, "results/scan.json": canonical(scan)}) == Verdict.FAILED
    bom = {**json.loads(inner["bom.json"]), "version": 2}
    assert bundled({**inner, "bom.json": canonical(bom)}) == Verdict.FAILED
    assert bundled({n: d for n, d in inner.items() if n != "results/scan.json"}) == Verdict.FAILED
    other = Statement((Subject("x", "ab" * 32),), "https://example.org/other", {})
    envelope = sign(other.to_bytes(), made.signer.key).to_bytes()
    assert bundled({**inner, "attestations/bom.dsse.json": envelope}) == Verdict.FAILED


def test_statements_about_other_things_are_no_bundles(made: Papers) -> None:
    other = Statement((Subject("x", "ab" * 32),), "https://example.org/other", {})
    raw = write_archive({OUTER: sign(other.to_bytes(), made.signer.key).to_bytes()})
    assert outcome(raw, trust_in([made.public])) == Verdict.FAILED
    with pytest.raises(FormatError, match="no evidence bundle"):
        verify_bundle(write_archive({"a": b""}), trust_in([made.public]), "x")


def test_certificates_have_to_hold_at_the_stated_time(made: Papers, tmp_path: Path) -> None:
    key: Any = load_pem_private_key(made.signer.path.read_bytes(), None)
    authority = ec.generate_private_key(ec.SECP256R1())
    root = certificate(authority, "root", authority=True, days=(-2000, 4000))
    own = certificate(key, "signer", (authority, root))
    contents = Contents("m", (), {"bom.json": made.bom.read_bytes()})
    raw = write_bundle(contents, made.signer.key, der(own, root))
    (tmp_path / "root.pem").write_bytes(pem(root))

    def at(moment: str) -> str:
        return outcome(raw, trust_in((), [tmp_path / "root.pem"], moment))

    assert at(NOW.isoformat()) == Verdict.VERIFIED
    assert at("2028-01-01T00:00:00Z") == at("2020-01-01") == Verdict.FAILED
    files = read_archive(raw, "x")
    envelope = read_envelope(files[OUTER])
    shorter = Envelope(envelope.payload, envelope.payload_type, envelope.signatures, envelope.chain[:1])
    trust = trust_in((), [tmp_path / "root.pem"], NOW.isoformat())
    assert outcome(write_archive({**files, OUTER: shorter.to_bytes()}), trust) == Verdict.FAILED


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    1e308,
    "",
    "x",
    "\x1b[31m",
    "9" * 400,
    [],
    [1],
    ["a"],
    {},
    {"a": 1},
    [[]],
    [None],
)
"""Values that may stand anywhere."""


def nodes(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of everything in a document, branches too."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(item, (*path, key))


def spoilt(document: Any, rng: random.Random) -> bytes:
    """A document in which one to three things are something else, or not there."""
    copied = json.loads(json.dumps(document))
    for _ in range(rng.randint(1, 3)):
        path = rng.choice([*nodes(copied), ()])
        at = copied
        for key in path[:-1]:
            at = at[key]
        if path and isinstance(at, dict) and rng.random() < 0.2:
            del at[path[-1]]
        elif path:
            at[path[-1]] = json.loads(json.dumps(rng.choice(ODD)))
    return canonical(copied)


@pytest.mark.parametrize("seed", range(4))
def test_a_hostile_signer_can_make_it_fail_and_not_crash(seed: int, made: Papers, files: dict[str, bytes]) -> None:
    """Anything may stand in a file that was signed by somebody who is trusted."""
    inner = {n: d for n, d in files.items() if n not in (OUTER, "SHA256SUMS", "README.md")}
    rng, trust, model = random.Random(seed), trust_in([made.public]), (Subject("m", "ab" * 32, MANIFEST),)
    for _ in range(60):
        changed = dict(inner)
        for name in rng.sample(sorted(set(inner) - {"bom.json"}), 2):
            document = json.loads(inner[name])
            if "payload" in document and rng.random() < 0.7:  # inside of the statement, signed anew
                payload = spoilt(json.loads(read_envelope(inner[name]).payload), rng)
                changed[name] = sign(payload, made.signer.key).to_bytes()
            else:
                changed[name] = spoilt(document, rng)
        assert outcome(write_bundle(Contents("m", model, changed), made.signer.key), trust) in ("refused", "failed")
