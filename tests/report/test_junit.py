"""JUnit XML: what the common XSDs and their readers agree on, and names that XML cannot hold."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.catalogue import raise_finding
from forebear.report import junit
from forebear.report.subject import Subject
from forebear.types import Level

ERROR = raise_finding("pickle-unsafe", "os.system would run. It was not run.")
NOTE = raise_finding("no-reference-tested", "No reference was tested.")
COUNTS = ("tests", "failures", "errors", "skipped")


def check(text: str) -> ElementTree.Element:
    """The suite of a document that has the structure of the common XSDs."""
    assert text.startswith("<?xml version='1.0' encoding='UTF-8'?>\n")
    root = ElementTree.fromstring(text.encode())
    assert root.tag == "testsuites" and [child.tag for child in root] == ["testsuite"]
    suite = root[0]
    assert {"name", "timestamp", "hostname", "time", *COUNTS} <= set(suite.attrib)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    seen = dict.fromkeys(("failure", "error", "skipped"), 0)
    for case in suite:
        assert case.tag == "testcase" and set(case.attrib) == {"classname", "name", "time"}
        assert re.fullmatch(r"\d+\.\d+", case.attrib["time"])
        tags = [child.tag for child in case]
        outcomes = [tag for tag in tags if tag in seen]
        assert len(outcomes) <= 1 and set(tags) - set(seen) <= {"system-out"} and len(tags) == len(set(tags))
        for child in case:
            if child.tag in seen:
                seen[child.tag] += 1
                assert child.attrib["message"] and "\n" not in child.attrib["message"]
                assert ("type" in child.attrib) is (child.tag != "skipped")
    expected = [str(n) for n in (len(suite), seen["failure"], seen["error"], seen["skipped"])]
    for element in (root, suite):
        assert [element.attrib[c] for c in COUNTS] == expected
    return suite


def suite(*subjects: Subject, least: Level | None = Level.ERROR, problems: tuple[str, ...] = ()) -> ElementTree.Element:
    return check(junit.document("models", subjects, least, problems))


def subject(**more: Any) -> Subject:
    return Subject(**{"name": "m", "path": "team/m", "about": "team/m/", **more})


def outcome(of: Subject, least: Level | None = Level.ERROR) -> str:
    return next((c.tag for c in suite(of, least=least)[0] if c.tag != "system-out"), "passed")


def test_a_case_per_subject_in_its_folder() -> None:
    cases = suite(subject(seconds=1.5), subject(path="m"), subject(path="."), subject(path="a/b/m"))
    assert [c.attrib["classname"] for c in cases] == ["team", "models", "models", "a/b"]
    assert cases.attrib["time"] == "1.500" and cases.attrib["name"] == "models"
    assert suite().attrib["tests"] == "0"


def test_findings_fail_from_the_chosen_level_on() -> None:
    assert outcome(subject(findings=(NOTE,))) == "passed"
    assert outcome(subject(findings=(NOTE, ERROR))) == "failure"
    assert outcome(subject(findings=(NOTE,)), Level.NOTE) == "failure"
    assert outcome(subject(findings=(ERROR,)), None) == "passed"


def test_expectations_fail_when_contradicted_and_are_skipped_when_not_settled() -> None:
    assert outcome(subject(contradicted="expected unrelated, found identical")) == "failure"
    assert outcome(subject(undecided="expected related, found inconclusive")) == "skipped"
    assert outcome(subject(undecided="x", findings=(ERROR,))) == "failure"


def test_what_cannot_be_read_is_an_error_whatever_else_was_found() -> None:
    assert outcome(subject(problems=("truncated",), findings=(ERROR,), contradicted="x")) == "error"
    cases = suite(subject(), problems=("shut: permission denied",))
    assert [c.attrib["name"] for c in cases] == ["m", "shut: permission denied"]
    assert cases.attrib["errors"] == "1"


def test_all_that_failed_is_told_and_all_that_was_found() -> None:
    case = suite(subject(findings=(NOTE, ERROR), contradicted="expected unrelated, found derived"))[0]
    failure, out = case.find("failure"), case.find("system-out")
    assert failure is not None and out is not None and failure.text and out.text
    assert failure.attrib["type"] == "pickle-unsafe"
    assert failure.text.splitlines() == [
        "pickle-unsafe: os.system would run. It was not run.",
        "expectation contradicted: expected unrelated, found derived",
    ]
    assert len(out.text.splitlines()) == 2


@pytest.mark.parametrize("name", ["a\nb", "\x00\x01\x1b[31m", "]]><x a='1'/>&amp;", "\ufffe\uffff", "\udcff", "\u0085"])
def test_names_of_strangers_become_text(name: str) -> None:
    bad = subject(name=name, path=f"{name}/{name}", problems=(f"{name}: damaged",), findings=(NOTE,))
    text = junit.document(name, [bad], Level.NOTE, [f"{name}: shut"])
    case = check(text)[0]
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]", text)
    assert len(case) == 2 and "<x" not in text


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_gives_a_document(name: str, message: str) -> None:
    finding = raise_finding("pickle-unsafe", message or "x")
    check(junit.document(name, [subject(name=name, path=name, findings=(finding,))], Level.NOTE))
