"""Verdicts on weights as edges: what is measured, what is probable, what stays possible."""

from __future__ import annotations

from typing import Any

import pytest

from chained import ancestor, claim, compare, edge, scan
from forebear.errors import InputError
from forebear.lineage.chain import EdgeKind, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.measured import (
    SILENT,
    Base,
    declared_edge,
    kind_named,
    kind_of,
    papers_of,
    standing_of,
    stated_kind,
)
from forebear.types import Verdict

RELATED = sorted(set(Verdict) - SILENT - {Verdict.INDEXED})


@pytest.mark.parametrize(
    ("verdict", "way", "alone", "declared"),
    [
        ("derived", "a_to_b", "measured", "measured"),
        ("derived", "unknown", "possible", "declared"),
        ("merge", "a_to_b", "probable", "measured"),
        ("dependent", "a_to_b", "probable", "probable"),
        ("dependent", "unknown", "possible", "probable"),
        ("identical", "unknown", "possible", "measured"),
        ("siblings", "unknown", "possible", "declared"),
        ("siblings", "a_to_b", "possible", "declared"),
        ("same_init_or_derived", "unknown", "possible", "declared"),
        ("same_init_or_derived", "a_to_b", "possible", "declared"),
        ("component_shared", "unknown", "possible", "declared"),
    ],
)
def test_a_verdict_has_the_standing_that_it_settles(verdict: str, way: str, alone: str, declared: str) -> None:
    assert standing_of(Verdict(verdict), way, False) == alone
    assert standing_of(Verdict(verdict), way, True) == declared


@pytest.mark.parametrize("verdict", RELATED)
def test_a_model_that_is_the_later_one_is_no_ancestor(verdict: Verdict) -> None:
    chain = chain_of(scan([ancestor("org/child", verdict, "b_to_a")]))
    assert not chain.edges
    assert any("org/child is related and is the later one" in note for note in chain.notes)


@pytest.mark.parametrize("verdict", RELATED)
def test_papers_against_values_leave_a_possibility(verdict: Verdict) -> None:
    chain = chain_of(scan([ancestor("org/child", verdict, "b_to_a")], [claim("org/child")]))
    found = edge(chain, "org/child")
    assert found.standing is Standing.POSSIBLE and found.declared


@pytest.mark.parametrize("verdict", sorted(SILENT))
@pytest.mark.parametrize("way", ["a_to_b", "unknown"])
def test_a_verdict_that_names_no_ancestor_gives_no_edge(verdict: Verdict, way: str) -> None:
    found = ancestor("org/base", verdict, way)
    assert not chain_of(scan([found])).edges
    assert not chain_of(scan([found], verdict="indexed")).edges
    assert not chain_of(compare(verdict, way)).edges


@pytest.mark.parametrize("verdict", sorted(SILENT))
def test_ancestors_beside_such_a_verdict_are_not_believed(verdict: Verdict) -> None:
    chain = chain_of(scan([ancestor("org/base")], verdict=verdict.value))
    assert not chain.edges and chain.verdict == verdict


def test_a_verdict_of_a_later_version_establishes_nothing() -> None:
    assert not chain_of(scan([ancestor("org/base", "certain")])).edges
    assert not chain_of(scan([ancestor("org/base")], verdict="certain")).edges


@pytest.mark.parametrize(
    ("kinds", "kind"),
    [
        (["finetune"], "finetune"),
        (["depth_pruned"], "pruned"),
        (["width_pruned", "finetune"], "pruned"),
        (["obfuscated", "finetune"], "finetune"),
        (["multimodal_extension"], "unknown"),
        (["same_init"], "unknown"),
        (["unknown"], "unknown"),
        (["same_model"], "unknown"),
        (["architecture"], "unknown"),
        ([], "unknown"),
    ],
)
def test_the_first_kind_that_says_how_counts(kinds: list[str], kind: str) -> None:
    relation = {"kind": kinds[0] if kinds else None, "details": {"kinds": kinds}}
    assert kind_of(relation) == kind


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("finetune", "finetune"),
        ("Quantised", "quantized"),
        ("merge", "merge"),
        ("adapter", "adapter"),
        ("distillation", "unknown"),  # a card's word alone would say that no weights came along
        ("trained_on_outputs", "unknown"),
        ("", "unknown"),
    ],
)
def test_papers_say_how_in_the_hubs_own_words_alone(word: str, kind: str) -> None:
    base = Base("org/base", "", "", word, False)
    assert stated_kind(base) == kind and declared_edge(base, "mine").kind == kind
    assert declared_edge(base, "mine", EdgeKind.RL).kind == ("rl" if kind == "unknown" else kind)


@pytest.mark.parametrize("word", ["RL", " rlhf ", "Quantised", "merged"])
def test_kinds_are_read_as_cards_spell_them(word: str) -> None:
    assert kind_named(word) is not EdgeKind.UNKNOWN


def test_the_whole_is_not_called_equal_or_a_part_by_its_kind_alone() -> None:
    for kind in ("identical", "component_shared"):
        assert edge(chain_of(scan([ancestor("org/base", kind=kind)])), "org/base").kind is EdgeKind.UNKNOWN


def test_a_shared_part_names_the_part() -> None:
    shared = ancestor("org/base", "component_shared", "unknown", "component_shared", components=["layers.3", "embed"])
    found = edge(chain_of(scan([shared])), "org/base")
    assert (found.kind, found.component, found.standing) == (EdgeKind.COMPONENT, "layers.3, embed", Standing.POSSIBLE)


def test_evidence_is_in_the_results_own_sentences() -> None:
    found = edge(chain_of(scan([ancestor("org/base")], [claim("org/base", "confirmed", "it depends")])), "org/base")
    assert found.evidence[:2] == ("W.", "Coins agree with org/base.")
    assert "confirmed: it depends" in found.evidence[2]
    assert found.log10_p == -30.0


def test_evidence_that_supports_nothing_is_left_out() -> None:
    quiet = {**ancestor("org/base"), "evidence": [{"supports": "nothing", "summary": "Shapes are equal."}]}
    assert edge(chain_of(scan([quiet])), "org/base").evidence == ("W.",)


@pytest.mark.parametrize("p", [1.0, "small", True, float("nan"), 10**400])
def test_what_is_no_logarithm_of_a_p_value_is_refused(p: Any) -> None:
    with pytest.raises(InputError, match="log10_p"):
        chain_of(scan([{**ancestor("org/base"), "log10_p": p}]))


def test_other_claims_are_none_of_descent() -> None:
    papers = papers_of([{"claim": "it is the best", "source": "README.md", "status": "unverified", "why": ""}])
    assert not papers.bases and papers.scratch is None and papers.state == "absent"
