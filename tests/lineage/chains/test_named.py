"""What a name says of the model that goes by it."""

from __future__ import annotations

import pytest

from chained import bill, claim, component, scan
from forebear.catalogue.names import ModelName, decode
from forebear.lineage.chain import ParentState, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.named import kind_named_by, named_edge, title_of
from forebear.lineage.chains.words import nameless, says_scratch, withheld


def read(text: str) -> ModelName:
    found = decode(text, named=True)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("identifier", "title", "kind"),
    [
        ("accounts/anysphere/models/kimi-k2p5-rl-0317-s515-fast", "kimi k2.5", "rl"),
        ("moonshotai/Kimi-K2.5", "kimi k2.5", "same_model"),
        ("accounts/fireworks/models/kimi-k2p5", "kimi k2.5", "same_model"),
        ("accounts/acme/models/kimi-k2p5", "kimi k2.5", "unknown"),
        ("alice/kimi-k2.5-medical", "kimi k2.5 medical", "unknown"),
        ("Llama-3.1-8B-Instruct", "llama 3.1 8b", "same_model"),
        ("meta-llama/Llama-3.1-8B-sft", "llama 3.1 8b", "finetune"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", "llama 8b", "finetune"),
        ("Qwen2.5-VL-7B-Instruct", "qwen 2.5 7b vl", "same_model"),
        ("gpt-4o-mini", "gpt 4o mini", "same_model"),
        ("something-else", "", "same_model"),
    ],
)
def test_names_have_a_title_and_a_kind(identifier: str, title: str, kind: str) -> None:
    known = read(identifier)
    assert (title_of(known), kind_named_by(known) if title else "same_model") == (title, kind)


@pytest.mark.parametrize("identifier", ["moonshotai/Kimi-K2.5", "Qwen2.5-7B", "Llama-3.1-8B-Instruct", "deepseek-v3.1"])
def test_a_title_is_read_again_as_the_same_model(identifier: str) -> None:
    known = read(identifier)
    again = read(title_of(known))
    assert (again.family, again.version, again.size) == (known.family, known.version, known.size)


def test_only_a_plain_name_declares_anything() -> None:
    plain = named_edge(read("kimi-k2.5"), "x", Standing.DECLARED, "It is offered.")
    trained = named_edge(read("kimi-k2.5-rl-step100"), "x", Standing.DECLARED)
    assert plain is not None and plain.declared and plain.standing is Standing.DECLARED
    assert trained is not None and not trained.declared and trained.standing is Standing.POSSIBLE
    assert named_edge(read("our-model"), "x", Standing.DECLARED) is None


@pytest.mark.parametrize(
    "name", ["withheld", "UNDISCLOSED", "not-disclosed", "an open-weights base model", "proprietary"]
)
def test_words_for_a_base_that_is_not_named(name: str) -> None:
    assert withheld(name)


@pytest.mark.parametrize("name", ["Llama-3.1-8B", "open-llama base model", "mine", "", "base", "acme/secret-sauce"])
def test_names_are_not_taken_for_such_words(name: str) -> None:
    assert not withheld(name)


@pytest.mark.parametrize("name", ["none", "None", "N/A", "n.a.", "-", "unknown", "TBD", "not known", "no base model"])
def test_words_that_stand_where_a_name_should_name_nothing(name: str) -> None:
    for chain in (chain_of(scan([], [claim(name)])), chain_of(bill(component("mine", [component(name)])))):
        assert not chain.edges and not chain.nodes and chain.parent is ParentState.ABSENT
        assert "which names no model" in chain.notes[-1]
    both = chain_of(bill(component("mine", [component(name), component("moonshotai/Kimi-K2.5")])))
    assert both.parent is ParentState.DECLARED and both.subject.name == "mine"


@pytest.mark.parametrize(("name", "state"), [("not told", "withheld"), ("from scratch", "from_scratch")])
def test_words_that_say_something_else_than_a_name(name: str, state: str) -> None:
    assert chain_of(scan([], [claim(name)])).parent == state


@pytest.mark.parametrize("name", ["acme/none", "none-7b", "nova", "scratch-7b", "Kimi-K2.5", "na-llama"])
def test_names_with_such_words_in_them_are_names(name: str) -> None:
    assert nameless(name) is None and chain_of(scan([], [claim(name)])).parent is ParentState.DECLARED


def test_a_claim_of_training_from_scratch() -> None:
    assert says_scratch("Trained from scratch: unverified")
    assert not says_scratch("not derived from anything")
