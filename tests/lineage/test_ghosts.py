"""Legs and rows: who is the point where related models part, and when nobody indexed is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from edits import copy, edit
from forebear.lineage.ghosts import SENTENCE, Ghosts, Leg, ghosts
from forebear.signals.mixture import Gram, Unit, gram
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


# -- by hand: tensors that are short vectors --------------------------------------------------------------------------

E = np.eye(6)


def held(*tensors: list[NDArray[np.float64]], apart: int = 0, odd: int = 0) -> Gram:
    """X and two references, a vector of each for every tensor; rows in which X, or the first one, is another."""
    units = []
    for k, (x, one, two) in enumerate(tensors):
        rows = np.stack([x - one, two - one, one])
        aside, strange = np.array([[0, apart], [apart, 0]]), np.array([[0, odd], [0, 0]])
        none = np.zeros(2, np.int64)
        units.append(Unit(f"layers.{k}.mlp.up", f"layers.{k}.mlp", 10, rows @ rows.T, none, strange, aside, 0.0))
    return Gram(("s", "t"), tuple(units), np.zeros((3, 0), np.float32), 2.0**-9, (), True)


def test_a_leg_is_the_way_to_the_point_by_the_three_point_rule() -> None:
    """From the point X lies at 3, S at 4 and T at 12, all at right angles: squares 25, 153 and 160."""
    star = [3 * E[0], 4 * E[1], 12 * E[2]]
    mine, first, second = ghosts(held(star, star, apart=4, odd=7)).legs["s", "t"]
    assert mine.cosine == pytest.approx(9 / (25 * 153) ** 0.5)
    assert first.cosine == pytest.approx(16 / (25 * 160) ** 0.5)
    assert second.cosine == pytest.approx(144 / (153 * 160) ** 0.5)
    assert [leg.error for leg in (mine, first, second)] == pytest.approx([0.0] * 3, abs=1e-12)
    assert [(leg.rows, leg.others) for leg in (mine, first, second)] == [(8, 0), (14, 0), (0, 8)], "of both tensors"


def test_the_error_of_a_leg_is_that_of_leaving_tensors_out() -> None:
    """Tensors of equal size whose cosines are 0, 1/2 and 1/2, left out one at a time."""
    right = [E[0], 2**0.5 * E[1] + E[0], 2**0.5 * E[2] + E[0]]  # X stands at the point
    star = [E[0], E[1], E[2]]
    found = ghosts(held(right, star, star)).legs["s", "t"][0]
    assert found.cosine == pytest.approx((0 + 1 + 1) / 6)
    without = np.array([2 / 4, 1 / 4, 1 / 4])
    assert found.error == pytest.approx((2 / 3 * ((without - without.mean()) ** 2).sum()) ** 0.5)


def test_models_that_are_one_have_legs_of_none() -> None:
    same = [E[0], E[0], E[1]]
    mine, first, second = ghosts(held(same, same)).legs["s", "t"]
    assert mine.cosine == first.cosine == 0.0 and np.isfinite(second.cosine)


CLEARLY, POINT, OPEN = Leg(0.5, 0.0, 8, 8), Leg(0.0, 0.0, 0, 8), Leg(0.5, 0.0, 0, 0)
assert CLEARLY.clear and POINT.none and not (OPEN.clear or OPEN.none or CLEARLY.none or POINT.clear)
Legs = tuple[Leg, Leg, Leg]


def legs(**pairs: Legs) -> Ghosts:
    """By pair of references, written as two letters."""
    return Ghosts(tuple("stu"[: 2 if len(pairs) == 1 else 3]), {(p[0], p[1]): three for p, three in pairs.items()})


@pytest.mark.parametrize(
    ("pairs", "siblings"),
    [
        ({"st": (CLEARLY, CLEARLY, CLEARLY)}, ("s", "t")),
        ({"st": (CLEARLY, CLEARLY, OPEN)}, ()),
        ({"st": (OPEN, CLEARLY, CLEARLY)}, ()),
        ({"st": (POINT, CLEARLY, CLEARLY)}, ()),
        (dict.fromkeys(("st", "su", "tu"), (CLEARLY,) * 3), ("s", "t", "u")),
        ({"st": (CLEARLY,) * 3, "su": (OPEN,) * 3, "tu": (CLEARLY,) * 3}, ("s", "t", "u")),
        ({"st": (CLEARLY,) * 3, "su": (OPEN,) * 3, "tu": (OPEN,) * 3}, ()),  # nothing is known of u
        ({"st": (CLEARLY,) * 3, "su": (CLEARLY, POINT, CLEARLY), "tu": (CLEARLY,) * 3}, ()),
    ],
)
def test_all_have_to_be_away_from_the_point_and_nobody_may_be_it(
    pairs: dict[str, Legs], siblings: tuple[str, ...]
) -> None:
    assert legs(**pairs).siblings == siblings
    assert legs(**pairs).details()["siblings"] == list(siblings)


def test_the_way_leads_through_the_point_unless_there_are_two() -> None:
    through_s = legs(st=(CLEARLY, POINT, OPEN), su=(CLEARLY, POINT, OPEN), tu=(OPEN, OPEN, OPEN))
    assert [through_s.on_the_way(n) for n in "stu"] == [2, 0, 0] and through_s.through == {}
    assert through_s.reason("s") == {
        "text": "the ways from 2 other references to the model lead through s",
        "log_odds": pytest.approx(np.log(3)),
    }
    assert through_s.reason("t") is None
    second = legs(st=(OPEN, OPEN, POINT))
    assert [second.on_the_way(n) for n in "st"] == [0, 1]
    assert second.reason("t") == {
        "text": "the ways from 1 other reference to the model lead through t",
        "log_odds": pytest.approx(np.log(2)),
    }
    for two in ((POINT, POINT, OPEN), (OPEN, POINT, POINT), (POINT, OPEN, POINT), (POINT, POINT, POINT)):
        found = legs(st=two)
        assert [found.on_the_way(n) for n in "st"] == [0, 0] and found.through == {}, "models that are one"
        assert found.reason("s") is None


def test_the_ways_of_others_may_lead_through_the_model() -> None:
    found = legs(st=(POINT, OPEN, CLEARLY), su=(POINT, OPEN, OPEN), tu=(OPEN, OPEN, OPEN))
    assert found.through == {"s": 2, "t": 1, "u": 1} and found.on_the_way("s") == 0
    assert found.reason("s") == {
        "text": "the ways between s and 2 other references lead through the model",
        "log_odds": pytest.approx(-np.log(3)),
    }
    assert found.reason("t") == {
        "text": "the ways between t and 1 other reference lead through the model",
        "log_odds": pytest.approx(-np.log(2)),
    }
    assert found.reason("nobody") is None


def test_details_hold_every_triple() -> None:
    found = legs(st=(Leg(0.123456, 0.01239, 1, 2), POINT, CLEARLY)).details()
    assert found["legs"] == [
        {
            "models": ["this model", "s", "t"],
            "cosines": [0.1235, 0.0, 0.5],
            "errors": [0.0124, 0.0, 0.0],
            "rows": [1, 0, 8],
        }
    ]
    assert "not in the index" in SENTENCE
