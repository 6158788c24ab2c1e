"""What a record says about lineage, and what a contradiction takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bills import NOW, base
from forebear.bom import cyclonedx
from forebear.bom.record import ClaimRecord, Model, Record, Relative, Slot, Status
from forebear.bom.training import Input, InputKind, Stage, StageKind
from forebear.bom.values import Basis, Said, Setting
from forebear.index import LocalIndex
from forebear.inspect.bom_verify_later import detectable, earlier, later, record_of
from forebear.inspect.bom_verify_lineage import Retest, results
from forebear.inspect.bom_verify_statements import (
    MOST,
    Kind,
    declared_ancestors,
    left_out,
    statements_of,
    unread_relatives,
)
from forebear.lineage.confidence import shares
from forebear.types import Ancestor, Cost, Coverage, ModelRef, Relation, Scan, Verdict


def kinds(**more: Any) -> list[tuple[Kind, str]]:
    record = Record(**{"model": Model(name="org/m"), "created": NOW, **more})
    return [(s.kind, s.name) for s in statements_of(record, {})]


def stage(*names: str, kind: InputKind = InputKind.MODEL, outputs: tuple[str, ...] = ()) -> Stage:
    return Stage(kind=StageKind.SFT, inputs=tuple(Input(kind=kind, name=n) for n in names), outputs=outputs)


def test_relatives_by_their_place() -> None:
    relatives = (
        base("a/base"),
        Relative(name="a/kin", slot=Slot.VARIANT),
        Relative(name="a/heir", slot=Slot.DESCENDANT),
        base("a/root", child="a/base"),
    )
    assert kinds(relatives=relatives) == [
        (Kind.ANCESTOR, "a/base"),
        (Kind.VARIANT, "a/kin"),
        (Kind.DESCENDANT, "a/heir"),
        (Kind.OF_RELATIVE, "a/root"),
    ]


def test_stages_name_bases_once_and_not_what_they_made_themselves() -> None:
    stages = (
        stage("a/base", outputs=("step-1",)),
        stage("step-1", "org/m"),
        stage("a/teacher", kind=InputKind.TEACHER),
    )
    assert kinds(relatives=(base("base"),), stages=stages) == [(Kind.ANCESTOR, "base")]
    assert kinds(stages=stages) == [(Kind.ANCESTOR, "a/base")]


def test_an_ancestor_of_a_model_that_is_no_ancestor_leads_nowhere() -> None:
    relatives = (
        base("a/base"),
        base("a/root", child="a/base"),
        base("a/first", child="a/root"),
        base("b/hidden", child="b/kin"),
        Relative(name="b/kin", slot=Slot.VARIANT),
        base("c/one", child="c/other"),
        base("c/other", child="c/one"),
    )
    record = Record(model=Model(name="org/m"), created=NOW, relatives=relatives)
    led = {s.name for s in statements_of(record, {}) if s.leads_up}
    assert led == {"a/base", "a/root", "a/first", "b/kin"}


def test_claims_in_words() -> None:
    assert kinds(claims=(ClaimRecord(claim="Trained From Scratch"),)) == [(Kind.SCRATCH, "")]
    assert kinds(claims=(ClaimRecord(claim="This model was trained from scratch on our data."),)) == [
        (Kind.SCRATCH, "")
    ]
    for words in ("base model: a/b", "Base Model: a/b"):
        assert kinds(claims=(ClaimRecord(claim=words),)) == [(Kind.ANCESTOR, "a/b")]
    assert kinds(claims=(ClaimRecord(claim="the fastest model in the world"),)) == []


def test_properties_of_other_programs_name_bases() -> None:
    def said(name: str, value: str) -> list[tuple[Kind, str]]:
        return kinds(model=Model(name="org/m", properties=(Setting(name=name, value=value),)))

    assert said("base_model", "a/b") == said("acme:parentModel", "a/b") == [(Kind.ANCESTOR, "a/b")]
    assert said("aibom:from_scratch", "True") == [(Kind.SCRATCH, "")]
    for nothing in ("org/m", "none", "unknown", "withheld", ""):
        assert said("base_model", nothing) == [], nothing


@pytest.mark.parametrize("name", ["org/m", "org/another"])
def test_the_profiles_word_for_no_parent_is_a_claim_of_the_model_that_it_is_about(name: str) -> None:
    record = Record(model=Model(name="org/m"), created=NOW)
    parent = {"name": "ai-lineage:parent", "value": "none"}
    component = {
        "type": "machine-learning-model",
        "group": "org",
        "name": name.partition("/")[2],
        "properties": [parent],
    }
    above = {"group": "org", "name": "m", "pedigree": {"ancestors": [component]}}
    package = {"type": "ai_AIPackage", "spdxId": "urn:a", "name": name}
    note = {"type": "Annotation", "subject": "urn:a", "statement": '{"ai-lineage": {"parent": "none"}}'}
    expected = [Kind.SCRATCH] if name == "org/m" else []
    for document in ({"metadata": {"component": component}}, {"@graph": [package, note]}):
        assert [s.kind for s in statements_of(record, document)] == expected
    assert statements_of(record, {"metadata": {"component": above}}) == ()


def test_relatives_that_are_not_called_models_are_told() -> None:
    def unread(kind: str, holder: str = "machine-learning-model") -> tuple[str, ...]:
        other = {"type": kind, "name": "b", "bom-ref": "b"}
        main = {"type": holder, "name": "m", "bom-ref": "m", "pedigree": {"ancestors": [other]}}
        document = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": main}}
        return unread_relatives(cyclonedx.read(document))

    assert unread("application") == ("b",)
    assert unread("machine-learning-model") == unread("library", "library") == ()


def test_a_description_speaks_only_where_no_base_is_named() -> None:
    text = "A model that is honest. It was trained from scratch in Europe."
    model = Model(name="org/m", description=text)
    assert kinds(model=model) == [(Kind.SCRATCH, "")]
    assert kinds(model=model, relatives=(base("a/b"),)) == [(Kind.ANCESTOR, "a/b")]
    assert kinds(model=Model(name="org/m", description="It was not trained from scratch.")) == []


def test_a_flood_of_relatives_is_cut_short() -> None:
    flood = tuple(base(f"a/{k}") for k in range(MOST + 7))
    record = Record(model=Model(name="org/m"), created=NOW, relatives=flood)
    assert len(statements_of(record, {})) == MOST and left_out(record) == 7


def test_a_statement_is_found_in_the_pedigree() -> None:
    other = {"group": "a", "name": "b"}
    document = {"components": [other], "metadata": {"component": {**other, "pedigree": {"ancestors": [other]}}}}
    (statement,) = statements_of(Record(model=Model(name="m"), created=NOW, relatives=(base("a/b"),)), document)
    assert statement.pointer == "/metadata/component/pedigree/ancestors/0"


def test_a_papers_word_and_a_measurement_are_two_sources() -> None:
    measured = Said(basis=Basis.MEASURED, by="forebear")
    expected = {
        "declared in README.md; measured by forebear": base("a/b").model_copy(update={"said": measured}),
        "declared in README.md": base("a/b"),
        "measured by forebear": Relative(name="a/b", slot=Slot.ANCESTOR, said=measured),
    }
    for source, relative in expected.items():
        (statement,) = statements_of(Record(model=Model(name="m"), created=NOW, relatives=(relative,)), {})
        assert statement.source == source


def test_parts_and_teachers_are_no_bases_of_the_whole() -> None:
    relatives = (
        base("a/tower", component="vision tower"),
        base("a/teacher", declared_relation="distilled"),
        base("a/b"),
    )
    record = Record(model=Model(name="org/m"), created=NOW, relatives=relatives)
    assert [s.name for s in declared_ancestors(statements_of(record, {}))] == ["a/b"]


def relative(*reasons: tuple[str, float], verdict: Verdict = Verdict.DEPENDENT, direction: str = "unknown") -> Ancestor:
    given = [{"name": n, "text": f"{n} was seen", "log_odds": o, "rules_out_siblings": False} for n, o in reasons]
    details = {"direction": {"log_odds": sum(o for _, o in reasons), "reasons": given}}
    return Ancestor("org/x", verdict, -30.0, -29.0, Relation("finetune", direction, None, details), (), why="so it is")


@pytest.mark.parametrize(
    "reason",
    [{}, {"log_odds": 3.0}, {"name": "decay", "text": "T", "log_odds": "3"}, 5, {"name": "decay", "log_odds": 10**400}],
)
def test_reasons_of_a_damaged_result_tell_no_order(reason: Any) -> None:
    sound = relative(("decay", 3.0))
    given = sound.relation.details["direction"]["reasons"]
    for reasons in ([reason], [*given, reason]):
        details = {"direction": {"log_odds": 3.0, "reasons": reasons}}
        assert not later(replace(sound, relation=replace(sound.relation, details=details)))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (relative(("decay", 3.0)), True),
        (relative(("decay", 1.0)), False),  # a weak fact is worth no more than it says
        (relative(("decay", -3.0)), False),
        (relative(("gains", 9.0)), False),  # its record is worse than a coin's
        (relative(("orthogonal change", 9.0)), False),
        (relative(("a new kind of reason", 9.0)), False),  # never counted
        (relative(("decay", 3.0), ("orthogonal change", -3.0)), False),
        (relative(), False),
        (relative(("decay", 3.0), verdict=Verdict.SAME_INIT_OR_DERIVED), False),
        (relative(("decay", 3.0), verdict=Verdict.SIBLINGS), False),
        (relative(("decay", 3.0), verdict=Verdict.IDENTICAL), False),
        (relative(verdict=Verdict.DERIVED, direction="a_to_b"), True),
        (relative(("decay", 3.0), direction="b_to_a"), False),
    ],
)
def test_which_came_first_is_told_by_facts_with_a_record(found: Ancestor, told: bool) -> None:
    assert bool(later(found)) is told
    assert bool(earlier(mirrored(found))) is told
    assert not (told and earlier(found))


def mirrored(found: Ancestor) -> Ancestor:
    """The same pair, seen from the other model."""
    way = {"a_to_b": "b_to_a", "b_to_a": "a_to_b"}.get(found.relation.direction, "unknown")
    reasons = tuple((r["name"], -r["log_odds"]) for r in found.relation.details["direction"]["reasons"])
    return relative(*reasons, verdict=found.verdict, direction=way)


def test_a_reason_is_worth_what_its_record_says() -> None:
    assert record_of("nothing of that name") == 0.0
    known = shares()["reason"]
    assert all(record_of(name) == 0.0 for name, share in known.items() if share.probability <= 0.5)
    assert record_of("decay") >= 2.0 > record_of("orthogonal change") > 0
    assert all(record_of(name) < 5 for name in known)  # never certain


def test_power_grows_with_coins_and_shrinks_with_the_index() -> None:
    assert detectable(10, 1) is None
    few, many = detectable(100, 1), detectable(2_000, 1)
    assert few is not None and many is not None and 0.5 < many < few <= 1
    crowded = detectable(2_000, 1_000_000)
    assert crowded is not None and crowded > many


@pytest.mark.parametrize("child", ["", "a/middle"])
@pytest.mark.parametrize(
    ("verdict", "direction", "status"),
    [
        (Verdict.DERIVED, "a_to_b", Status.CONFIRMED),
        (Verdict.DEPENDENT, "a_to_b", Status.CONFIRMED),
        (Verdict.IDENTICAL, "unknown", Status.CONFIRMED),
        (Verdict.DEPENDENT, "unknown", Status.UNVERIFIED),
        (Verdict.DEPENDENT, "b_to_a", Status.UNVERIFIED),
        (Verdict.SIBLINGS, "a_to_b", Status.UNVERIFIED),
        (Verdict.SIBLINGS, "unknown", Status.UNVERIFIED),
        (Verdict.SAME_INIT_OR_DERIVED, "a_to_b", Status.UNVERIFIED),
    ],
)
def test_an_ancestor_is_confirmed_by_dependence_and_order(
    child: str, verdict: Verdict, direction: str, status: Status, tmp_path: Path
) -> None:
    middle = (base("a/middle"),) if child else ()
    record = Record(model=Model(name="org/m"), created=NOW, relatives=(*middle, base("a/base", child=child)))
    found = Ancestor("a/base", verdict, -30.0, -29.0, Relation("finetune", direction), (), why="so it is")
    scan = Scan(ModelRef("t", "m"), verdict, (found,), None, None, (), (), 1, Coverage(), Cost())
    retest = Retest(record, statements_of(record, {}), scan, LocalIndex(tmp_path), "standard")
    assert results(retest)[-1].status is status
