from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from documents import check_document
from forebear.policy.answer import Decision, Severity
from forebear.policy.check import check, decide
from forebear.policy.load import load_policy
from forebear.policy.waivers import Waiver
from policies import ancestor, given, policy, rule

CHINESE = {"field": "item.controlled_from", "intersects": ["CN"]}


def one(folder: Path, written: dict[str, Any], **fragment: Any) -> Any:
    return check(policy(folder, written), given(**fragment))


@pytest.mark.parametrize(
    ("severity", "value", "wanted"),
    [
        ("error", False, Decision.DENY),
        ("error", None, Decision.INCONCLUSIVE),
        ("error", True, Decision.PASS),
        ("review", False, Decision.INCONCLUSIVE),
        ("review", None, Decision.INCONCLUSIVE),
        ("review", True, Decision.PASS),
        ("warning", False, Decision.PASS),
        ("warning", None, Decision.PASS),
        ("note", False, Decision.PASS),
        ("note", None, Decision.PASS),
    ],
)
def test_what_severities_do_and_that_unknown_is_never_pass(
    severity: str, value: bool | None, wanted: Decision, tmp_path: Path
) -> None:
    answer = one(tmp_path, rule(severity=severity), bom={"present": value})
    assert answer.decision is wanted and answer.decision.exit_code == {"pass": 0, "deny": 1, "inconclusive": 3}[wanted]
    if value is None:
        missing = [f.unknown for f in answer.findings]
        assert missing == ([("bom.present",)] if severity in ("error", "review") else [])
        assert any("whether there is a bill of materials" in line for line in answer.not_checked) is (
            severity in ("warning", "note")
        )
    check_document(answer.to_json())


FIRM = [
    ("measured", {}, Severity.ERROR),
    ("probable", {}, Severity.ERROR),
    ("declared", {}, Severity.ERROR),
    ("catalogued", {}, Severity.ERROR),
    ("possible", {}, Severity.REVIEW),
    ("measured", {"unverified": ["controlled_from"]}, Severity.REVIEW),
    ("measured", {"unverified": ["incorporated_in"]}, Severity.ERROR),
]


@pytest.mark.parametrize(("standing", "more", "wanted"), FIRM)
@pytest.mark.parametrize("way", ["each", "some"])
def test_nobody_is_refused_for_what_is_only_possible_or_remembered(
    way: str, standing: str, more: dict[str, Any], wanted: Severity, tmp_path: Path
) -> None:
    written = (
        rule(each="ancestors", when=CHINESE) if way == "each" else rule(when={"some": "ancestors", "where": CHINESE})
    )
    answer = one(tmp_path, written, ancestors=[{"controlled_from": ["CN"], "standing": standing, **more}])
    (finding,) = answer.findings
    assert finding.severity is wanted
    assert answer.decision is (Decision.DENY if wanted is Severity.ERROR else Decision.INCONCLUSIVE)
    assert any("not established" in line for line in finding.evidence) is (wanted is Severity.REVIEW)


def test_a_warning_becomes_a_note_and_a_rule_can_want_more(tmp_path: Path) -> None:
    entry = {"controlled_from": ["CN"], "standing": "possible"}
    (finding,) = one(tmp_path, rule(each="ancestors", when=CHINESE, severity="warning"), ancestors=[entry]).findings
    assert finding.severity is Severity.NOTE
    strict = rule(each="ancestors", when=CHINESE, standing="probable")
    found = [one(tmp_path, strict, ancestors=[{**entry, "standing": s}]).decision for s in ("declared", "probable")]
    assert found == [Decision.INCONCLUSIVE, Decision.DENY]


def test_one_firm_ancestor_is_enough_beside_one_that_is_not(tmp_path: Path) -> None:
    entries = [{"controlled_from": ["CN"], "standing": s, "name": s} for s in ("possible", "measured")]
    answer = one(tmp_path, rule(each="ancestors", when=CHINESE), ancestors=entries)
    assert [(f.subject, f.severity.value) for f in answer.findings] == [("measured", "error"), ("possible", "review")]
    whole = one(tmp_path, rule(when={"some": "ancestors", "where": CHINESE}), ancestors=entries)
    assert whole.decision is Decision.DENY


def test_a_duty_that_rests_on_a_possible_descent_or_a_remembered_fact_denies_nothing(tmp_path: Path) -> None:
    unmet = rule(each="duties", when={"field": "item.status", "is": "unmet"})
    for more in ({"standing": "possible"}, {"facts_retrieved": False}):
        answer = one(tmp_path, unmet, duties=[{"status": "unmet", **more}])
        assert answer.decision is Decision.INCONCLUSIVE
    assert one(tmp_path, unmet, duties=[{"status": "unmet"}]).decision is Decision.DENY


def test_ancestors_that_nobody_named_let_nothing_pass(tmp_path: Path) -> None:
    written = rule(each="ancestors", when=CHINESE)
    for known, wanted in ((True, Decision.PASS), (None, Decision.INCONCLUSIVE)):
        answer = one(tmp_path, written, ancestors=[], lineage_known=known)
        assert answer.decision is wanted
    (finding,) = answer.findings
    assert (finding.rule, finding.unknown) == ("ancestors", ("ancestors",)) and "R1" in finding.message
    assert answer.questions == ("Q-BASE", "Q-CHAIN")
    elsewhere = one(tmp_path, rule(), ancestors=[], lineage_known=None)
    assert elsewhere.decision is Decision.PASS, "a rule about the bill of materials alone is decided"
    harmless = one(tmp_path, rule(each="ancestors", when=CHINESE, severity="warning"), ancestors=[], lineage_known=None)
    assert harmless.decision is Decision.PASS


