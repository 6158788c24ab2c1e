"""Chains from SPDX 3: packages, what stands between them, and teachers by their data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from chained import KIMI, check_value, edge
from forebear.errors import InputError, UsageError
from forebear.lineage.chain import Access, EdgeKind, ParentState, Standing
from forebear.lineage.chains import chain_of, chains_of
from forebear.lineage.chains.spdx import read
from shared import shared

Json = dict[str, Any]
CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"


def package(name: str, **more: Any) -> Json:
    return {"type": "ai_AIPackage", "spdxId": f"urn:{name}", "name": name, **more}


def link(way: str, start: str, *ends: str) -> Json:
    return {"type": "Relationship", "relationshipType": way, "from": f"urn:{start}", "to": [f"urn:{e}" for e in ends]}


def graph(*elements: Json, roots: Sequence[str] = ()) -> Json:
    root = {"type": "SpdxDocument", "spdxId": "urn:doc", "rootElement": [f"urn:{r}" for r in roots]}
    return {"@context": CONTEXT, "@graph": [root, *elements]}


@pytest.mark.parametrize("step", [link("ancestorOf", KIMI, "mine"), link("descendantOf", "mine", KIMI)])
def test_ancestors_are_declared_either_way_round(step: Json) -> None:
    chain = chain_of(graph(package("mine"), package(KIMI), step))
    check_value(chain, "chain")
    assert chain.subject.name == "mine" and chain.access is Access.DOCUMENTS and chain.parent is ParentState.DECLARED
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.UNKNOWN, Standing.DECLARED, True)
    assert edge(chain, "Kimi-K2-Base").standing is Standing.CATALOGUED


def test_variants_leave_the_direction_open() -> None:
    chain = chain_of(graph(package("mine"), package(KIMI), link("hasVariant", "mine", KIMI), roots=["mine"]))
    found = edge(chain, KIMI)
    assert found.standing is Standing.POSSIBLE and not found.declared and chain.parent is ParentState.ABSENT


def test_what_made_the_training_data_is_a_teacher() -> None:
    data = {"type": "dataset_DatasetPackage", "spdxId": "urn:data", "name": "data"}
    steps = (link("generates", KIMI, "data"), link("trainedOn", "mine", "data"))
    chain = chain_of(graph(package("mine"), package(KIMI), data, *steps))
    assert edge(chain, KIMI).kind is EdgeKind.TRAINED_ON_OUTPUTS
    assert not edge(chain, KIMI).kind.weights


def test_data_alone_is_no_ancestor() -> None:
    data = {"type": "dataset_DatasetPackage", "spdxId": "urn:data", "name": "data"}
    assert not chain_of(graph(package("mine"), data, link("trainedOn", "mine", "data"))).edges


def test_ancestors_of_ancestors_and_circles() -> None:
    steps = (link("ancestorOf", "b", "a"), link("ancestorOf", "c", "b"), link("ancestorOf", "a", "c"))
    chain = chain_of(graph(package("a"), package("b"), package("c"), *steps, roots=["a"]))
    assert [(e.parent, e.child) for e in chain.edges] == [("b", "a"), ("c", "b")]


def test_a_base_that_is_withheld_is_not_absent() -> None:
    chain = chain_of(
        graph(package("mine"), package("withheld"), link("ancestorOf", "withheld", "mine"), roots=["mine"])
    )
    assert chain.parent is ParentState.WITHHELD and not chain.edges and chain.notes


def ours(*elements: Json) -> Json:
    return graph({"type": "Tool", "spdxId": "urn:tool", "name": "forebear"}, *elements, roots=["mine"])


def noted(says: Any, about: str = "urn:step", kind: str = "relative") -> Json:
    statement = json.dumps({"kind": kind, "says": says})
    return {"type": "Annotation", "subject": about, "contentType": "application/json", "statement": statement}


def test_what_we_noted_beside_a_relationship_is_read_and_what_others_noted_is_not() -> None:
    step = {**link("hasVariant", "mine", KIMI), "spdxId": "urn:step"}
    note = noted({"verdict": "derived", "direction": "a_to_b", "why": "They share training.", "said": {"basis": "x"}})
    found = edge(chain_of(ours(package("mine"), package(KIMI), step, note)), KIMI)
    assert found.evidence == ("They share training.",)
    theirs = graph(package("mine"), package(KIMI), step, note, roots=["mine"])
    assert "They share training." not in edge(chain_of(theirs), KIMI).evidence


@pytest.mark.parametrize(
    "note",
    [
        noted({"why": "W."}, kind="other"),
        noted("no object"),
        {**noted({"why": "W."}), "contentType": "text/plain"},
        {**noted({"why": "W."}), "statement": "{"},
        {**noted({"why": "W."}), "statement": 3},
    ],
)
def test_other_annotations_say_nothing(note: Json) -> None:
    step = {**link("hasVariant", "mine", KIMI), "spdxId": "urn:step"}
    found = edge(chain_of(ours(package("mine"), package(KIMI), step, note)), KIMI)
    assert found.standing is Standing.POSSIBLE and "W." not in found.evidence


@pytest.mark.parametrize(
    ("record", "state"),
    [
        ({"gaps": [{"field": "base_model", "state": "withheld"}]}, ParentState.WITHHELD),
        ({"gaps": [{"field": "base_model", "state": "unknown"}]}, ParentState.ABSENT),
        ({"gaps": [{"field": "licence", "state": "withheld"}]}, ParentState.ABSENT),
        ({"claims": [{"claim": "trained from scratch", "status": "unverified"}]}, ParentState.FROM_SCRATCH),
        ({"claims": [{"claim": "trained from scratch", "status": "contradicted"}]}, ParentState.ABSENT),
        ({"claims": [{"claim": 3}], "gaps": "none"}, ParentState.ABSENT),
    ],
)
def test_gaps_and_claims_of_our_record_say_what_is_known_of_a_parent(record: Json, state: ParentState) -> None:
    assert chain_of(ours(package("mine"), noted(record, "urn:mine", "record"))).parent is state


def test_licences_and_suppliers() -> None:
    agent = {"type": "Organization", "spdxId": "urn:org", "name": "Anysphere"}
    expression = {
        "type": "simplelicensing_LicenseExpression",
        "spdxId": "urn:l",
        "simplelicensing_licenseExpression": "MIT",
    }
    own = link("hasDeclaredLicense", "mine", "l")
    listed = {**link("hasConcludedLicense", "mine"), "to": ["https://spdx.org/licenses/Apache-2.0"]}
    chain = chain_of(graph(package("mine", suppliedBy="urn:org"), agent, expression, own, listed))
    assert chain.subject.developer == "anysphere" and set(chain.subject.licences) == {"mit", "apache-2.0"}


def test_several_models_are_several_chains() -> None:
    document = graph(package("a"), package("b"))
    assert [c.subject.name for c in chains_of(document)] == ["a", "b"]
    with pytest.raises(UsageError, match="--model"):
        chain_of(document)


@pytest.mark.parametrize("broken", [[1], [{"type": 3}], [{**package("a"), "name": []}], [{**link("x", "a"), "to": 3}]])
def test_damaged_graphs_are_refused(broken: list[Any]) -> None:
    with pytest.raises(InputError):
        chain_of(graph(*broken))


@pytest.mark.shared
def test_the_specifications_example_is_read() -> None:
    folder = shared("artefacts") / "boms" / "spdx__spdx-examples"
    files = sorted(folder.rglob("*.spdx3.json"))
    assert files
    for file in files:
        (chain,) = chains_of(json.loads(file.read_text("utf-8")))
        assert "Sentiment Demo" in chain.subject.name and not chain.edges


def line(levels: int) -> Json:
    """A model with so many ancestors in a line."""
    names = ["mine", *(f"a{k}" for k in range(1, levels + 1))]
    steps = [link("ancestorOf", names[k + 1], names[k]) for k in range(levels)]
    return graph(*map(package, names), *steps)


def test_a_line_of_ancestors_is_read_to_a_depth() -> None:
    (chain,) = read(line(31))
    assert [n.name for n in chain.nodes] == [f"a{k}" for k in range(1, 32)] and len(chain.edges) == 31
    with pytest.raises(InputError, match="the line of ancestors is longer than the 32 steps"):
        read(line(33))


def test_steps_in_words() -> None:
    data = {"type": "dataset_DatasetPackage", "spdxId": "urn:data", "name": "data"}
    parts = (package("mine"), package("p"), package("v"), package("t"), data)
    steps = (
        link("ancestorOf", "p", "mine"),
        link("hasVariant", "mine", "v"),
        link("generates", "t", "data"),
        link("finetunedOn", "mine", "data"),
    )
    (chain,) = read(graph(*parts, *steps, roots=["mine"]))
    assert {e.parent: (e.kind, e.standing, e.declared, e.evidence) for e in chain.edges} == {
        "p": (EdgeKind.UNKNOWN, Standing.DECLARED, True, ("The bill of materials names p as an ancestor.",)),
        "v": (
            *(EdgeKind.UNKNOWN, Standing.POSSIBLE, False),
            ("The bill of materials names v as a variant, whichever came first.",),
        ),
        "t": (
            *(EdgeKind.TRAINED_ON_OUTPUTS, Standing.DECLARED, True),
            ("The bill of materials names t as what made its training data.",),
        ),
    }
    assert chain.parent is ParentState.DECLARED and chain.notes == ()


def test_who_the_graph_is_about() -> None:
    step = link("ancestorOf", "base", "mine")
    assert [c.subject.name for c in read(graph(package("base"), package("mine"), step))] == ["mine"]
    assert [c.subject.name for c in read(graph(package("base"), package("mine"), step, roots=["base"]))] == ["base"]
    circle = graph(package("a"), package("b"), link("ancestorOf", "a", "b"), link("ancestorOf", "b", "a"))
    assert [c.subject.name for c in read(circle)] == ["a"]
    assert read(graph()) == ()


def test_only_what_stands_right_above_says_what_is_known_of_the_parent() -> None:
    parts = (package("mine"), package("base"), package("withheld"))
    steps = (link("ancestorOf", "base", "mine"), link("ancestorOf", "withheld", "base"))
    (chain,) = read(graph(*parts, *steps))
    assert chain.parent is ParentState.DECLARED and [n.name for n in chain.nodes] == ["base"]
    assert chain.notes == ("A model that base was made from is stated and not named.",)
    (both,) = read(graph(*parts, link("ancestorOf", "base", "mine"), link("ancestorOf", "withheld", "mine")))
    assert both.parent is ParentState.DECLARED and both.notes


def test_names_of_packages_and_makers() -> None:
    agent = {"type": "Organization", "spdxId": "urn:org", "name": "Acme"}
    unnamed = {"type": "ai_AIPackage", "spdxId": "urn:x"}
    assert read(graph(unnamed))[0].subject.name == "a model without a name"
    for made in ({"suppliedBy": "urn:org"}, {"originatedBy": ["urn:nobody", "urn:org"]}, {"originatedBy": "urn:org"}):
        assert read(graph(package("mine", **made), agent))[0].subject.developer == "Acme"
    assert read(graph(package("mine", suppliedBy="urn:nobody"), agent))[0].subject.developer == ""
    outside = link("ancestorOf", "far/away", "mine")
    (chain,) = read(graph(package("mine"), outside))
    assert [n.name for n in chain.nodes] == ["away"]  # of an element that the document does not hold
