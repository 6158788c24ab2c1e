"""Findings as SARIF 2.1.0, for code scanning.

Format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html. The limits
are those of GitHub's code scanning, which takes 25,000 results of a run and cuts long texts.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from urllib.parse import quote

from forebear.catalogue import explanation, topics
from forebear.catalogue.explanations import Explanation
from forebear.errors import one_line
from forebear.report.subject import Place, Subject, fingerprint
from forebear.types import Finding, Json, created
from forebear.version import __version__

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_RESULTS = 25_000
MAX_MESSAGE = 1_000
"""Characters of any text."""
MAX_ARTIFACTS = 25_000
"""Models that are listed with their verdicts."""
MAX_RELATED = 100
"""Further places of a subject that a result lists."""
ROOT = "%SRCROOT%"
FINGERPRINT = "forebearFinding/v1"


def document(subjects: Iterable[Subject], root: str | None, problems: Iterable[str] = ()) -> Json:
    """One run with a result per finding; what could not be read becomes a notification of the run.

    A model that was scanned is among the artifacts of the run with its verdict, also where nothing was found: a result
    for one that is inconclusive would be an alert that nobody can close, and leaving it out looked like a pass.

    Args:
        subjects: what was checked.
        root: the absolute path that theirs are relative to; None where there is no folder on this machine.
        problems: what went wrong and belongs to no subject.
    """
    rules = [e for topic in topics() if (e := explanation(topic)) is not None and e.kind == "finding"]
    number = {rule.topic: k for k, rule in enumerate(rules)}
    results: list[Json] = []
    notes: list[Json] = [_notification(problem) for problem in problems]
    artifacts: list[Json] = []
    for subject in subjects:
        if subject.properties.get("verdict") and len(artifacts) < MAX_ARTIFACTS:
            artifacts.append(_artifact(subject))
        seen: Counter[str] = Counter()
        for finding in subject.findings:
            results.append(_result(subject, finding, number, seen[finding.id]))
            seen[finding.id] += 1
        notes += [_notification(problem, subject) for problem in subject.problems]
    if len(results) > MAX_RESULTS:
        order = ("error", "warning", "note")
        results.sort(key=lambda r: order.index(r["level"]))
        notes.append(_notification(f"{len(results) - MAX_RESULTS:,} results of the lowest levels were left out"))
        del results[MAX_RESULTS:]
    run: Json = {
        "tool": {
            "driver": {
                "name": "Forebear",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": [_rule(rule) for rule in rules],
            }
        },
        "invocations": [
            {
                "executionSuccessful": not notes,
                "endTimeUtc": created(),
                "toolExecutionNotifications": notes,
            }
        ],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    if artifacts:
        run["artifacts"] = artifacts
    if root is not None:
        folder = quote(os.fsencode(root).rstrip(b"/") + b"/")
        run["originalUriBaseIds"] = {ROOT: {"uri": f"file://{folder}"}}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(text: Explanation) -> Json:
    more = {"Does not say": text.does_not_say, "What clears it": text.settles}
    return {
        "id": text.topic,
        "name": "".join(part.capitalize() for part in text.topic.split("-")),
        "shortDescription": {"text": _cut(text.title)},
        "fullDescription": {"text": _cut(text.meaning)},
        "help": {
            "text": "\n\n".join((text.meaning, *(f"{k}: {v}" for k, v in more.items()))),
            "markdown": "\n\n".join((text.meaning, *(f"**{k}:** {v}" for k, v in more.items()))),
        },
        "defaultConfiguration": {"level": text.level},
        "properties": {"tags": ["model-provenance", "supply-chain"]},
    }


def _result(subject: Subject, finding: Finding, number: dict[str, int], earlier: int) -> Json:
    message = finding.message + (f" What clears it: {finding.clears}" if finding.clears else "")
    result: Json = {
        "ruleId": finding.id,
        "level": finding.level.value,
        "message": {"text": _cut(f"{subject.name}: {message}")},
        "locations": [_location(subject)],
        "partialFingerprints": {FINGERPRINT: fingerprint(subject, finding, earlier)},
        "properties": {**subject.properties, "evidence": [_cut(line) for line in finding.evidence]},
    }
    if subject.others:
        others = subject.others[:MAX_RELATED]
        result["relatedLocations"] = [{"id": k, "physicalLocation": _physical(p)} for k, p in enumerate(others, 1)]
    if finding.id in number:
        result["ruleIndex"] = number[finding.id]
    return result


def _artifact(subject: Subject) -> Json:
    """A model that was scanned: where it lies, and what was concluded."""
    verdict = str(subject.properties["verdict"]).replace("_", " ")
    return {
        "location": {"uri": _uri(subject.about), "uriBaseId": ROOT},
        "description": {"text": _cut(f"{subject.path}: {verdict}")},
        "properties": {**subject.properties, "model": _cut(subject.path)},
    }


def _location(subject: Subject) -> Json:
    return {
        "physicalLocation": _physical(subject.at or Place(subject.about)),
        "logicalLocations": [{"name": _cut(subject.name), "fullyQualifiedName": _cut(subject.path)}],
    }


def _physical(place: Place) -> Json:
    location: Json = {"artifactLocation": {"uri": _uri(place.path), "uriBaseId": ROOT}}
    if place.line:
        columns = {"startColumn": place.column, "endColumn": place.end_column} if place.column else {}
        location["region"] = {"startLine": place.line, **columns}
    return location


def _notification(problem: str, subject: Subject | None = None) -> Json:
    note: Json = {"level": "error", "message": {"text": _cut(problem)}}
    if subject is not None:
        note["locations"] = [_location(subject)]
    return note


def _uri(path: str) -> str:
    return quote(os.fsencode(path.removeprefix("./")))


def _cut(text: str) -> str:
    return one_line(text, MAX_MESSAGE)
