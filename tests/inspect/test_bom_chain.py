"""Steps above a model: sourced ones are ancestors, possible ones variants, and each stands below the right child."""

from __future__ import annotations

from forebear.bom.record import Slot
from forebear.bom.values import Basis
from forebear.inspect.bom_chain import above, in_chain, relative_of
from forebear.lineage.chain import Chain, Edge, EdgeKind, Node, Standing
from forebear.lineage.chains.extend import complete


def chain(parent: str, *edges: Edge) -> Chain:
    first = Edge(parent, "mine", EdgeKind.FINETUNE, Standing.DECLARED, True)
    nodes = tuple(Node(n) for n in dict.fromkeys((parent, *(e.parent for e in edges))))
    return Chain(Node("mine"), nodes, (first, *edges))


def test_the_catalogue_goes_on_below_the_name_that_the_record_has() -> None:
    found = complete(chain("moonshotai/Kimi-K2.5"))
    for name in ("moonshotai/Kimi-K2.5", "Kimi-K2.5"):
        (step,) = above(found, [name])
        assert (step.child, step.standing, step.said.basis) == (name, "catalogued", Basis.CATALOGUED)
        assert step.purl == "pkg:huggingface/moonshotai/Kimi-K2-Base" and step.licences
    assert list(above(found, [])) != [], "a step into the model itself, which the record does not list"


def test_a_word_in_a_name_is_a_variant() -> None:
    steps = above(complete(chain("somebody/Llama-3.1-8B-uncensored")), ["somebody/Llama-3.1-8B-uncensored"])
    found = [s for s in steps if s.child == "somebody/Llama-3.1-8B-uncensored"]
    assert found and all((s.slot, s.standing, s.said.basis) == (Slot.VARIANT, "possible", "declared") for s in found)
    assert all(s.said.note == "its name" for s in found)


def test_a_word_in_the_name_of_what_is_only_possible_is_not_handed_on() -> None:
    name = "somebody/Llama-3.1-8B-uncensored"
    open_step = Edge(name, "mine", EdgeKind.UNKNOWN, Standing.POSSIBLE, evidence=("One random start, perhaps.",))
    found = complete(Chain(Node("mine"), (Node(name),), (open_step,)))
    assert any(edge.child == name for edge in found.edges) and list(above(found, [name])) == []


def test_a_step_whose_child_is_not_in_the_record_is_left_out() -> None:
    loose = Edge("org/top", "org/elsewhere", EdgeKind.MERGE, Standing.CATALOGUED, evidence=("The catalogue has it.",))
    assert list(above(chain("org/base", loose), ["org/base"])) == []
    tied = Edge("org/top", "org/base", EdgeKind.MERGE, Standing.CATALOGUED, evidence=("The catalogue has it.",))
    top = Edge("org/higher", "org/top", EdgeKind.UNKNOWN, Standing.CATALOGUED, evidence=("The catalogue has it.",))
    found = list(above(chain("org/base", tied, top), ["org/base"]))
    assert [(s.name, s.child, s.declared_relation) for s in found] == [
        ("org/top", "org/base", "merge"),
        ("org/higher", "org/top", ""),
    ]


def test_one_step_by_itself() -> None:
    edge = Edge(
        "org/a", "mine", EdgeKind.COMPONENT, Standing.POSSIBLE, log10_p=-9.0, component="vision", evidence=("W.",)
    )
    found = relative_of(edge, Node("org/a", licences=("mit", "no-such-licence"), revision="abc"), "")
    assert (found.slot, found.component, found.version, found.log10_p) == (Slot.VARIANT, "vision", "abc", -9.0)
    assert found.licences == ("MIT", "no-such-licence") and found.why == "W."


def test_a_relative_is_found_by_its_name() -> None:
    node, edge = in_chain(chain("org/base"), "base")
    assert node is not None and edge is not None and (node.name, edge.child) == ("org/base", "mine")
    assert in_chain(chain("org/base"), "other") == (None, None) == in_chain(None, "org/base")
