from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from forebear.errors import ForebearError, UsageError
from forebear.policy.answer import Decision
from forebear.policy.check import check
from forebear.policy.waivers import Waiver, read_waivers, this_day
from policies import ancestor, given, policy, rule

WHOLE = {"rule": "R1", "model": "example/model", "owner": "A. Person", "reason": "Accepted.", "expires": "2026-12-31"}
TODAY = date(2026, 12, 31)
CHINESE = rule(each="ancestors", when={"field": "item.controlled_from", "intersects": ["CN"]})


def saved(folder: Path, *waivers: Any, key: str = "waivers") -> Path:
    path = folder / "waivers.yaml"
    path.write_text(yaml.safe_dump({key: list(waivers)}), "utf-8")
    return path


def decided(folder: Path, *waivers: dict[str, Any], written: Any = None, today: date = TODAY, **fragment: Any) -> Any:
    found = policy(folder, written or rule())
    return check(
        found, given(**(fragment or {"bom": {"present": False}})), read_waivers(saved(folder, *waivers)), today
    )


def test_a_waiver_covers_a_finding_until_its_day(tmp_path: Path) -> None:
    answer = decided(tmp_path, WHOLE)
    assert answer.decision is Decision.PASS and answer.findings == ()
    (waived,) = answer.waived
    assert (waived.owner, waived.reason, waived.expires) == ("A. Person", "Accepted.", "2026-12-31")
    assert waived.finding.rule == "R1" and "waived" in answer.why
    late = decided(tmp_path, WHOLE, today=date(2027, 1, 1))
    assert late.decision is Decision.DENY and "expired on 2026-12-31" in late.not_checked[0]


@pytest.mark.parametrize("other", [{"rule": "R2"}, {"model": "example/other"}, {"subject": "example/base"}])
def test_it_covers_nothing_else(other: dict[str, str], tmp_path: Path) -> None:
    assert decided(tmp_path, {**WHOLE, **other}).decision is Decision.DENY


def test_an_ancestor_that_is_found_later_is_not_covered(tmp_path: Path) -> None:
    entries = [{"name": n, "controlled_from": ["CN"]} for n in ("a/b", "c/d")]
    waiver = {**WHOLE, "subject": "a/b"}
    one = decided(tmp_path, waiver, written=CHINESE, ancestors=entries[:1])
    both = decided(tmp_path, waiver, written=CHINESE, ancestors=entries)
    general = decided(tmp_path, WHOLE, written=CHINESE, ancestors=entries)
    assert (one.decision, both.decision, general.decision) == (Decision.PASS, Decision.DENY, Decision.DENY)
    assert [f.subject for f in both.findings] == ["c/d"]


def test_it_names_a_model_by_name_target_or_digest(tmp_path: Path) -> None:
    model = {"name": "example/model", "target": "./model", "digest": "slices/2:abc", "revision": None}
    for name in ("Example/Model", "./model", "slices/2:abc"):
        answer = decided(tmp_path, {**WHOLE, "model": name}, model=model, bom={"present": False})
        assert answer.decision is Decision.PASS
    changed = {**model, "digest": "slices/2:def"}
    answer = decided(tmp_path, {**WHOLE, "model": "slices/2:abc"}, model=changed, bom={"present": False})
    assert answer.decision is Decision.DENY


def test_a_person_who_decided_settles_a_review_and_what_is_unknown(tmp_path: Path) -> None:
    assert decided(tmp_path, WHOLE, written=rule(severity="review")).decision is Decision.PASS
    assert decided(tmp_path, WHOLE, bom={"present": None}).decision is Decision.PASS


