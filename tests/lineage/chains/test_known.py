"""Which models of the catalogue the names in a chain mean."""

from __future__ import annotations

import pytest

from chained import scan
from forebear.catalogue.developers import UNREAD, published
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.extend import complete
from forebear.lineage.chains.known import ancestor_of, identified, republished


@pytest.mark.parametrize(
    ("name", "model", "kind"),
    [
        ("unsloth/deepseek-r1-distill-llama-8b-unsloth-bnb-4bit", "DeepSeek-R1-Distill-Llama-8B", EdgeKind.QUANTIZED),
        ("bartowski/DeepSeek-R1-Distill-Qwen-32B-GGUF", "DeepSeek-R1-Distill-Qwen-32B", EdgeKind.QUANTIZED),
        ("somebody/Kimi-K2.5", "Kimi-K2.5", EdgeKind.UNKNOWN),
        ("hf:somebody/Kimi-K2.5-NVFP4@main", "Kimi-K2.5", EdgeKind.QUANTIZED),
    ],
)
def test_a_published_name_under_another_account_is_that_model_by_name(name: str, model: str, kind: EdgeKind) -> None:
    found = republished(name)
    assert found is not None and (found[0].name, found[1]) == (model, kind)


@pytest.mark.parametrize(
    "name",
    [
        "moonshotai/Kimi-K2.5",  # its own
        "somebody/Kimi-K2.5-medical",  # something made of it, perhaps
        "somebody/Kimi-K2.55",
        "somebody/my-Kimi-K2.5",
        "Kimi-K2.5",  # no account: a label
        "somebody/",
        "/",
        "",
    ],
)
def test_other_names_are_no_copies(name: str) -> None:
    assert republished(name) is None


def test_a_copy_by_name_is_possible_and_brings_its_parents() -> None:
    name = "somebody/DeepSeek-R1-Distill-Llama-8B-GGUF"
    edge = Edge(name, "mine", EdgeKind.FINETUNE, Standing.DECLARED, declared=True)
    chain = complete(Chain(Node("mine"), (Node(name),), (edge,), access=Access.DOCUMENTS))
    steps = {(e.parent, e.child): e.standing for e in chain.edges}
    assert steps["DeepSeek-R1-Distill-Llama-8B", name] is Standing.POSSIBLE
    assert steps["Llama-3.1-8B", "DeepSeek-R1-Distill-Llama-8B"] is Standing.CATALOGUED
    assert all(not r.standing.established for r in chain.routes() if r.ancestor.name == "Llama-3.1-8B")


def test_what_nobody_read_about_an_entry_is_no_remark_on_the_model() -> None:
    unread = [m for m in published().values() if m.note.startswith(UNREAD) and m.repository]
    assert unread
    for model in unread:
        assert not any(model.note in note for note in chain_of(scan(name=model.repository)).notes)
    accused = next(m for m in published().values() if m.note.startswith("Accused") and m.repository)
    assert any(accused.note in note for note in chain_of(scan(name=accused.repository)).notes)


def test_a_label_in_an_index_says_nothing_of_a_maker() -> None:
    assert ancestor_of(Node("dev-llama-1"), labelled=True).developer == ""
    assert ancestor_of(Node("meta-llama/Llama-3.1-8B"), labelled=True).developer == "meta"


def test_a_plain_name_is_the_model_and_one_with_unknown_words_is_not() -> None:
    assert [m.name for m in identified("moonshotai/Kimi-K2.5")] == ["Kimi-K2.5"]
    assert identified("alice/kimi-k2.5-medical") == ()
