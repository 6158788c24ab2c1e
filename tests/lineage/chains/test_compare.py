"""Chains from comparisons: B is the model in question."""

from __future__ import annotations

import pytest

from chained import KIMI, check_value, compare, edge
from forebear.errors import InputError
from forebear.lineage.chain import EdgeKind, ParentState, Standing
from forebear.lineage.chains import chain_of


def test_b_comes_from_a() -> None:
    chain = chain_of(compare("derived", "a_to_b", "quantized", a=KIMI))
    check_value(chain, "chain")
    found = edge(chain, KIMI)
    assert (found.child, found.kind, found.standing) == ("child", EdgeKind.QUANTIZED, Standing.MEASURED)
    assert not found.declared and chain.parent is ParentState.ABSENT
    assert edge(chain, "Kimi-K2-Base").standing is Standing.CATALOGUED


def test_without_a_direction_it_is_a_possibility() -> None:
    assert edge(chain_of(compare("dependent")), "base").standing is Standing.POSSIBLE


def test_the_name_of_a_folder_makes_nothing_a_published_model() -> None:
    chain = chain_of(compare("dependent", a="myorg/Llama-3.1-8B"))
    assert [(n.name, n.model, n.licences) for n in chain.nodes] == [("myorg/Llama-3.1-8B", "", ())]


def test_where_b_came_first_it_has_no_ancestor() -> None:
    chain = chain_of(compare("dependent", "b_to_a"))
    assert not chain.edges and "the later one" in chain.notes[0]


def test_two_folders_of_one_name_are_two_models() -> None:
    chain = chain_of(compare("derived", "a_to_b", a="model", b="model"))
    assert [(e.parent, e.child) for e in chain.edges] == [("./model", "model")]


def test_both_have_names() -> None:
    with pytest.raises(InputError, match="both"):
        chain_of({**compare("derived"), "a": {}})
