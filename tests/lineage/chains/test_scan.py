"""Chains from results of scan: merges, adapters, claims, and what the catalogue adds."""

from __future__ import annotations

import pytest

from chained import KIMI, SCRATCH, Json, ancestor, check_value, claim, edge, scan
from forebear.lineage.chain import Access, EdgeKind, ParentState, Standing
from forebear.lineage.chains import chain_of
from forebear.types import LOADED


def test_a_measured_ancestor_of_the_catalogue_brings_its_own() -> None:
    chain = chain_of(scan([ancestor(KIMI, kind="rl")]))
    check_value(chain, "chain")
    assert chain.access is Access.WEIGHTS and chain.parent is ParentState.ABSENT and chain.verdict == "derived"
    first = edge(chain, KIMI)
    assert (first.kind, first.standing, first.declared) == (EdgeKind.RL, Standing.MEASURED, False)
    assert chain.node(KIMI).developer == "moonshot"
    assert chain.node(KIMI).licences == ("kimi-k2.5-modified-mit",)
    above = edge(chain, "Kimi-K2-Base")
    assert (above.child, above.standing) == (KIMI, Standing.CATALOGUED)
    assert "The catalogue has Kimi-K2.5 made from Kimi-K2-Base" in above.evidence[0]
    assert [node.name for node in chain.nodes] == [KIMI, "Kimi-K2-Base"]


def test_the_ancestor_of_an_ancestor_is_told_once() -> None:
    both = [ancestor(KIMI), ancestor("moonshotai/Kimi-K2-Base", "dependent", "unknown")]
    chain = chain_of(scan(both))
    assert edge(chain, "moonshotai/Kimi-K2-Base").child == KIMI
    assert chain.notes == ("Its weights depend on moonshotai/Kimi-K2-Base, too, an ancestor of an ancestor. W.",)


def test_what_an_open_edge_leads_to_explains_nothing() -> None:
    both = [ancestor(KIMI, "dependent", "unknown"), ancestor("moonshotai/Kimi-K2-Base", "dependent", "unknown")]
    chain = chain_of(scan(both))
    assert {e.child for e in chain.edges if e.parent == "moonshotai/Kimi-K2-Base"} == {"mine", KIMI}


def test_a_merge_has_every_parent() -> None:
    parents = [ancestor(n, "merge", kind="merge", parents=[{"name": n}]) for n in ("org/a", "org/b")]
    chain = chain_of(scan([*parents, ancestor("org/c", "dependent", "unknown")]))
    merged = [e for e in chain.edges if e.kind is EdgeKind.MERGE]
    assert [(e.parent, e.standing) for e in merged] == [("org/a", Standing.PROBABLE), ("org/b", Standing.PROBABLE)]
    assert edge(chain, "org/c").standing is Standing.POSSIBLE


def test_an_adapter_names_its_base() -> None:
    shape = {"family": None, "adapter": {"type": "LoRA", "base": "org/base"}}
    chain = chain_of(scan([], [claim("org/base")], shape=shape))
    found = edge(chain, "org/base")
    assert (found.kind, found.standing, found.declared) == (EdgeKind.ADAPTER, Standing.DECLARED, True)
    assert chain.parent is ParentState.DECLARED


def test_a_claim_that_is_contradicted_is_a_note_and_no_edge() -> None:
    chain = chain_of(scan([], [claim("org/base", "contradicted", "its matrices have other shapes")]))
    assert not chain.edges and chain.parent is ParentState.DECLARED
    assert "org/base" in chain.notes[0] and "other shapes" in chain.notes[0]


