"""Claims with what the evidence says to them, and findings as annotations.

A measurement that contradicts a claim is its ``counterEvidence``, and the claim a ``counterClaim`` of our attestation:
what is attested is the finding against it.
"""

from __future__ import annotations

import re

from forebear.bom.cyclonedx.properties import Fields
from forebear.bom.cyclonedx.terms import MODEL, is_time, without_empty
from forebear.bom.cyclonedx.tree import NAME, Node
from forebear.bom.record import ClaimRecord, FindingRecord, Status, Tool
from forebear.errors import one_line
from forebear.types import Json, Level

_FINDING = re.compile(r"\[(note|warning|error)\] (\S+): (.*?)(?: What would clear it: (.+))?")
_SUMMARIES = {
    Status.CONFIRMED: "Claims that the evidence confirms",
    Status.CONTRADICTED: "Claims that the evidence contradicts",
}


def declarations(claims: tuple[ClaimRecord, ...], tool: Tool) -> Json:
    """Claims, evidence, and an attestation on those that were settled; empty without claims."""
    if not claims:
        return {}
    listed, evidence = [], []
    for number, claim in enumerate(claims, 1):
        refs = [f"evidence/{number}/{k}" for k in range(1, len(claim.evidence) + 1)]
        for ref, each in zip(refs, claim.evidence, strict=True):
            evidence.append({"bom-ref": ref, "propertyName": each.signal, "description": each.summary})
        side = "counterEvidence" if claim.status is Status.CONTRADICTED else "evidence"
        native = {"bom-ref": f"claim/{number}", "target": MODEL, "predicate": claim.claim, "reasoning": claim.why}
        listed.append(without_empty({**native, side: refs}))
    attestations = [
        {"summary": summary, "assessor": "assessor", "map": [{_side(status): refs}]}
        for status, summary in _SUMMARIES.items()
        if (refs := [f"claim/{k}" for k, claim in enumerate(claims, 1) if claim.status is status])
    ]
    assessor = {"bom-ref": "assessor", "organization": {"name": tool.name}}
    return without_empty(
        {
            "assessors": [assessor] if attestations else [],
            "attestations": attestations,
            "claims": listed,
            "evidence": evidence,
        }
    )


def _side(status: Status) -> str:
    return "counterClaims" if status is Status.CONTRADICTED else "claims"


def claims_of(document: Node) -> list[Fields]:
    """The claims of a document."""
    place = document.child("declarations")
    if place is None:
        return []
    entries = {e.value.get("bom-ref"): e for e in place.children("evidence") if isinstance(e.value.get("bom-ref"), str)}
    return [_claim(node, entries) for node in place.children("claims")]


def _claim(node: Node, entries: dict[object, Node]) -> Fields:
    """Of a claim with evidence on both sides, that against it stays unread: it is not ours to weigh."""
    against = bool(node.items("counterEvidence")) and not node.items("evidence")
    refs = node.items("counterEvidence" if against else "evidence")
    evidence = []
    for number, ref in enumerate(refs):
        entry = entries.get(ref) if isinstance(ref, str) else None
        if entry is not None:
            node.trail.see(refs, number)
            evidence.append({"signal": entry.text("propertyName", NAME), "summary": entry.text("description")})
    return {
        "claim": node.text("predicate"),
        "why": node.text("reasoning"),
        "status": Status.CONTRADICTED if against else Status.UNVERIFIED,
        "evidence": evidence,
    }


def remarks(findings: tuple[FindingRecord, ...], created: str, tool: Tool) -> list[Json]:
    """Findings as remarks by the tool; none without a time, which an annotation must have."""
    if not is_time(created):
        return []
    annotator = {"type": "application", "name": tool.name, "version": tool.version}
    return [
        {
            "bom-ref": f"finding/{number}",
            "subjects": [MODEL],
            "annotator": {"component": dict(annotator)},
            "timestamp": created,
            "text": f"[{f.level}] {f.id}: {f.message}" + (f" What would clear it: {f.clears}" if f.clears else ""),
        }
        for number, f in enumerate(findings, 1)
    ]


def findings_of(document: Node) -> list[FindingRecord]:
    """Annotations that are findings in our words; those of others stay what they are."""
    found = []
    for node in document.children("annotations"):
        text = node.value.get("text")
        match = _FINDING.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            continue
        level, name, message, clears = (one_line(part or "", 2_000) for part in match.groups())
        finding = FindingRecord(id=name, level=Level(level), message=message, clears=clears)
        if (finding.id, finding.message, finding.clears) == (match[2], match[3], match[4] or ""):
            node.see("text")
        found.append(finding)
    return found
