from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from documents import check_document
from forebear.errors import FormatError, UsageError
from forebear.policy.evaluate import FALSE
from forebear.policy.examples import completed, test_policy
from forebear.policy.expression import All, AnyOf, Entries, Expression, Not, Test
from forebear.policy.load import load_policy, packs
from forebear.report.schemas import schema
from policies import given, policy, rule


@pytest.mark.parametrize("name", packs())
def test_examples_of_packs_come_out_and_show_every_rule_true_false_and_unknown(name: str) -> None:
    tested = test_policy(load_policy(name))
    assert [(e.name, e.wrong) for e in tested.examples if e.wrong] == [] and tested.uncovered == ()
    assert tested.passed
    check_document(tested.to_json())


def changed(expression: Expression) -> Iterator[Expression]:
    """A condition with one thing in it changed: a part left out, a test or a quantifier turned round."""
    match expression:
        case Test():
            yield Not(expression)
        case Not(part):
            yield part
        case Entries(name, every, where):
            yield Entries(name, not every, where)
            yield from (Entries(name, every, w) for w in changed(where))
        case All(parts) | AnyOf(parts):
            kind = type(expression)
            if len(parts) > 1:
                yield (AnyOf if kind is All else All)(parts)
            for n, part in enumerate(parts):
                yield from (kind((*parts[:n], p, *parts[n + 1 :])) for p in changed(part))


@pytest.mark.parametrize("name", packs())
def test_a_condition_turned_round_is_noticed_by_an_example(name: str) -> None:
    found = load_policy(name)
    survivors = []
    mutants = 0
    for n, one in enumerate(found.rules):
        if one.policy != name:
            continue
        for other in changed(one.when):
            mutants += 1
            rules = (*found.rules[:n], replace(one, when=other), *found.rules[n + 1 :])
            if test_policy(replace(found, rules=rules)).passed:
                survivors.append(f"{one.id}: {replace(one, when=other).to_json()['when']}")
    assert mutants and survivors == []


def test_what_an_example_leaves_out_is_that_of_an_innocent_model() -> None:
    Draft202012Validator(schema("policy-input")).validate(completed({}))
    found = completed({"ancestors": [{"disclosed": False}, {}], "bom": {"signed": None}, "org": {"revenue": None}})
    Draft202012Validator(schema("policy-input")).validate(found)
    assert [a["disclosed"] for a in found["ancestors"]] == [False, True] and found["bom"]["present"] is True
    assert (
        found["org"]["revenue"] is None and completed({"org": {"revenue": {"amount": 5}}})["org"]["revenue"]["currency"]
    )
    assert completed({"ancestors": None})["ancestors"] is None


@pytest.mark.parametrize(
    "fragment",
    [
        {"bon": {}},
        {"bom": {"presnt": True}},
        {"ancestors": [{"on": []}]},
        {"ancestors": ["x"]},
        {"org": {"revenue": {"sum": 1}}},
        {"ancestors": [{"standing": "certain"}]},
        {"ancestors": [{"standing": None}]},
        {"ancestors": [{"kinds": ["cloned"]}]},
        {"ancestors": {"name": "x"}},
        {"bom": True},
        {"bom": {"present": "no"}},
        {"compute": {"ratio": True}},
        {"parent": {"state": "lost"}},
        {"org": {"territories": "GB"}},
    ],
)
def test_a_field_of_an_example_that_is_not_there_is_refused(fragment: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        completed(fragment)


def test_an_example_that_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    examples = [
        {"name": "right", "fails": ["R1"], "decision": "pass"},
        {"name": "wrong", "holds": ["R1"], "decision": "deny"},
        {"name": "not known", "input": {"bom": {"present": None}}, "unknown": ["R1"]},
    ]
    tested = test_policy(policy(tmp_path, rule(), examples=examples))
    assert [bool(e.wrong) for e in tested.examples] == [False, True, False] and not tested.passed
    assert tested.examples[1].wrong[0] == "R1 is false, and should be true" and "pass" in tested.examples[1].wrong[1]
    assert tested.uncovered == ()
    with pytest.raises(FormatError, match="did you mean R1"):
        test_policy(policy(tmp_path, rule(), examples=[{"name": "x", "holds": ["R2"]}]))


def test_a_policy_without_examples_did_not_pass(tmp_path: Path) -> None:
    tested = test_policy(policy(tmp_path, rule(), rule("R2", when={"field": "access", "is": "weights"})))
    assert not tested.passed
    assert tested.uncovered == ("R1: true", "R1: false", "R1: unknown", "R2: true", "R2: false")


def test_neutral_facts_raise_nothing_in_any_pack() -> None:
    from forebear.policy.check import verdict_on

    innocent = given()
    for name in packs():
        assert [r.id for r in load_policy(name).rules if verdict_on(r, innocent) is not FALSE.value] == [], name