@pytest.mark.parametrize(
    ("relation", "kind"),
    [
        ("finetune", EdgeKind.FINETUNE),
        ("Quantized", EdgeKind.QUANTIZED),
        ("merge", EdgeKind.MERGE),
        ("adapter", EdgeKind.ADAPTER),
        ("", EdgeKind.UNKNOWN),
        ("stolen", EdgeKind.UNKNOWN),
        ("distilled", EdgeKind.UNKNOWN),  # would take duties away on a card's word
        ("architecture", EdgeKind.UNKNOWN),
        ("identical", EdgeKind.UNKNOWN),
    ],
)
def test_a_card_says_how_the_model_was_made(relation: str, kind: EdgeKind) -> None:
    said = {**claim("org/base"), "relation": relation}
    assert edge(chain_of(scan([], [said])), "org/base").kind is kind
    measured = ancestor("org/base", kind="unknown")
    assert edge(chain_of(scan([measured], [{**said, "status": "confirmed"}])), "org/base").kind is kind
    known = ancestor("org/base", kind="pruned")  # what was measured stands
    assert edge(chain_of(scan([known], [said])), "org/base").kind is EdgeKind.PRUNED


def test_where_a_config_was_loaded_from_is_no_declaration() -> None:
    loaded = {**claim("deepseek-ai/DeepSeek-V3"), "source": LOADED}
    chain = chain_of(scan([], [loaded]))
    found = edge(chain, "deepseek-ai/DeepSeek-V3")
    assert (found.standing, chain.parent) == (Standing.POSSIBLE, ParentState.ABSENT)
    assert "with its weights or without them" in found.evidence[0]
    assert chain_of(scan([], [loaded, SCRATCH])).parent is ParentState.FROM_SCRATCH
    other = chain_of(scan([ancestor("org/found")], [loaded]))  # another ancestor contradicts no claim
    assert not any(e.contradicted for e in other.edges)
    borne_out = chain_of(scan([ancestor("deepseek-ai/DeepSeek-V3", "dependent", "unknown")], [loaded]))
    assert edge(borne_out, "deepseek-ai/DeepSeek-V3").standing is Standing.PROBABLE


def test_another_ancestor_than_the_papers_name_contradicts_them() -> None:
    chain = chain_of(scan([ancestor("org/found")], [claim("org/named")]))
    assert edge(chain, "org/found").contradicted
    assert not edge(chain, "org/named").contradicted


def test_the_ancestor_of_the_one_that_is_named_contradicts_nothing() -> None:
    chain = chain_of(scan([ancestor("moonshotai/Kimi-K2-Base", kind="rl")], [claim(KIMI)]))
    assert not any(e.contradicted for e in chain.edges)


def test_one_of_two_parents_that_is_named_is_not_contradicted_by_the_other() -> None:
    parents = [ancestor(n, "merge", kind="merge") for n in ("org/a", "org/b")]
    chain = chain_of(scan(parents, [claim("org/a", "confirmed", "W")]))
    assert edge(chain, "org/a").standing is Standing.MEASURED
    assert not edge(chain, "org/b").contradicted


@pytest.mark.parametrize("verdict", ["dependent", "siblings", "same_init_or_derived"])
def test_an_open_dependence_contradicts_nobody(verdict: str) -> None:
    for claims in ([claim("org/named")], [SCRATCH]):
        chain = chain_of(scan([ancestor("org/found", verdict, "unknown")], claims))
        assert not any(e.contradicted for e in chain.edges)


def test_from_scratch_is_contradicted_by_what_is_measured() -> None:
    chain = chain_of(scan([ancestor("org/found")], [SCRATCH]))
    assert chain.parent is ParentState.FROM_SCRATCH
    assert edge(chain, "org/found").contradicted
    assert "trained from scratch" in chain.notes[0]


def test_equal_values_of_a_published_model_are_a_copy_of_it() -> None:
    chain = chain_of(scan([ancestor(KIMI, "identical", "unknown", "identical")]))
    found = edge(chain, KIMI)
    assert (found.kind, found.standing, found.declared) == (EdgeKind.IDENTICAL, Standing.MEASURED, False)
    assert any("as published by" in sentence for sentence in found.evidence)


def test_equal_values_of_an_unknown_model_say_nothing_of_who_was_first() -> None:
    chain = chain_of(scan([ancestor("someone/copy", "identical", "unknown", "identical")]))
    assert edge(chain, "someone/copy").standing is Standing.POSSIBLE


