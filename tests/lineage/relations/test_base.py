"""What is known about a pair: the main grid, how far the body moved, and which way a reason points."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from typing import Any, cast

import pytest

from forebear.lineage.counts import Counts
from forebear.lineage.direction import Reason
from forebear.lineage.relations.base import Found, Grids, Observed, Sizes, toward
from forebear.signals.change import Change, Changes
from forebear.signals.lattice import Lattice
from forebear.signals.sign_code import Cell


class Named:
    """A grid that only says what it is."""

    def __init__(self, words: str) -> None:
        self.words = words


def grids(sampled: int, *words: str) -> Grids:
    return Grids(sampled, {f"r{k}": cast(Lattice, Named(w)) for k, w in enumerate(words)})


@pytest.mark.parametrize(
    ("sampled", "words", "main"),
    [
        (0, (), None),
        (4, (), None),
        (4, ("int8",), None),
        (4, ("int8", "int8"), "int8"),  # half of them will do
        (5, ("int8", "int8"), None),
        (4, ("int8", "int4", "int4"), "int4"),
        (4, ("int8", "int4", "int8", "int4"), "int8"),  # of equally common ones the first
        (3, ("a", "b", "c", "c"), "c"),
    ],
)
def test_the_commonest_grid_is_the_main_one(sampled: int, words: tuple[str, ...], main: str | None) -> None:
    found = grids(sampled, *words).main
    assert (None if found is None else found.words) == main


def moved(cosine: float | None, n: int = 10, changes: Changes | None = None) -> float | None:
    counts = Counts((Cell("residual", 0, 0, n, n, cosine),))
    return Observed((Sizes(), Sizes()), counts, changes).drift


@pytest.mark.parametrize(
    ("cosine", "drift"),
    [
        (1.0, 0.0),
        (1.0000001, 0.0),
        (0.8, 0.75),  # the tangent of the angle
        (0.6, 4 / 3),
        (math.sqrt(0.5), 1.0),
        (0.0, None),
        (-0.5, None),
        (None, None),
    ],
)
def test_after_alignment_drift_is_the_tangent_of_the_angle(cosine: float | None, drift: float | None) -> None:
    assert moved(cosine) == (None if drift is None else pytest.approx(drift, abs=1e-7))


def test_without_coins_there_is_no_angle() -> None:
    assert moved(0.8, 0) is None


def test_what_was_measured_goes_before_the_angle_and_only_the_body_counts() -> None:
    sums = (4.0, 4.0, 4.0, 1.0, 1.0)
    body, embed = (
        Change(role, role, (10, 10), 100, *sums, 100, 0, 0, 0, ("", ""), (8, 8))
        for role in ("layers.0.mlp.up", "embed")
    )
    assert moved(0.6, changes=Changes((body,))) == pytest.approx(0.5)
    assert moved(None, changes=Changes((body, embed))) == pytest.approx(0.5)
    assert moved(0.6, changes=Changes((embed,))) == pytest.approx(4 / 3)
    assert moved(0.6, changes=Changes(())) == pytest.approx(4 / 3)


def test_a_reason_is_positive_where_the_model_is_the_later_one() -> None:
    assert toward("n", True, 3.0, "t") == Reason("n", "t", 3.0, False)
    assert toward("n", False, 3.0, "t", no_siblings=True) == Reason("n", "t", -3.0, True)


def test_what_is_not_known_is_nothing() -> None:
    assert {f.name: getattr(Sizes(), f.name) for f in fields(Sizes) if f.name != "other"} == dict.fromkeys(
        ("layers", "width", "intermediate", "heads", "kv_heads", "head_dim", "experts", "parameters"), 0
    )
    bare = Observed((Sizes(), Sizes()), Counts(()))
    known: dict[str, Any] = {f.name: getattr(bare, f.name) for f in fields(bare)}
    assert known["grids"] == (Grids(), Grids()) and Grids() == Grids(0, {}, False)
    assert known["still_elsewhere"] is True and known["undone"] is None and known["gains"] is None
    assert (known["excludes"], known["rounded"], known["lost"], known["why_not"]) == ("", "", "", "")
    assert replace(bare, rounded="x").rounded == "x"
    assert Found("k", "t", "w") == Found("k", "t", "w", {}, (), "", "")
