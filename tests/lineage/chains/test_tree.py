"""Chains from family trees: along named directions, and no further."""

from __future__ import annotations

import pytest

from chained import KIMI, Json, check_value, edge
from forebear.errors import InputError, UsageError
from forebear.lineage.chain import Access, Standing
from forebear.lineage.chains import chain_of


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
