"""Chains from captures: a leaked name is possible, a name that the operator uses is a declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from captures import KIMI as PATH
from captures import chat, har, saved
from chained import check_value, edge, named, traffic
from forebear.errors import InputError, UsageError
from forebear.inspect.traffic import read_traffic
from forebear.lineage.chain import Access, Chain, EdgeKind, ParentState, Standing
from forebear.lineage.chains import chain_of, chains_of

KIMI = "Kimi-K2.5"


def read(folder: Path, *talks: tuple[str, str]) -> tuple[Chain, ...]:
    """The chains of a capture, in which each answer names a model."""
    return chains_of(read_traffic([str(saved(folder, har([chat(a, s) for a, s in talks]), "c.har"))]).to_json())


def test_a_leaked_path_alone_is_possible(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, (PATH, PATH))
    check_value(chain, "chain")
    assert chain.access is Access.TRAFFIC and chain.parent is ParentState.ABSENT
    assert (chain.subject.name, chain.subject.developer) == (PATH, "")
    assert "served in the account anysphere of Anysphere (Cursor); that does not say who made it" in chain.notes[0]
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.RL, Standing.POSSIBLE, False)
    assert any("Composer 2 made from Kimi-K2.5" in sentence for sentence in found.evidence)


def test_a_path_of_an_unknown_account_is_possible_as_well() -> None:
    chain = chain_of(traffic(named("accounts/acme/models/kimi-k2p5-rl", "asked")))
    assert chain.subject.developer == ""
    assert edge(chain, KIMI).standing is Standing.POSSIBLE
    assert not any("The catalogue" in s for s in edge(chain, KIMI).evidence)


def test_who_holds_an_account_made_what_the_catalogue_says_it_made_and_nothing_else() -> None:
    def maker(path: str) -> tuple[str, bool]:
        chain = chain_of(traffic(named(path, "asked")))
        return chain.subject.developer, any("does not say who made it" in note for note in chain.notes)

    assert maker("accounts/perplexity/models/r1-1776") == ("perplexity", False)
    assert maker("accounts/perplexity/models/qwen3-8b") == ("", True)
    assert maker("accounts/deepseek-ai/models/deepseek-v3") == ("deepseek", False)


def test_a_product_by_its_name_has_its_catalogued_parents(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, ("composer-2", PATH))
    assert (chain.subject.name, chain.subject.model) == ("composer-2", "Composer 2")
    found = edge(chain, KIMI)
    assert found.standing is Standing.CATALOGUED and not found.declared
    assert any(PATH in sentence for sentence in found.evidence)
    assert "By its name it is taken for Composer 2" in chain.notes[0]


def test_a_model_by_its_own_name_is_declared(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, ("kimi-k2.5", "kimi-k2.5"))
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.SAME_MODEL, Standing.DECLARED, True)
    assert chain.parent is ParentState.DECLARED and chain.subject.developer == "moonshot"


def test_another_model_in_the_answer_disputes_the_name(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, ("qwen3-8b", "moonshotai/kimi-k2.5"))
    assert {e.standing for e in chain.edges if e.child == chain.subject.name} == {Standing.POSSIBLE}
    assert chain.subject.developer == ""


def test_an_alias_is_the_model_that_answers(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, ("gpt-4o", "gpt-4o-2024-08-06"))
    assert [(e.standing, e.kind) for e in chain.edges] == [(Standing.DECLARED, EdgeKind.SAME_MODEL)]


def test_names_that_nobody_knows_lead_nowhere(tmp_path: Path) -> None:
    (chain,) = read(tmp_path, ("our-model", "our-model"))
    assert not chain.edges and chain.subject.developer == ""


def test_several_models_are_several_chains(tmp_path: Path) -> None:
    chains = read(tmp_path, ("qwen3-8b", "qwen3-8b"), ("deepseek-r1", "deepseek-r1"))
    assert {c.subject.name for c in chains} == {"qwen3-8b", "deepseek-r1"}
    for chain in chains:
        assert all(e.child != chain.subject.name or e.standing is Standing.DECLARED for e in chain.edges)


def test_one_of_several_has_to_be_chosen() -> None:
    document = traffic(named("qwen3-8b", "asked", "served"), named("deepseek-r1", "asked", "served", records=[2]))
    with pytest.raises(UsageError, match=r"2 models are in it; choose one with --model: there are qwen3-8b"):
        chain_of(document)
    assert chain_of(document, "DeepSeek-R1").subject.name == "deepseek-r1"
    with pytest.raises(UsageError, match="no model is called gpt-4o"):
        chain_of(document, "gpt-4o")


def test_a_providers_path_says_which_is_served() -> None:
    document = traffic(
        named("qwen3-8b", "asked"), named("composer-2", "asked", records=[2]), named(PATH, "served", records=[2])
    )
    assert chain_of(document).subject.name == "composer-2"


def test_answers_belong_to_the_questions_of_their_record() -> None:
    document = traffic(
        named("model-a", "asked"), named("model-b", "asked", records=[2]), named("kimi-k2.5", "served", records=[2])
    )
    first, second = chains_of(document)
    assert not first.edges and edge(second, KIMI).standing is Standing.POSSIBLE


@pytest.mark.parametrize("role", ["mentioned", "listed"])
def test_what_is_only_talked_about_is_no_model_in_question(role: str) -> None:
    assert chains_of(traffic(named("kimi-k2.5", role))) == ()
    with pytest.raises(InputError, match="no model is named"):
        chain_of(traffic(named("kimi-k2.5", role)))


def test_without_questions_what_is_served_is_in_question() -> None:
    assert chain_of(traffic(named("kimi-k2.5", "served"))).subject.name == "kimi-k2.5"
    assert chain_of(traffic(named(PATH, "logged"))).subject.name == PATH


def test_markers_are_no_names() -> None:
    marker = {**named("<|im_start|>", "served"), "kind": "marker"}
    assert chains_of(traffic(marker)) == ()


def test_a_name_in_the_grammars_own_spelling_is_not_its_own_parent() -> None:
    chain = chain_of(traffic(named("kimi k2.5", "asked")))
    assert all(e.parent != e.child for e in chain.edges)
    assert edge(chain, KIMI).standing is Standing.DECLARED
