"""Evidence bundles: everything that a third party needs to check a model's papers offline, in one signed zip file.

| file | holds |
| --- | --- |
| ``bundle.dsse.json`` | the statement that is signed: every other file with its SHA-256, and the model's digests |
| ``bom.json`` | the bill of materials |
| ``results/*.json`` | results of scan, compare, probe, policy check, bom verify |
| ``fingerprints/*.json`` | sign codes of the model and of the references that the results name |
| ``attestations/*.dsse.json`` | one envelope for the bill and for each result |
| ``included/*.dsse.json`` | envelopes of others, as they are |
| ``model.sig`` | the signature of the model's files (OMS) |
| ``SHA256SUMS``, ``README.md`` | for people: ``sha256sum -c SHA256SUMS`` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebear.artifacts.text import load_json
from forebear.attest.archive import read_archive, write_archive
from forebear.attest.bom import check_bom, check_document
from forebear.attest.documents import sha256
from forebear.attest.dsse import Envelope, read_envelope, sign
from forebear.attest.fingerprints import Mark, from_document
from forebear.attest.included import INCLUDED, verify_included
from forebear.attest.keys import PrivateKey
from forebear.attest.lineage import SOURCES
from forebear.attest.oms import SIGNATURE, read_manifest
from forebear.attest.replay import Replay, retest
from forebear.attest.statements import BOMS, BUNDLED, DOCUMENT, MANIFEST, ROOT, Statement, Subject, read_statement, says
from forebear.attest.trust import Signed, Signer, Trust, signed
from forebear.bom.checks import Check, CheckStatus
from forebear.errors import FormatError, one_line
from forebear.types import Json, created
from forebear.version import __version__

OUTER, SUMS, README, BOM = "bundle.dsse.json", "SHA256SUMS", "README.md", "bom.json"
RESULTS, FINGERPRINTS, ATTESTATIONS = "results/", "fingerprints/", "attestations/"
OWN = f"{FINGERPRINTS}model.json"


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle, as bytes by name, and what it is about.

    Attributes:
        name: of the model.
        model: subjects that stand for it.
        files: see the module's table; without the statement, the sums and the README.
        parts: single files of the model that an included statement is about.
    """

    name: str
    model: tuple[Subject, ...]
    files: Mapping[str, bytes]
    parts: tuple[Subject, ...] = ()


@dataclass(frozen=True)
class Verified:
    """What verifying a bundle gives, beside the checks of its files against a model.

    Attributes:
        statement: the outer one.
        checks, signers: of all signatures and bindings.
        replay: of its lineage results.
        model_signature: as in the bundle, None where it has none.
        mark: its fingerprint of the model, None where it has none.
        says: what its statements assert, where all their signatures are valid.
    """

    statement: Statement
    checks: tuple[Check, ...]
    signers: tuple[Signer, ...]
    replay: Replay
    model_signature: Envelope | None
    mark: Mark | None
    says: tuple[str, ...] = ()


def write_bundle(contents: Contents, key: PrivateKey, chain: tuple[bytes, ...] = ()) -> bytes:
    """A signed bundle; equal contents give equal bytes, where signatures are deterministic.

    Raises:
        UsageError: it is too large, or a name is not of the form that is read.
    """
    files = dict(contents.files)
    files[README] = _readme(contents).encode()
    files[SUMS] = "".join(f"{sha256(files[n])}  {n}\n" for n in sorted(files)).encode()
    subjects = (*contents.model, *contents.parts, *(Subject(n, sha256(files[n]), DOCUMENT) for n in sorted(files)))
    predicate = {
        "model": contents.name,
        "created": created(),
        "files": len(files),
        "chain": [sha256(der) for der in chain],
        "tool": {"name": "forebear", "version": __version__},
    }
    files[OUTER] = sign(Statement(subjects, BUNDLED, predicate).to_bytes(), key, chain=chain).to_bytes()
    return write_archive(files)


def verify_bundle(raw: bytes, trust: Trust, name: str) -> Verified:
    """Everything in a bundle that can be checked without the model.

    Raises:
        FormatError: it is no bundle.
    """
    files = read_archive(raw, name)
    if OUTER not in files:
        raise FormatError(name, f"no evidence bundle: {OUTER} is not in it")
    envelope = read_envelope(files[OUTER], OUTER)
    statement = read_statement(envelope.payload, OUTER)
    outer = signed(envelope, trust, "bundle/signature")
    checks = [*outer.checks, *_form(files[OUTER], envelope, statement, outer), *_listed(files, statement)]
    signers = list(outer.signers)
    if any(c.status is CheckStatus.FAIL for c in checks):  # of an altered bundle nothing else is worth a look
        return Verified(statement, tuple(checks), tuple(signers), Replay(), None, None)
    for path in sorted(n for n in files if n.startswith(ATTESTATIONS)):
        inner = _attestation(path, files, statement, trust)
        checks += inner.checks
        signers += inner.signers
    theirs: list[str] = []
    open_ones: list[Check] = []
    for path in sorted(n for n in files if n.startswith(INCLUDED)):
        other = verify_included(path, files[path], statement, trust)
        open_ones += other.checks
        signers += other.signers
        theirs += other.says
    signature = None
    if SIGNATURE in files:
        signature = read_envelope(files[SIGNATURE], SIGNATURE)
        own = signed(signature, trust, SIGNATURE)
        root = read_manifest(signature).root
        bound = CheckStatus.PASS if root in statement.digests(ROOT) else CheckStatus.FAIL
        said = "is of the model that the bundle is about" if bound is CheckStatus.PASS else "is of another model"
        checks += [*own.checks, Check(f"{SIGNATURE}/subject", bound, f"The model signature {said}.")]
        signers += own.signers
    paths = sorted(n for n in files if n.startswith(FINGERPRINTS))
    read = {path: from_document(_document(files[path], path), path) for path in paths}
    marks = {mark.digest: mark for mark in read.values()}
    replays = [
        retest(document, marks, path)
        for path in sorted(n for n in files if n.startswith(RESULTS))
        if (document := _document(files[path], path)).get("schema") in SOURCES
    ]
    replay = Replay(
        tuple(c for r in replays for c in r.checks),
        tuple(dict.fromkeys(line for r in replays for line in r.recomputed)),
        tuple(dict.fromkeys(line for r in replays for line in r.believed)),
    )
    checks += replay.checks
    told: tuple[str, ...] = ()
    if outer.valid and all(c.status in (CheckStatus.PASS, CheckStatus.NOT_APPLICABLE) for c in checks):
        inner_ones = [files[n] for n in sorted(files) if n.startswith(ATTESTATIONS)]
        told = tuple(line for raw in inner_ones for line in says(read_statement(read_envelope(raw).payload)))
        told += tuple(theirs)
    checks += open_ones
    return Verified(statement, tuple(checks), tuple(dict.fromkeys(signers)), replay, signature, read.get(OWN), told)


