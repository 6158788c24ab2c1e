"""in-toto statements (v1): what is signed about which bytes, and the predicates that are written here.

| about | predicate |
| --- | --- |
| a bill of materials | ``https://cyclonedx.org/bom`` or ``https://spdx.dev/Document``: the bill itself |
| a scan or a comparison | ``https://forebear.dev/lineage/v1`` (docs/signing/lineage-v1.md) |
| a verification or decision | ``https://in-toto.io/attestation/svr/v0.2`` (Simple Verification Result) |
| a bundle | ``https://forebear.dev/bundle/v1``: its files are the subjects |
| an exchange file of an index | ``https://forebear.dev/index/v1``: all before the signature is the subject |
| an evidence pack of a watch | ``https://forebear.dev/watch/v1``: its files are the subjects |
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forebear.attest.documents import canonical, load_object, sha256
from forebear.bom.formats import format_of
from forebear.errors import FormatError, UsageError, one_line
from forebear.types import Json
from forebear.version import __version__

TYPE = "https://in-toto.io/Statement/v1"
CYCLONEDX = "https://cyclonedx.org/bom"
SPDX = "https://spdx.dev/Document"
BOMS = (CYCLONEDX, SPDX, f"{SPDX}/v3")
SVR = "https://in-toto.io/attestation/svr/v0.2"
LINEAGE = "https://forebear.dev/lineage/v1"
BUNDLED = "https://forebear.dev/bundle/v1"
EXCHANGED = "https://forebear.dev/index/v1"
PACKED = "https://forebear.dev/watch/v1"
MODEL = "https://model_signing/signature/v1.0"
VERIFIER = "https://forebear.dev"
MANIFEST, ROOT, DOCUMENT, FILE = "manifest", "oms-root", "document", "file"
"""What a subject's digest is of: the list of the model's files (``sha256sum``), the digests of a model signature in its
order, the bytes of a document, the bytes of a single file of the model."""
MAX_SUBJECTS = 100_000
_DIGEST = re.compile(r"[0-9a-f]{8,256}")


@dataclass(frozen=True)
class Subject:
    """Bytes that a statement is about.

    Attributes:
        name: for people; nothing is matched by it.
        sha256: hexadecimal.
        of: :data:`MANIFEST`, :data:`ROOT` or :data:`DOCUMENT`; "" where others wrote it.
    """

    name: str
    sha256: str
    of: str = ""

    def to_json(self) -> Json:
        """The in-toto resource descriptor."""
        return {
            "name": self.name,
            "digest": {"sha256": self.sha256},
            **({"annotations": {"digest_of": self.of}} if self.of else {}),
        }


@dataclass(frozen=True)
class Statement:
    """What is signed.

    Attributes:
        subjects: what it is about, those with a SHA-256.
        predicate_type: the kind of statement.
        predicate: the statement.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        """The payload to be signed."""
        return canonical(
            {
                "_type": TYPE,
                "subject": [s.to_json() for s in self.subjects],
                "predicateType": self.predicate_type,
                "predicate": self.predicate,
            }
        )

    def about(self, digest: str, of: str = "") -> bool:
        """Whether it is about bytes with this SHA-256 (of a kind, where one is named)."""
        return any(s.sha256 == digest and of in ("", s.of) for s in self.subjects)

    def digests(self, of: str) -> tuple[str, ...]:
        """The digests of a kind."""
        return tuple(s.sha256 for s in self.subjects if s.of == of)


def read_statement(payload: bytes, name: str = "statement") -> Statement:
    """A statement from the payload of an envelope.

    Raises:
        FormatError: it is no in-toto statement of version 1, or has no subject with a SHA-256.
    """
    data = load_object(payload, name, "statement")
    if data.get("_type") != TYPE:
        raise FormatError(name, f"no in-toto statement of version 1 ({one_line(str(data.get('_type')), 80)})")
    listed, kind, predicate = data.get("subject"), data.get("predicateType"), data.get("predicate")
    if not isinstance(listed, list) or not 0 < len(listed) <= MAX_SUBJECTS:
        raise FormatError(name, f"a statement has 1 to {MAX_SUBJECTS:,} subjects")
    if not isinstance(kind, str) or not isinstance(predicate, dict):
        raise FormatError(name, "a statement without predicateType or predicate")
    subjects = tuple(s for entry in listed if (s := _subject(entry, name)) is not None)
    if not subjects:
        raise FormatError(name, "no subject has a SHA-256")
    return Statement(subjects, kind, predicate)


