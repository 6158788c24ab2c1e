from __future__ import annotations

from typing import Any

import pytest

from forebear.errors import UsageError
from forebear.policy.expression import OPERATORS, parse, paths_of, written
from forebear.policy.fields import Kind, field, fields, lists

REFUSED = [
    ({"field": "bom.presnt", "is": True}, "bom.present"),
    ({"field": "ancestor.standing", "is": "measured"}, "no field ancestor.standing"),
    ({"field": "ancestors.standing", "is": "measured"}, "some: ancestors"),
    ({"field": "item.standing", "is": "measured"}, "no entry at hand"),
    ({"field": "bom.present", "iz": True}, "did you mean is?"),
    ({"field": "bom.present", "is": "yes"}, "true or false"),
    ({"field": "bom.present", "above": 3}, "use is"),
    ({"field": "compute.ratio", "above": "much"}, "a number"),
    ({"field": "compute.base_flop", "above": "1e25"}, "1.0e+25"),
    ({"field": "compute.ratio", "above": True}, "a number"),
    ({"field": "compute.ratio", "above": float("nan")}, "a finite number"),
    ({"field": "compute", "known": True}, "a group of fields"),
    ({"field": "parent.state", "is": "absend"}, "did you mean absent?"),
    ({"field": "parent.state", "at_least": "absent"}, "asks for another kind"),
    ({"field": "parent.state", "in": []}, "needs texts"),
    ({"field": "parent.state", "in": "absent"}, "needs texts"),
    ({"field": "org.territories", "contains": "UK "}, "is none"),
    ({"field": "org.territories", "intersects": [False]}, "Norway"),
    ({"field": "org.territories", "intersects": "$concern"}, "no list concern"),
    ({"field": "org.territories", "contains": ["GB"]}, "needs texts"),
    ({"field": "bom.present", "is": True, "known": True}, "one operator"),
    ({"field": "bom.present"}, "one operator"),
    ({"field": 3, "is": True}, "no name of a field"),
    ({"all": []}, "no condition"),
    ({"all": {"field": "bom.present"}}, "no condition"),
    ({"some": "ancestor", "where": {"field": "item.standing", "is": "measured"}}, "did you mean ancestors?"),
    ({"some": ["ancestors"], "where": {}}, "there is no list"),
    ({"some": "ancestors"}, "no condition"),
    ({}, "no condition"),
    ([], "no condition"),
    ("bom.present", "no condition"),
    (None, "no condition"),
    ({"not": None}, "no condition"),
]


@pytest.mark.parametrize(("condition", "words"), REFUSED, ids=lambda x: str(x)[:60])
def test_what_is_no_condition_is_refused_with_advice(condition: Any, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(condition)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_a_field_of_an_entry_is_told_with_the_nearest_of_that_entry() -> None:
    with pytest.raises(UsageError, match=r"did you mean item\.controlled_from"):
        parse({"field": "item.control_from", "intersects": ["CN"]}, "ancestors")


def test_depth_is_bounded() -> None:
    condition: Any = {"field": "bom.present", "is": True}
    for _ in range(1_000):
        condition = {"not": condition}
    with pytest.raises(UsageError, match="nested"):
        parse(condition)


def test_a_condition_is_written_as_it_was_read_with_lists_filled_in() -> None:
    condition = {
        "any": [
            {"some": "ancestors", "where": {"field": "item.controlled_from", "intersects": "$concern"}},
            {"not": {"all": [{"field": "access", "is": "weights"}, {"field": "compute.ratio", "known": True}]}},
        ]
    }
    expression = parse(condition, names={"concern": ("CN", "RU")})
    again = written(expression)
    assert again["any"][0]["where"]["intersects"] == ["CN", "RU"] and again["any"][1] == condition["any"][1]
    assert parse(again) == expression
    assert paths_of(expression) == {"ancestors", "ancestors.controlled_from", "access", "compute.ratio"}
    assert paths_of(expression, deciding=True) == {"ancestors", "ancestors.controlled_from", "access"}


def test_all_and_any_are_not_written_alike() -> None:
    parts = [{"field": "bom.present", "is": True}, {"field": "bom.signed", "is": True}]
    assert written(parse({"all": parts})) != written(parse({"any": parts}))


def test_every_kind_of_field_has_an_operator_but_groups() -> None:
    asked = {kind for kinds in OPERATORS.values() for kind in kinds}
    assert {f.kind for f in fields().values()} - asked == {Kind.GROUP}


def test_fields_are_those_of_the_schema() -> None:
    assert lists() == ("claims", "ancestors", "duties", "conflicts", "findings", "evaluations")
    assert field("access").values == ("weights", "papers", "endpoint", "traffic", "documents", "name")
    assert not field("access").nullable and field("verdict").nullable and field("parent.state").nullable
    assert field("item.standing", "ancestors").ranks[0] == "possible"
    assert field("org.country").countries and field("item.territory_excluded", "ancestors").countries


@pytest.mark.parametrize(
    ("condition", "near"),
    [
        ({"field": "subject.licences", "intersects": ["glm5.3"]}, "glm-5.3"),
        ({"some": "ancestors", "where": {"field": "item.factors", "contains": "US-1260"}}, "US-1260H"),
        ({"some": "duties", "where": {"field": "item.licence", "is": "lama3"}}, "llama3"),
    ],
)
def test_an_identifier_that_the_catalogue_has_not_is_refused(condition: dict[str, Any], near: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(condition)
    assert near in raised.value.hint
