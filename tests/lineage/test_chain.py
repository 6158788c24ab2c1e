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
