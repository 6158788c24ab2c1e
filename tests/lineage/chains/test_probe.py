"""Chains from probes: two kinds of evidence that agree are probable, a name is possible, a tokenizer nothing."""

from __future__ import annotations

import pytest

from chained import PATH, check_value, edge, probe
from forebear.errors import InputError
from forebear.lineage.chain import Access, EdgeKind, ParentState, Standing
from forebear.lineage.chains import chain_of

BOTH = ("token-counts/1", "identifier")
KIMI = "Kimi-K2.5"


def test_a_leaked_name_that_the_tokenizer_bears_out_is_probable() -> None:
    chain = chain_of(probe({"kimi k2.5": BOTH}, [PATH]))
    check_value(chain, "chain")
    assert chain.subject.name == "api:https://api.example/v1#acme-coder"
    assert chain.access is Access.ENDPOINT and chain.parent is ParentState.ABSENT
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.RL, Standing.PROBABLE, False)
    assert any(PATH in sentence for sentence in found.evidence)
    assert edge(chain, "Kimi-K2-Base").standing is Standing.CATALOGUED


def test_a_served_name_of_the_same_line_tells_how_the_candidate_was_made() -> None:
    """Family and version have to be those of the candidate; size and variant may be more than it tells."""
    found = edge(chain_of(probe({"qwen 2.5": BOTH}, ["qwen2.5-7b-instruct"])), "qwen 2.5")
    assert any("qwen2.5-7b-instruct" in sentence for sentence in found.evidence)
    other = edge(chain_of(probe({"qwen 2.5": BOTH}, ["qwen3-8b-instruct"])), "qwen 2.5")
    assert not any("qwen3" in sentence for sentence in other.evidence) and other.kind is EdgeKind.UNKNOWN


def test_a_name_alone_is_possible() -> None:
    assert edge(chain_of(probe({"kimi k2.5": ("identifier",)}, [PATH])), KIMI).standing is Standing.POSSIBLE


def test_behaviour_alone_is_possible() -> None:
    assert edge(chain_of(probe({"kimi k2.5": ("agreement/1",)})), KIMI).standing is Standing.POSSIBLE


def test_a_tokenizer_alone_is_nobodys() -> None:
    chain = chain_of(probe({"kimi k2.5": ("token-counts/1",), "kimi k2": ("token-counts/1",)}))
    assert not chain.edges and "kimi k2.5, kimi k2" in chain.notes[0]


def test_counts_of_a_gateway_prove_nothing() -> None:
    chain = chain_of(probe({"kimi k2.5": BOTH}, [PATH], findings=[{"id": "gateway-recount", "level": "note"}]))
    assert edge(chain, KIMI).standing is Standing.POSSIBLE
    assert any("gateway" in note for note in chain.notes)


def test_a_grade_without_signals_is_not_believed() -> None:
    assert not chain_of(probe({"kimi k2.5": ()})).edges


def test_an_echo_of_our_words_says_nothing() -> None:
    document = probe({"kimi k2.5": BOTH}, [PATH])
    document["identifiers"][0]["echo"] = True
    assert edge(chain_of(document), KIMI).kind is EdgeKind.UNKNOWN


def test_an_error_that_names_one_model_makes_it_possible() -> None:
    document = probe()
    document["identifiers"] = [{"identifier": PATH, "role": "error", "echo": False}]
    found = edge(chain_of(document), KIMI)
    assert found.standing is Standing.POSSIBLE and "An error names it." in found.evidence
    document["identifiers"] += [{"identifier": "qwen3-8b", "role": "error", "echo": False}]  # a list of what there is
    assert not chain_of(document).edges


def test_what_is_offered_by_its_name_is_declared() -> None:
    chain = chain_of(probe(model="kimi-k2.5"))
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.SAME_MODEL, Standing.DECLARED, True)
    assert chain.parent is ParentState.DECLARED and chain.subject.developer == "moonshot"


def test_a_claim_that_is_confirmed_is_probable() -> None:
    assert edge(chain_of(probe(model="kimi-k2.5", status="confirmed")), KIMI).standing is Standing.PROBABLE


def test_what_the_user_expects_is_nobodys_declaration() -> None:
    document = probe(model="kimi-k2.5")
    document["claims"][0]["source"] = "--expect"
    assert not chain_of(document).edges


def test_a_contradicted_claim_leaves_what_was_found() -> None:
    chain = chain_of(probe({"qwen 2.5": BOTH}, ["qwen2.5-7b"], "kimi-k2.5", "contradicted"))
    into = [e for e in chain.edges if e.child == chain.subject.name]
    assert len(into) == 1 and into[0].contradicted and into[0].standing is Standing.PROBABLE
    assert not any("Kimi" in e.parent for e in chain.edges)
    assert "is contradicted" in chain.notes[0]


def test_a_claim_beside_another_probable_model_is_disputed() -> None:
    chain = chain_of(probe({"qwen 2.5": BOTH}, ["qwen2.5-7b"], "kimi-k2.5"))
    assert edge(chain, KIMI).standing is Standing.POSSIBLE


def test_a_product_is_what_the_catalogue_knows_of_it() -> None:
    chain = chain_of(probe({"kimi k2.5": BOTH}, [PATH], "composer-2"))
    assert (chain.subject.model, chain.subject.developer) == ("Composer 2", "anysphere")
    found = edge(chain, KIMI)
    assert found.child == chain.subject.name and found.standing is Standing.PROBABLE
    assert not found.declared  # the catalogue has it that it was not named
    assert len(found.evidence) >= 3


def test_a_product_alone_has_its_catalogued_parents() -> None:
    found = edge(chain_of(probe(model="composer-2.5")), KIMI)
    assert found.standing is Standing.CATALOGUED and found.declared


@pytest.mark.parametrize(
    "broken",
    [{"candidates": {}}, {"claims": [1]}, {"identifiers": "x"}, {"endpoint": []}, {"model": 3}, {"findings": [[]]}],
)
def test_damaged_results_are_refused(broken: dict[str, object]) -> None:
    with pytest.raises(InputError):
        chain_of({**probe(), **broken})
