"""The words of SPDX 3.0.1 that the record's own words have counterparts for, and how small values are put into them.

Every table is read in both directions. A value that has no counterpart is not forced into one: the writer leaves it to
an annotation (:mod:`~forebear.bom.spdx.statements`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from forebear.bom.licences import spdx_id
from forebear.bom.schemas import load
from forebear.bom.training import DatasetRole, EnergyActivity, InputKind, Presence, StageKind

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
TERMS = "https://spdx.org/rdf/3.0.1/terms/"
OURS = "https://forebear.dev/spdx/"
"""Under it are the ids of the elements that Forebear writes; what follows is a digest of the record."""
BUILDS = "https://forebear.dev/build/"
"""``buildType`` of a training stage: this, and its kind."""
NO_LICENCE = f"{TERMS}ExpandedLicensing/NoneLicense"
NO_ASSERTION = f"{TERMS}ExpandedLicensing/NoAssertionLicense"
UNSTATED = frozenset(
    {
        NO_ASSERTION,
        f"{TERMS}ExpandedLicensing/NoAssertion",
        f"{TERMS}Licensing/NoAssertion",
        f"{TERMS}Core/NoAssertionElement",
        "expandedlicensing_NoAssertionLicense",
        "NoAssertionElement",
    }
)
"""Individuals that say that nothing is said."""
LISTED = re.compile(r"https?://spdx\.org/licenses/([A-Za-z0-9.+-]{1,100})")

MODEL = "ai_AIPackage"
DATASET = "dataset_DatasetPackage"
FILE = "software_File"
PACKAGE = "software_Package"
BUILD = "build_Build"
EXPRESSION = "simplelicensing_LicenseExpression"
AGENTS = frozenset({"Organization", "Person", "Agent", "SoftwareAgent"})
RELATIONSHIPS = frozenset({"Relationship", "LifecycleScopedRelationship"})


def _enumeration(name: str) -> frozenset[str]:
    return frozenset(load("spdx-3.0.1.schema.json")["$defs"][f"prop_{name}"]["enum"])


HASHES = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-224": "sha224",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
    "SHA3-224": "sha3_224",
    "SHA3-256": "sha3_256",
    "SHA3-384": "sha3_384",
    "SHA3-512": "sha3_512",
    "BLAKE2b-256": "blake2b256",
    "BLAKE2b-384": "blake2b384",
    "BLAKE2b-512": "blake2b512",
    "BLAKE3": "blake3",
    "MD2": "md2",
    "MD4": "md4",
    "MD6": "md6",
    "ADLER32": "adler32",
}
HASHES_BACK = {word: name for name, word in HASHES.items()}
LINKS = {
    "website": "altWebPage",
    "issue-tracker": "issueTracker",
    "mailing-list": "mailingList",
    "social": "socialMedia",
    "release-notes": "releaseNotes",
    "build-meta": "buildMeta",
    "build-system": "buildSystem",
    "source-distribution": "sourceArtifact",
    "distribution": "binaryArtifact",
    "risk-assessment": "riskAssessment",
    "adversary-model": "securityAdversaryModel",
    "threat-model": "securityThreatModel",
    "pentest-report": "securityPenTestReport",
    "advisories": "securityAdvisory",
    "exploitability-statement": "vulnerabilityExploitabilityAssessment",
    "quality-metrics": "qualityAssessmentReport",
    "certification-report": "certificationReport",
    "static-analysis-report": "staticAnalysisReport",
    "dynamic-analysis-report": "dynamicAnalysisReport",
    "runtime-analysis-report": "runtimeAnalysisReport",
    "component-analysis-report": "componentAnalysisReport",
    "attestation": "secureSoftwareAttestation",
}
LINKS_BACK = {word: kind for kind, word in LINKS.items()}
LINK_WORDS = _enumeration("ExternalRef_externalRefType")
PURPOSES = _enumeration("software_SoftwareArtifact_software_primaryPurpose")
ROLES = {
    "weights": "model",
    "config": "configuration",
    "code": "source",
    "tokenizer": "data",
    "card": "documentation",
    "licence": "documentation",
    "chat template": "specification",
}
"""Purpose of a file by its role; the first three name the role, the others need it in the file's summary."""
ROLES_BACK = {"model": "weights", "configuration": "config", "source": "code"}
ENERGY = {
    EnergyActivity.TRAINING: "ai_trainingEnergyConsumption",
    EnergyActivity.FINE_TUNING: "ai_finetuningEnergyConsumption",
    EnergyActivity.INFERENCE: "ai_inferenceEnergyConsumption",
}
USED = {
    DatasetRole.TRAINING: "trainedOn",
    DatasetRole.PRETRAINING: "trainedOn",
    DatasetRole.FINE_TUNING: "trainedOn",
    DatasetRole.PREFERENCE: "trainedOn",
    DatasetRole.REWARD: "trainedOn",
    DatasetRole.EVALUATION: "testedOn",
    DatasetRole.CALIBRATION: "other",
    DatasetRole.UNSPECIFIED: "other",
}
"""Which relationship says that a model has to do with a dataset; only the first of each kind reads back as it is."""
USED_BACK = {
    "trainedOn": DatasetRole.TRAINING,
    "testedOn": DatasetRole.EVALUATION,
    "other": DatasetRole.UNSPECIFIED,
}
INPUTS = {InputKind.DATASET: (DATASET, "data"), InputKind.CODE: (FILE, "source")}
"""Class of an input, and the purpose of a package that stands for a name; all other kinds are models."""
SENSITIVE = {"yes": Presence.YES, "no": Presence.UNKNOWN, "noAssertion": Presence.UNKNOWN}
"""No *sensitive* personal information may still be personal information."""
STAGES = {kind: BUILDS + kind.value for kind in StageKind}
STAGES_BACK = {uri: kind for kind, uri in STAGES.items()}
UNDATED = "1970-01-01T00:00:00Z"
"""Stands where the standard wants a time and nobody stated one; a comment says so."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20\x7f-\uffff\U00010000-\U0010ffff]+")
_OPERATORS = frozenset({"AND", "OR", "WITH"})
_REFERENCE = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?(LicenseRef|AdditionRef)-[A-Za-z0-9.-]+")
_NUMBER = re.compile(r"\d{1,400}(\.\d{1,2000})?(e[+-]?\d{1,3})?", re.ASCII)
_DEPTH = 50


def family(key: str) -> str:
    """What ids in one document of ours have in common, "" for those of others."""
    return key.partition("#")[0] if key.startswith(OURS) else ""


def instant(text: str, dates: bool = False) -> str:
    """A time as SPDX writes it (UTC, seconds), "" where the text is none.

    Args:
        text: RFC 3339, as somebody wrote it.
        dates: whether a mere date may stand for its first second.
    """
    try:
        if _DATE.fullmatch(text):
            return datetime.fromisoformat(text).strftime("%Y-%m-%dT00:00:00Z").zfill(20) if dates else ""
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            return ""
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
    except (ValueError, OverflowError):
        return ""


def is_instant(text: str) -> bool:
    """Whether a text is a time as SPDX writes it."""
    return _INSTANT.fullmatch(text) is not None and instant(text) == text


def is_uri(text: str) -> bool:
    """Whether a text is an absolute URI: printable ASCII with a scheme."""
    return _URI.fullmatch(text) is not None


def decimal(value: float) -> str:
    """A number without an exponent; reads back to the same float."""
    return format(Decimal(repr(float(value))), "f")


def number(text: str) -> float | None:
    """A number that is not negative, None where the text is none."""
    value = float(text) if _NUMBER.fullmatch(text) else None
    return value if value is not None and value < float("inf") else None


def expression(text: str) -> str:
    """A licence as an SPDX expression: the text itself if it is one, else a ``LicenseRef-`` made from its words.

    ``NONE`` stays what it is; ``NOASSERTION`` is "".
    """
    if text in ("NONE", "NOASSERTION"):
        return text if text == "NONE" else ""
    if is_expression(text):
        return text
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:100]
    return f"LicenseRef-{slug or 'unnamed'}"


def is_expression(text: str) -> bool:
    """Whether a text is an SPDX licence expression (annex B of SPDX 3.0.1) of listed licences and references."""
    depth, operand = 0, True
    for token in re.findall(r"[()]|[^\s()]+", text):
        if operand and token == "(":
            depth += 1
        elif not operand and token == ")":
            depth -= 1
        elif operand == (token in _OPERATORS) or (operand and not _is_licence(token)):
            return False
        elif operand or token in _OPERATORS:
            operand = not operand
        else:
            return False
        if not 0 <= depth <= _DEPTH:
            return False
    return depth == 0 and not operand


def _is_licence(token: str) -> bool:
    return _REFERENCE.fullmatch(token) is not None or spdx_id(token.removesuffix("+")) is not None


def conjunction(expressions: Iterable[str]) -> str:
    """All of several licences as one expression, each once; "" without any. With others, ``NONE`` means nothing."""
    distinct = [text for text in dict.fromkeys(expressions) if text]
    if len(distinct) > 1:
        distinct = [text for text in distinct if text != "NONE"]
    if len(distinct) < 2:
        return "".join(distinct)
    return " AND ".join(f"({part})" if " OR " in f" {part} " else part for part in distinct)
