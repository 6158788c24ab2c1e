"""GitLab's code quality report: the shape that GitLab documents, stable fingerprints, places within a repository."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from forebear.catalogue import raise_finding
from forebear.report import gitlab
from forebear.report.subject import Subject, within
from forebear.types import Finding, Level

SEVERITIES = ["info", "minor", "major", "critical", "blocker"]
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "additionalProperties": False,
        "properties": {
            "description": {"type": "string", "minLength": 1, "maxLength": 1_000},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "severity": {"enum": SEVERITIES},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": "^(?!/|\\./).+"},
                    "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer"}}},
                },
            },
        },
    },
}
"""What GitLab's documentation lists as the fields of an entry."""
UNDECLARED = raise_finding("ancestor-undeclared", "It was made from org/base; its card names no base model.")


def subject(path: str = "team/child", findings: tuple[Finding, ...] = (UNDECLARED,), **more: str) -> Subject:
    return Subject(path.rsplit("/", 1)[-1], path, f"{path}/README.md", findings, **more)  # type: ignore[arg-type]


def check(*subjects: Subject, problems: tuple[str, ...] = ()) -> list[dict[str, object]]:
    found = json.loads(json.dumps(gitlab.document(subjects, problems)))
    Draft202012Validator(SCHEMA).validate(found)
    assert len({e["fingerprint"] for e in found}) == len(found)
    return list(found)


def test_findings_problems_and_expectations_become_entries() -> None:
    unread = Subject("broken", "broken", "./broken/", problems=("broken: cut off",))
    error = raise_finding("claim-contradicted", "Its card is contradicted.", level=Level.ERROR)
    note = raise_finding("no-reference-tested", "None was tested.")
    wrong = subject("b", (error, note), contradicted="expected org/other, found org/base")
    open_ = subject("c", (), undecided="facts are missing")
    found = check(subject(), unread, wrong, open_, problems=("folder: permission denied",))
    assert [(e["check_name"], e["severity"]) for e in found] == [
        ("ancestor-undeclared", "minor"),
        ("unreadable", "blocker"),
        ("claim-contradicted", "critical"),
        ("no-reference-tested", "info"),
        ("expectation", "critical"),
        ("undecided", "major"),
        ("unreadable", "blocker"),
    ]
    places = [e["location"]["path"] for e in found]  # type: ignore[index]
    assert places[:3] == ["team/child/README.md", "broken", "b/README.md"] and places[-1] == "."
    assert str(found[0]["description"]).startswith("child: It was made from org/base")
    assert "What clears it: " in str(found[0]["description"])


def test_fingerprints_stay_when_numbers_in_the_words_change() -> None:
    other = Finding(UNDECLARED.id, UNDECLARED.level, "It was made from org/base, p = 1e-9.")
    assert check(subject())[0]["fingerprint"] == check(subject(findings=(other,)))[0]["fingerprint"]
    assert check(subject())[0]["fingerprint"] != check(subject("team/else"))[0]["fingerprint"]
    check(subject(findings=(UNDECLARED, other)))


def test_hostile_names_stay_text_in_one_line() -> None:
    name = "a\n\x1b[31m\ud800" + "x" * 10_000
    (found,) = check(Subject(name, name, name, (UNDECLARED,)))
    assert "\n" not in str(found["description"]) and len(str(found["description"])) <= 1_000


def test_places_are_within_the_repository(tmp_path: Path) -> None:
    moved = within(subject("child"), str(tmp_path / "models"), str(tmp_path))
    assert (moved.path, moved.about) == ("models/child", "models/child/README.md")
    outside = within(subject("child"), "/elsewhere", str(tmp_path / "repository"))
    assert outside.about == "child/README.md"
    assert within(subject("child"), None, str(tmp_path)).about == "child/README.md"
