"""The chain itself: ways down to the subject, and what they are worth."""

from __future__ import annotations

from itertools import pairwise

import pytest

from forebear.lineage.chain import MAX_ROUTES, Chain, Edge, EdgeKind, Node, Standing


def step(parent: str, child: str, standing: str = "measured", kind: str = "finetune", **more: object) -> Edge:
    return Edge(parent, child, EdgeKind(kind), Standing(standing), **more)  # type: ignore[arg-type]


def chain(*edges: Edge) -> Chain:
    names = dict.fromkeys(name for e in edges for name in (e.parent, e.child) if name != "s")
    return Chain(Node("s"), tuple(Node(n) for n in names), edges)


def test_standings_are_ordered() -> None:
    ranks = [s.rank for s in Standing]
    assert ranks == [4, 3, 2, 1, 0]
    assert [s for s in Standing if not s.established] == [Standing.POSSIBLE]


def test_a_way_is_as_strong_as_its_weakest_step() -> None:
    (near, far) = chain(step("p", "s"), step("g", "p", "catalogued")).routes()
    assert (near.ancestor.name, near.standing) == ("p", Standing.MEASURED)
    assert (far.ancestor.name, far.standing) == ("g", Standing.CATALOGUED)


@pytest.mark.parametrize(
    ("direct", "best"),
    [
        (step("g", "s", "possible"), ("g", "p")),
        (step("g", "s", "probable"), ("g",)),
        (step("g", "s", "measured", "distilled"), ("g", "p")),
        (step("g", "s", "measured", component="encoder"), ("g",)),
        (step("g", "s", "declared"), ("g",)),
    ],
)
def test_the_best_way_is_by_weights_then_standing_then_whole_then_short(direct: Edge, best: tuple[str, ...]) -> None:
    found = chain(step("p", "s"), step("g", "p", "declared"), direct).best_routes()["g"]
    assert tuple(e.parent for e in reversed(found.edges)) == best


def test_the_whole_model_goes_before_a_part() -> None:
    part = step("g", "s", "declared", component="encoder")
    found = chain(part, step("p", "s", "declared"), step("g", "p", "declared")).best_routes()["g"]
    assert len(found.edges) == 2 and found.component == ""


def test_what_is_disclosed() -> None:
    named = step("p", "s", "declared", declared=True)
    assert [r.disclosed for r in chain(named, step("g", "p", "catalogued")).routes()] == [True, True]
    assert [r.disclosed for r in chain(named, step("g", "p", "measured")).routes()] == [True, False]
    assert [r.disclosed for r in chain(step("p", "s")).routes()] == [False]


def test_circles_end() -> None:
    circle = chain(step("p", "s"), step("g", "p"), step("p", "g"), step("s", "g"))
    assert [r.ancestor.name for r in circle.routes()] == ["p", "g"]
    assert list(circle.best_routes()) == ["p", "g"]


def test_no_lattice_hides_an_ancestor() -> None:
    levels = [["s"], *([f"{k}{x}" for x in "abc"] for k in range(9))]
    edges = [step(p, c) for low, high in pairwise(levels) for c in low for p in high]
    found = list(chain(*edges).routes())
    assert MAX_ROUTES < len(found) < MAX_ROUTES + 30
    assert {r.ancestor.name for r in found} == {name for level in levels[1:] for name in level}


def test_an_unknown_name_is_no_node() -> None:
    with pytest.raises(KeyError):
        chain(step("p", "s")).node("x")


WEIGHTLESS = {"distilled", "trained_on_outputs", "architecture"}


def test_which_kinds_bring_weights() -> None:
    assert {k.value for k in EdgeKind if not k.weights} == WEIGHTLESS


def test_weights_and_parts_of_a_way() -> None:
    near, far = chain(step("p", "s"), step("g", "p", kind="distilled", component="head")).routes()
    assert (near.weights, far.weights) == (True, False)
    assert (near.component, far.component) == ("", "head")
    both = chain(step("p", "s", component="encoder"), step("g", "p", component="head"))
    assert [r.component for r in both.routes()] == ["encoder", "encoder"]
    assert [e.parent for e in list(both.routes())[1].edges] == ["p", "g"]


def test_who_stands_first_in_the_ways_is_nearest() -> None:
    """By steps, in the order of the edges, whatever their standing."""
    found = chain(step("a", "s", "possible"), step("b", "s"), step("c", "a"), step("d", "b"), step("a", "d"))
    assert list(found.best_routes()) == ["a", "b", "c", "d"]
    assert [e.parent for e in found.best_routes()["a"].edges] == ["b", "d", "a"]
    assert [e.parent for e in found.best_routes()["c"].edges] == ["b", "d", "a", "c"]


@pytest.mark.parametrize(
    ("other", "better"),
    [
        (("measured", "distilled", ""), False),  # weights before the strongest word without
        (("possible", "finetune", ""), False),
        (("possible", "finetune", "encoder"), False),
        (("catalogued", "finetune", ""), False),
        (("catalogued", "finetune", "encoder"), False),
        (("declared", "finetune", "encoder"), False),  # of the same standing the whole
        (("probable", "finetune", "encoder"), True),
    ],
)
def test_a_declared_whole_way_of_weights_is_held_against_others(other: tuple[str, str, str], better: bool) -> None:
    standing, kind, part = other
    direct = step("g", "s", standing, kind, component=part)
    found = chain(direct, step("p", "s", "declared"), step("g", "p", "declared")).best_routes()["g"]
    assert (len(found.edges) == 1) is better


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (("declared", "distilled", "encoder"), ("possible", "finetune", "")),  # established before weights
        (("possible", "finetune", "encoder"), ("possible", "distilled", "")),
        (("catalogued", "finetune", "encoder"), ("measured", "distilled", "")),
        (("possible", "distilled", ""), ("possible", "distilled", "encoder")),
    ],
)
def test_the_first_of_two_ways_is_the_better_one(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
    edges = [step("g", "s", standing, kind, component=part) for standing, kind, part in (one, two)]
    for order in (edges, edges[::-1]):
        assert chain(*order).best_routes()["g"].edges == (edges[0],)


def test_the_subject_is_found_by_its_name_and_stands_above_nobody() -> None:
    found = chain(step("p", "s"), step("s", "p"))
    assert found.node("s") is found.subject and found.node("p").name == "p"
    assert list(found.best_routes()) == ["p"] and Chain(Node("s")).best_routes() == {}
    assert [r.ancestor.name for r in found.routes()] == ["p"] and list(Chain(Node("s")).routes()) == []


def test_what_is_not_said_is_nothing() -> None:
    edge = step("p", "s")
    assert (edge.declared, edge.contradicted, edge.evidence, edge.log10_p, edge.component) == (
        False,
        False,
        (),
        None,
        "",
    )
    bare = Chain(Node("s"))
    assert (bare.parent, bare.access, bare.verdict, bare.notes) == ("absent", "documents", "", ())


def test_of_a_lattice_a_thousand_ways_are_followed() -> None:
    assert MAX_ROUTES == 1_000
    wide = chain(*(step(f"p{k}", "s") for k in range(999)))
    assert len(list(wide.routes())) == 999
    two = [step(p, "s") for p in ("a", "b")] + [step(f"g{k}", p) for p in ("a", "b") for k in range(600)]
    assert len(list(chain(*two).routes())) == 1_000