def test_a_published_model_is_no_copy_of_an_unknown_one() -> None:
    found = ancestor("someone/copy", "identical", "unknown", "identical")
    chain = chain_of(scan([found], name=KIMI))
    assert chain.subject.model == "Kimi-K2.5"
    assert edge(chain, "someone/copy").standing is Standing.POSSIBLE


def test_a_download_under_its_own_name_hides_nothing() -> None:
    chain = chain_of(scan([ancestor(KIMI, "identical", "unknown", "identical")], name="Kimi-K2.5"))
    assert edge(chain, KIMI).declared and edge(chain, KIMI).standing is Standing.MEASURED


def test_a_base_is_no_descendant_of_its_child() -> None:
    """A child that was enrolled as a reference; whatever the values tell, the catalogue knows better."""
    chain = chain_of(scan([ancestor(KIMI)], name="moonshotai/Kimi-K2-Base"))
    found = edge(chain, KIMI)
    assert found.standing is Standing.POSSIBLE and "as the later one" in found.evidence[0]
    assert all(e.parent != "moonshotai/Kimi-K2-Base" for e in chain.edges)


@pytest.mark.parametrize("name", ["Kimi-K2.5", "llama-3.1-8b", "composer-2"])
def test_a_folders_name_makes_nobody_a_published_model(name: str) -> None:
    chain = chain_of(scan(name=name))
    assert (chain.subject.model, chain.subject.developer, chain.edges) == ("", "", ())


def test_a_hub_id_says_who_publishes() -> None:
    chain = chain_of(scan(name="moonshotai/Something-New"))
    assert (chain.subject.model, chain.subject.developer) == ("", "moonshot")
    assert chain_of(scan(name="nobody-knows/Kimi-K2.5")).subject.developer == ""


def test_a_name_with_a_bases_in_it_is_not_the_base() -> None:
    found = {**ancestor("alice/kimi-k2.5-medical"), "target": "hf:alice/kimi-k2.5-medical@" + "a" * 40}
    chain = chain_of(scan([found]))
    own = chain.node("alice/kimi-k2.5-medical")
    assert (own.model, own.developer, own.licences) == ("", "", ())
    above = edge(chain, "Kimi-K2.5")
    assert (above.child, above.standing) == ("alice/kimi-k2.5-medical", Standing.POSSIBLE)
    assert "By its own name" in above.evidence[0]


def test_a_name_that_several_models_fit_keeps_them_all() -> None:
    chain = chain_of(scan([], [claim("kimi")]))
    own = chain.node("kimi")
    assert own.model == "" and own.developer == "moonshot"
    assert {"Kimi-K2.5", "Kimi-K3"} <= set(own.candidates)
    assert own.licences == ()  # they have several
    assert all(e.standing is Standing.POSSIBLE for e in chain.edges if e.child == "kimi")


