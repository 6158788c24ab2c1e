"""Fields of strangers' JSON, and edges made one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from forebear.errors import InputError
from forebear.lineage.chain import Edge, EdgeKind, Standing
from forebear.lineage.chains import base

POSSIBLE = Edge("p", "c", EdgeKind.UNKNOWN, Standing.POSSIBLE, evidence=("a leak",))
MEASURED = Edge("p", "c", EdgeKind.RL, Standing.MEASURED, evidence=("coins",), log10_p=-30.0)
DECLARED = Edge("p", "c", EdgeKind.FINETUNE, Standing.DECLARED, declared=True, evidence=("a card",))


@pytest.mark.parametrize("read", [base.text, base.name, base.mapping, base.items, base.objects, base.number, base.tail])
def test_what_is_not_there_is_nothing(read: Any) -> None:
    assert not read(None, "it")


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (base.text, 1),
        (base.text, ["x"]),
        (base.name, "n" * 301),
        (base.mapping, []),
        (base.items, "abc"),
        (base.items, {"a": 1}),
        (base.items, [0] * 2_001),
        (base.objects, [1]),
        (base.number, "1"),
        (base.number, False),
        (base.number, float("inf")),
        (base.tail, 0.1),
    ],
)
def test_another_type_or_size_is_refused_in_one_line(read: Any, value: Any) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*it[^\n]*$"):
        read(value, "it")


def test_names_are_not_cut() -> None:
    assert base.name("n" * 300, "it") == "n" * 300
    assert len(base.text("n" * 3_000, "it")) == 600


@pytest.mark.parametrize("order", [(POSSIBLE, MEASURED, DECLARED), (DECLARED, POSSIBLE, MEASURED)])
def test_edges_of_a_pair_are_one_with_the_strongest_standing(order: tuple[Edge, ...]) -> None:
    (found,) = base.joined(order)
    assert (found.kind, found.standing, found.declared, found.log10_p) == ("rl", "measured", True, -30.0)
    assert set(found.evidence) == {"a leak", "coins", "a card"}


def test_a_kind_that_is_known_survives_a_stronger_one_that_is_not() -> None:
    (found,) = base.joined([DECLARED, replace(MEASURED, kind=EdgeKind.UNKNOWN)])
    assert (found.kind, found.standing) == ("finetune", "measured")


def test_parts_and_answers_stay_apart() -> None:
    part, taught = replace(DECLARED, component="encoder"), replace(DECLARED, kind=EdgeKind.DISTILLED)
    assert len(base.joined([DECLARED, part, taught])) == 3


def test_sentences_are_few_and_different() -> None:
    assert base.sentences(["a", "", "a", "b"]) == ("a", "b")
    assert len(base.sentences(f"s{k}" for k in range(100))) == base.SENTENCES


def test_bounds_of_what_is_read() -> None:
    assert (base.MOST, base.MOST_ELEMENTS, base.DEEPEST, base.SENTENCES, base.NAME) == (2_000, 200_000, 32, 8, 300)
    assert len(base.items([0] * 2_000, "it")) == 2_000 and base.items([], "it") == []
    assert base.items([1, 2, 3], "it", 3) == [1, 2, 3]
    with pytest.raises(InputError, match="it has 4 entries, more than the 3 that are read"):
        base.items([0] * 4, "it", 3)
    with pytest.raises(InputError, match="more than the 1 that"):
        base.objects([{}, {}], "it", 1)
    assert base.text("x" * 9, "it", 8) != "x" * 9 and base.text("a\nb", "it") == "a b"


def test_fields_of_the_right_type_are_given_as_they_are() -> None:
    assert base.mapping({"a": 1}, "it") == {"a": 1} and base.objects([{"a": 1}, None], "it") == [{"a": 1}, {}]
    assert (base.number(2, "it"), base.number(-0.5, "it"), base.number(0, "it")) == (2.0, -0.5, 0.0)
    assert (base.tail(0, "it"), base.tail(-3, "it")) == (0.0, -3.0)
    for huge in (10**400, -(10**400), float("nan")):
        with pytest.raises(InputError, match="it is not a finite number"):
            base.number(huge, "it")


def test_edges_of_equal_standing_keep_the_first_and_its_order() -> None:
    other = replace(MEASURED, kind=EdgeKind.MERGE, evidence=("rows",), log10_p=-40.0)
    (found,) = base.joined([MEASURED, other])
    assert (found.kind, found.evidence, found.log10_p) == ("rl", ("coins", "rows"), -40.0)
    (found,) = base.joined([POSSIBLE, replace(POSSIBLE, contradicted=True)])
    assert (found.contradicted, found.declared, found.log10_p) == (True, False, None)
    (found,) = base.joined([replace(MEASURED, contradicted=True), DECLARED])
    assert found.contradicted and found.declared
    later = [replace(DECLARED, parent="z"), DECLARED, replace(MEASURED, parent="z")]
    assert [e.parent for e in base.joined(later)] == ["z", "p"]
    assert len(base.joined([DECLARED, replace(DECLARED, child="d")])) == 2
