"""Reading with a memory: what was taken over whole, what was not, and what is wrong."""

from __future__ import annotations

from typing import Any

import pytest

from forebear.bom.cyclonedx.tree import DEEPEST, MOST_DEFECTS, Node, Trail
from forebear.errors import InputError


def node(document: dict[str, Any]) -> Node:
    return Node(document, Trail(document))


@pytest.mark.parametrize(("text", "read"), [("a line", True), ("two\nlines", False), ("x" * 301, False), ("", False)])
def test_a_text_counts_as_read_where_it_was_taken_over_whole(text: str, read: bool) -> None:
    one = node({"name": text})
    one.text("name", 300)
    assert one.trail.unread(one.value) == (() if read else ("/name",))


@pytest.mark.parametrize("value", [None, 3, True, [], {}, ["a"]])
def test_what_is_no_text_is_a_defect_with_its_place(value: Any) -> None:
    one = node({"a": {"name": value}})
    inner = one.child("a")
    assert inner is not None
    assert inner.text("name") == ""
    assert one.trail.defects == ["/a/name: a text is expected here"]
    assert one.trail.unread(one.value)


def test_lists_are_read_item_by_item() -> None:
    one = node({"tags": ["a", 3, "b\n"]})
    assert one.texts("tags") == ["a", "b"]
    assert one.trail.unread(one.value) == ("/tags/1", "/tags/2")
    assert one.trail.defects == ["/tags/1: a text is expected here"]


@pytest.mark.parametrize("value", [True, -1, float("nan"), float("inf"), 10**400, "3", None])
def test_what_is_no_amount(value: Any) -> None:
    one = node({"kwh": value})
    assert one.number("kwh") is None
    assert one.trail.unread(one.value) == ("/kwh",)


def test_amounts() -> None:
    one = node({"kwh": 3, "tonnes": 0.5})
    assert (one.number("kwh"), one.number("tonnes"), one.number("none")) == (3.0, 0.5, None)
    assert one.trail.unread(one.value) == ()


def test_children_know_where_they_stand() -> None:
    one = node({"a/b": [{}, {"c": {"name": 1}}, 5]})
    _, second = one.children("a/b")
    inner = second.child("c")
    assert inner is not None
    assert inner.pointer == "/a~1b/1/c"
    assert one.trail.defects == ["/a~1b/2: an object is expected here"]
    assert one.child("a/b", "c") is None


def test_empty_containers_are_leaves() -> None:
    one = node({"a": [], "b": {"c": {}}})
    assert one.trail.unread(one.value) == ("/a", "/b/c")


def test_of_equal_references_the_first_counts() -> None:
    document = {"components": [{"bom-ref": "x", "name": "a"}, {"bom-ref": "x", "name": "b"}]}
    trail = Trail(document)
    assert trail.refs["x"]["name"] == "a"
    assert len(trail.defects) == 1


def test_what_was_taken_back_is_unread_again() -> None:
    one = node({"a": "x", "b": "y"})
    one.text("a")
    mark = one.trail.mark()
    one.text("b")
    one.trail.back_to(mark)
    assert one.trail.unread(one.value) == ("/b",)


def test_depth_is_bounded() -> None:
    deep: Any = {}
    for _ in range(DEEPEST + 1):
        deep = {"a": deep}
    with pytest.raises(InputError, match="deeper than"):
        Trail(deep)


def test_defects_are_bounded() -> None:
    one = node({"tags": [1] * (2 * MOST_DEFECTS)})
    one.texts("tags")
    assert len(one.trail.defects) == MOST_DEFECTS
