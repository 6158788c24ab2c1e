from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from forebear.errors import ForebearError, FormatError, InputError, UsageError
from forebear.policy.answer import Decision
from forebear.policy.check import check
from forebear.policy.load import combine, load_policy, packs
from forebear.policy.plain_yaml import plain
from forebear.report.schemas import schema
from policies import given, policy, rule, written

WRONG: list[tuple[dict[str, Any], str]] = [
    (
        rule(when={"field": "bom.presnt", "is": True}),
        "rule R1: there is no field bom.presnt; did you mean bom.present?",
    ),
    (rule(when={"field": "bom.present", "is": "no"}), "rule R1: is of bom.present needs true or false"),
    (rule(severity="fatal"), "rule R1: severity"),
    (rule(each="ancestor"), "rule R1: there is no list ancestor; did you mean ancestors?"),
    (rule(message="{model.nam}"), "rule R1: there is no field model.nam; did you mean model.name?"),
    (
        rule(when={"field": "ancestors.controled_from", "is": "CN"}),
        "there is no field ancestors.controled_from; did you mean item.controlled_from, of each: ancestors?",
    ),
    (rule(message="{item.name}"), "rule R1: item.name: there is no entry at hand"),
    (rule(message="{model.name.__class__}"), "rule R1: there is no field"),
    (
        rule(when={"field": "subject.developer", "is": "moonshott"}),
        "no moonshott, so subject.developer is never that; did you mean moonshot?",
    ),
    (rule(when={"field": "subject.developer", "is": "Moonshot AI"}), "did you mean moonshot?"),
    (rule(each="ancestors", when={"field": "item.developer", "in": ["deepseak"]}), "did you mean deepseek?"),
    (rule(each="ancestors", when={"field": "item.model", "is": "Kimi-K2.55"}), "did you mean Kimi-K2.5?"),
    (rule(when={"field": "runtime.developer", "is": "qqqqqqqqqq"}), "forebear catalogue list"),
    (rule(when={"field": "subject.controlled_from", "intersects": ["CN", "UK"]}), "UK is none; write GB"),
    (rule(when={"field": "subject.controlled_from", "intersects": ["cn"]}), "cn is none"),
    (rule(each="duties", when={"field": "item.kind", "is": "name_prefx"}), "did you mean name_prefix?"),
    (rule(each="conflicts", when={"field": "item.kind", "is": "relabeled"}), "did you mean relabelled?"),
    (rule(each="findings", when={"field": "item.id", "is": "pickle_unsafe"}), "did you mean pickle-unsafe?"),
    (rule(when={"field": "verdict", "is": "dependant"}), "did you mean dependent?"),
    (rule(cites=["uk-ppn-17"]), "rule R1: there is no instrument uk-ppn-17; did you mean uk-ppn-017?"),
    (rule(asks=["Q-BASS"]), "rule R1: there is no question Q-BASS; did you mean Q-BASE?"),
    (rule(sevrity="error"), "sevrity: there is no such key; did you mean severity?"),
    ({**{k: v for k, v in rule().items() if k != "severity"}, "sevrity": "error"}, "did you mean severity?"),
    ({k: v for k, v in rule().items() if k != "severity"}, "rule R1: severity: is missing"),
    (rule(standing="certain"), "rule R1: standing"),
    (rule(name="R 1"), "id"),
    (rule(enabled="no"), "rule R1: enabled"),
]


@pytest.mark.parametrize(("wrong", "words"), WRONG, ids=lambda x: str(x)[:70])
def test_what_is_wrong_in_a_rule_is_told_with_file_rule_and_nearest_name(
    wrong: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = written(tmp_path, wrong)
    with pytest.raises(FormatError) as caught:
        load_policy(str(path))
    assert words in str(caught.value) and str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "rules: 3", "name: x", "{", "a: [1", "\x00", "schema: forebear.policy-file/2"]
)
def test_what_is_no_policy_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError):
        load_policy(str(path))


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    bombs = ["\n".join(lines), "[" * 20_000, "a: " + "9" * 900_000, "x" * 1_100_000, "{? " * 9_000]
    for number, text in enumerate(bombs):
        path = tmp_path / f"{number}.yaml"
        path.write_text(text, "utf-8")
        with pytest.raises(ForebearError) as caught:
            load_policy(str(path))
        assert len(str(caught.value)) < 700


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, rule())
    path.write_text(path.read_text("utf-8") + "rules: []\n", "utf-8")
    with pytest.raises(FormatError, match="rules stands twice"):
        load_policy(str(path))
    assert plain("a: {b: 1}\nc: {b: 1}", "f") == {"a": {"b": 1}, "c": {"b": 1}}


def test_no_rules_is_an_error(tmp_path: Path) -> None:
    for more in ({}, {"extends": ["from-scratch"], "disable": ["F1", "F2", "F3"]}):
        with pytest.raises(FormatError, match="no rule is switched on"):
            policy(tmp_path, **more)
    with pytest.raises(FormatError, match="no rule is switched on"):
        policy(tmp_path, rule(enabled=False))


