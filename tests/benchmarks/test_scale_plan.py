"""The plan for a whole hub: no crawl is quicker than its quota, its line or its cores allow."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from scale_plan import HERE, MEASURED, Cost, Fleet, Quota, measured, shortened, simulate, table

FACTS = tomllib.loads((HERE / "scale_plan.toml").read_text("utf-8"))
CRAWL = {**FACTS["crawl"], "window_seconds": FACTS["hub"]["window_seconds"]}
PLENTY = {"api": 10**9, "files": 10**9}
COSTS = {"one": Cost(20, 4e6, 0.0, 1.5), "unread": Cost(3, 5e4, 0.0, 0.05)}
MIX = {"one": 0.5, "unread": 0.5}


def test_costs_are_read_from_the_published_table() -> None:
    costs = measured(MEASURED.read_text("utf-8"))
    assert list(costs) == ["1 M", "1 B", "8 B", "70 B", "1 T"]
    assert costs["1 T"].bytes > costs["8 B"].bytes > costs["8 B"].tokenizer > 0
    with pytest.raises(ValueError, match="no table"):
        measured("| a | b |")


@pytest.mark.parametrize("mix", FACTS["mixes"].values(), ids=list(FACTS["mixes"]))
def test_mixes_are_shares_of_what_was_measured(mix: dict[str, float]) -> None:
    assert sum(mix.values()) == pytest.approx(1.0)
    assert set(mix) <= {*measured(MEASURED.read_text("utf-8")), "unread"}


def test_a_quota_gives_out_no_more_than_it_has_in_any_window() -> None:
    quota = Quota(100, 300.0)
    assert [quota.take(0.0, 60), quota.take(0.0, 60), quota.take(0.0, 60)] == [0.0, 300.0, 300.0]
    assert quota.take(10.0, 250) == 1_200.0  # 430 in all: the fifth window
    assert quota.take(5_000.0, 1) == 5_000.0


def test_a_shorter_window_is_the_same_rate() -> None:
    for limit in (500, 3_000, 500_000):
        quota = shortened(limit, 300.0, 1e6)
        last = max(quota.take(0.0, 10) for _ in range(limit // 2))
        assert last == pytest.approx(300.0 * 5, rel=0.3)


@pytest.mark.parametrize(
    ("fleet", "quotas", "least", "why"),
    [
        (Fleet(64, 8, 1e12), PLENTY, 2_000 * 0.775 / 8, "cores"),
        (Fleet(64, 64, 1e7), PLENTY, 2_000 * 2.025e6 / 1e7, "line"),
        (Fleet(64, 64, 1e12), {"api": 10**9, "files": 3_000}, 2_000 * 11.5 / 10, "quota"),
        (Fleet(2, 64, 1e12), PLENTY, 2_000 * (0.775 + 0.05 * 4) / 2, "round trips"),
    ],
)
def test_what_is_scarce_sets_the_time(fleet: Fleet, quotas: dict[str, int], least: float, why: str) -> None:
    found = simulate(2_000, MIX, COSTS, fleet, quotas, CRAWL | {"failing": 0.0}, 1)
    assert found.seconds == pytest.approx(least, rel=0.12)
    assert max(found.waited, key=lambda key: found.waited[key]) == why
    assert found.cpu == pytest.approx(2_000 * 0.775, rel=0.1)


def test_what_fails_is_asked_for_once_more() -> None:
    sure, failing = (
        simulate(2_000, MIX, COSTS, Fleet(8, 8, 1e9), PLENTY, CRAWL | {"failing": share}, 1) for share in (0.0, 0.5)
    )
    assert failing.requests == pytest.approx(1.5 * sure.requests, rel=0.1)


def test_the_table_has_a_row_for_every_quota() -> None:
    costs = {**measured(Path(MEASURED).read_text("utf-8")), "unread": COSTS["unread"]}
    rows = table(3_000_000, 400, [0], FACTS, costs)
    assert all(any(row.startswith(f"| {quota} |") for row in rows) for quota in FACTS["hub"]["quotas"])
