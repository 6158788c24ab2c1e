"""What a family tree says of itself: names of directions, doubts, groups, roots, and the document."""

from __future__ import annotations

from dataclasses import replace

import pytest

from forebear.lineage.tree import Edge, FamilyTree, Member, direction_of
from forebear.types import Cost, Coverage, Relation, Verdict

EDGE = Edge("base", "child", "a_to_b", 3.0, Verdict.DEPENDENT, -30.0, Relation("finetune"))


def tree(members: tuple[Member, ...], *edges: Edge) -> FamilyTree:
    return FamilyTree(members, edges, Coverage((), ()), Cost(0, 0, 0.0, 0))


@pytest.mark.parametrize(("odds", "named"), [(2.0, "a_to_b"), (1.99, "unknown"), (0.0, "unknown"), (-9.0, "unknown")])
def test_a_direction_is_named_from_seven_to_one_on(odds: float, named: str) -> None:
    assert direction_of(odds) == named


def test_an_edge_is_directed_where_a_direction_is_named() -> None:
    assert EDGE.directed and not replace(EDGE, direction="unknown").directed


@pytest.mark.parametrize(
    ("support", "uncertain"), [(None, False), (1.0, False), (0.8, False), (0.79, True), (0.0, True)]
)
def test_an_edge_is_uncertain_below_four_replicates_of_five(support: float | None, uncertain: bool) -> None:
    assert replace(EDGE, support=support).uncertain is uncertain


def test_groups_come_by_size_and_then_by_number_and_without_the_unread() -> None:
    at = {"lonely": 0, "one": 1, "two": 2, "three": 2, "four": 1, "five": 2}
    members = (*(Member(name, group=group) for name, group in at.items()), Member("bad", problem="cut off"))
    groups = tree(members).groups
    assert [(g, [m.name for m in held]) for g, held in groups.items()] == [
        (2, ["two", "three", "five"]),
        (1, ["one", "four"]),
        (0, ["lonely"]),
    ]
    swapped = tree((Member("b", group=1), Member("a", group=0))).groups
    assert list(swapped) == [0, 1]


def test_roots_are_those_that_nothing_is_drawn_above() -> None:
    members = tuple(Member(n, group=g) for n, g in (("lonely", 0), ("child", 1), ("base", 1), ("bad", None)))
    found = tree(members, EDGE, replace(EDGE, a="other", b="far"))
    assert [m.name for m in found.roots()] == ["base", "lonely"]
    assert found.children("base") == (EDGE,) and found.children("child") == ()


def test_the_document_says_of_every_edge_whether_it_is_one_and_how_sure() -> None:
    doubtful = replace(EDGE, support=0.5, rival=("base", "other", 0.4))
    document = tree((Member("base", group=0), Member("child", group=0)), EDGE, doubtful).to_json()
    assert document["schema"] == "forebear.tree/1"
    plain, told = document["edges"]
    assert (plain["related"], plain["uncertain"], plain["rival"]) == (True, False, None)
    assert (told["uncertain"], told["rival"]) == (True, {"a": "base", "b": "other", "support": 0.4})
