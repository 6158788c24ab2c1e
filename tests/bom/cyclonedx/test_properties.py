"""Properties: what changes one value into another, laid over it again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bom.records import filled, values
from forebear.bom.cyclonedx import read, write
from forebear.bom.cyclonedx.properties import as_properties, build, difference
from forebear.bom.cyclonedx.tree import Node, Trail
from forebear.bom.record import File, LicenceStatement, Model, Organisation, Record, Relative, Tool
from forebear.bom.training import Dataset, Stage
from forebear.bom.values import Hash, Said, Value

KINDS: list[type[Any]] = [Relative, Organisation, Stage, Dataset, LicenceStatement, Record]


def over(kind: type[Any], before: Value | None, listed: list[dict[str, Any]]) -> tuple[Any, Trail]:
    """A value with properties over it; natively it is ``before``."""
    trail = Trail()
    native = {} if before is None else {name: getattr(before, name) for name in type(before).model_fields}
    return build(kind, Node({"properties": listed}, trail), lambda _: dict(native)), trail


@pytest.mark.parametrize("kind", KINDS)
def test_a_difference_laid_over_one_value_gives_the_other(kind: type[Any]) -> None:
    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.none() | values(kind), values(kind))
    def check(before: Any, after: Any) -> None:
        value, trail = over(kind, before, as_properties(difference(before, after)))
        assert value == after
        assert trail.defects == []

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_equal_values_need_no_properties(kind: type[Any]) -> None:
    assert list(difference(filled(kind), filled(kind))) == []


def test_names_say_the_path_and_lists_of_another_length_are_whole() -> None:
    before, after = Dataset(name="d"), Dataset(name="d", synthetic_from=("a", "b"), said=Said(by="README.md"))
    assert list(difference(before, after)) == [
        ("synthetic_from[]", "2"),
        ("synthetic_from.0", "a"),
        ("synthetic_from.1", "b"),
        ("said.by", "README.md"),
    ]


def test_items_that_are_missing_alone_are_put_in_at_their_places() -> None:
    before, after = Dataset(name="d", synthetic_from=("b", "d")), Dataset(name="d", synthetic_from=("a", "b", "c", "d"))
    assert list(difference(before, after)) == [("synthetic_from.+0", "a"), ("synthetic_from.+2", "c")]
    value, trail = over(Dataset, before, as_properties(reversed(list(difference(before, after)))))
    assert (value, trail.shadowed) == (after, [])


def test_a_value_at_its_defaults_is_there_all_the_same() -> None:
    after = LicenceStatement()
    assert list(difference(None, after)) == [("name", "")]


def test_a_property_without_a_value_is_nothing() -> None:
    before = Relative.model_validate({"name": "a", "slot": "ancestor", "log10_p": -3.0})
    after = before.model_copy(update={"log10_p": None})
    assert as_properties(difference(before, after)) == [{"name": "forebear:log10_p"}]
    assert over(Relative, before, [{"name": "forebear:log10_p"}])[0] == after


@pytest.mark.parametrize(
    "listed",
    [
        [("synthetic_from[]", "1000000000")],
        [("synthetic_from[]", "2"), ("synthetic_from.0", "a")],
        [("synthetic_from[]", "1"), ("synthetic_from.5", "a")],
        [("roles.7", "reward")],
        [("roles.+7", "reward")],
        [("roles.first", "reward")],
        [("roles.0", "prize")],
        [("roles", "reward")],
        [("said", "me")],
        [("said", "me"), ("said.by", "me")],
        [("said.when", "now")],
        [("said.basis", "guessed")],
        [("name.first", "x")],
    ],
)
def test_properties_that_do_not_fit_are_a_defect_and_stay_unread(listed: list[tuple[str, str]]) -> None:
    document = {"properties": as_properties([*listed, ("size", "3 TB")])}
    trail = Trail()
    value = build(Dataset, Node(document, trail), lambda _: {"name": "d"})
    assert value == Dataset(name="d", size="3 TB")  # the good one is read
    assert len(trail.defects) == 1
    assert set(trail.unread(document)) == {
        f"/properties/{k}/{key}" for k in range(len(listed)) for key in ("name", "value")
    }


@pytest.mark.parametrize(
    "name", ["forebear:", "forebear:a b", "forebear:.", "Forebear:size", "forebear:size[][]", "size"]
)
def test_other_names_are_nobodys(name: str) -> None:
    value, trail = over(Dataset, Dataset(name="d"), [{"name": name, "value": "x"}])
    assert (value, trail.defects) == (Dataset(name="d"), [])


def test_of_two_properties_of_one_name_the_first_counts_and_the_second_is_unread() -> None:
    document = {"properties": as_properties([("size", "1"), ("size", "2")])}
    trail = Trail()
    assert build(Dataset, Node(document, trail), lambda _: {"name": "d"}) == Dataset(name="d", size="1")
    assert trail.unread(document) == ("/properties/1/name", "/properties/1/value")


def test_what_is_said_natively_and_otherwise_in_a_property_is_told() -> None:
    value, trail = over(Tool, Tool(name="a"), as_properties([("name", "b")]))
    assert value.name == "b"
    assert trail.shadowed == ["/: its name is in a property too, otherwise, and that was read"]


def test_a_property_that_replaces_a_part_of_a_native_field_is_told_in_bills_of_ours_too() -> None:
    file = File(path="a.bin", hashes=(Hash(algorithm="SHA-256", value="ab" * 32),))
    record = Record(model=Model(name="org/m"), created="2026-01-02T03:04:05Z", files=(file,))
    document = write(record)
    assert read(document).defects == ()
    (component,) = (c for c in document["components"] if c["type"] == "file")
    component["hashes"][0]["content"] = "cd" * 32
    component["properties"] = [*component.get("properties", []), *as_properties([("hashes.0.value", "ab" * 32)])]
    assert any("its hashes is in a property too" in defect for defect in read(document).defects)


def test_a_value_that_cannot_be_built_is_none_and_all_of_it_unread() -> None:
    document = {"name": "d", "size": "x"}
    trail = Trail()
    node = Node(document, trail)
    assert build(Dataset, node, lambda n: {"name": n.text("name"), "personal": n.text("size")}) is None
    assert trail.unread(document) == ("/name", "/size")
    assert len(trail.defects) == 1
