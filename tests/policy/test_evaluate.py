from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.policy.evaluate import Truth, evaluate
from forebear.policy.expression import Expression, parse, paths_of

FLAGS = ("bom.present", "bom.signed", "claim_contradicted")
ATOMS = st.sampled_from([{"field": name, "is": value} for name in FLAGS for value in (True, False)])
CONDITIONS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.builds(lambda c: {"not": c}, inner),
        st.builds(lambda cs: {"all": cs}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda cs: {"any": cs}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)
VALUES = st.tuples(*[st.sampled_from([True, False, None])] * len(FLAGS))


def flags(values: tuple[bool | None, ...]) -> dict[str, Any]:
    present, signed, contradicted = values
    return {"bom": {"present": present, "signed": signed}, "claim_contradicted": contradicted}


def completions(values: tuple[bool | None, ...]) -> Iterator[tuple[bool, ...]]:
    yield from product(*[(v,) if v is not None else (True, False) for v in values])


def holds(expression: Expression, values: tuple[bool | None, ...]) -> Truth:
    return evaluate(expression, flags(values))


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, VALUES)
def test_what_is_decided_stays_so_whatever_the_missing_facts_are(written: Any, values: tuple[bool | None, ...]) -> None:
    expression = parse(written)
    found = holds(expression, values)
    outcomes = {holds(expression, full).value for full in completions(values)}
    assert None not in outcomes
    if found.value is not None:
        assert outcomes == {found.value} and found.unknown == ()
    else:
        unknown = {name for name, value in zip(FLAGS, values, strict=True) if value is None}
        assert found.unknown and set(found.unknown) <= unknown & paths_of(expression)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, VALUES)
def test_facts_that_are_not_named_as_missing_cannot_decide(written: Any, values: tuple[bool | None, ...]) -> None:
    expression = parse(written)
    found = holds(expression, values)
    if found.value is None:
        others = tuple(
            True if v is None and name not in found.unknown else v for name, v in zip(FLAGS, values, strict=True)
        )
        assert holds(expression, others).value is None


DECIDED = [
    ({"field": "verdict", "is": "identical"}, {"verdict": "identical"}, True),
    ({"field": "verdict", "is_not": "identical"}, {"verdict": "derived"}, True),
    ({"field": "verdict", "in": ["identical", "derived"]}, {"verdict": "merge"}, False),
    ({"field": "verdict", "not_in": ["identical", "derived"]}, {"verdict": "merge"}, True),
    ({"field": "org.territories", "contains": "GB"}, {"org": {"territories": ["GB", "US"]}}, True),
    ({"field": "org.territories", "intersects": ["FR", "US"]}, {"org": {"territories": ["GB", "US"]}}, True),
    ({"field": "org.territories", "intersects": ["FR"]}, {"org": {"territories": []}}, False),
    ({"field": "org.territories", "empty": True}, {"org": {"territories": []}}, True),
    ({"field": "compute.ratio", "above": 0.25}, {"compute": {"ratio": 0.25}}, False),
    ({"field": "compute.ratio", "at_least": 0.25}, {"compute": {"ratio": 0.25}}, True),
    ({"field": "compute.ratio", "at_most": 0.25}, {"compute": {"ratio": 0.25}}, True),
    ({"field": "compute.ratio", "below": 0.25}, {"compute": {"ratio": 0.25}}, False),
    ({"field": "compute.ratio", "known": False}, {"compute": {"ratio": None}}, True),
    ({"field": "compute.ratio", "known": True}, {"compute": {}}, False),
    ({"field": "org.revenue.amount", "at_least": 1}, {"org": {"revenue": None}}, None),
    ({"field": "org.territories", "contains": "GB"}, {"org": {"territories": None}}, None),
]


@pytest.mark.parametrize(("condition", "values", "wanted"), DECIDED, ids=lambda x: str(x)[:60])
def test_every_operator(condition: Any, values: Any, wanted: bool | None) -> None:
    found = evaluate(parse(condition), values)
    assert found.value is wanted
    assert found.unknown == ((condition["field"],) if wanted is None else ())


def standings(*names: str | None) -> dict[str, Any]:
    return {"ancestors": [{"standing": name} for name in names]}


def test_ranks_go_from_possible_to_measured() -> None:
    order = ["possible", "catalogued", "declared", "probable", "measured"]
    for least in order:
        condition = parse({"some": "ancestors", "where": {"field": "item.standing", "at_least": least}})
        found = [evaluate(condition, standings(name)).value for name in order]
        assert found == [order.index(name) >= order.index(least) for name in order]


def test_some_and_every_entry() -> None:
    where = {"field": "item.standing", "is": "measured"}
    some, every = parse({"some": "ancestors", "where": where}), parse({"every": "ancestors", "where": where})
    table: list[tuple[dict[str, Any], bool | None, bool | None]] = [
        (standings(), False, True),
        (standings("measured", "possible"), True, False),
        (standings("measured", None), True, None),
        (standings("possible", None), None, False),
        ({"ancestors": None}, None, None),
    ]
    for values, of_some, of_every in table:
        assert (evaluate(some, values).value, evaluate(every, values).value) == (of_some, of_every)


def test_an_entry_that_is_left_out_counts_for_nothing() -> None:
    some = parse({"some": "ancestors", "where": {"field": "item.standing", "is": "measured"}})
    assert evaluate(some, {"ancestors": [None]}).value is False
