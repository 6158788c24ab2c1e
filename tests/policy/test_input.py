from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from forebear.licences.answer import (
    ChangeKind,
    ClauseChange,
    DeclaredLicence,
    Detection,
    Duty,
    DutyStatus,
    LicenceAnswer,
)
from forebear.licences.organisation import Money, Organisation
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains import chain_of
from forebear.origin import origin_of
from forebear.policy.fields import Kind, fields
from forebear.policy.input import BomFacts, Told, policy_input
from forebear.report.schemas import schema

KIMI = "moonshotai/Kimi-K2.5"


def bill(name: str = "acme/model", ancestors: tuple[str, ...] = (), supplier: str = "") -> dict[str, Any]:
    made = [{"type": "machine-learning-model", "group": a.split("/")[0], "name": a.split("/")[-1]} for a in ancestors]
    model: dict[str, Any] = {"type": "machine-learning-model", "name": name, "pedigree": {"ancestors": made}}
    if supplier:
        model["supplier"] = {"name": supplier}
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": model}}


def made(document: dict[str, Any], chain: Chain | None = None, **more: Any) -> dict[str, Any]:
    chain = chain or chain_of(document)
    licence = more.pop("licence", LicenceAnswer(chain.subject.name))
    found = policy_input(document, chain, licence, origin_of(chain), **more)
    Draft202012Validator(schema("policy-input")).validate(found)
    return found


def test_what_is_not_known_is_null_and_never_no() -> None:
    found = made({}, Chain(Node("x")))
    nulls = [p for p, f in fields().items() if f.nullable and "." in p and found[p.split(".")[0]] not in (None, [])]
    known = {"parent.state", "parent.names", "subject.unverified", "subject.facts_retrieved", "licence.declared"}
    for path in nulls:
        group, _, name = path.partition(".")
        if path not in known and "." not in name and fields()[group].kind is Kind.GROUP:
            assert found[group][name] is None, path
    assert found["from_scratch_claimed"] is found["claim_contradicted"] is found["lineage_known"] is None
    assert set(found["org"].values()) == {None}


def test_an_ancestor_brings_its_developer_licence_and_three_kinds_of_countries() -> None:
    found = made(bill(ancestors=(KIMI,)))
    first = found["ancestors"][0]
    assert (first["name"], first["model"], first["developer"]) == (KIMI, "Kimi-K2.5", "moonshot")
    assert first["disclosed"] is True and first["standing"] == "declared" and first["weights"] is True
    assert first["engineering_in"] == ["CN"] and "SG" in first["incorporated_in"] and first["controlled_from"] == ["CN"]
    assert "kimi-k2.5-modified-mit" in first["licences"] and first["restrictive"] is True
    assert found["parent"] == {"state": "declared", "names": [KIMI]} and found["lineage_known"] is True
    assert found["claims"] == [{"claim": f"base model: {KIMI}", "source": "bill of materials", "status": "unverified"}]


def test_a_developer_or_licence_that_is_not_in_the_catalogue_leaves_everything_open() -> None:
    (entry,) = made(bill(ancestors=("nobody/knows-this-1b",)))["ancestors"]
    for name in ("developer", "controlled_from", "licences", "military", "territory_excluded", "restrictive"):
        assert entry[name] is None, name
    subject = made({}, Chain(Node("x", licences=("apache-2.0", "no-such-licence"))))["subject"]
    assert subject["licences"] is None and subject["military"] is None


def test_of_several_licences_of_the_model_each_has_to_be_known() -> None:
    said = (DeclaredLicence("mit", "card", "mit"), DeclaredLicence("acme-terms", "card"))
    subject = made({}, Chain(Node("x")), licence=LicenceAnswer("x", declared=said))["subject"]
    assert subject["licences"] is None and subject["military"] is None
    subject = made({}, Chain(Node("x")), licence=LicenceAnswer("x", declared=said[:1]))["subject"]
    assert subject["licences"] == ["mit"]