def test_circles_are_refused(tmp_path: Path) -> None:
    written(tmp_path, rule("A"), name="a", extends=["b"])
    path = written(tmp_path, rule("B"), name="b", extends=["a"])
    with pytest.raises(FormatError, match="in a circle"):
        load_policy(str(path))


def test_policies_that_are_extended_come_first_and_once(tmp_path: Path) -> None:
    written(tmp_path, rule("A"), name="a")
    written(tmp_path, rule("B"), name="b", extends=["a"])
    found = policy(tmp_path, rule("C"), name="c", extends=["a", "b"])
    assert [r.id for r in found.rules] == ["A", "B", "C"] and [r.policy for r in found.rules] == ["a", "b", "c"]
    with pytest.raises(FormatError, match="two rules are called A"):
        policy(tmp_path, rule("A", title="Another"), name="d", extends=["a"])


def test_switches_and_lists_of_those_who_extend(tmp_path: Path) -> None:
    assert "S3" not in [r.id for r in load_policy("us-dod").rules]
    found = policy(tmp_path, extends=["us-dod"], enable=["S3"], disable=["T8"], lists={"tier_b": ["KP"]})
    ids = [r.id for r in found.rules]
    assert "S3" in ids and "T8" not in ids
    assert next(r for r in found.rules if r.id == "S3").to_json()["when"]["all"][0]["intersects"] == ["KP"]
    with pytest.raises(FormatError, match="no rule S33 to switch; did you mean S3"):
        policy(tmp_path, extends=["us-dod"], enable=["S33"])


def test_the_digest_is_of_what_rules_do_and_of_nothing_else(tmp_path: Path) -> None:
    first = policy(tmp_path, rule()).ref
    assert policy(tmp_path, rule(), title="Another title").ref.digest == first.digest and len(first.digest) == 64
    parts = [{"field": "bom.present", "is": True}, {"field": "bom.signed", "is": True}]
    others = [rule(severity="review"), rule(standing="measured"), rule(when={"all": parts}), rule(when={"any": parts})]
    digests = {policy(tmp_path, r).ref.digest for r in others} | {first.digest}
    assert len(digests) == 5
    again = [policy(tmp_path, extends=["uk-defence"], lists={"concern": c}).ref.digest for c in (["CN"], ["RU"])]
    assert again[0] != again[1]


def test_several_policies_are_one(tmp_path: Path) -> None:
    both = combine([load_policy("uk-defence"), load_policy("us-dod")])
    ids = [r.id for r in both.rules]
    assert len(ids) == len(set(ids)) and {"D1", "S1", "T1"} <= set(ids) and both.ref.name == "uk-defence+us-dod"
    with pytest.raises(UsageError, match="two rules are called T1"):
        combine([load_policy("baseline"), policy(tmp_path, rule("T1"))])


def test_a_policy_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean uk-defence"):
        load_policy("uk-defense")
    with pytest.raises(UsageError, match="there is no policy"):
        load_policy(str(tmp_path / "none.yaml"))
    with pytest.raises(FormatError, match=r"ours.yaml: extends: there is no policy none"):
        policy(tmp_path, rule(), extends=["none"])


@pytest.mark.parametrize("name", packs())
def test_packs_satisfy_the_schema_of_files_and_say_what_they_are(name: str) -> None:
    from importlib import resources

    text = (resources.files("forebear") / "data" / "policies" / f"{name}.yaml").read_text("utf-8")
    Draft202012Validator(schema("policy-file")).validate(plain(text, name))
    found = load_policy(name)
    assert found.ref.name == name and "legal advice" in found.notice and found.audience
    for r in (*found.rules, *found.off):
        assert r.clears and r.title and (r.not_decided or not r.cites or r.severity.value == "note"), r.id


def test_rules_that_cite_what_nobody_retrieved_are_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    (home / "catalogue").mkdir(parents=True)
    entry = '[[instrument]]\nid = "rumour"\ntitle = "A rumour"\nsources = ["memory"]\nconfidence = "unverified"\n'
    (home / "catalogue" / "mine.toml").write_text(f'as_of = "2026-11-01"\n{entry}', "utf-8")
    monkeypatch.setenv("FOREBEAR_HOME", str(home))
    assert policy(tmp_path, rule(cites=["rumour"], severity="note")).rules
    with pytest.raises(FormatError, match="nobody retrieved rumour"):
        policy(tmp_path, rule(cites=["rumour"]))


def test_tier_b_and_the_list_ask_about_the_model_itself_too(tmp_path: Path) -> None:
    strict = policy(tmp_path, extends=["us-dod"], enable=["S3", "S3-OWN"])
    answer = check(strict, given(subject={"controlled_from": ["CN"], "factors": ["US-1260H"]}))
    assert {"S3-OWN", "S4-OWN"} <= {f.rule for f in answer.findings} and answer.decision is Decision.DENY
