"""Pointers, leaves and cycles of documents of strangers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.bom.check.walk import at, cycle, leaves, objects, resolves

documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(documents)
def test_every_leaf_is_found_again_at_its_pointer(document: Any) -> None:
    found = dict(leaves(document))
    assert all(resolves(document, pointer) and at(document, pointer) == value for pointer, value in found.items())
    assert len(found) == sum(1 for _ in leaves(document))


def test_keys_with_slashes_and_tildes() -> None:
    document = {"a/b": {"~": [1, {"": 2}]}}
    assert [pointer for pointer, _ in leaves(document)] == ["/a~1b/~0/0", "/a~1b/~0/1/"]
    assert [pointer for _, pointer in objects(document)] == ["", "/a~1b", "/a~1b/~0/1"]


@pytest.mark.parametrize("pointer", ["a", "/b", "/a/2", "/a/-1", "/a/x", "/a/0/0", "/a/٣", "/a/" + "9" * 50])
def test_pointers_that_lead_nowhere(pointer: str) -> None:
    assert not resolves({"a": [1, 2]}, pointer)


def test_a_list_is_entered_by_number_alone() -> None:
    assert at({"a": [{"b": 3}]}, "/a/0/b") == 3 and at([5], "") == [5]


def test_depth_is_no_matter() -> None:
    deep: Any = 1
    for _ in range(20_000):
        deep = [deep]
    assert [value for _, value in leaves(deep)] == [1]


def test_a_cycle_is_told_with_its_nodes() -> None:
    assert cycle({"a": ["b"], "b": ["c", "d"], "d": ["b"]}) == ["b", "d", "b"]
    assert cycle({"a": ["a"]}) == ["a", "a"]


def test_a_lattice_has_no_cycle_and_takes_no_time() -> None:
    lattice = {f"{k}{side}": [f"{k + 1}a", f"{k + 1}b"] for k in range(3_000) for side in "ab"}
    assert cycle(lattice) == []


@given(st.dictionaries(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=3), max_size=7))
def test_a_cycle_is_one(edges: dict[int, list[int]]) -> None:
    graph = {str(k): [str(v) for v in vs] for k, vs in edges.items()}
    found = cycle(graph)
    assert all(b in graph[a] for a, b in pairwise(found))
    assert not found or found[0] == found[-1]
    # without a cycle the nodes can be put in an order in which every edge leads on
    if not found:
        left = dict(graph)
        while left:
            free = [k for k, vs in left.items() if not set(vs) & set(left)]
            assert free
            left = {k: v for k, v in left.items() if k not in free}