def _subject(entry: Any, name: str) -> Subject | None:
    digests = entry.get("digest") if isinstance(entry, dict) else None
    if not isinstance(digests, dict) or not digests:
        raise FormatError(name, "a subject without a digest")
    if not all(isinstance(v, str) and _DIGEST.fullmatch(v) for v in digests.values()):
        raise FormatError(name, "a digest that is not lower-case hexadecimal")
    notes = entry.get("annotations")
    of = notes.get("digest_of") if isinstance(notes, dict) else ""
    digest = digests.get("sha256")
    return (
        Subject(one_line(str(entry.get("name", "")), 300), digest, of if isinstance(of, str) else "")
        if digest
        else None
    )


def bom_statement(raw: bytes, document: Mapping[str, Any], name: str, model: Sequence[Subject]) -> Statement:
    """A bill of materials, bound to its own bytes and to the model.

    Raises:
        InputError: it is no bill in a format that is read.
    """
    kind = SPDX if format_of(document).name.startswith("SPDX") else CYCLONEDX
    return Statement((*model, Subject(name, sha256(raw), DOCUMENT)), kind, document)


VERIFICATIONS = {
    "forebear.policy/1": ("decision", "POLICY"),
    "forebear.bom-verify/1": ("verdict", "BOM"),
    "forebear.probe/1": ("verdict", "PROBE"),
    "forebear.verify/1": ("verdict", "SIGNATURES"),
}
"""Results that become a Simple Verification Result: where the outcome stands, and what it is an outcome of."""


def svr_statement(raw: bytes, document: Mapping[str, Any], name: str, model: Sequence[Subject]) -> Statement:
    """A verification or a decision as a Simple Verification Result.

    Its property is the outcome itself (``FOREBEAR_POLICY_DENY``), so that a failure can be attested and never looks
    like a success to whoever asks for ``FOREBEAR_POLICY_PASS``.

    Raises:
        UsageError: the result is of another kind.
    """
    schema = document.get("schema")
    outcome_key, about = VERIFICATIONS.get(schema if isinstance(schema, str) else "", ("", ""))
    outcome = document.get(outcome_key)
    if not isinstance(outcome, str) or not re.fullmatch(r"[a-z_]{1,40}", outcome):
        known = ", ".join(sorted(VERIFICATIONS))
        raise UsageError(f"{name}: no result that can be attested", f"forebear.scan/1, forebear.compare/1, {known}")
    predicate = {
        "verifier": {"id": VERIFIER, "policies": _policies(document.get("policy"))},
        "timeCreated": str(document.get("created", "")),
        "properties": [f"FOREBEAR_{about}_{outcome.upper()}"],
        "forebear": {"result": {"schema": schema, "sha256": sha256(raw)}, "version": __version__},
    }
    return Statement((*model, Subject(name, sha256(raw), DOCUMENT)), SVR, predicate)


def _policies(policy: Any) -> list[Json]:
    """The policy as a resource descriptor; its digest is named as it is written."""
    if not isinstance(policy, Mapping):
        return []
    algorithm, _, value = str(policy.get("digest", "")).rpartition(":")
    name = f"{policy.get('name', '')}@{policy.get('version', '')}"
    return [{"name": name, **({"digest": {algorithm or "sha256": value}} if value else {})}]


def says(statement: Statement) -> tuple[str, ...]:
    """What a statement asserts, in a line each: a valid signature over a failure is still a failure."""
    predicate = statement.predicate
    if statement.predicate_type == SVR:
        listed = predicate.get("properties")
        return tuple(one_line(str(p), 100) for p in listed[:20]) if isinstance(listed, list) else ()
    if statement.predicate_type != LINEAGE:
        return ()
    ancestors = predicate.get("ancestors")
    names = [a.get("name") for a in ancestors if isinstance(a, dict)] if isinstance(ancestors, list) else []
    told = ", ".join(one_line(str(n), 100) for n in names[:5]) + (f" and {len(names) - 5:,} more" if names[5:] else "")
    verdict = one_line(str(predicate.get("verdict")), 60)
    return (f"lineage: {verdict}{f' (related to {told})' if told else ', no related model is named'}",)
