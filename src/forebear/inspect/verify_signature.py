"""Verify what somebody signed: a model's files, a statement, a bundle of evidence."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from forebear.attest.archive import MAX_BUNDLE
from forebear.attest.bom import check_bom, check_document
from forebear.attest.bundle import verify_bundle
from forebear.attest.documents import load_object, read_file
from forebear.attest.dsse import Envelope, is_envelope, read_envelope
from forebear.attest.fingerprints import Mark
from forebear.attest.keyless import check_keyless
from forebear.attest.oms import SIGNATURE, check_files, read_manifest
from forebear.attest.replay import Replay
from forebear.attest.statements import BOMS, FILE, MANIFEST, MODEL, Statement, read_statement, says
from forebear.attest.trust import Signer, Trust, signed, trust_in, verdict
from forebear.bom.checks import Check, CheckStatus
from forebear.catalogue import raise_finding
from forebear.errors import FormatError, InputError
from forebear.inspect.enrol import fingerprint
from forebear.inspect.subjects import files_of, local, manifest_of
from forebear.types import Finding, Json, head, to_json

Step = Callable[[str], None]
HASHES = ("files", "model", "fingerprint")
"""Beginnings of ids of checks whose failure is one of bytes and not of a signature."""


@dataclass(frozen=True)
class SignatureVerification:
    """What verifying gives.

    Attributes:
        file: what was verified.
        kind: ``model-signature``, ``attestation``, ``bundle`` or ``unsigned``.
        target: the model that it was held against, None for none.
        predicate: of the statement that was signed.
        checks: in the order in which they were made.
        signers: of valid signatures.
        replay: what of lineage results was computed again, and what is only believed.
        says: what was signed, in words, where its signatures are valid; empty for bills and model files.
    """

    file: str
    kind: str
    target: str | None
    predicate: str
    checks: tuple[Check, ...]
    signers: tuple[Signer, ...] = ()
    replay: Replay = field(default_factory=Replay)
    says: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``verified``, ``failed`` or ``inconclusive``."""
        return verdict(self.checks, self.signers)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """``signature-invalid``, ``file-hash-mismatch`` and ``claim-contradicted``, each with all the reasons."""
        failed = [c for c in self.checks if c.status is CheckStatus.FAIL]
        hashes = [c for c in failed if c.id.split("/")[0] in HASHES or c.id.startswith("bundle/files")]
        claims = [c for c in failed if c.id.startswith("lineage/")]
        others = [c for c in failed if c not in hashes and c not in claims]
        out = []
        kinds = (("signature-invalid", others), ("file-hash-mismatch", hashes), ("claim-contradicted", claims))
        for identifier, wrong in kinds:
            if wrong:
                out.append(raise_finding(identifier, wrong[0].message, tuple(c.message for c in wrong)))
        return tuple(out)

    def to_json(self) -> Json:
        """The ``forebear.verify/1`` document."""
        return {
            **head("forebear.verify/1"),
            "file": self.file,
            "kind": self.kind,
            "target": self.target,
            "predicate": self.predicate,
            "verdict": self.verdict,
            "checks": [{"id": c.id, "status": c.status.value, "message": c.message} for c in self.checks],
            "says": list(self.says),
            "signers": [s.to_json() for s in self.signers],
            "recomputed": list(self.replay.recomputed),
            "believed": list(self.replay.believed),
            "findings": to_json(self.findings),
        }


def verify_signature(
    file: str,
    target: str = "",
    *,
    keys: Sequence[str | Path] = (),
    authorities: Sequence[str | Path] = (),
    document: str = "",
    at: str = "",
    identity: str = "",
    issuer: str = "",
    allow_extra: bool = False,
    follow_links: bool = False,
    on_step: Step = lambda _: None,
) -> SignatureVerification:
    """Verify a model signature, an attestation or a bundle, and what it is about where that is here.

    Args:
        file: ``model.sig``, a DSSE envelope, or ``bundle.zip``.
        target: the model's folder or file; "" checks signatures alone.
        keys, authorities, at, identity, issuer: see :func:`trust_in`.
        document: the bill or result that an attestation is about.
        allow_extra: files beside the signed ones are no failure of a model signature.
        follow_links: read what symbolic links in the model lead to.
        on_step: told what is being done.

    Raises:
        UsageError: a key, a certificate or the call is not usable.
        InputError: the file is none of the three, or is damaged.
    """
    trust = trust_in(keys, authorities, at, identity, issuer)
    raw = read_file(file, MAX_BUNDLE)
    on_step(f"verifying {file}")
    if raw[:2] == b"PK":
        return _bundle(file, raw, target, trust, follow_links, on_step)
    if not is_envelope(raw) and (why := _unsigned(raw)):
        return SignatureVerification(
            file, "unsigned", target or None, "", (Check("signature", CheckStatus.UNKNOWN, why),)
        )
    envelope = read_envelope(raw, file)
    statement = read_statement(envelope.payload, file)
    if statement.predicate_type == MODEL:
        return _model_signature(file, envelope, target, trust, allow_extra, follow_links, on_step)
    own = signed(envelope, trust)
    checks = [*own.checks]
    if document:
        content = read_file(document)
        bill = statement.predicate_type in BOMS
        checks += check_bom(content, statement) if bill else [check_document(content, statement)]
    if target:
        checks.append(_about(statement, target, (file, document), on_step))
    return SignatureVerification(
        file,
        "attestation",
        target or None,
        statement.predicate_type,
        tuple(checks),
        own.signers,
        says=says(statement) if own.valid else (),
    )


