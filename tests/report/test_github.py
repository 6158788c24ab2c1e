"""GitHub's workflow commands and step summary: order, limits, and that no text of strangers becomes a command."""

from __future__ import annotations

import re

from forebear.catalogue import raise_finding
from forebear.report import github
from forebear.report.subject import Subject
from forebear.types import Level

NOTE = raise_finding("no-reference-tested", "None was tested.")
ERROR = raise_finding("claim-contradicted", "100% of it, as said.", level=Level.ERROR)
COMMAND = re.compile(r"::(notice|warning|error) (file=[^,:]*,line=1,)?title=[^,:]*::.*")


def child(*findings: object, **more: object) -> Subject:
    return Subject("child", "team/child", "team/child/README.md", findings, **more)  # type: ignore[arg-type]


def test_commands_come_the_gravest_first_and_are_escaped() -> None:
    lines = github.commands([child(NOTE, ERROR)], ["folder: denied"]).splitlines()
    assert all(COMMAND.fullmatch(line) for line in lines)
    assert [line.split()[0] for line in lines] == ["::error", "::error", "::notice"]
    assert lines[0].startswith(
        "::error file=team/child/README.md,line=1,title=forebear%3A claim-contradicted::child: 100%25"
    )
    assert lines[1] == "::error title=forebear%3A unreadable::folder: denied"


def test_an_open_decision_and_a_contradicted_expectation_are_told() -> None:
    text = github.commands([child(undecided="facts are missing"), child(contradicted="expected x, found y")])
    assert "::error" in text and "expected x, found y" in text
    assert "::warning" in text and "facts are missing" in text


def test_a_strangers_name_gives_no_command_and_no_markup() -> None:
    name = "x\n::set-output name=a::b\r\n::error::c <script> | **b** `d`"
    hostile = Subject(name, name, name, (NOTE,), ("gone\n::warning::z",))
    text = github.commands([hostile])
    assert len(text.splitlines()) == 2 and all(COMMAND.fullmatch(line) for line in text.splitlines())
    said = github.summary("t", [hostile])
    assert "\n::" not in said and "<script>" not in said.replace("\\<script\\>", "")
    assert all(line.count(" | ") <= 3 for line in said.splitlines())


def test_the_summary_has_every_subject_the_gravest_first() -> None:
    broken = Subject("broken", "broken", "broken", problems=("broken: cut off",))
    passed = Subject("good", "good", "good", properties={"decision": "pass"})
    silent = Subject("twin", "twin", "twin", properties={"verdict": "inconclusive"})
    facts = {"verdict": "dependent", "closest": "org/base"}
    said = github.summary("models", [passed, silent, child(NOTE, ERROR, properties=facts), broken], ["folder: denied"])
    rows = [line for line in said.splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[1] for row in rows] == ["broken", "child", "good", "twin"]
    assert rows[1].split(" | ")[2:] == ["dependent, nearest org/base", "error `claim-contradicted` |"]
    assert "✅" in rows[2] and "✅" not in rows[3]
    assert "4 checked, 2 unreadable; findings: 1 error, 0 warnings, 1 note." in said and "- folder: denied" in said


def test_a_large_summary_ends_between_two_lines_below_the_limit() -> None:
    many = [Subject(f"m{k}", f"m{k}", "x", (NOTE,)) for k in range(20_000)]
    said = github.summary("many", many)
    assert 900_000 < len(said.encode()) <= github.MAX_SUMMARY and said.endswith(github.CUT)
    assert said.splitlines()[-4].endswith(("|", ".", "tested.")) or said.splitlines()[-3].startswith("- ")
    assert github.summary("none", many[:5], room=10) == ""
