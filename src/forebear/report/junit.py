"""Findings as JUnit XML, for the test pages of continuous integration.

There is no standard; this is what Jenkins, GitLab, Azure and the common XSDs agree on: a suite, a case per subject, and
in a case at most one of ``error`` (it could not be read), ``failure`` and ``skipped``.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from xml.etree import ElementTree

from forebear.errors import one_line
from forebear.report.subject import Subject
from forebear.types import Finding, Level, created

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Everything that XML 1.0 cannot hold, not even escaped."""


def document(name: str, subjects: Iterable[Subject], least: Level | None, problems: Iterable[str] = ()) -> str:
    """A suite with a case per subject.

    Args:
        name: of the suite.
        subjects: what was checked.
        least: the level from which on a finding is a failure; None for no level.
        problems: what could not be read and belongs to no subject; a case of its own each, with an error.
    """
    cases = [_case(subject, name, least) for subject in subjects]
    cases += [_case(Subject(problem, ".", ".", problems=(problem,)), name, least) for problem in problems]
    seconds = f"{sum(float(case.get('time', 0)) for case in cases):.3f}"
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
        "skipped": str(sum(case.find("skipped") is not None for case in cases)),
        "time": seconds,
    }
    suites = ElementTree.Element("testsuites", {"name": "forebear", **counts})
    about = {"timestamp": created().removesuffix("Z"), "hostname": "localhost"}
    suite = ElementTree.SubElement(suites, "testsuite", {"name": _text(name), **counts, **about})
    suite.extend(cases)
    ElementTree.indent(suites)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ElementTree.tostring(suites, encoding='unicode')}\n"


def _case(subject: Subject, suite: str, least: Level | None) -> ElementTree.Element:
    folder = posixpath.dirname(subject.path) or suite
    case = ElementTree.Element(
        "testcase", {"classname": _text(folder), "name": _text(subject.name), "time": f"{subject.seconds:.3f}"}
    )
    failing = [f for f in subject.findings if least is not None and f.level.rank >= least.rank]
    wrong = [f"{f.id}: {f.message}" for f in failing]
    if subject.contradicted:
        wrong.append(f"expectation contradicted: {subject.contradicted}")
    if subject.problems:
        _outcome(case, "error", "unreadable", subject.problems)
    elif wrong:
        _outcome(case, "failure", failing[0].id if failing else "expectation", wrong)
    elif subject.undecided:
        _outcome(case, "skipped", "", (subject.undecided,))
    if subject.findings:
        out = ElementTree.SubElement(case, "system-out")
        out.text = _text("\n".join(_line(finding) for finding in subject.findings), lines=True)
    return case


def _outcome(case: ElementTree.Element, tag: str, kind: str, lines: Iterable[str]) -> None:
    """One child with the first line as its message and all of them as its text."""
    told = [_text(line) for line in lines]
    child = ElementTree.SubElement(case, tag, {"message": told[0], **({"type": kind} if kind else {})})
    if tag != "skipped":
        child.text = "\n".join(told)


def _line(finding: Finding) -> str:
    return one_line(f"{finding.level}: {finding.message} [{finding.id}]", 2_000)


def _text(text: str, lines: bool = False) -> str:
    return _FORBIDDEN.sub("", text if lines else one_line(text, 2_000))