def _form(raw: bytes, envelope: Envelope, statement: Statement, outer: Signed) -> Iterator[Check]:
    """The outer envelope is the only file that no other vouches for, so it may have no second spelling."""
    key = outer.signers[0].key if outer.valid else None
    if key is None or len(envelope.signatures) != 1:
        return
    signature = envelope.signatures[0]
    chain = [sha256(der) for der in envelope.chain]
    plain = signature.keyid == key.id and key.plain(signature.sig) and statement.predicate.get("chain") == chain
    if not plain or envelope.to_bytes() != raw:
        why = f"{OUTER} is not as it was written, although its signature is valid."
        yield Check("bundle/form", CheckStatus.FAIL, why)


def _listed(files: Mapping[str, bytes], statement: Statement) -> Iterator[Check]:
    """Every file is listed with its digest, and every listed file is there."""
    if statement.predicate_type != BUNDLED:
        kind = one_line(statement.predicate_type, 80)
        yield Check("bundle/files", CheckStatus.FAIL, f"The signed statement is not about a bundle ({kind}).")
        return
    listed = {s.name: s.sha256 for s in statement.subjects if s.of == DOCUMENT}
    wrong = 0
    for path in sorted(set(files) - {OUTER} | set(listed)):
        if path not in files:
            why = "is missing"
        elif path not in listed:
            why = "is not among the files that were signed"
        elif sha256(files[path]) != listed[path]:
            why = "is not as it was signed"
        else:
            continue
        wrong += 1
        yield Check(f"bundle/files/{path}", CheckStatus.FAIL, f"{path} {why}.")
    if not wrong:
        yield Check("bundle/files", CheckStatus.PASS, f"All {len(listed):,} files are as they were signed.")


def _attestation(path: str, files: Mapping[str, bytes], outer: Statement, trust: Trust) -> Signed:
    """One envelope: its signature, the document that it is about, and the model that it is about."""
    try:
        envelope = read_envelope(files[path], path)
        statement = read_statement(envelope.payload, path)
    except FormatError as error:
        return Signed((Check(path, CheckStatus.FAIL, f"{error}."),))
    own = signed(envelope, trust, path)
    stem = path.removeprefix(ATTESTATIONS).removesuffix(".dsse.json")
    about = BOM if stem == "bom" else f"{RESULTS}{stem}.json"
    checks: list[Check] = [*own.checks]
    if about not in files:
        checks.append(Check(f"{path}/subject", CheckStatus.FAIL, f"{about}, which it is about, is not in the bundle."))
    elif statement.predicate_type in BOMS or about == BOM:
        checks += check_bom(files[about], statement, path)
    else:
        checks.append(check_document(files[about], statement, path))
    ours = {d for of in (MANIFEST, ROOT) for d in statement.digests(of)}
    theirs = {d for of in (MANIFEST, ROOT) for d in outer.digests(of)}
    if not ours <= theirs:
        checks.append(Check(f"{path}/model", CheckStatus.FAIL, f"{path} is about another model than the bundle."))
    return Signed(tuple(checks), own.signers)


def _document(raw: bytes, name: str) -> Json:
    data: Any = load_json(raw, name)
    if not isinstance(data, dict):
        raise FormatError(name, "no JSON object")
    return data


def _readme(contents: Contents) -> str:
    lines = "".join(f"- `{name}`\n" for name in sorted(contents.files))
    digests: Sequence[str] = [f"- {s.of}: sha256 `{s.sha256}`\n" for s in contents.model]
    return (
        f"# Evidence about {one_line(contents.name, 200)}\n\n"
        f"Written by forebear {__version__}. To check it, offline, with the signer's public key:\n\n"
        "    forebear verify bundle.zip --key signer.pub\n"
        "    forebear verify bundle.zip path/to/the/model --key signer.pub\n\n"
        "The second line holds the model's files against it, too. Without forebear: `sha256sum -c SHA256SUMS`.\n\n"
        "A signature says who vouches for these files, and that nobody altered them since. It does not say that they\n"
        "are right.\n\n"
        f"## The model\n\n{''.join(digests) or 'No files: the model was not at hand.'}\n## Files\n\n{lines}"
    )
