"""Chains from CycloneDX: what suppliers declare, what Forebear wrote down, and what is withheld."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chained import KIMI, bill, check_value, component, edge, said
from forebear.bom import cyclonedx, spdx
from forebear.bom.record import Acknowledgement, ClaimRecord, LicenceStatement, Model, Record, Relative, Slot, Status
from forebear.bom.values import Basis, Gap, GapState, Said
from forebear.errors import InputError, UsageError
from forebear.lineage.chain import Access, Chain, EdgeKind, ParentState, Standing
from forebear.lineage.chains import chain_of, chains_of
from forebear.lineage.chains.cyclonedx import read
from forebear.lineage.chains.extend import BY_A_BILL
from forebear.types import Verdict
from shared import shared

FORMATS = ["1.7", "1.6", "spdx"]
FOREBEAR = {"tools": {"components": [{"name": "forebear", "type": "application"}]}}


MEASURED = Said(basis=Basis.MEASURED, by="forebear")


def by_forebear(*relatives: Relative, version: str = "1.7", **more: Any) -> dict[str, Any]:
    """A bill as Forebear writes it."""
    licences = (LicenceStatement(name="apache-2.0", spdx="Apache-2.0"),)
    values = {"licences": licences, "relatives": relatives, **more}
    record = Record(model=Model(name="acme/mine"), created="2026-01-01T00:00:00Z", **values)
    return spdx.write(record) if version == "spdx" else cyclonedx.write(record, version)


def measured(
    name: str, verdict: Verdict, relation: str = "unknown", direction: str = "unknown", **more: Any
) -> Relative:
    slot = Slot.VARIANT if direction == "unknown" and "declared_in" not in more else Slot.ANCESTOR
    values = {"verdict": verdict, "relation": relation, "direction": direction, "said": MEASURED, **more}
    return Relative(name=name, **{"slot": slot, **values})


def test_ancestors_are_declared() -> None:
    above = component("Llama-3.1-8B", group="meta-llama")
    chain = chain_of(
        bill(
            component(
                "mine", [component("Kimi-K2.5", [above], group="moonshotai", **said({"relation.declared": "rl"}))]
            )
        )
    )
    check_value(chain, "chain")
    assert chain.access is Access.DOCUMENTS and chain.parent is ParentState.DECLARED
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.RL, Standing.DECLARED, True)
    assert edge(chain, "meta-llama/Llama-3.1-8B").child == KIMI


def test_variants_leave_the_direction_open() -> None:
    main = {**component("mine"), "pedigree": {"variants": [component(KIMI)]}}
    chain = chain_of(bill(main))
    assert edge(chain, KIMI).standing is Standing.POSSIBLE and chain.parent is ParentState.ABSENT


@pytest.mark.parametrize("version", FORMATS)
def test_what_forebear_measured_is_read_back(version: str) -> None:
    declared: dict[str, Any] = {"declared_in": "README.md", "claim": Status.UNVERIFIED, "claim_why": "x"}
    relatives = (
        measured(KIMI, Verdict.DERIVED, "finetune", "a_to_b", log10_p=-30.0, log10_e=-28.0, why="Made from it."),
        Relative(name="Qwen/Qwen3-8B", slot=Slot.ANCESTOR, declared_relation="merge", **declared),
        measured("org/both", Verdict.DEPENDENT, "rl", "unknown", log10_p=-20.0, **declared),
        measured("org/variant", Verdict.SAME_INIT_OR_DERIVED, log10_p=-9.0),
    )
    chain = chain_of(by_forebear(*relatives, version=version))
    assert chain.subject.name == "acme/mine" and chain.subject.licences == ("apache-2.0",)
    assert [(e.parent, e.kind, e.standing, e.declared) for e in chain.edges if e.child == "acme/mine"] == [
        (KIMI, "finetune", "measured", False),
        ("Qwen/Qwen3-8B", "merge", "declared", True),
        ("org/both", "rl", "probable", True),
        ("org/variant", "unknown", "possible", False),
    ]
    assert edge(chain, KIMI).log10_p == -30.0 and "Made from it." in edge(chain, KIMI).evidence


def test_a_measured_relative_without_a_settled_direction_is_possible() -> None:
    relative = measured(KIMI, Verdict.DEPENDENT, "finetune", log10_p=-30.0)
    assert edge(chain_of(by_forebear(relative)), KIMI).standing is Standing.POSSIBLE


@pytest.mark.parametrize("version", FORMATS)
def test_what_was_probed_or_catalogued_is_no_declaration(version: str) -> None:
    probed, catalogued = (Said(basis=basis, by="forebear") for basis in (Basis.PROBED, Basis.CATALOGUED))
    relatives = (
        Relative(name="org/behind", slot=Slot.ANCESTOR, relation="rl", standing="probable", said=probed),
        Relative(name="org/leaked", slot=Slot.VARIANT, standing="possible", said=probed),
        Relative(name="org/boast", slot=Slot.ANCESTOR, standing="measured", said=probed),
        Relative(name="org/above", slot=Slot.ANCESTOR, child="org/behind", standing="catalogued", said=catalogued),
    )
    chain = chain_of(by_forebear(*relatives, version=version))
    assert {(e.parent, e.child, e.standing.value, e.declared) for e in chain.edges} == {
        ("org/behind", "acme/mine", "probable", False),
        ("org/leaked", "acme/mine", "possible", False),
        ("org/boast", "acme/mine", "possible", False),
        ("org/above", "org/behind", "catalogued", False),
    }
    assert edge(chain, "org/behind").kind is EdgeKind.RL and chain.parent is ParentState.ABSENT


@pytest.mark.parametrize("version", FORMATS)
def test_an_inherited_licence_is_not_the_models_own(version: str) -> None:
    own = LicenceStatement(name="mit", spdx="MIT")
    concluded = {"acknowledgement": Acknowledgement.CONCLUDED, "inherited_from": "org/base"}
    brought = LicenceStatement.model_validate({"name": "Llama", "spdx": "LicenseRef-llama", **concluded})
    named = LicenceStatement.model_validate({"name": "Apache License 2.0", "spdx": "Apache-2.0", **concluded})
    bill = by_forebear(licences=(own, brought, named), version=version)
    assert chain_of(bill).subject.licences == ("mit",)


@pytest.mark.parametrize("version", FORMATS)
def test_claims_and_gaps_say_what_a_pedigree_does_not(version: str) -> None:
    scratch = (ClaimRecord(claim="trained from scratch", why="nothing found"),)
    assert chain_of(by_forebear(claims=scratch, version=version)).parent is ParentState.FROM_SCRATCH
    gap = (Gap(field="licence", state=GapState.UNKNOWN), Gap(field="base_model", state=GapState.WITHHELD))
    assert chain_of(by_forebear(gaps=gap, version=version)).parent is ParentState.WITHHELD
    unknown = (Gap(field="base_model", state=GapState.UNKNOWN),)
    assert chain_of(by_forebear(gaps=unknown, version=version)).parent is ParentState.ABSENT


@pytest.mark.parametrize("verdict", ["same_architecture", "same_tokenizer", "unrelated", "inconclusive", "certain"])
def test_a_verdict_that_names_no_ancestor_gives_none(verdict: str) -> None:
    values = {"verdict": verdict, "direction.by": "measured", "relation": "finetune"}
    document = bill(component("mine", [component("base", **said(values))]))
    document["metadata"] |= FOREBEAR
    assert chain_of(document).edges == ()


def test_our_words_in_anothers_bill_measure_nothing() -> None:
    values = {"verdict": "derived", "direction.by": "measured", "relation": "finetune", "log10_p": "-30"}
    chain = chain_of(bill(component("mine", [component("base", **said(values))])))
    assert edge(chain, "base").standing is Standing.DECLARED


@pytest.mark.parametrize("name", ["withheld", "Undisclosed", "not disclosed", "a leading open-source base model"])
def test_a_base_that_is_withheld_is_not_absent(name: str) -> None:
    chain = chain_of(bill(component("mine", [component(name)])))
    assert chain.parent is ParentState.WITHHELD and not chain.edges
    assert "stated and not named" in chain.notes[0]
    assert chain_of(bill(component("mine"))).parent is ParentState.ABSENT


def test_a_named_base_beside_a_withheld_one_is_declared() -> None:
    for ancestors in ([component("withheld"), component(KIMI)], [component(KIMI), component("withheld")]):
        chain = chain_of(bill(component("mine", ancestors)))
        assert chain.parent is ParentState.DECLARED and chain.notes


@pytest.mark.parametrize(
    ("key", "value", "state"),
    [
        ("aibom:baseModel", KIMI, "declared"),
        ("base_model", KIMI, "declared"),
        ("baseModel", "withheld", "withheld"),
        ("from_scratch", "true", "from_scratch"),
        ("from_scratch", "false", "absent"),
        ("forebear:claim", "trained from scratch: unverified; no related reference was found", "from_scratch"),
        ("color", KIMI, "absent"),
    ],
)
def test_properties_say_what_a_pedigree_does_not(key: str, value: str, state: str) -> None:
    properties = [{"name": key, "value": value}]
    for main in (component("mine", properties=properties), component("mine", modelCard={"properties": properties})):
        chain = chain_of(bill(main))
        assert chain.parent == state
        assert bool(chain.edges) == (state == "declared")


def test_parts_are_shared_components_and_their_ancestors_concern_the_part() -> None:
    encoder = component("vision encoder", [component("Qwen/Qwen2.5-VL-7B-Instruct")]) | {"bom-ref": "enc"}
    nested = bill(component("mine", components=[encoder]))
    needed = bill(component("mine") | {"bom-ref": "m"}, encoder, dependencies=[{"ref": "m", "dependsOn": ["enc"]}])
    for document in (nested, needed):
        chain = chain_of(document)
        assert {e.component for e in chain.edges} == {"vision encoder"}
        assert edge(chain, "vision encoder").kind is EdgeKind.COMPONENT
        assert chain.node("Qwen/Qwen2.5-VL-7B-Instruct").developer == "alibaba-qwen"
        assert chain.parent is ParentState.ABSENT
    assert not chain_of(bill(component("mine"), encoder)).edges  # it says nothing of the two


def test_a_program_uses_the_models_that_it_names() -> None:
    program = {"type": "application", "name": "chat"}
    document = bill(program, component("deepseek-reasoner"), component(KIMI), {"type": "library", "name": "torch"})
    first, second = chains_of(document)
    assert first.subject.developer == "deepseek"
    assert second.subject.model == "Kimi-K2.5"
    with pytest.raises(UsageError, match="2 models are in it"):
        chain_of(document)
    assert chain_of(document, KIMI) == second


def test_services_are_products_of_their_providers() -> None:
    document = bill({}, services=[{"name": "Some API", "provider": {"name": "Anysphere"}}])
    chain = chain_of(document)
    assert (chain.subject.name, chain.subject.developer, chain.edges) == ("Some API", "anysphere", ())


def test_a_product_by_its_supplier_is_what_the_catalogue_knows() -> None:
    chain = chain_of(bill(component("Composer 2", supplier={"name": "Anysphere"})))
    assert chain.subject.model == "Composer 2"
    assert edge(chain, "Kimi-K2.5").standing is Standing.CATALOGUED
    assert any("Composer 2" in note for note in chain.notes)
    other = chain_of(bill(component("Composer 2", supplier={"name": "Acme"})))
    assert other.subject.model == "" and not other.edges


def test_a_dispute_of_the_catalogue_is_a_note() -> None:
    chain = chain_of(bill(component("Pangu Pro MoE", supplier={"name": "Huawei"})))
    assert chain.subject.model == "Pangu Pro MoE"
    assert not chain.edges
    assert any("Disputed" in note for note in chain.notes)


def test_an_account_says_more_than_a_supplier() -> None:
    chain = chain_of(bill(component("Llama-2-7b", group="meta-llama", supplier={"name": "Hugging Face"})))
    assert chain.subject.developer == "meta"


def test_package_urls_and_licences_are_read() -> None:
    licences = [{"license": {"id": "MIT"}}, {"expression": "Apache-2.0"}, {"license": {"name": "our own"}}]
    main = component("x", purl=f"pkg:huggingface/acme/mine@{'c' * 40}", version="c" * 40, licenses=licences)
    chain = chain_of(bill(main))
    assert (chain.subject.name, chain.subject.revision) == ("acme/mine", "c" * 40)
    assert chain.subject.licences == ("mit", "apache-2.0", "our own")


@pytest.mark.shared
def test_bills_of_the_wild_are_read() -> None:
    found = [json.loads(f.read_text("utf-8")) for f in sorted(shared("artefacts").joinpath("boms").rglob("*.json"))]
    bills = [d for d in found if isinstance(d, dict) and ("bomFormat" in d or "@graph" in d)]
    assert len(bills) >= 8
    for document in bills:
        for chain in chains_of(document):
            check_value(chain, "chain")
            assert not any(e.standing in (Standing.MEASURED, Standing.PROBABLE) for e in chain.edges)


@pytest.mark.parametrize(
    "main",
    [
        {"pedigree": []},
        {"pedigree": {"ancestors": {}}},
        {"pedigree": {"ancestors": ["base"]}},
        {"name": 3},
        {"licenses": [{"license": "MIT"}]},
        {"properties": {"a": 1}},
        {"name": "n" * 400},
    ],
)
def test_damaged_bills_are_refused(main: dict[str, object]) -> None:
    with pytest.raises(InputError):
        chain_of(bill(component("mine") | main))


def test_a_saved_bill_is_a_path_to_the_same_chain(tmp_path: Path) -> None:
    document = by_forebear(measured(KIMI, Verdict.DERIVED, "finetune", "a_to_b", log10_p=-30.0))
    (tmp_path / "bom.json").write_text(json.dumps(document))
    assert chain_of(json.loads((tmp_path / "bom.json").read_text())) == chain_of(document)


def test_what_a_bill_says_was_measured_is_said_to_be_its_word() -> None:
    ours = chain_of(by_forebear(measured(KIMI, Verdict.DERIVED, "finetune", "a_to_b", log10_p=-30.0)))
    declared = chain_of(bill(component("mine", [component(KIMI)])))
    assert edge(ours, KIMI).standing is Standing.MEASURED and BY_A_BILL in ours.notes
    assert BY_A_BILL not in declared.notes


def raw(document: dict[str, Any]) -> Chain:
    """The chain as the bill has it, no name of it looked up."""
    (chain,) = read(document)
    return chain


def above(levels: int) -> dict[str, Any]:
    """A model with so many ancestors in a line."""
    top = component(f"a{levels}")
    for k in range(levels - 1, 0, -1):
        top = component(f"a{k}", [top])
    return component("mine", [top])


def test_pedigrees_and_nested_components_are_read_to_a_depth() -> None:
    assert len(raw(bill(above(31))).edges) == 31
    with pytest.raises(InputError, match="the pedigree is deeper than the 32 levels"):
        read(bill(above(32)))
    for levels, told in ((33, True), (34, False)):
        inner: dict[str, Any] = component("deep")
        for _ in range(levels - 1):
            inner = {"type": "library", "name": "l", "components": [inner]}
        document = bill({"type": "application", "name": "chat"}, inner)
        if told:
            assert raw(document).subject.name == "deep"
        else:
            with pytest.raises(InputError, match="components are nested deeper than the 32 levels"):
                read(document)


@pytest.mark.parametrize(
    ("main", "name"),
    [
        ({"name": "x"}, "x"),
        ({"name": "x", "group": "acme"}, "acme/x"),
        ({"group": "acme"}, "a model without a name"),
        ({}, "a model without a name"),
        ({"name": "x", "purl": "pkg:huggingface/acme/mine@abc?k=v"}, "acme/mine"),
        ({"name": "x", "purl": "pkg:huggingface/acme/mine?k=v@w"}, "acme/mine"),
        ({"name": "x", "purl": "pkg:npm/acme/mine"}, "x"),
        ({"name": "x", "purl": "pkg:huggingface/"}, "x"),
        ({"name": "x", "purl": f"pkg:huggingface/{'n' * 300}"}, "n" * 300),
        ({"name": "x", "purl": f"pkg:huggingface/{'n' * 301}"}, "x"),
    ],
)
def test_a_component_goes_by_its_hub_id_else_by_its_name(main: dict[str, Any], name: str) -> None:
    assert raw(bill({"type": "machine-learning-model", **main})).subject.name == name


@pytest.mark.parametrize(
    ("version", "revision"),
    [("c" * 40, "c" * 40), ("0123456789abcdef" * 2 + "01234567", "0123456789abcdef" * 2 + "01234567")]
    + [(v, "") for v in ("c" * 39, "c" * 41, "g" * 40, "C" * 40, "1.0", "")],
)
def test_a_version_that_is_a_commit_is_a_revision(version: str, revision: str) -> None:
    assert raw(bill(component("x", version=version))).subject.revision == revision


def test_publishers_and_licences_as_they_are_stated() -> None:
    every: dict[str, Any] = {"supplier": {"name": "S"}, "manufacturer": {"name": "M"}, "publisher": "P"}
    for leave, expected in (((), "S"), (("supplier",), "M"), (("supplier", "manufacturer"), "P"), (tuple(every), "")):
        main = component("x", **{k: v for k, v in every.items() if k not in leave})
        assert raw(bill(main)).subject.developer == expected
    brought = [{"name": "forebear:inherited_from", "value": "base"}]
    licences = [
        {"license": {"id": "MIT", "name": "also"}},
        {"license": {"id": "A"}, "properties": brought},
        {"license": {"id": "B", "properties": brought}},
        {"expression": "C OR D"},
        {"license": {}},
    ]
    assert raw(bill(component("x", licenses=licences))).subject.licences == ("MIT", "also", "C OR D")


@pytest.mark.parametrize(
    ("tools", "ours"),
    [
        ([{"name": "forebear"}], True),
        ({"components": [{"name": "other"}, {"name": "forebear"}]}, True),
        ({"components": [{"name": "forebear-like"}]}, False),
        ([], False),
        (None, False),
    ],
)
def test_who_wrote_the_bill(tools: Any, ours: bool) -> None:
    values = {"verdict": "derived", "direction.by": "measured", "relation": "finetune"}
    document = bill(component("mine", [component("base", **said(values))]))
    document["metadata"]["tools"] = tools
    assert (raw(document).edges[0].standing is Standing.MEASURED) is ours


def claims(*made: dict[str, Any], **more: Any) -> dict[str, Any]:
    return bill(component("mine"), declarations={"claims": list(made), **more})


@pytest.mark.parametrize(
    ("claim", "more", "state", "parents"),
    [
        ({"predicate": "Base model: org/base"}, {}, ParentState.DECLARED, ["org/base"]),
        ({"predicate": "base model: withheld"}, {}, ParentState.ABSENT, []),
        ({"predicate": "the base model: org/base"}, {}, ParentState.ABSENT, []),
        ({"predicate": "trained from scratch"}, {}, ParentState.FROM_SCRATCH, []),
        ({"predicate": "base model: b", "counterEvidence": ["e"]}, {}, ParentState.ABSENT, []),
        ({"predicate": "trained from scratch", "counterEvidence": ["e"]}, {}, ParentState.ABSENT, []),
        ({"predicate": "base model: b", **said({"status": "contradicted"})}, {}, ParentState.ABSENT, []),
        ({"predicate": "base model: b", **said({"status": "unverified"})}, {}, ParentState.DECLARED, ["b"]),
        (
            {"predicate": "base model: b", "bom-ref": "c1"},
            {"attestations": [{"map": [{"counterClaims": [3, "c1"]}]}]},
            ParentState.ABSENT,
            [],
        ),
        (
            {"predicate": "base model: b", "bom-ref": "c1"},
            {"attestations": [{"map": [{"claims": ["c1"], "counterClaims": ["c2"]}]}]},
            ParentState.DECLARED,
            ["b"],
        ),
        (
            {"predicate": "base model: b", "bom-ref": ["c1"]},
            {"attestations": [{"map": [{"counterClaims": ["c1"]}]}]},
            ParentState.DECLARED,
            ["b"],
        ),
    ],
)
def test_claims_that_nothing_speaks_against_say_where_it_comes_from(
    claim: dict[str, Any], more: dict[str, Any], state: ParentState, parents: list[str]
) -> None:
    chain = raw(claims(claim, **more))
    assert (chain.parent, [e.parent for e in chain.edges]) == (state, parents)
    told = chain.notes == ("The bill of materials says that it was trained from scratch.",)
    assert told is (state is ParentState.FROM_SCRATCH)


def test_a_pedigree_goes_before_claims_and_gaps() -> None:
    document = claims({"predicate": "trained from scratch"})
    document["metadata"]["component"] = component("mine", [component("base")])
    assert raw(document).parent is ParentState.DECLARED and not raw(document).notes


@pytest.mark.parametrize(
    ("field", "key", "state", "withheld"),
    [
        ("base_model", "forebear:gaps.3", "withheld", True),
        ("base_model", "forebear:gaps.12", "withheld", True),
        ("base_model", "forebear:gaps.3", "unknown", False),
        ("licence", "forebear:gaps.3", "withheld", False),
        ("base_model", "forebear:gaps.x", "withheld", False),
        ("base_model", "other:gaps.3", "withheld", False),
    ],
)
def test_a_gap_that_is_withheld(field: str, key: str, state: str, withheld: bool) -> None:
    noted = [{"name": f"{key}.field", "value": field}, {"name": f"{key}.state", "value": state}]
    chain = raw(bill(component("mine"), properties=noted))
    assert (chain.parent is ParentState.WITHHELD) is withheld
    assert bool(chain.notes) is withheld and all("stated and not named" in n for n in chain.notes)


def test_models_of_a_program_are_the_ones_that_they_are_called_after() -> None:
    program = {"type": "application", "name": "chat", "components": [component("Kimi-K2.5")]}
    document = bill(program, component("kimi k2.5"), component("moonshotai/Kimi-K2.5"), component("unheard-of"))
    nested, *others = read(document)
    assert [(e.parent, e.kind, e.declared) for e in nested.edges] == [("kimi k2.5", EdgeKind.SAME_MODEL, True)]
    assert nested.edges[0].evidence[0] == "The bill of materials lists a model called Kimi-K2.5."
    assert [n.name for n in nested.nodes] == ["kimi k2.5"]
    assert [(c.subject.name, c.edges, c.nodes) for c in others] == [
        (n, (), ()) for n in ("kimi k2.5", "moonshotai/Kimi-K2.5", "unheard-of")
    ]
    trained = raw(bill({"type": "application", "name": "chat"}, component("kimi-k2.5-sft")))
    assert trained.edges == ()  # a name of one's own declares nothing


def test_services_without_models() -> None:
    named, bare = read(bill({}, services=[{"name": "API", "provider": {"name": "Acme"}}, {}]))
    assert (named.subject.name, named.subject.developer, named.access) == ("API", "Acme", Access.DOCUMENTS)
    assert (bare.subject.name, bare.subject.developer) == ("a service", "")
    assert read(bill({})) == ()


def test_parts_need_a_reference_and_are_no_part_of_themselves() -> None:
    part = component("enc") | {"bom-ref": "e"}
    mine = component("mine") | {"bom-ref": "m"}
    for main, depends, expected in (
        (mine, [{"ref": "m", "dependsOn": ["e"]}], ["enc"]),
        (mine, [{"ref": "other", "dependsOn": ["e"]}], []),
        (component("mine"), [{"ref": "", "dependsOn": ["e"]}], []),
        (component("enc") | {"bom-ref": "m"}, [{"ref": "m", "dependsOn": ["e"]}], []),
    ):
        chain = raw(bill(main, part, dependencies=depends))
        assert [e.parent for e in chain.edges] == expected == [n.name for n in chain.nodes]
    (found,) = raw(bill(mine, part, dependencies=[{"ref": "m", "dependsOn": ["e"]}])).edges
    assert (found.kind, found.standing, found.declared) == (EdgeKind.COMPONENT, Standing.DECLARED, True)
    assert (found.contradicted, found.component, found.log10_p) == (False, "enc", None)
    assert found.evidence == ("The bill of materials lists enc as a component of it.",)


@pytest.mark.parametrize(
    ("key", "value", "state", "note"),
    [
        ("x:Base-Model", "org/base", ParentState.DECLARED, ""),
        ("parentModel", "org/base", ParentState.DECLARED, ""),
        ("baseModel", "mine", ParentState.ABSENT, ""),  # itself
        ("baseModel", "", ParentState.ABSENT, ""),
        ("baseModel", "undisclosed", ParentState.WITHHELD, "A base model is stated and not named."),
        (
            "fromScratch",
            "TRUE",
            ParentState.FROM_SCRATCH,
            "The bill of materials says that it was trained from scratch.",
        ),
        ("trained_from_scratch", "yes", ParentState.ABSENT, ""),
        ("claim", "something", ParentState.ABSENT, ""),
    ],
)
def test_a_property_of_a_base(key: str, value: str, state: ParentState, note: str) -> None:
    chain = raw(bill(component("mine", properties=[{"name": key, "value": value}])))
    assert chain.parent is state and chain.notes == ((note,) if note else ())
    if state is ParentState.DECLARED:
        (found,) = chain.edges
        assert (found.kind, found.standing, found.declared) == (EdgeKind.UNKNOWN, Standing.DECLARED, True)
        assert found.evidence == ("The bill of materials names org/base as base model.",)
        assert [n.name for n in chain.nodes] == ["org/base"]
    else:
        assert chain.edges == () == chain.nodes


def test_properties_are_asked_only_where_the_pedigree_says_nothing() -> None:
    main = component("mine", [component("base")], properties=[{"name": "baseModel", "value": "other"}])
    assert [e.parent for e in raw(bill(main)).edges] == ["base"]


def test_a_name_that_is_withheld_in_a_property() -> None:
    for key, withheld in (("x:name", True), ("identity", True), ("x", False)):
        relative = component("codename", properties=[{"name": key, "value": "withheld"}])
        chain = raw(bill(component("mine", [relative])))
        assert chain.parent is (ParentState.WITHHELD if withheld else ParentState.DECLARED)
        assert chain.notes == (("A model that mine was made from is stated and not named.",) if withheld else ())
    variant = {**component("mine"), "pedigree": {"variants": [component("withheld")]}}
    assert raw(bill(variant)).parent is ParentState.ABSENT
    higher = raw(bill(component("mine", [component("base", [component("withheld")])])))
    assert higher.parent is ParentState.DECLARED
    assert higher.notes == ("A model that base was made from is stated and not named.",)


def test_an_ancestor_of_an_ancestor_is_noted_with_its_child() -> None:
    def made(*relatives: dict[str, Any], ours: bool = True) -> list[tuple[str, str]]:
        document = bill(component("mine", list(relatives)))
        document["metadata"] |= FOREBEAR if ours else {}
        return [(e.parent, e.child) for e in raw(document).edges]

    base, far = component("base"), component("far", **said({"child": "base"}))
    assert made(base, far) == [("base", "mine"), ("far", "base")]
    assert made(base, far, ours=False) == [("base", "mine"), ("far", "mine")]
    assert made(base, component("far", **said({"child": "nobody"}))) == [("base", "mine")]
    assert made(base, component("mine")) == [("base", "mine")]