def test_some_rules_cannot_be_waived(tmp_path: Path) -> None:
    answer = decided(tmp_path, WHOLE, written=rule(waivable=False))
    assert answer.decision is Decision.DENY and "cannot be waived" in answer.not_checked[0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owner": None}, "has no owner"),
        ({"owner": "  "}, "has no owner"),
        ({"reason": None}, "has no reason"),
        ({"expires": None}, "has no expires"),
        ({"expires": "soon"}, "no day"),
        ({"expires": "2026-02-30"}, "no day"),
        ({"model": None}, "has no model"),
        ({"rule": 3}, "has no rule"),
        ({"subject": ["a"]}, "subject is no text"),
        ({"ower": "x"}, "did you mean owner"),
    ],
)
def test_a_waiver_that_is_not_whole_is_refused(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    entry = {k: v for k, v in {**WHOLE, **change}.items() if v is not None}
    with pytest.raises(ForebearError) as caught:
        read_waivers(saved(tmp_path, WHOLE, entry))
    assert words in str(caught.value) and "waiver 2" in str(caught.value)


def test_a_file_without_waivers_is_refused(tmp_path: Path) -> None:
    for text in ("", "3", "waivers: 3", "waivers: [3]", "waiver: []"):
        (tmp_path / "w.yaml").write_text(text, "utf-8")
        with pytest.raises(ForebearError):
            read_waivers(tmp_path / "w.yaml")
    with pytest.raises(UsageError, match="no such file"):
        read_waivers(tmp_path / "none.yaml")


def test_today_is_that_of_the_epoch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1798761599")
    assert this_day() == date(2026, 12, 31)
    waiver = Waiver("R1", "example/model", "A", "b", date(2026, 12, 31))
    assert check(policy(tmp_path, rule()), given(bom={"present": False}), [waiver]).decision is Decision.PASS
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1798761600")
    assert check(policy(tmp_path, rule()), given(bom={"present": False}), [waiver]).decision is Decision.DENY


def test_a_waiver_of_unknown_ancestors_covers_no_rule_that_nobody_can_waive(tmp_path: Path) -> None:
    unknown: dict[str, Any] = {"ancestors": [], "lineage_known": None}
    waiver = {**WHOLE, "rule": "ancestors"}
    answer = decided(tmp_path, waiver, written={**CHINESE, "waivable": False}, **unknown)
    assert answer.decision is Decision.INCONCLUSIVE and "cannot be waived" in answer.not_checked[0]
    assert decided(tmp_path, waiver, written=CHINESE, **unknown).decision is Decision.PASS


def test_a_waiver_of_a_rule_that_is_not_there_is_told(tmp_path: Path) -> None:
    answer = decided(tmp_path, {**WHOLE, "rule": "R11"})
    assert answer.decision is Decision.DENY and "R11, which is no rule of ours" in answer.not_checked[0]


def test_a_waiver_that_covers_nothing_is_told_with_what_the_findings_are_about(tmp_path: Path) -> None:
    entries = [ancestor(name="x/base", controlled_from=["CN"])]
    other = decided(tmp_path, {**WHOLE, "subject": "x/bse"}, written=CHINESE, ancestors=entries)
    assert any("its findings are about “x/base”" in line for line in other.not_checked)
    assert not any("covers nothing" in line for line in decided(tmp_path, WHOLE).not_checked)


def test_a_long_name_is_covered_by_its_own_waiver_and_no_other(tmp_path: Path) -> None:
    names = ["a" * 140 + middle + "b" * 140 for middle in ("one", "two")]
    entries = [{"name": name, "controlled_from": ["CN"]} for name in names]
    answer = decided(tmp_path, {**WHOLE, "subject": names[0]}, written=CHINESE, ancestors=entries)
    assert [w.finding.subject for w in answer.waived] == [names[0]] and answer.decision is Decision.DENY
    many = [{"name": f"{'x' * 90}/{n}", "controlled_from": None} for n in range(9)]
    (finding,) = decided(tmp_path, written=CHINESE, ancestors=many).findings
    fewer = decided(tmp_path, {**WHOLE, "subject": finding.subject}, written=CHINESE, ancestors=many)
    assert fewer.decision is Decision.PASS and len(finding.subject) <= 300
    other = [*many[:4], {"name": f"{'x' * 90}/other", "controlled_from": None}, *many[5:]]
    assert decided(tmp_path, {**WHOLE, "subject": finding.subject}, written=CHINESE, ancestors=other).findings
