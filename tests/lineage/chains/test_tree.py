"""Chains from family trees: along named directions, and no further."""

from __future__ import annotations

import pytest

from chained import KIMI, Json, check_value, edge
from forebear.errors import InputError, UsageError
from forebear.lineage.chain import Access, Chain, Edge, EdgeKind, Node, ParentState, Standing
from forebear.lineage.chains import chain_of
from forebear.lineage.chains.tree import READER, read


def drawn(a: str, b: str, verdict: str = "derived", way: str = "a_to_b", uncertain: bool = False) -> Json:
    relation = {"kind": "finetune", "direction": "unknown", "confidence": None, "details": {"kinds": ["finetune"]}}
    body = {"verdict": verdict, "log10_p": -30.0, "relation": relation, "uncertain": uncertain, "why": "W."}
    return {"a": a, "b": b, "direction": way, **body}


def family(*edges: Json, ghosts: tuple[str, ...] = (), broken: tuple[str, ...] = ()) -> Json:
    names = dict.fromkeys(e[end] for e in edges for end in ("a", "b")) | dict.fromkeys(broken)
    members = [
        {"name": n, "target": f"./{n}", "ghost": n in ghosts, "problem": "gone" if n in broken else ""} for n in names
    ]
    return {"schema": "forebear.tree/1", "members": members, "edges": list(edges)}


def test_a_model_has_the_line_above_it() -> None:
    document = family(drawn(KIMI, "mid"), drawn("mid", "leaf", "dependent"), drawn("mid", "other"))
    chain = chain_of(document, "leaf")
    check_value(chain, "chain")
    assert chain.access is Access.WEIGHTS
    assert edge(chain, "mid").standing is Standing.PROBABLE and edge(chain, KIMI).standing is Standing.MEASURED
    assert [n.name for n in chain.nodes] == ["mid", KIMI, "Kimi-K2-Base"]
    root = chain_of(document, KIMI)
    assert all(e.parent == "Kimi-K2-Base" for e in root.edges)


def test_the_name_of_a_member_makes_nothing_a_published_model() -> None:
    chain = chain_of(family(drawn("gpt2", "leaf")), "leaf")
    assert [(n.name, n.model, n.developer, n.licences) for n in chain.nodes] == [("gpt2", "", "", ())]


@pytest.mark.parametrize("subject", ["a", "b"])
def test_an_open_direction_is_a_possibility_either_way(subject: str) -> None:
    document = family(drawn("top", "a"), drawn("a", "b", "dependent", "unknown"), drawn("b", "below"))
    chain = chain_of(document, subject)
    other = "b" if subject == "a" else "a"
    assert edge(chain, other).standing is Standing.POSSIBLE
    assert not any(e.parent == "below" for e in chain.edges)
    assert {e.child for e in chain.edges} == {subject}  # what is above a neighbour is above nobody else


def test_an_uncertain_edge_is_a_possibility() -> None:
    assert edge(chain_of(family(drawn("a", "b", uncertain=True)), "b"), "a").standing is Standing.POSSIBLE


def test_a_ghost_is_told_and_is_no_ancestor() -> None:
    chain = chain_of(family(drawn("ghost", "a"), drawn("ghost", "b"), ghosts=("ghost",)), "a")
    assert not chain.edges and "not among those of the tree" in chain.notes[0]


def test_models_that_could_not_be_read_have_no_chain() -> None:
    document = family(drawn("a", "b"), broken=("c",))
    with pytest.raises(UsageError, match="there are a, b"):
        chain_of(document, "c")


def test_edges_lead_to_members() -> None:
    document = family(drawn("a", "b"))
    document["members"].pop()
    with pytest.raises(InputError, match="no member"):
        chain_of(document)


def test_circles_end() -> None:
    chain = chain_of(family(drawn("a", "b"), drawn("b", "c"), drawn("c", "a")), "a")
    assert {(e.parent, e.child) for e in chain.edges} == {("c", "a"), ("b", "c")}


@pytest.mark.usefixtures("deadline")
def test_circles_above_a_model_end_too() -> None:
    chain = chain_of(family(drawn("b", "a"), drawn("c", "b"), drawn("b", "c")), "a")
    assert {(e.parent, e.child) for e in chain.edges} >= {("b", "a"), ("c", "b")}
    assert [n.name for n in chain.nodes] == ["b", "c"]


def bare(document: Json, subject: str) -> Chain:
    """A chain before the catalogue completes it."""
    return next(c for c in read(document) if c.subject.name == subject)


def test_a_chain_is_what_the_tree_says_and_no_more() -> None:
    document = family(drawn("a", "b"))
    document["members"][0]["target"] = "hf:org/a@c0ffee"
    assert bare(document, "b") == Chain(
        Node("b"),
        (Node("a", revision="c0ffee", repository="org/a"),),
        (Edge("a", "b", EdgeKind.FINETUNE, Standing.MEASURED, evidence=("W.",), log10_p=-30.0),),
        *(ParentState.ABSENT, Access.WEIGHTS),
    )
    assert bare(document, "a") == Chain(Node("a", revision="c0ffee"), access=Access.WEIGHTS)
    assert [c.subject.name for c in read(document)] == ["a", "b"]
    assert READER.handles(document) and not READER.handles({"schema": "forebear.scan/1"})


def test_members_without_a_name_ghosts_and_what_failed_have_no_chain() -> None:
    document = family(drawn("a", "g"), ghosts=("g",), broken=("c",))
    document["members"].append({"name": "", "target": "", "ghost": False, "problem": ""})
    assert [c.subject.name for c in read(document)] == ["a"]


def test_ghosts_are_told_once_on_every_level_and_nothing_is_followed_through_them() -> None:
    edges = (drawn("g", "a"), drawn("h", "a"), drawn("a", "b"), drawn("x", "g"))
    found = bare(family(*edges, ghosts=("g", "h")), "b")
    assert [(e.parent, e.child) for e in found.edges] == [("a", "b")]
    assert found.notes == ("a is related to a model that is not among those of the tree.",)
    below = bare(family(drawn("g", "a"), drawn("c", "a"), ghosts=("g",)), "a")
    assert [e.parent for e in below.edges] == ["c"] and len(below.notes) == 1, "what follows a ghost is looked at"


def test_what_is_below_or_in_a_loop_is_no_ancestor() -> None:
    assert bare(family(drawn("a", "b"), drawn("a", "a", "dependent", "unknown")), "a").edges == ()
    quiet = bare(family(drawn("a", "b", "unrelated"), drawn("c", "b")), "b")
    assert [e.parent for e in quiet.edges] == ["c"] and [n.name for n in quiet.nodes] == ["c"]
    further = bare(family(drawn("a", "b"), drawn("a", "c", "dependent", "unknown")), "b")
    assert [e.parent for e in further.edges] == ["a"], "open edges of an ancestor are nobody's"
    above = bare(family(drawn("a", "b", "dependent", "unknown"), drawn("t", "a")), "b")
    assert [e.parent for e in above.edges] == ["a"], "nor is what stands above an open edge"


def test_a_sure_edge_keeps_its_standing_and_both_ends_are_members() -> None:
    for uncertain, standing in ((False, Standing.MEASURED), (True, Standing.POSSIBLE)):
        assert bare(family(drawn("a", "b", uncertain=uncertain)), "b").edges[0].standing is standing
    for end in ("a", "b"):
        document = family(drawn("a", "b"), drawn("b", "a"))
        document["members"] = [m for m in document["members"] if m["name"] != end]
        with pytest.raises(InputError, match=f"an edge leads to {end}, which is no member of the tree"):
            read(document)
