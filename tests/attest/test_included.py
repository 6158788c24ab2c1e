"""A vendor's own envelope in a bundle: as it is, verified with the vendor's key, told as theirs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evidence_bundles import DEMO, Papers, papers
from forebear.attest.archive import read_archive
from forebear.attest.bundle import verify_bundle
from forebear.attest.documents import sha256
from forebear.attest.dsse import sign
from forebear.attest.statements import Statement, Subject
from forebear.attest.trust import Trust, trust_in, verdict
from forebear.bom.checks import CheckStatus
from forebear.errors import InputError, UsageError
from forebear.inspect.attest import attest
from forebear.inspect.sign import Credentials, credentials
from forebear.inspect.verify_signature import verify_signature
from signers import bill, key_files

PATH = "included/statement-1.dsse.json"
SLSA = "https://slsa.dev/provenance/v1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    return papers(tmp_path_factory.mktemp("papers"))


@pytest.fixture(scope="module")
def vendor(made: Papers) -> tuple[Credentials, Path]:
    private, public = key_files(made.bundle.parent / "vendor")
    return credentials(private), public


def theirs(vendor: tuple[Credentials, Path], digest: str, folder: Path) -> Path:
    """What a vendor's build signed about one file, as other programs write it."""
    statement = Statement((Subject("model.safetensors", digest),), SLSA, {"buildDefinition": {}})
    path = folder / "vendor.dsse.json"
    path.write_bytes(sign(statement.to_bytes(), vendor[0].key).to_bytes())
    return path


@pytest.fixture(scope="module")
def bundle(made: Papers, vendor: tuple[Credentials, Path]) -> bytes:
    envelope = theirs(vendor, sha256((made.model / "model.safetensors").read_bytes()), made.bundle.parent)
    found = attest(made.signer, str(made.model), str(made.bom), bundle=True, include=[str(envelope)])
    assert found.bundle is not None and found.to_json()["included"] == [str(envelope)]
    assert read_archive(found.bundle, "x")[PATH] == envelope.read_bytes()
    return found.bundle


def states(raw: bytes, trust: Trust) -> tuple[str, dict[str, str]]:
    found = verify_bundle(raw, trust, "bundle")
    return verdict(found.checks, found.signers), {c.id: c.status.value for c in found.checks if c.id.startswith(PATH)}


def test_it_is_verified_with_the_vendors_key_and_open_without(
    bundle: bytes, made: Papers, vendor: tuple[Credentials, Path]
) -> None:
    both = trust_in([made.public, vendor[1]])
    assert states(bundle, both) == ("verified", {PATH: "pass", f"{PATH}/subject": "pass"})
    alone = states(bundle, trust_in([made.public]))
    assert alone == ("inconclusive", {PATH: "unknown", f"{PATH}/subject": "pass"})
    (line,) = (line for line in verify_bundle(bundle, both, "b").says if SLSA in line)
    assert line.startswith("said by key ") and "not by who made this bundle" in line
    assert not any(SLSA in line for line in verify_bundle(bundle, trust_in([made.public]), "b").says)


def test_it_is_held_against_the_model(
    bundle: bytes, made: Papers, vendor: tuple[Credentials, Path], tmp_path: Path
) -> None:
    path = tmp_path / "bundle.zip"
    path.write_bytes(bundle)
    keys = [made.public, vendor[1]]
    assert verify_signature(str(path), str(made.model), keys=keys).verdict == "verified"
    assert verify_signature(str(path), str(DEMO / "twin"), keys=keys).verdict == "failed"


def test_an_altered_one_fails(made: Papers, vendor: tuple[Credentials, Path], tmp_path: Path) -> None:
    path = theirs(vendor, sha256((made.model / "model.safetensors").read_bytes()), tmp_path)
    data = json.loads(path.read_bytes())
    sig = data["signatures"][0]["sig"]
    data["signatures"][0]["sig"] = ("B" if sig[0] != "B" else "A") + sig[1:]
    path.write_text(json.dumps(data))
    found = attest(made.signer, str(made.model), str(made.bom), bundle=True, include=[str(path)])
    assert found.bundle is not None
    outcome, checks = states(found.bundle, trust_in([made.public, vendor[1]]))
    assert (outcome, checks[PATH]) == ("failed", "fail")


def test_what_is_about_other_bytes_or_no_envelope_is_not_taken_in(
    made: Papers, vendor: tuple[Credentials, Path], tmp_path: Path
) -> None:
    other = theirs(vendor, "ab" * 32, tmp_path)
    with pytest.raises(InputError, match="about other files and documents"):
        attest(made.signer, str(made.model), str(made.bom), bundle=True, include=[str(other)])
    with pytest.raises(InputError):
        attest(made.signer, str(made.model), str(made.bom), bundle=True, include=[str(made.bom)])
    with pytest.raises(UsageError, match="--include is about a bundle"):
        attest(made.signer, str(made.model), str(made.bom), include=[str(other)])


def test_a_document_of_the_bundle_will_do(made: Papers, vendor: tuple[Credentials, Path], tmp_path: Path) -> None:
    """A vendor's signature over the very bill that goes into the bundle, with no model at hand."""
    path = bill(tmp_path / "bom.json")
    envelope = theirs(vendor, sha256(path.read_bytes()), tmp_path)
    found = attest(made.signer, bom=str(path), bundle=True, include=[str(envelope)])
    assert found.bundle is not None
    assert states(found.bundle, trust_in([made.public, vendor[1]]))[0] == "verified"
    assert CheckStatus.FAIL.value not in states(found.bundle, Trust())[1].values()