def test_what_is_unknown_of_several_entries_is_one_finding(tmp_path: Path) -> None:
    entries = [{"controlled_from": None, "name": n} for n in ("a/b", "c/d")]
    (finding,) = one(tmp_path, rule(each="ancestors", when=CHINESE), ancestors=entries).findings
    assert finding.unknown == ("ancestors.controlled_from",) and "a/b, c/d" in finding.message
    assert finding.subject == "a/b; c/d", "a waiver for these does not cover a third"


def test_a_held_rule_is_told_beside_what_is_unknown_of_another_entry(tmp_path: Path) -> None:
    entries = [{"controlled_from": None, "name": "a/b"}, {"controlled_from": ["CN"], "name": "c/d"}]
    answer = one(tmp_path, rule(each="ancestors", when=CHINESE), ancestors=entries)
    assert [(f.subject, bool(f.unknown)) for f in answer.findings] == [("c/d", False), ("a/b", True)]
    assert answer.decision is Decision.DENY


def test_messages_hold_facts_in_words_and_nothing_else(tmp_path: Path) -> None:
    message = (
        "{item.name} of {item.developer_name}: {item.controlled_from}, {item.disclosed}, {compute.ratio}, {item.kinds}"
    )
    written = rule(each="ancestors", when=CHINESE, message=message)
    entry = {"name": "a/b\x1b[31m\nX", "developer_name": None, "controlled_from": ["CN", "GB"], "kinds": []}
    (finding,) = one(tmp_path, written, ancestors=[entry], compute={"ratio": None}).findings
    assert finding.message == "a/b [31m X of not known: China and the United Kingdom, yes, not known, none"


def test_messages_call_licences_by_their_titles(tmp_path: Path) -> None:
    duties = rule(each="duties", when={"field": "item.status", "is": "unmet"}, message="{item.licence}")
    (finding,) = one(tmp_path, duties, duties=[{"licence": "llama3.1", "status": "unmet"}]).findings
    assert finding.message == "Llama 3.1 Community License"
    conflicts = rule(each="conflicts", when={"field": "item.kind", "is": "relabelled"}, message="{item.between}")
    between = ["mit", "org/base: qwen-research", "org/x: unheard-of"]
    (finding,) = one(tmp_path, conflicts, conflicts=[{"between": between}]).findings
    named = "org/base: Qwen Research License Agreement (2024-09-19)"
    assert finding.message == f"MIT License, {named}, org/x: unheard-of"


def test_a_finding_cites_instruments_by_title_and_says_what_is_not_decided(tmp_path: Path) -> None:
    written = rule(cites=["uk-ppn-017"], not_decided="Much.", clears="A bill.", asks=["Q-CHANGE"])
    answer = one(tmp_path, written, bom={"present": False})
    (finding,) = answer.findings
    assert finding.cites[0].startswith("PPN 017") and (finding.not_decided, finding.clears) == ("Much.", "A bill.")
    assert answer.questions == ("Q-CHANGE",) and finding.policy == "ours"
    assert "R1" in answer.why and answer.policy.rules == 1


def test_findings_come_most_severe_first_and_open_ones_after_those_that_hold(tmp_path: Path) -> None:
    rules = [
        rule("N", severity="note"),
        rule("O", when={"field": "bom.signed", "is": False}),
        rule("V", severity="review"),
        rule("E"),
    ]
    answer = check(policy(tmp_path, *rules), given(bom={"present": False, "signed": None}))
    assert [f.rule for f in answer.findings] == ["E", "V", "O", "N"]
    assert decide(answer.findings) is Decision.DENY and decide(()) is Decision.PASS


def test_many_findings_of_one_rule_are_bounded(tmp_path: Path) -> None:
    answer = one(tmp_path, rule(each="ancestors", when=CHINESE), ancestors=[{"controlled_from": ["CN"]}] * 300)
    assert len(answer.findings) == 50 and answer.decision is Decision.DENY
    entries = [{"controlled_from": ["CN"], "name": f"a/{n}"} for n in range(60)]
    waivers = [Waiver("R1", "example/model", "A", "b", date(2999, 1, 1), f"a/{n}") for n in range(50)]
    found = policy(tmp_path, rule(each="ancestors", when=CHINESE))
    covered = check(found, given(ancestors=entries), waivers)
    assert len(covered.waived) == 50 and len(covered.findings) == 10 and covered.decision is Decision.DENY


def test_adding_an_ancestor_never_turns_a_decision_of_a_pack_into_pass() -> None:
    order = [Decision.PASS, Decision.INCONCLUSIVE, Decision.DENY]
    dangerous = [ancestor(controlled_from=["CN"]), ancestor(developer="deepseek"), ancestor(developer=None), ancestor()]
    for name in ("uk-defence", "us-dod", "allied-bans", "from-scratch"):
        found = load_policy(name)
        for base in ({}, {"from_scratch_claimed": True}, {"org": {"country": "AU"}}):
            before = check(found, given(**base), today=date(2026, 11, 1)).decision
            for entry in dangerous:
                after = check(found, {**given(**base), "ancestors": [ancestor(), dict(entry)]}).decision
                assert order.index(after) >= order.index(before), (name, base)
