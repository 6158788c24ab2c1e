"""Decisions for people: plain words, each thing once, and rows that can be read whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from decided import answer
from forebear.cli.options import Format, by_name, rendered
from forebear.inspect.policy import PolicyRow, PolicySet
from forebear.policy.answer import Decision, PolicyFinding, PolicyRef, Severity
from forebear.policy.check import check
from forebear.policy.load import load_policy, packs
from forebear.report import policy as report
from policies import given

DUTY = "notice_file of llama2 (Llama-2-7b) depends on facts."


def twice() -> Any:
    """A decision in which a rule says the same of two ways from one ancestor."""
    one = PolicyFinding("L6", Severity.REVIEW, DUTY, "Duties are met", subject="Llama-2-7b")
    return replace(answer(Decision.INCONCLUSIVE), findings=(one, replace(one, evidence=("another way",))))


def test_a_rule_says_the_same_once_and_without_identifiers() -> None:
    text = " ".join(rendered(lambda console: report.show(console, twice())).split())
    assert text.count("a notice file of llama2") == 1 and "notice_file" not in text
    said = [f.message for f in report.subject(twice(), "x").findings]
    assert said == ["a notice file of llama2 (Llama-2-7b) depends on facts."]


@pytest.mark.parametrize("decision", list(Decision))
def test_the_first_line_is_the_decision_in_words(decision: Decision) -> None:
    lines = rendered(lambda console: report.show(console, answer(decision))).splitlines()
    plain = {"pass": "The policy is met.", "deny": "The policy is not met.", "inconclusive": "What is known does not"}
    assert lines[1].startswith(f"{decision.value}: {plain[decision.value]}")


def test_lines_that_wrap_stay_where_they_belong() -> None:
    long = replace(answer(Decision.DENY), findings=(PolicyFinding("D1", Severity.ERROR, "word " * 60, "t"),))
    shown = rendered(lambda console: report.show(console, long)).splitlines()
    assert sum(line.startswith("  word") for line in shown) >= 2 and not any(line.startswith("word") for line in shown)


@pytest.mark.parametrize("name", packs())
def test_no_rule_is_shown_with_the_fields_of_the_input(name: str) -> None:
    text = rendered(lambda console: report.show_policy(console, load_policy(name)))
    assert "{" not in text and "item." not in text and "model.name" not in text


def test_rows_of_a_folder_stand_below_it_and_tell_a_problem_once() -> None:
    deep = "/srv/boms/" + "a-folder-with-a-long-name/" * 4
    rows = (
        PolicyRow(f"{deep}bom.json", "acme/model", Decision.DENY, "why", ("T1",)),
        PolicyRow("/srv/boms/b.json", "", None, "", (), "/srv/boms/b.json: 3 models are in it"),
    )
    found = PolicySet(PolicyRef("ours", "1", "ab" * 32, "Ours"), rows)
    text = rendered(lambda console: report.show_set(console, found))
    assert text.splitlines()[0] == "Ours, below /srv/boms"
    assert f"deny         {'a-folder-with-a-long-name/' * 4}bom.json\n             acme/model  T1" in text
    assert "unread       b.json\n             3 models are in it\n" in text
    assert text.count("/srv/boms") == 1


def test_a_table_for_a_file_of_another_format_is_that_format() -> None:
    assert by_name(Format.TABLE, Path("result.json")) is Format.JSON
    assert by_name(Format.TABLE, Path("page.MD")) is Format.MD
    assert by_name(Format.MD, Path("result.json")) is Format.MD  # asked for by name
    assert by_name(Format.TABLE, Path("result.txt")) is by_name(Format.TABLE, None) is Format.TABLE


@pytest.mark.parametrize("kind", ["aup_passthrough", "display_ui", "separate_agreement"])
def test_a_duty_that_is_not_met_is_told_in_a_sentence(kind: str) -> None:
    duty = {"kind": kind, "licence": "llama3.1", "ancestor": "base", "standing": "measured", "status": "unmet"}
    found = check(load_policy("licence-hygiene"), given(duties=[{**duty, "why": "Nothing shows it."}]))
    messages = [f.message for f in report.subject(found, "x").findings if f.id == "policy/L9"]
    assert len(messages) == 1 and "not known" not in messages[0] and "_" not in messages[0]
    assert messages[0].endswith("Nothing shows it.")
