from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from forebear.errors import FormatError, MissingExtra, UsageError
from forebear.policy.answer import Decision
from forebear.policy.rego import check_rego
from policies import given

needs_rego = pytest.mark.skipif(importlib.util.find_spec("regopy") is None, reason="needs the extra [rego] (regopy)")
RULES = """package forebear
import rego.v1

deny contains msg if {
  some a in input.ancestors
  a.developer == "deepseek"
  a.standing != "possible"
  msg := sprintf("%s is an ancestor", [a.name])
}
review contains {"id": "H1", "msg": "weigh it", "subject": a.name} if {
  some a in input.ancestors
  "CN" in a.controlled_from
}
warn contains "unsigned" if input.bom.signed == false
"""


def saved(folder: Path, text: str) -> str:
    path = folder / "ours.rego"
    path.write_text(text, "utf-8")
    return str(path)


def test_without_the_extra_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regopy", None)
    with pytest.raises(MissingExtra, match=r"forebear\[rego\]"):
        check_rego(saved(tmp_path, RULES), given())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        check_rego(str(tmp_path / "none.rego"), given())


@needs_rego
def test_the_same_input_decides(tmp_path: Path) -> None:
    path = saved(tmp_path, RULES)
    denied = check_rego(path, given(ancestors=[{"developer": "deepseek", "name": "d/v3"}], bom={"signed": False}))
    assert denied.decision is Decision.DENY
    assert [(f.rule, f.severity.value, f.message) for f in denied.findings] == [
        ("deny", "error", "d/v3 is an ancestor"),
        ("warn", "warning", "unsigned"),
    ]
    weighed = check_rego(path, given(ancestors=[{"controlled_from": ["CN"], "name": "k/2"}]))
    assert weighed.decision is Decision.INCONCLUSIVE and weighed.findings[0].subject == "k/2"
    assert check_rego(path, given()).decision is Decision.PASS
    assert len(denied.policy.digest) == 64 and denied.policy.name == "ours"


@needs_rego
def test_the_syntax_before_version_1(tmp_path: Path) -> None:
    path = saved(tmp_path, 'package main\ndeny[msg] { input.bom.signed == false; msg := "unsigned" }\n')
    try:
        answer = check_rego(path, given(bom={"signed": False}))
    except FormatError:
        return  # a later regopy may refuse it, which is no silence
    assert answer.decision is Decision.DENY and answer.findings[0].message == "unsigned"


@needs_rego
@pytest.mark.parametrize(
    "text",
    [
        "",
        "x := 1",
        "package forebear\n",
        'package forebear\nwarn contains "x" if true\n',
        "package forebear\ndeny contains {",
        "package forebear\ndeny := 3\n",
    ],
)
def test_rules_that_cannot_deny_are_an_error(text: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FormatError):
        check_rego(saved(tmp_path, text), given())
    assert capfd.readouterr() == ("", "")
