"""Confidence from calibration: bounded, stated, and absent where nothing was measured."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from forebear.lineage import confidence
from forebear.lineage.confidence import Share, confident, parse, shares
from forebear.types import Relation

TEXT = """
seed = 1
[kind.pruned]
n = 20
right = 19
bases = 4
mean = 0.95
[reason."zeros, others untouched"]
n = 8
right = 8
bases = 4
mean = 1.0
"""


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Mapping[str, Share]]:
    found = parse(TEXT)
    monkeypatch.setattr(confidence, "shares", lambda: found)
    return found


def test_one_more_base_that_is_half_right_keeps_it_from_certainty() -> None:
    assert Share(100, 100, 1, 1.0).probability == 0.75
    assert Share(100, 100, 9, 1.0).probability == pytest.approx(0.95)
    assert Share(100, 0, 9, 0.0).probability == pytest.approx(0.05)


def test_a_kind_that_was_measured_has_a_confidence_that_says_what_it_rests_on(known: object) -> None:
    found = confident(Relation("pruned", "a_to_b", None, {"kinds": ["pruned"]}))
    assert found.confidence == pytest.approx((0.95 * 4 + 0.5) / 5, abs=5e-4)
    said = found.details["confidence"]
    assert (said["right"], said["comparisons"], said["bases"]) == (19, 20, 4)
    assert said["prior"] and said["candidates"] and said["source"]
    assert found.direction == "a_to_b" and found.details["kinds"] == ["pruned"]


def test_what_was_never_measured_has_none(known: object) -> None:
    for kind in ("unknown", "adapter", "distilled"):
        assert confident(Relation(kind)) == Relation(kind)


def test_every_reason_carries_its_own_record(known: object) -> None:
    reasons = [{"name": "zeros, others untouched", "log_odds": 4.0}, {"name": "gains", "log_odds": 1.0}]
    found = confident(Relation("unknown", details={"direction": {"log_odds": 5.0, "reasons": reasons}}))
    first, second = found.details["direction"]["reasons"]
    assert first["was_right"] == {"of": 8, "right": 8, "bases": 4} and "was_right" not in second


@pytest.mark.parametrize(
    "wrong",
    [
        "[kind.pruned]\nn = 1\nright = 2\nbases = 1\nmean = 1.0",
        "[kind.pruned]\nn = 1\nright = 1\nbases = 2\nmean = 1.0",
        "[kind.pruned]\nn = 1\nright = 1\nbases = 1\nmean = 1.5",
        "[kind.pruned]\nn = 1",
        "[kind",
    ],
)
def test_a_file_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"relations\.toml|Expected|toml|fit"):
        parse(wrong)


def test_the_shipped_file_is_one() -> None:
    assert set(shares()) == {"kind", "reason"}


@pytest.mark.parametrize(
    ("n", "right", "bases", "mean", "fit"),
    [
        (1, 1, 1, 1.0, True),
        (2, 0, 2, 0.0, True),
        (2, 2, 0, 1.0, False),
        (2, 3, 1, 1.0, False),
        (2, -1, 1, 0.0, False),
        (2, 1, 3, 0.5, False),
        (2, 1, 1, 1.01, False),
        (2, 1, 1, -0.01, False),
    ],
)
def test_a_share_is_of_at_least_one_base_and_at_most_of_all(
    n: int, right: int, bases: int, mean: float, fit: bool
) -> None:
    text = f"[kind.pruned]\nn = {n}\nright = {right}\nbases = {bases}\nmean = {mean}"
    if fit:
        assert parse(text)["kind"]["pruned"] == Share(n, right, bases, mean)
    else:
        with pytest.raises(ValueError, match="numbers of pruned do not fit"):
            parse(text)
