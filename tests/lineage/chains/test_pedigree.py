"""One related model of a bill of materials: what Forebear noted beside it, and what anybody declares."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from chained import said
from forebear.errors import InputError
from forebear.lineage.chain import Edge, EdgeKind, Standing
from forebear.lineage.chains.pedigree import edge_of, noted_edge, properties

LISTED = "The bill of materials lists base as an ancestor of mine."
DERIVED = {"verdict": "derived", "direction": "a_to_b", "direction.by": "measured", "relation": "finetune"}


def noted(fields: Mapping[str, str], ancestor: bool = True, ours: bool = True, **more: object) -> Edge | None:
    return noted_edge(fields, "base", "mine", ancestor, ours, **more)  # type: ignore[arg-type]


def found(fields: Mapping[str, str], ancestor: bool = True, ours: bool = True, **more: object) -> Edge:
    edge = noted(fields, ancestor, ours, **more)
    assert edge is not None and (edge.parent, edge.child) == ("base", "mine")
    return edge


def declaration(words: str, list_of: bool = True) -> dict[str, object]:
    identity = {"field": "name", "methods": [{"technique": "other", "value": words}]}
    return {"name": "base", "evidence": {"identity": [identity] if list_of else identity}}


def component_edge(thing: Mapping[str, object], ancestor: bool = True, ours: bool = True) -> Edge | None:
    return edge_of(thing, "base", "mine", ancestor, ours)


def test_of_a_property_that_stands_twice_the_last_counts() -> None:
    thing = {"properties": [{"name": "k", "value": "1"}, {"name": "k", "value": "2"}, {"name": "x"}]}
    assert properties(thing) == {"k": "2", "x": ""} and properties({}) == {}


def test_what_anybody_lists_is_declared() -> None:
    edge = component_edge({"name": "base"})
    assert edge == Edge("base", "mine", EdgeKind.UNKNOWN, Standing.DECLARED, True, evidence=(LISTED,))
    variant = component_edge({"name": "base"}, ancestor=False)
    assert variant is not None and (variant.standing, variant.declared) == (Standing.POSSIBLE, False)
    assert variant.evidence == (
        "The bill of materials lists base as a variant of mine: which came first is not stated.",
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("forebear:relation.declared", EdgeKind.QUANTIZED),
        ("relation", EdgeKind.QUANTIZED),
        ("lineage:relation", EdgeKind.QUANTIZED),
        ("forebear:declared_relation", EdgeKind.QUANTIZED),
        ("forebear:relation", EdgeKind.UNKNOWN),  # a measured one needs a verdict
        ("other", EdgeKind.UNKNOWN),
    ],
)
def test_a_declared_kind_by_every_name(name: str, kind: EdgeKind) -> None:
    edge = component_edge({"properties": [{"name": name, "value": "quantized"}]})
    assert edge is not None and (edge.kind, edge.standing) == (kind, Standing.DECLARED)


def test_of_several_declared_kinds_ours_counts_first() -> None:
    every = [("relation", "merge"), ("lineage:relation", "pruned"), ("forebear:relation.declared", "adapter")]
    for last, kind in ((3, EdgeKind.ADAPTER), (2, EdgeKind.MERGE)):
        edge = component_edge({"properties": [{"name": n, "value": v} for n, v in every[:last]]})
        assert edge is not None and edge.kind is kind


@pytest.mark.parametrize("list_of", [True, False])
@pytest.mark.parametrize(
    ("words", "kind", "stated"),
    [
        ("Declared: README.md names it as base model as merge.", EdgeKind.MERGE, True),
        ("Declared: README.md names it as base model.", EdgeKind.UNKNOWN, True),
        ("Declared: something that nobody wrote.", EdgeKind.UNKNOWN, True),
        ("Measured: names it as base model as merge.", EdgeKind.UNKNOWN, False),
        ("Not Declared: README.md names it as base model as merge.", EdgeKind.UNKNOWN, False),
    ],
)
def test_a_declaration_among_the_methods(words: str, kind: EdgeKind, stated: bool, list_of: bool) -> None:
    thing = declaration(words, list_of)
    bare = component_edge(thing)
    assert bare is not None and bare.kind is kind and bare.declared
    measured = component_edge({**thing, **said({"verdict": "merge", "relation": "merge"})})
    assert measured is not None and measured.declared is stated


def test_the_first_declaration_counts() -> None:
    methods = [{"value": f"Declared: x names it as base model as {k}."} for k in ("rl", "merge")]
    edge = component_edge({"evidence": {"identity": [{"methods": methods}]}})
    assert edge is not None and edge.kind is EdgeKind.RL


def test_a_measured_step_of_ours() -> None:
    edge = found({**DERIVED, "why": "W.", "log10_p": "-30.5"})
    assert edge == Edge(
        *("base", "mine", EdgeKind.FINETUNE, Standing.MEASURED, False, False, ("W.", LISTED), -30.5, "")
    )
    for more in ({"direction.by": "declared"}, {"relation.declared": "x"}):
        assert found({**DERIVED, **more}).declared is ("direction.by" in more)
    assert found({**DERIVED, "declared_relation": "merge"}).declared
    assert found(DERIVED, stated=True).declared and found(DERIVED, kind="merge").declared
    assert found(DERIVED, kind="merge").kind is EdgeKind.FINETUNE  # what was measured goes first
    assert found({**DERIVED, "relation": "unknown"}, kind="merge").kind is EdgeKind.MERGE


def test_anothers_words_of_measuring_measure_nothing() -> None:
    edge = found({**DERIVED, "said.basis": "probed", "standing": "probable"}, ours=False)
    assert (edge.standing, edge.declared, edge.kind, edge.log10_p) == (Standing.DECLARED, True, EdgeKind.UNKNOWN, None)
    assert edge.evidence == (LISTED,)


@pytest.mark.parametrize(
    ("change", "ancestor", "standing"),
    [
        ({}, True, Standing.MEASURED),
        ({"direction": "unknown"}, True, Standing.MEASURED),  # by a measure: either of the two will do
        ({"direction.by": ""}, True, Standing.MEASURED),
        ({"direction": "unknown", "direction.by": ""}, True, Standing.POSSIBLE),
        ({}, False, Standing.POSSIBLE),  # a variant stands before nobody
        ({"verdict": "merge"}, True, Standing.PROBABLE),
        ({"verdict": "dependent", "direction": "unknown", "direction.by": "declared"}, True, Standing.PROBABLE),
    ],
)
def test_a_direction_needs_a_measure_and_an_ancestor(
    change: Mapping[str, str], ancestor: bool, standing: Standing
) -> None:
    edge = found({**DERIVED, **change}, ancestor)
    assert edge.standing is standing
    assert (LISTED in edge.evidence) is ancestor


def test_a_variant_is_never_declared_but_may_be_measured() -> None:
    edge = found({**DERIVED, "direction.by": "declared"}, ancestor=False, kind="merge", stated=True)
    assert not edge.declared and edge.standing is Standing.POSSIBLE and edge.evidence == ()


def test_a_verdict_that_names_no_ancestor_leaves_what_is_declared() -> None:
    silent = {"verdict": "inconclusive", "component": "encoder", "log10_p": "-1"}
    assert noted(silent) is None and noted(silent, ancestor=False) is None
    edge = found({**silent, "direction.by": "declared"})
    assert edge == Edge(
        *("base", "mine", EdgeKind.UNKNOWN, Standing.DECLARED, True), evidence=(LISTED,), component="encoder"
    )


def test_parts_and_copies_by_their_verdict() -> None:
    part = found({"verdict": "component_shared", "relation": "finetune"})
    assert (part.kind, part.component) == (EdgeKind.COMPONENT, "a part")
    assert found({"verdict": "component_shared", "component": "encoder"}).component == "encoder"
    copy = found({"verdict": "identical", "relation": "finetune"})
    assert (copy.kind, copy.component) == (EdgeKind.IDENTICAL, "")
    assert found({**DERIVED, "component": "encoder"}).component == "encoder"


@pytest.mark.parametrize(
    ("fields", "ancestor", "standing"),
    [
        ({"said.basis": "catalogued"}, True, Standing.CATALOGUED),
        ({"said.basis": "catalogued", "standing": "probable"}, True, Standing.CATALOGUED),
        ({"said.basis": "catalogued"}, False, Standing.POSSIBLE),
        ({"said.basis": "probed", "standing": "probable"}, True, Standing.PROBABLE),
        ({"said.basis": "probed", "standing": "declared"}, True, Standing.DECLARED),
        ({"said.basis": "probed", "standing": "measured"}, True, Standing.POSSIBLE),  # nothing was
        ({"said.basis": "probed"}, True, Standing.POSSIBLE),
        ({"said.basis": "probed", "standing": "probable"}, False, Standing.POSSIBLE),
    ],
)
def test_what_a_catalogue_or_a_probe_had_said(fields: Mapping[str, str], ancestor: bool, standing: Standing) -> None:
    edge = found({**fields, "why": "W.", "log10_p": "-4", "component": "encoder", "relation": "rl"}, ancestor)
    assert edge == Edge(*("base", "mine", EdgeKind.RL, standing, False, False, ("W.",), -4.0, "encoder"))


def test_kinds_of_what_was_not_tested() -> None:
    basis = {"said.basis": "probed"}
    assert found(basis).kind is EdgeKind.UNKNOWN and found(basis).evidence == () and found(basis).log10_p is None
    assert found({**basis, "declared_relation": "merge"}).kind is EdgeKind.MERGE
    assert found({**basis, "relation": "rl", "declared_relation": "merge"}).kind is EdgeKind.RL
    for key in ("relation", "declared_relation"):
        assert found({**basis, key: "same_model"}).kind is EdgeKind.SAME_MODEL
    assert found({**basis, "verdict": "derived", "direction": "a_to_b"}).standing is Standing.MEASURED


@pytest.mark.parametrize(
    ("written", "message"),
    [("much", "a log10_p is not a number"), ("0.5", "log10_p of base is above 0"), ("nan", "log10_p of base is not")],
)
def test_a_tail_that_is_none_is_refused(written: str, message: str) -> None:
    for fields in (DERIVED, {"said.basis": "probed"}):
        with pytest.raises(InputError, match=re.escape(message)):
            noted({**fields, "log10_p": written})
    assert found({**DERIVED, "log10_p": "0"}).log10_p == 0
    assert found({**DERIVED, "log10_p": ""}).log10_p is None
