"""Legs and rows: who is the point where related models part, and when nobody indexed is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from edits import copy, edit
from forebear.lineage.ghosts import Ghosts, Leg, ghosts
from forebear.signals.mixture import gram
from models import tiny_llama


def trained(parent: Path, name: str, seed: int, drift: float = 0.1, tokens: slice | None = None) -> Path:
    """A child: every matrix moves, of the embeddings only the rows of the tokens that were met."""
    rng = np.random.default_rng(seed)
    met = np.zeros(256, bool)
    met[tokens if tokens is not None else rng.permutation(256)[:60]] = True

    def change(tensor: str, v: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = v + drift * v.std() * rng.standard_normal(v.shape)
        return np.where(met[:, None], moved, 0.98 * v) if "embed" in tensor or "lm_head" in tensor else moved

    out = parent.parent / name
    edit(copy(parent, name), change)
    return out


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base", 1)


def among(model: Path, *references: Path) -> Ghosts:
    return ghosts(gram(opened(model), [replace(opened(r), name=r.name) for r in references]))


def test_siblings_without_their_parent_are_told(base: Path) -> None:
    x, s, t, u = (trained(base, n, k) for k, n in enumerate("xstu"))
    assert among(x, s, t).siblings == ("s", "t")
    assert among(x, s, t, u).siblings == ("s", "t", "u")
    assert among(x, s, t).reason("s") is None


def test_the_parent_is_the_point(base: Path) -> None:
    x, s, t = (trained(base, n, k) for k, n in enumerate("xst"))
    found = among(x, s, base, t)
    assert found.siblings == ()
    assert found.on_the_way("base") == 2 and found.on_the_way("s") == 0
    reason = found.reason("base")
    assert reason is not None and reason["log_odds"] == pytest.approx(np.log(3))


def test_an_ancestor_among_its_children_is_told_the_other_way(base: Path) -> None:
    s, t, u = (trained(base, n, k) for k, n in enumerate("stu"))
    found = among(base, s, t, u)
    assert found.siblings == () and found.through == {"s": 2, "t": 2, "u": 2}
    reason = found.reason("t")
    assert reason is not None and reason["log_odds"] == pytest.approx(-np.log(3))


def test_a_grandparent_does_not_make_a_ghost(base: Path) -> None:
    parent = trained(base, "parent", 1)
    child, other = trained(parent, "child", 2), trained(base, "other", 3)
    assert among(child, base, other).siblings == ()
    assert among(child, base, parent, other).siblings == ()


def test_common_data_make_no_ghost_of_a_parent(base: Path) -> None:
    """Two children whose updates have a cosine of 0.6: their parent's leg is long, its rows clear it."""
    rng = np.random.default_rng(5)
    common: dict[str, NDArray[np.float32]] = {}
    edit(
        copy(base, "scratch"), lambda n, v: common.setdefault(n, 0.12 * v.std() * rng.standard_normal(v.shape)) * 0 + v
    )

    def child(name: str, seed: int) -> Path:
        out = trained(base, name, seed)

        def add(tensor: str, v: NDArray[np.float32]) -> NDArray[np.float32]:
            return v if "embed" in tensor or "lm_head" in tensor else v + common[tensor]

        edit(out, add)
        return out

    x, s = child("x", 21), child("s", 22)
    found = among(x, base, s)
    leg = found.legs["base", "s"][1]
    assert leg.cosine > 0.4 and leg.none
    assert found.siblings == ()


def test_without_rows_nothing_is_claimed(base: Path) -> None:
    """Where training moved every row, legs are geometry alone, and that is not enough."""
    x, s, t = (trained(base, n, k, tokens=slice(None)) for k, n in enumerate("xst"))
    found = among(x, s, t)
    assert all(leg.cosine > 0.3 for legs in found.legs.values() for leg in legs)
    assert found.siblings == ()


def test_duplicates_and_single_references_break_nothing(base: Path) -> None:
    x = trained(base, "x", 1)
    assert among(x, base).legs == {}
    twice = among(x, base, copy(base, "again"))
    assert twice.siblings == () and all(np.isfinite(leg.cosine) for legs in twice.legs.values() for leg in legs)


def test_one_tensor_alone_has_no_error_and_so_no_legs(base: Path) -> None:
    x, s, t = (opened(trained(base, n, k)) for k, n in enumerate("xst"))
    found = gram(x, [replace(s, name="s"), replace(t, name="t")])
    assert list(ghosts(replace(found, units=found.body[:2])).legs) == [("s", "t")]
    assert ghosts(replace(found, units=found.body[:1])).legs == {}
    assert ghosts(replace(found, units=())).legs == {}


@pytest.mark.parametrize(
    ("cosine", "error", "rows", "clear"),
    [
        (0.5, 0.0, 8, True),
        (0.5, 0.0, 7, False),
        (0.125, 0.0, 8, True),
        (0.09, 0.0, 8, False),
        (0.5, 0.13, 8, True),  # three standard errors are deducted
        (0.5, 0.14, 8, False),
        (-0.5, 0.0, 8, False),
    ],
)
def test_a_model_is_away_from_the_point_by_its_leg_and_its_rows(
    cosine: float, error: float, rows: int, clear: bool
) -> None:
    assert Leg(cosine, error, rows, 0).clear is clear


@pytest.mark.parametrize(
    ("cosine", "error", "rows", "others", "none"),
    [
        (0.0, 0.0, 0, 0, True),
        (0.0, 0.0, 1, 0, False),
        (0.1, 0.0, 0, 0, True),
        (0.11, 0.0, 0, 0, False),
        (-0.11, 0.0, 0, 0, False),
        (0.0, 0.033, 0, 7, True),
        (0.0, 0.034, 0, 7, False),
        (0.7, 1.0, 0, 8, True),  # where rows tell, common data may give so much
        (0.71, 0.0, 0, 8, False),
        (0.7, 0.0, 1, 8, False),
        (0.7, 0.0, 0, 7, False),
    ],
)
def test_a_model_is_the_point_by_rows_else_by_its_leg(
    cosine: float, error: float, rows: int, others: int, none: bool
) -> None:
    assert Leg(cosine, error, rows, others).none is none
