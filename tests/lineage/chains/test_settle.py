"""What can stand beside the catalogue and the papers: ancestors of ancestors, descendants, copies, contradictions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains.settle import settled

OPEN = Edge("far", "mine", EdgeKind.UNKNOWN, Standing.POSSIBLE, evidence=("Coins agree with far.",))
NEAR = Edge("near", "mine", EdgeKind.FINETUNE, Standing.MEASURED)
KNOWN = Edge("far", "near", EdgeKind.FINETUNE, Standing.CATALOGUED)


def chain(*edges: Edge, **more: object) -> Chain:
    names = dict.fromkeys(n for e in edges for n in (e.parent, e.child) if n != "mine")
    made = Chain(Node("mine"), tuple(Node(n) for n in names), edges, access=Access.WEIGHTS)
    return replace(made, **more)  # type: ignore[arg-type]


def test_an_open_dependence_on_an_ancestor_of_an_established_one_is_explained_and_told() -> None:
    found = settled(chain(OPEN, NEAR, KNOWN))
    assert found.edges == (NEAR, KNOWN)
    assert found.notes == ("Its weights depend on far, too, an ancestor of an ancestor. Coins agree with far.",)
    assert [n.name for n in found.nodes] == ["near", "far"]


@pytest.mark.parametrize(
    "edges",
    [
        (OPEN, NEAR),  # nothing says that far is above
        (OPEN, replace(NEAR, standing=Standing.POSSIBLE), KNOWN),
        (OPEN, NEAR, replace(KNOWN, standing=Standing.POSSIBLE)),
        (OPEN, NEAR, replace(KNOWN, kind=EdgeKind.TRAINED_ON_OUTPUTS)),
        (OPEN, NEAR, replace(KNOWN, component="vision")),
        (replace(OPEN, standing=Standing.PROBABLE), NEAR, KNOWN),
        (replace(OPEN, declared=True), NEAR, KNOWN),
        (replace(OPEN, component="vision"), NEAR, KNOWN),
    ],
)
def test_nothing_else_explains_a_dependence(edges: tuple[Edge, ...]) -> None:
    found = settled(chain(*edges))
    assert "far" in [e.parent for e in found.edges if e.child == "mine"] and not found.notes


def test_a_model_that_the_catalogue_has_as_the_later_one_stays_possible() -> None:
    into = Edge("child", "mine", EdgeKind.FINETUNE, Standing.MEASURED, evidence=("They share training.",))
    below = Edge("mine", "child", EdgeKind.FINETUNE, Standing.CATALOGUED)
    found = next(e for e in settled(chain(into, below)).edges if e.child == "mine")
    assert found.standing is Standing.POSSIBLE
    assert found.evidence == ("The catalogue has child as the later one.", "They share training.")
    said = next(e for e in settled(chain(replace(into, declared=True), below)).edges if e.child == "mine")
    assert said.standing is Standing.MEASURED
    unsure = replace(below, standing=Standing.PROBABLE)
    assert next(e for e in settled(chain(into, unsure)).edges if e.child == "mine").standing is Standing.MEASURED


def test_equal_values_of_a_published_model_are_its_copy() -> None:
    same = Edge("org/base", "mine", EdgeKind.IDENTICAL, Standing.POSSIBLE)
    published = Node("org/base", model="Base 1", developer="org")
    (found,) = settled(chain(same, nodes=(published,))).edges
    assert found.standing is Standing.MEASURED
    assert found.evidence == ("The catalogue has Base 1 as published by org.",)
    (unknown,) = settled(chain(same)).edges
    assert unknown.standing is Standing.POSSIBLE
    (both,) = settled(chain(same, nodes=(published,), subject=Node("mine", model="Mine 1"))).edges
    assert both.standing is Standing.POSSIBLE, "of two published models nobody says which one is the copy"


DECLARED = Edge("said", "mine", EdgeKind.FINETUNE, Standing.DECLARED, True)


@pytest.mark.parametrize(
    ("edges", "state", "contradicted"),
    [
        ((NEAR,), ParentState.ABSENT, False),
        ((NEAR,), ParentState.FROM_SCRATCH, True),
        ((NEAR, DECLARED), ParentState.DECLARED, True),
        ((NEAR, DECLARED, Edge("near", "said", EdgeKind.FINETUNE, Standing.CATALOGUED)), ParentState.DECLARED, False),
        ((NEAR, replace(DECLARED, standing=Standing.MEASURED)), ParentState.DECLARED, False),
        ((NEAR, replace(DECLARED, standing=Standing.POSSIBLE)), ParentState.DECLARED, False),  # a config's own word
        ((replace(NEAR, standing=Standing.POSSIBLE), DECLARED), ParentState.DECLARED, False),
        ((replace(NEAR, kind=EdgeKind.TRAINED_ON_OUTPUTS), DECLARED), ParentState.DECLARED, False),
        ((replace(NEAR, declared=True),), ParentState.FROM_SCRATCH, False),
        ((replace(NEAR, contradicted=True),), ParentState.ABSENT, True),
    ],
)
def test_what_is_measured_and_not_what_papers_say_contradicts_them(
    edges: tuple[Edge, ...], state: ParentState, contradicted: bool
) -> None:
    found = next(e for e in settled(chain(*edges, parent=state)).edges if (e.parent, e.child) == ("near", "mine"))
    assert found.contradicted is contradicted


def test_nothing_is_its_own_ancestor_and_what_is_not_reached_is_left_out() -> None:
    own = Edge("mine", "mine", EdgeKind.UNKNOWN, Standing.MEASURED)
    apart = Edge("a", "b", EdgeKind.FINETUNE, Standing.CATALOGUED)
    found = settled(chain(own, apart, NEAR, KNOWN))
    assert found.edges == (NEAR, KNOWN) and [n.name for n in found.nodes] == ["near", "far"]


def test_ancestors_come_by_their_distance_and_notes_once() -> None:
    edges = (KNOWN, NEAR, Edge("also", "mine", EdgeKind.MERGE, Standing.MEASURED))
    found = settled(chain(*edges, notes=("a note", "a note")))
    assert [n.name for n in found.nodes] == ["near", "also", "far"] and found.notes == ("a note",)


def test_an_explained_dependence_without_words_is_told_in_few() -> None:
    found = settled(chain(replace(OPEN, evidence=()), NEAR, KNOWN, notes=("before",)))
    assert found.notes == ("before", "Its weights depend on far, too, an ancestor of an ancestor.")
    further = Edge("root", "far", EdgeKind.FINETUNE, Standing.DECLARED)
    root = replace(OPEN, parent="root", evidence=("First.", "Second."))
    deep = settled(chain(root, NEAR, KNOWN, further))
    assert deep.edges == (NEAR, KNOWN, further) and deep.notes[0].endswith("an ancestor of an ancestor. First.")
    beside = Edge("far", "mine", EdgeKind.MERGE, Standing.POSSIBLE)
    two = settled(chain(OPEN, beside, NEAR, KNOWN))
    assert two.edges == (NEAR, KNOWN) and len(two.notes) == 2, "each of them"


def test_a_dependence_that_is_established_itself_explains_nothing_of_itself() -> None:
    """An open edge from the very parent that is established another way is explained; one from the child is not."""
    open_near = Edge("near", "mine", EdgeKind.UNKNOWN, Standing.POSSIBLE)
    assert settled(chain(open_near, NEAR)).edges == (NEAR,)
    circle = Edge("mine", "near", EdgeKind.FINETUNE, Standing.DECLARED)
    assert settled(chain(NEAR, circle)).edges == (NEAR,), "what comes from the model in question is no ancestor"
    elsewhere = Edge("far", "near", EdgeKind.UNKNOWN, Standing.POSSIBLE)
    assert elsewhere in settled(chain(NEAR, elsewhere, KNOWN)).edges, "only edges into the model in question"


def test_a_descendant_of_a_descendant_is_later_and_other_edges_stay() -> None:
    into = Edge("grandchild", "mine", EdgeKind.FINETUNE, Standing.MEASURED)
    below = Edge("mine", "child", EdgeKind.FINETUNE, Standing.CATALOGUED)
    further = Edge("child", "grandchild", EdgeKind.FINETUNE, Standing.CATALOGUED)
    found = next(e for e in settled(chain(into, below, further)).edges if e.child == "mine")
    assert found.standing is Standing.POSSIBLE and found.evidence == ("The catalogue has grandchild as the later one.",)
    assert not found.contradicted, "what is possible contradicts nobody"
    same = Edge("child", "mine", EdgeKind.IDENTICAL, Standing.MEASURED)
    (copy,) = [e for e in settled(chain(same, below)).edges if e.child == "mine"]
    assert copy.standing is Standing.POSSIBLE
    elsewhere = Edge("child", "near", EdgeKind.FINETUNE, Standing.MEASURED)
    assert elsewhere in settled(chain(NEAR, elsewhere, below)).edges


def test_only_what_is_identical_and_undeclared_is_a_copy() -> None:
    published = Node("org/base", model="Base 1", developer="org")
    for edge in (
        Edge("org/base", "mine", EdgeKind.FINETUNE, Standing.POSSIBLE),
        Edge("org/base", "mine", EdgeKind.IDENTICAL, Standing.POSSIBLE, declared=True),
    ):
        assert settled(chain(edge, nodes=(published,))).edges == (edge,)
    between = Edge("org/base", "near", EdgeKind.IDENTICAL, Standing.POSSIBLE)
    found = settled(chain(NEAR, between, nodes=(Node("near"), published)))
    assert found.edges == (NEAR, between)
    said = Edge("org/base", "mine", EdgeKind.IDENTICAL, Standing.POSSIBLE, evidence=("Equal.",))
    (copy,) = settled(chain(said, nodes=(published,), parent=ParentState.FROM_SCRATCH)).edges
    assert copy.evidence == ("Equal.", "The catalogue has Base 1 as published by org.") and copy.contradicted


@pytest.mark.parametrize(
    ("access", "contradicted"),
    [(Access.WEIGHTS, False), (Access.PAPERS, False), (Access.ENDPOINT, True), (Access.DOCUMENTS, True)],
)
def test_a_word_that_claims_none_is_no_declaration_of_a_model_that_was_read(access: Access, contradicted: bool) -> None:
    said = replace(DECLARED, standing=Standing.POSSIBLE)
    found = next(e for e in settled(chain(NEAR, said, access=access)).edges if e.parent == "near")
    assert found.contradicted is contradicted


def test_papers_of_others_and_edges_of_others_contradict_nothing() -> None:
    """What an ancestor's papers say is not what the model's own say; nor is an ancestor's edge held against them."""
    theirs = Edge("root", "near", EdgeKind.FINETUNE, Standing.DECLARED, True)
    found = settled(chain(NEAR, theirs))
    assert [e.contradicted for e in found.edges] == [False, False]
    measured = Edge("root", "near", EdgeKind.FINETUNE, Standing.MEASURED)
    denied = settled(chain(NEAR, measured, parent=ParentState.FROM_SCRATCH))
    assert [e.contradicted for e in denied.edges] == [True, False]
    probable = settled(chain(replace(NEAR, standing=Standing.PROBABLE), DECLARED))
    assert next(e for e in probable.edges if e.parent == "near").contradicted
    catalogued = settled(chain(replace(NEAR, standing=Standing.CATALOGUED), DECLARED))
    assert not next(e for e in catalogued.edges if e.parent == "near").contradicted
    itself = settled(chain(NEAR, replace(DECLARED, parent="near")))
    assert not itself.edges[0].contradicted, "the papers name it"


def test_nodes_are_those_that_lead_to_the_model_the_nearest_first() -> None:
    edges = (
        Edge("b", "mine", EdgeKind.MERGE, Standing.MEASURED),
        Edge("a", "mine", EdgeKind.MERGE, Standing.MEASURED),
        Edge("0", "a", EdgeKind.FINETUNE, Standing.DECLARED),
        Edge("0", "b", EdgeKind.FINETUNE, Standing.DECLARED),
        Edge("b", "0", EdgeKind.FINETUNE, Standing.DECLARED),
        Edge("x", "y", EdgeKind.FINETUNE, Standing.DECLARED),
    )
    found = settled(chain(*edges, nodes=tuple(Node(n) for n in ("x", "0", "b", "y", "a"))))
    assert [n.name for n in found.nodes] == ["b", "a", "0"] and found.edges == edges[:5]
    lonely = settled(chain(nodes=(Node("x"),)))
    assert lonely.nodes == () and lonely.edges == () and lonely.notes == ()