def test_facts_that_nobody_retrieved_are_marked_field_by_field(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    lines = [
        'as_of = "2026-11-01"', "[source.paper]", 'what = "A paper"', 'read = "2026-11-01"', 'kind = "primary"',
        "[[developer]]", 'id = "acme"', 'name = "Acme"', 'sources = ["paper"]', 'confidence = "high"',
        "[[developer.controlled_from]]", 'country = "RU"', 'sources = ["memory"]', 'confidence = "unverified"',
        "[[developer.engineering_in]]", 'country = "GB"', 'sources = ["paper"]', 'confidence = "high"',
    ]  # fmt: skip
    (tmp_path / "catalogue").mkdir()
    (tmp_path / "catalogue" / "acme.toml").write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    subject = made({}, Chain(Node("acme/x", developer="acme")))["subject"]
    assert subject["controlled_from"] == ["RU"] and subject["engineering_in"] == ["GB"]
    assert subject["unverified"] == ["controlled_from"] and subject["facts_retrieved"] is False
    assert subject["incorporated_in"] is None and subject["engineering_elsewhere"] is None


def edge(standing: Standing, kind: EdgeKind = EdgeKind.FINETUNE, **more: Any) -> Edge:
    return Edge("a/base", "x", kind, standing, **more)


@pytest.mark.parametrize(
    ("edges", "parent", "wanted"),
    [
        ((), ParentState.ABSENT, None),
        ((), ParentState.WITHHELD, None),
        ((), ParentState.FROM_SCRATCH, True),
        ((edge(Standing.POSSIBLE),), ParentState.ABSENT, None),
        ((edge(Standing.PROBABLE),), ParentState.ABSENT, True),
        ((edge(Standing.DECLARED, EdgeKind.DISTILLED),), ParentState.ABSENT, None),
        ((edge(Standing.DECLARED, component="vision encoder"),), ParentState.ABSENT, None),
    ],
)
def test_when_ancestors_are_known(edges: tuple[Edge, ...], parent: ParentState, wanted: bool | None) -> None:
    chain = Chain(Node("x"), (Node("a/base"),) if edges else (), edges, parent)
    assert made({}, chain)["lineage_known"] is wanted


@pytest.mark.parametrize(
    ("statuses", "access", "wanted"),
    [
        (["contradicted", "confirmed"], Access.WEIGHTS, True),
        (["confirmed"], Access.ENDPOINT, False),
        (["confirmed", "unverified"], Access.WEIGHTS, None),
        (["unverified"], Access.WEIGHTS, None),
        ([], Access.WEIGHTS, False),
        ([], Access.TRAFFIC, None),
    ],
)
def test_claims_add_up(statuses: list[str], access: Access, wanted: bool | None) -> None:
    document = {"claims": [{"claim": "base model: a/b", "source": "card", "status": s} for s in statuses]}
    assert made(document, Chain(Node("x"), access=access))["claim_contradicted"] is wanted


def test_from_scratch_is_claimed_by_papers_or_vendor() -> None:
    assert made({}, Chain(Node("x"), parent=ParentState.FROM_SCRATCH))["from_scratch_claimed"] is True
    assert made({}, Chain(Node("x"), parent=ParentState.DECLARED))["from_scratch_claimed"] is False
    assert made({}, Chain(Node("x")), told=Told(from_scratch=True))["from_scratch_claimed"] is True
    assert made({}, Chain(Node("x")), told=Told(from_scratch=True))["parent"]["state"] == "from_scratch"
    assert made({}, Chain(Node("x")), told=Told(withheld=True))["parent"]["state"] == "withheld"


def test_duties_texts_and_facts_of_the_organisation() -> None:
    duty = Duty("display_ui", "kimi-k2.5-modified-mit", KIMI, Standing.PROBABLE, DutyStatus.UNMET, "Why.", "Kimi K2.5")
    change = ClauseChange(ChangeKind.REMOVED, "2", "", "a clause is gone", True)
    answer = LicenceAnswer("x", duties=(duty,), detected=(Detection("LICENSE", "mit", "mit", changes=(change,)),))
    org = Organisation("A", "GB", ("GB",), uses=("military",), revenue=Money(5, "GBP", "year"), distributes=False)
    found = made({}, Chain(Node("x")), licence=answer, organisation=org, bom=BomFacts(True, False, "match", "declared"))
    assert found["duties"][0]["text"] == "Kimi K2.5" and found["duties"][0]["facts_retrieved"] is True
    assert found["licence"] == {"declared": [], "detected": ["mit"], "missing": False, "changed": True}
    assert found["org"]["revenue"] == {"amount": 5, "currency": "GBP", "period": "year"}
    assert found["org"]["distributes"] is False and found["org"]["public_body"] is None
    assert found["org"]["agreements"] is None and found["bom"]["hashes"] == "match"


def test_compute_is_a_ratio_only_where_both_are_told() -> None:
    both = made({}, Chain(Node("x")), told=Told(compute={"base_flop": 1e24, "modification_flop": 3e24}))["compute"]
    assert both["ratio"] == 3.0
    for compute in ({"base_flop": 1e24}, {"base_flop": 0.0, "modification_flop": 1.0}, {}):
        assert made({}, Chain(Node("x")), told=Told(compute=compute))["compute"]["ratio"] is None


def test_a_strangers_document_cannot_put_other_types_into_the_input() -> None:
    strange = {
        "model": {"target": 3, "digest": ["x"]},
        "claims": [3, {"claim": 4}, {"claim": "c", "status": "certain", "source": {"a": 1}}],
        "findings": [None, {"id": 3, "level": "error"}, {"id": "a", "level": "fatal"}, {"id": "b", "level": "note"}],
        "identifiers": [1, {"provider": ["x"]}, {"provider": "fireworks"}],
    }
    found = made(strange, Chain(Node("x")))
    assert [c["status"] for c in found["claims"]] == ["unverified"]
    assert found["findings"] == [{"id": "b", "level": "note"}]
    assert found["runtime"]["provider"] == "fireworks" and found["model"]["target"] is None


@pytest.mark.parametrize(
    ("access", "state"), [(Access.TRAFFIC, None), (Access.ENDPOINT, None), (Access.DOCUMENTS, "absent")]
)
def test_papers_that_nobody_could_see_are_not_silent_about_a_parent(access: Access, state: str | None) -> None:
    assert made({}, Chain(Node("x"), access=access))["parent"] == {"state": state, "names": []}
