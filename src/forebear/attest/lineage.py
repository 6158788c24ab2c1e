"""The lineage predicate, version 1: where a model comes from, by which test, and what was not tested.

Specified in docs/signing/lineage-v1.md and data/schemas/lineage-v1.json. It is made from a result of ``scan`` or
``compare`` and says no more than that does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forebear.attest.documents import sha256
from forebear.attest.statements import DOCUMENT, LINEAGE, Statement, Subject
from forebear.errors import FormatError
from forebear.types import Json
from forebear.version import __version__

SOURCES = ("forebear.scan/1", "forebear.compare/1")
RELATED = ("identical", "derived", "dependent", "siblings", "merge", "same_init_or_derived", "component_shared")
MOST = 1_000
"""Ancestors and gaps that are carried over; the result itself has the rest."""


def lineage_statement(
    raw: bytes, document: Mapping[str, Any], name: str, model: Sequence[Subject], index_digest: str | None = None
) -> Statement:
    """A scan or a comparison as a statement about the model and about the result's own bytes.

    Args:
        raw: the result's bytes.
        document: the same, read.
        name: of the result's file.
        model: subjects that stand for the model.
        index_digest: state of the index that was searched, None where it is not known.

    Raises:
        FormatError: the result lacks what it should have.
    """
    try:
        predicate = _predicate(raw, document, index_digest)
    except (KeyError, TypeError, AttributeError, IndexError):
        raise FormatError(name, "not a whole result of forebear scan or forebear compare") from None
    return Statement((*model, Subject(name, sha256(raw), DOCUMENT)), LINEAGE, predicate)


def _predicate(raw: bytes, document: Mapping[str, Any], index_digest: str | None) -> Json:
    scan = document["schema"] == "forebear.scan/1"
    subject = document["model"] if scan else document["b"]
    ancestors = [_ancestor(a) for a in document["ancestors"][:MOST]] if scan else _compared(document)
    tested = document["references_tested"] if scan else 1
    return {
        "subject": {"name": str(subject["name"]), "digest": _digest(subject.get("digest"))},
        "verdict": str(document["verdict"]),
        "related": document.get("related"),
        "why": str(document.get("why", "")),
        "ancestors": ancestors,
        "against": {
            "references": tested,
            "indexDigest": index_digest,
            "names": None if scan else [str(document["a"]["name"])],
        },
        "claims": [_claim(c) for c in document.get("claims", [])[:MOST]],
        "notTested": [_gap(u) for u in document["coverage"]["not_tested"][:MOST]],
        "result": {"schema": document["schema"], "created": str(document.get("created", "")), "sha256": sha256(raw)},
        "tool": {"name": "forebear", "version": str(document.get("forebear_version", __version__))},
    }


def _claim(claim: Mapping[str, Any]) -> Json:
    return {key: str(claim[key]) for key in ("claim", "source", "status", "why")}


def _gap(gap: Mapping[str, Any]) -> Json:
    return {key: str(gap[key]) for key in ("what", "why")}


def _compared(document: Mapping[str, Any]) -> list[Json]:
    """The one model of a comparison, where it is related."""
    if document["verdict"] not in RELATED:
        return []
    keys = ("verdict", "log10_p", "relation", "evidence")
    entry = {**document["a"], **{key: document[key] for key in keys}}
    return [_ancestor({**entry, "log10_e": document["log10_p"]})]


def _ancestor(entry: Mapping[str, Any]) -> Json:
    relation = entry["relation"]
    return {
        "name": str(entry["name"]),
        "digest": _digest(entry.get("digest")),
        "verdict": str(entry["verdict"]),
        "relation": {
            "kinds": [str(kind) for kind in relation["details"].get("kinds", [relation["kind"]])][:20],
            "direction": str(relation["direction"]),
            "confidence": relation["confidence"],
        },
        "log10P": entry["log10_p"],
        "log10E": entry["log10_e"],
        "tests": [_test(e) for e in entry["evidence"] if e["test"] != "none" and e["log10_p"] is not None][:20],
    }


def _test(evidence: Mapping[str, Any]) -> Json:
    details = evidence["details"]
    return {
        "signal": str(evidence["signal"]),
        "kind": str(evidence["test"]),
        "null": str(evidence["null"] or ""),
        "n": evidence["n"],
        "agree": details.get("agree"),
        "log10P": evidence["log10_p"],
        "trusted": details.get("trusted_model"),
        "conditions": [str(c) for c in details.get("conditions", [])][:20],
    }


def _digest(value: Any) -> Json | None:
    """What was read of a model, by the name of the method."""
    return {"slices/2": str(value)} if value else None