LABELS = ["myorg/Llama-3.1-8B", "acme/gpt2", "gpt2", "Llama-3.1-8B", "openai/Llama-3.1-8B", "alice/kimi-k2.5-medical"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("target", ["/models/mine", None])
def test_a_label_in_an_index_makes_nothing_a_published_model(label: str, target: str | None) -> None:
    """A user may call any file anything: no licence, and no other model, follows from the word."""
    chain = chain_of(scan([{**ancestor(label, "dependent", "unknown"), "target": target}]))
    check_value(chain, "chain")
    assert [n.name for n in chain.nodes] == [label]
    own = chain.node(label)
    assert (own.model, own.candidates, own.licences) == ("", (), ())
    assert own.label and own.developer == ("openai" if label.startswith("openai/") else "")


@pytest.mark.parametrize(
    ("label", "target", "claims"),
    [
        ("meta-llama/Llama-3.1-8B", "/models/mine", []),
        ("base", "hf:meta-llama/Llama-3.1-8B@" + "a" * 40, []),
        ("Llama-3.1-8B", "/models/mine", [claim("meta-llama/Llama-3.1-8B")]),
    ],
)
def test_account_repository_or_papers_say_which_model_a_reference_is(
    label: str, target: str, claims: list[Json]
) -> None:
    chain = chain_of(scan([{**ancestor(label, "dependent", "unknown"), "target": target}], claims))
    own = chain.node(label)
    assert (own.model, own.developer, own.licences) == ("Llama-3.1-8B", "meta", ("llama3.1",))


@pytest.mark.parametrize(
    ("card", "licences"),
    [("apache-2.0", ("apache-2.0",)), ("apache-2.0, mit", ("apache-2.0", "mit")), ("a licence of ours", ()), ("", ())],
)
def test_the_licence_of_a_reference_is_what_its_own_card_says(card: str, licences: tuple[str, ...]) -> None:
    found = {**ancestor("acme/llama-1", "dependent", "unknown"), "licence": card}
    assert chain_of(scan([found])).node("acme/llama-1").licences == licences
    known = chain_of(scan([{**ancestor(KIMI), "licence": card}])).node(KIMI)
    assert known.licences == ("kimi-k2.5-modified-mit",)  # the catalogue's, which has a source


def test_a_copy_in_another_account_of_the_hub_stays_a_possible_one() -> None:
    found = {**ancestor("base", "dependent", "unknown"), "target": "hf:unsloth/Llama-3.1-8B@" + "a" * 40}
    above = edge(chain_of(scan([found])), "Llama-3.1-8B")
    assert (above.child, above.standing) == ("base", Standing.POSSIBLE)
    assert above.evidence == ("By its own name unsloth/Llama-3.1-8B is Llama-3.1-8B, published by somebody else.",)


def test_revisions_and_licences_of_its_own() -> None:
    model = {"target": "hf:acme/mine@" + "a" * 40, "name": "acme/mine", "digest": None}
    found = {**ancestor(KIMI), "target": f"hf:{KIMI}@" + "b" * 40}
    chain = chain_of(scan([found], model=model, licence={"declared": "apache-2.0", "files": []}))
    assert chain.subject.revision == "a" * 40 and chain.subject.licences == ("apache-2.0",)
    assert chain.node(KIMI).revision == "b" * 40
    unknown = chain_of(scan(licence={"declared": "a licence of our own", "files": []}))
    assert unknown.subject.licences == ()


def test_what_is_resembled_is_a_note() -> None:
    chain = chain_of(scan(nominated=[{"name": "org/alike", "evidence": []}]))
    assert not chain.edges and "org/alike" in chain.notes[0] and "establishes nothing" in chain.notes[0]


def test_weights_that_could_not_be_read_are_not_said_to_be_examined() -> None:
    unread = {"tested": [], "not_tested": [{"what": "the weights", "why": "a Git LFS pointer"}]}
    chain = chain_of(scan([], [claim("org/base")], coverage=unread))
    check_value(chain, "chain")
    assert chain.access is Access.PAPERS
    assert edge(chain, "org/base").standing is Standing.DECLARED
    partly = {"tested": ["sign-code/1"], "not_tested": [{"what": "remaining layers", "why": "quick"}]}
    assert chain_of(scan([], coverage=partly)).access is Access.WEIGHTS


def test_a_relative_that_came_later_is_told_unless_it_is_an_ancestor_all_the_same() -> None:
    later = [n for n in chain_of(scan([ancestor("child", "dependent", "b_to_a")])).notes if "the later one" in n]
    assert later == ["child is related and is the later one, hence no ancestor."]
    both = chain_of(scan([ancestor("child", "dependent", "b_to_a"), ancestor("base")]))
    assert [n for n in both.notes if "the later one" in n] == later
    assert not [n for n in chain_of(scan([ancestor("base")])).notes if "the later one" in n]
    named = chain_of(scan([ancestor("child", "dependent", "b_to_a")], [claim("child")]))
    assert [e.parent for e in named.edges] == ["child"]
    assert not [n for n in named.notes if "the later one" in n]


def test_a_copy_of_the_model_itself_brings_no_licence() -> None:
    """The same content under the same name, elsewhere: what its card says is what the model's own card says."""
    for called, brought in (("org/mine", ()), ("org/other", ("apache-2.0",))):
        copy = {**ancestor(called, "identical"), "licence": "apache-2.0"}
        chain = chain_of(scan([copy]))
        assert [n.licences for n in chain.nodes if n.name == called] == [brought]
