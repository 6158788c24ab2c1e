"""Steps of a family tree by themselves: who may be a merge's parent, what a comparison says of direction."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest

from forebear.inspect.tree_merges import after_merges, candidates
from forebear.inspect.tree_pairs import Compared, held_against
from forebear.inspect.tree_read import Opened
from forebear.inspect.tree_tell import Group, arc, settled, told, wanted
from forebear.lineage.tree_rooting import Pull
from forebear.types import Relation, Verdict


def squares(points: np.ndarray) -> np.ndarray:
    return np.asarray(((points[:, None] - points[None]) ** 2).sum(axis=2))


def family() -> np.ndarray:
    """A base, two children, their mean, and a child of another kind."""
    rng = np.random.default_rng(0)
    base = rng.standard_normal(4_000)
    one, two, three = (base + 0.1 * rng.standard_normal(4_000) for _ in range(3))
    return np.stack([base, one, two, (one + two) / 2, three])


def test_parents_of_a_merge_are_among_its_candidates() -> None:
    apart = squares(family())
    assert {1, 2} <= set(candidates(apart, 3)[:2])


def test_a_copy_has_no_parents_beside_the_model_that_it_is() -> None:
    points = family()
    apart = squares(np.concatenate([points, points[1:2]]))
    assert candidates(apart, 5) == []
    assert candidates(apart[:2, :2], 0) == []


def test_what_is_near_to_a_merge_hangs_from_it_and_its_parents_do_not() -> None:
    points = family()
    near = points[3] + 0.01 * np.random.default_rng(1).standard_normal(4_000)
    apart = squares(np.concatenate([points, near[None]]))
    assert after_merges(apart, {3: {1, 2}}) == {5: 3}
    assert after_merges(apart, {3: {1, 2, 5}}) == {}
    assert after_merges(apart, {}) == {}


def said(verdict: Verdict = Verdict.DEPENDENT, direction: str = "unknown", *reasons: tuple[float, bool]) -> Compared:
    told_ = [{"log_odds": odds, "rules_out_siblings": hard} for odds, hard in reasons]
    details: dict[str, Any] = {"kinds": ["finetune"], "direction": {"log_odds": 0.0, "reasons": told_}}
    return Compared(verdict, Relation("finetune", direction, None, details), "why", -30.0)


def test_reasons_pull_hard_where_siblings_cannot_share_them() -> None:
    assert said(Verdict.DEPENDENT, "a_to_b", (5.0, True), (1.0, False)).pull == Pull(5.0, 1.0)
    assert said().pull == Pull()
    whole = Compared(Verdict.DERIVED, Relation("pruned", "b_to_a", None, {}), "why", -30.0)
    assert whole.pull.hard < -2  # told over every value, without a reason


@pytest.mark.parametrize(
    ("verdict", "ties"),
    [(Verdict.DEPENDENT, True), (Verdict.COMPONENT_SHARED, False), (Verdict.INCONCLUSIVE, False)],
)
def test_only_whole_dependence_ties(verdict: Verdict, ties: bool) -> None:
    assert said(verdict).ties is ties


class Named:
    """As much of an open model as telling needs, which was trained."""

    class artifact:
        geometry = None

    class mark:
        class code:
            signature = np.full((1, 2, 4), np.nan)

    def __init__(self, name: str) -> None:
        self.name = name


def tell(group: Group, pairs: dict[tuple[int, int], Compared]) -> tuple[list[Any], list[str]]:
    return told(group, [cast(Opened, Named(n)) for n in "abc"], pairs, {})


def test_a_hard_fact_directs_an_edge_and_turns_it() -> None:
    later = said(Verdict.DEPENDENT, "b_to_a", (-6.0, True))
    edges, notes = tell(Group([0, 1], {(0, 1): None}), {(0, 1): later})
    assert notes == [] and [(e.a, e.b, e.direction) for e in edges] == [("b", "a", "a_to_b")]
    assert edges[0].relation.direction == "a_to_b"  # told from the upper end
    assert edges[0].relation.details["direction"]["reasons"][0]["log_odds"] == 6.0


def test_neither_a_shared_start_nor_a_rival_leaves_room_for_a_direction() -> None:
    soft = said(Verdict.SAME_INIT_OR_DERIVED, "unknown", (9.0, False))
    assert [e.directed for e in tell(Group([0, 1], {(0, 1): None}), {(0, 1): soft})[0]] == [False]
    hard = said(Verdict.DEPENDENT, "a_to_b", (6.0, True))
    for support, directed in ((0.5, False), (0.9, True)):
        edges, _ = tell(Group([0, 1], {(0, 1): support}, {(0, 1): ((0, 2), 0.4)}), {(0, 1): hard})
        assert edges[0].directed is directed and edges[0].rival == ("a", "c", 0.4)


def test_an_edge_whose_pair_is_independent_is_not_told() -> None:
    edges, notes = tell(
        Group([0, 1, 2], {(0, 1): 1.0, (1, 2): 1.0}), {(0, 1): said(), (1, 2): said(Verdict.SAME_ARCHITECTURE)}
    )
    assert [(e.a, e.b) for e in edges] == [("a", "b")]
    assert len(notes) == 1 and "b and c" in notes[0]
    assert arc(2, 1) == (1, 2)


def test_a_silent_model_is_held_against_the_likeliest_groups_first() -> None:
    class Mark:
        def __init__(self, width: int, layers: int) -> None:
            self.shape, self.vocabulary = {"width": width, "layers": layers, "family": "llama"}, None

    marks = [Mark(64, 4), Mark(32, 4), Mark(64, 2), Mark(64, 4), Mark(16, 1)]
    assert held_against(0, [[1], [2], [3], [4], [0]], marks) == [3, 2, 1]  # type: ignore[arg-type]


def test_a_fact_about_a_rival_takes_the_place_of_the_weakest_edge_on_its_way() -> None:
    """The base, its light child, and the base rounded, which is as near to the child."""
    group = Group([0, 1, 2], {(0, 1): 1.0, (1, 2): 0.6}, {(1, 2): ((0, 2), 0.4), (0, 1): ((0, 2), 0.3)})
    fact, plain = said(Verdict.DERIVED, "a_to_b", (5.0, True)), said()
    assert set(wanted(group, [])) == {(0, 1), (1, 2), (0, 2)}
    found = settled(group, {(0, 1): plain, (1, 2): plain, (0, 2): fact})
    assert set(found.edges) == {(0, 1), (0, 2)} and found.rivals[0, 2] == ((1, 2), 0.6)
    assert settled(group, {(0, 1): fact, (1, 2): plain, (0, 2): fact}).edges.keys() == found.edges.keys()
    for pairs in ({(1, 2): plain, (0, 2): plain}, {(0, 1): fact, (0, 2): fact, (1, 2): fact}, {(0, 2): fact}, {}):
        assert settled(group, pairs).edges == group.edges


def test_a_rival_with_hardly_any_support_is_not_even_compared() -> None:
    group = Group([0, 1, 2], {(0, 1): 1.0, (1, 2): 0.99}, {(1, 2): ((0, 2), 0.01)})
    assert (0, 2) not in wanted(group, [])
    fact = said(Verdict.DERIVED, "a_to_b", (5.0, True))
    assert settled(group, {(0, 1): said(), (1, 2): said(), (0, 2): fact}).edges == group.edges
