"""The study of family trees: truths of its zoo, and how a tree is held against them."""

from __future__ import annotations

from pathlib import Path

import pytest

from forebear.lineage.tree import Edge, FamilyTree, Member
from forebear.types import Cost, Coverage, Relation, Verdict

pytest.importorskip("platformdirs", reason="needs forebear[bench]")
from tree.measure import Score, Truth, ancestors, score, share, table
from tree.zoo import MERGED, needed, zoo
from tree_study import blocks

TRUTHS = (
    Truth("base", "base", (), "base"),
    Truth("child", "base", ("base",), "plain"),
    Truth("grandchild", "base", ("child",), "chain"),
    Truth("merge", "base", ("child", "grandchild"), "merge"),
    Truth("twin", "base", (), "same start", True),
    Truth("other", "other", (), "independent"),
)


def edge(a: str, b: str, directed: bool = True, coefficient: float | None = None) -> Edge:
    way = "a_to_b" if directed else "unknown"
    return Edge(a, b, way, 3.0, Verdict.DEPENDENT, -30.0, Relation(), 0.9, coefficient=coefficient)


def held(*edges: Edge) -> Score:
    members = tuple(Member(t.name, group=0) for t in TRUTHS)
    return score(FamilyTree(members, edges, Coverage(), Cost()), TRUTHS)


RIGHT = (
    edge("base", "child"),
    edge("child", "grandchild", directed=False),
    edge("child", "merge", coefficient=0.5),
    edge("grandchild", "merge", coefficient=0.5),
    edge("base", "twin", directed=False),
)


def test_a_true_tree_has_no_fault() -> None:
    found = held(*RIGHT)
    assert found.undirected == (2, 2) and found.wrong == ()
    assert found.directed == (1, 1) and found.answered == (1, 2) and found.merges == (1, 1)
    assert found.drawn == {0.8: (2, 2)}
    assert (found.false_merges, found.false_edges, found.false_starts) == (0, 0, 0)


def test_every_fault_is_counted_as_what_it_is() -> None:
    found = held(
        edge("child", "base"),
        edge("base", "grandchild"),
        edge("base", "twin"),
        edge("base", "other", directed=False),
        edge("base", "child", coefficient=0.5),
        edge("child", "merge", coefficient=1.0),
    )
    assert found.undirected == (1, 2)
    assert found.directed == (1, 2)  # base is an ancestor of grandchild, though not its parent
    assert (found.false_merges, found.false_edges, found.false_starts) == (1, 1, 1)
    assert found.merges == (0, 1)
    assert found.drawn == {0.8: (1, 3)}
    assert len(found.wrong) == 6


def test_ancestors_go_through_merges() -> None:
    assert ancestors("merge", {t.name: t for t in TRUTHS}) == {"base", "child", "grandchild"}


def test_the_zoo_is_what_it_says() -> None:
    for split in ("calibration", "report"):
        members = zoo(split)
        names = [m.name for m in members]
        assert len(set(names)) == len(names) > 150
        assert all(p in names for m in members for p in m.parents)
        assert {m.name for m in members if len(m.parents) > 1} == {
            f"{m.family}-{n}" for m in members for n in MERGED if m.kind == "merge"
        }
        depth = {m.name: m.parents for m in members}
        assert max(len(chain(n, depth)) for n in names) == 5  # a base and four generations
    bases = [{m.family for m in zoo(s) if m.kind == "base"} for s in ("calibration", "report")]
    assert not bases[0] & bases[1]
    assert len(needed(zoo("report"))) < len(zoo("report"))


def chain(name: str, parents: dict[str, tuple[str, ...]]) -> list[str]:
    return [name, *(chain(parents[name][0], parents) if parents[name] else [])]


def test_blocks_are_those_of_the_document() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "tree.md").read_text("utf-8")
    for part in ("zoo", "collection"):
        for name in blocks(part, held(*RIGHT), "5 models"):
            assert text.count(f"<!-- {name} -->\n") == text.count(f"<!-- /{name} -->") == 1
    assert share((1, 4)) == "1 of 4 (25%)" and share((0, 0)) == "0 of 0"
    assert table([("x", "y")], "a", "b").splitlines()[1] == "| --- | --- |"
