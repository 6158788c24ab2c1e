"""Chains from captures: a leaked name is possible, a name that the operator uses is a declaration."""

from __future__ import annotations

from pathlib import Path

import pytest

from captures import KIMI as PATH
from captures import chat, har, saved
from chained import check_value, edge, named, traffic
from forebear.errors import InputError, UsageError
from forebear.inspect.traffic import read_traffic
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains import chain_of, chains_of
from forebear.lineage.chains import traffic as module

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


def test_more_pairs_than_any_capture_has_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name asked for and answered in one record: as many pairs as the square of the names."""
    found = [named(f"qwen3-8b-v{k}", "asked", "served") for k in range(20)]
    assert len(chains_of(traffic(*found))) == 20
    monkeypatch.setattr(module, "MOST_PAIRS", 300)
    with pytest.raises(InputError, match="identifiers pair more than the 300 models"):
        chains_of(traffic(*found))


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


# -- before the catalogue completes it -------------------------------------------------------------------------------


def subjects(*identifiers: dict[str, object]) -> list[tuple[str, list[str]]]:
    """Models in question, each with the names that answers gave beside it."""
    return [(c.subject.name, [e.parent for e in c.edges if not e.declared]) for c in module.read(traffic(*identifiers))]


def test_a_chain_is_what_the_capture_says_and_no_more() -> None:
    (found,) = module.read(traffic(named("composer-2", "asked", "served"), named("kimi-k2.5", "served", "error")))
    kimi = "kimi-k2.5: family Kimi (Moonshot AI), version K2.5 (every word of the name understood)."
    assert found.subject == Node("composer-2") and found.access is Access.TRAFFIC
    assert found.nodes == (Node("kimi k2.5"), Node("composer 2")) and found.parent is ParentState.DECLARED
    leaked, called = found.edges
    assert leaked == Edge(
        *("kimi k2.5", "composer-2", EdgeKind.SAME_MODEL, Standing.POSSIBLE),
        evidence=("An answer names kimi-k2.5 (c.har, record 1, a body).", kimi),
    )
    assert (called.parent, called.kind, called.standing) == ("composer 2", EdgeKind.SAME_MODEL, Standing.DECLARED)
    assert called.declared and called.evidence[0] == "It goes by the name composer-2 (c.har, record 1, a body)."
    assert module.READER.handles(traffic()) and not module.READER.handles({"schema": "forebear.scan/1"})
    (failed,) = module.read(traffic(named("composer-2", "asked"), named("kimi-k2.5", "error", "asked")))[:1]
    assert failed.edges[0].evidence[0] == "An error names kimi-k2.5 (c.har, record 1, a body)."


def test_one_question_gets_all_answers_and_several_those_of_their_records() -> None:
    far = named("kimi-k2.5", "served", records=[9])
    assert subjects(named("our-model", "asked"), far) == [("our-model", ["kimi k2.5"])]
    two = named("our-model", "asked"), named("other-thing", "asked", records=[2, 3])
    assert subjects(*two, far) == [("our-model", []), ("other-thing", [])]
    answers = named("kimi-k2.5", "served", records=[3, 2]), named("qwen3-8b", "error", records=[1])
    assert subjects(*two, *answers) == [("our-model", ["qwen 3 8b"]), ("other-thing", ["kimi k2.5"])]
    elsewhere = {**named("kimi-k2.5", "served", records=[1])}
    elsewhere["where"] = [{"file": "d.har", "record": 1, "part": "a body", "role": "served"}]
    assert subjects(*two, elsewhere) == [("our-model", []), ("other-thing", [])], "the same number in another file"
    talked = named("kimi-k2.5", "mentioned", "served", records=[1])
    talked["where"] = [w for w in talked["where"] if w["role"] == "mentioned"]
    assert subjects(*two, talked) == [("our-model", []), ("other-thing", [])], "another role in the record"


def test_without_questions_it_is_what_was_served_then_named_by_errors_then_logged() -> None:
    served, error, logged = named("qwen3-8b", "served"), named("kimi-k2.5", "error"), named("glm-4.5", "logged")
    assert subjects(served, error, logged) == [("qwen3-8b", [])]
    assert subjects(error, logged) == [("kimi-k2.5", [])] and subjects(logged) == [("glm-4.5", [])]
    assert subjects(served, {**served, "identifier": "our-model"}) == [("qwen3-8b", []), ("our-model", [])]
    assert subjects() == subjects(named("glm-4.5", "listed")) == []


def test_identifiers_that_are_no_names_are_left_out() -> None:
    asked = named("qwen3-8b", "asked")
    assert subjects({**asked, "identifier": ""}) == subjects({**asked, "kind": "marker"}) == []
    bare = {k: v for k, v in asked.items() if k != "kind"}
    assert subjects(bare) == [("qwen3-8b", [])], "a name where nothing else is said"


def test_the_first_place_of_an_identifier_is_told() -> None:
    asked = named("qwen3-8b", "asked", records=[4, 2])
    assert "(c.har, record 4, a body)" in module.read(traffic(asked))[0].edges[0].evidence[0]
    asked["where"] = [{"file": "c.har", "record": "4", "part": "a body", "role": "asked"}]
    assert "(c.har, record 0, a body)" in module.read(traffic(asked))[0].edges[0].evidence[0]
    nowhere = {**asked, "where": []}
    assert "the name qwen3-8b ()." in module.read(traffic(nowhere))[0].edges[0].evidence[0]


def test_the_same_model_under_a_longer_name_is_no_other() -> None:
    assert subjects(named("gpt-4o", "asked"), named("gpt-4o-2024-08-06", "served")) == [("gpt-4o", [])]
    assert subjects(named("our-model", "asked", "served")) == [("our-model", [])]


@pytest.mark.parametrize(
    ("asked", "answers", "standing"),
    [
        ("composer-2", ("kimi-k2.5",), Standing.DECLARED),  # the catalogue has it as a descendant
        ("composer-2", ("kimi-k2.5", "our-model"), Standing.DECLARED),  # of no known family
        ("composer-2", ("kimi-k2.5", "qwen3-8b"), Standing.POSSIBLE),
        ("qwen3-8b", ("our-model",), Standing.DECLARED),
        ("qwen3-8b", ("kimi-k2.5",), Standing.POSSIBLE),
        ("qwen3-8b", (), Standing.DECLARED),
        ("kimi-k2.5-rl", (), Standing.POSSIBLE),
    ],
)
def test_a_name_is_declared_unless_answers_name_a_stranger(
    asked: str, answers: tuple[str, ...], standing: Standing
) -> None:
    (found,) = module.read(traffic(named(asked, "asked"), *(named(n, "served") for n in answers)))
    own = next(e for e in found.edges if any(s.startswith("It goes by the name") for s in e.evidence))
    assert own.standing is standing
    assert (found.parent is ParentState.DECLARED) is own.declared is (asked != "kimi-k2.5-rl"), "a disputed word is one"


def test_a_name_in_the_grammars_own_spelling_is_marked_as_served() -> None:
    assert subjects(named("kimi k2.5", "asked"))[0][0] == "kimi k2.5 (as served)"
    assert subjects(named("kimi-k2.5", "asked"))[0][0] == "kimi-k2.5"


def test_a_path_of_an_account_says_what_is_served() -> None:
    ours, theirs = named("our-model", "asked"), named("qwen3-8b", "asked", records=[2])
    path = "accounts/acme/models/kimi-k2p5"
    assert module.routed(traffic(ours, theirs)) == frozenset()
    assert module.routed(traffic(ours, theirs, named(path, "served", records=[2]))) == {"qwen3-8b"}
    assert module.routed(traffic(named(path, "asked"))) == {path}
    assert module.routed(traffic(named("accounts/acme/models/our-thing", "asked"))) == frozenset(), "of no family"