def _unsigned(raw: bytes) -> str:
    """Why a document of a known kind cannot be verified by itself; "" for anything else."""
    try:
        data = load_object(raw, "file")
    except FormatError:
        return ""
    if "signature" in data and "bomFormat" in data:
        return "Its enveloped signature (JSF) is of a kind that is not verified here; an envelope (DSSE) is."
    if str(data.get("schema", "")).startswith("forebear.") or "bomFormat" in data or "@graph" in data:
        return "It is not signed. Give the envelope, and the document with --document."
    return ""


def _model_signature(
    file: str, envelope: Envelope, target: str, trust: Trust, extra: bool, links: bool, on_step: Step
) -> SignatureVerification:
    manifest = read_manifest(envelope, file)
    if envelope.keyless and trust.identity and target:
        by_service = check_keyless(local(target), Path(file), trust.identity, trust.issuer)
        signers = (Signer(None, trust.identity),) if by_service.status is CheckStatus.PASS else ()
        return SignatureVerification(file, "model-signature", target, MODEL, (by_service,), signers)
    own = signed(envelope, trust)
    found = list(own.checks)
    if not target:
        found.append(Check("files", CheckStatus.UNKNOWN, "No model was given to hold its signature against."))
    elif not any(c.status is CheckStatus.FAIL for c in found):  # what a forger lists is not worth reading a model for
        path = local(target)
        on_step(f"hashing {path.name}")
        beside = [os.path.relpath(file, path)] if path.is_dir() else []
        found += check_files(manifest, path, [p for p in beside if not p.startswith("..")], extra, links)
    return SignatureVerification(file, "model-signature", target or None, MODEL, tuple(found), own.signers)


def _bundle(file: str, raw: bytes, target: str, trust: Trust, links: bool, on_step: Step) -> SignatureVerification:
    found = verify_bundle(raw, trust, file)
    checks, replay = list(found.checks), found.replay
    if target and not any(c.status is CheckStatus.FAIL for c in checks):
        checks.append(_about(found.statement, target, (file,), on_step))
        if found.model_signature is not None:
            on_step("holding files against the model signature")
            checks += check_files(read_manifest(found.model_signature), local(target), (SIGNATURE,), True, links)
        if found.mark is not None:
            again = _measured_again(target, found.mark, on_step)
            checks.append(again)
            replay = replay.measured() if again.status is CheckStatus.PASS else replay
    return SignatureVerification(
        file,
        "bundle",
        target or None,
        found.statement.predicate_type,
        tuple(checks),
        found.signers,
        replay,
        found.says,
    )


def _about(statement: Statement, target: str, beside: tuple[str, ...], on_step: Step) -> Check:
    """Whether a statement is about the files of a model."""
    digests = statement.digests(MANIFEST)
    files = files_of(target, [path for path in beside if path], on_step)
    own = manifest_of(files, "").sha256
    single = [f.sha256 for f in files if f.role == "weights"]
    if not {f.sha256 for f in files}.issuperset(statement.digests(FILE)):
        return Check("model", CheckStatus.FAIL, "A file that the statement counts among the model's is not there.")
    if own in digests:
        return Check("model", CheckStatus.PASS, "The statement is about these very files.")
    if not digests and len(single) == 1 and statement.about(single[0]):
        return Check("model", CheckStatus.PASS, "The statement is about this very file of weights.")
    if not digests:
        return Check(
            "model", CheckStatus.UNKNOWN, "The statement names no digest that these files could be held against."
        )
    return Check("model", CheckStatus.FAIL, "The statement is about other files: one was altered, added or left out.")


def _measured_again(target: str, mark: Mark, on_step: Step) -> Check:
    """Whether the code that came along is the code of these very weights."""
    on_step("reading slices")
    try:
        own = fingerprint(target)
    except InputError as error:
        return Check("fingerprint", CheckStatus.UNKNOWN, f"The weights could not be measured: {error.message}.")
    same = mark.digest == own.digest and mark.code.layers == own.code.layers and dict(mark.shape) == dict(own.shape)
    same = same and mark.code.valid.tobytes() == own.code.valid.tobytes()
    if same and mark.code.bits.tobytes() == (own.code.bits & own.code.valid).tobytes():
        return Check("fingerprint", CheckStatus.PASS, "The code of these weights, measured now, is the bundle's.")
    return Check("fingerprint", CheckStatus.FAIL, "The code of these weights, measured now, is not the bundle's.")
