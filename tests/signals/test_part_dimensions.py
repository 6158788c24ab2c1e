"""Dimensions of two streams of unequal width: which are each other's, and what the further ones are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from disguises import disguise
from forebear.signals.frames import Frame, token_frame
from forebear.signals.part_dimensions import dimensions_kept
from forebear.signals.parts import Extras, Kept, in_place
from models import tiny_llama
from signals.held import held

F32 = NDArray[np.float32]


def test_dimensions_are_held_against_each_other_by_the_frame(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1, hidden=64, intermediate=64)
    narrow = disguise(base, tmp_path / "narrow", ["prune-residual", "permute-residual"])
    a, b = opened(narrow), opened(base)
    frame = token_frame(a, b)
    assert frame is not None
    kept = dimensions_kept(a, b, frame)
    assert kept is not None and kept.equal and kept.found == 56 and kept.extras == Extras(own=8)
    assert dimensions_kept(b, b, in_place(64)) is None
    rotated = opened(disguise(narrow, tmp_path / "rotated", ["rotate"]))
    turned = token_frame(rotated, b)
    assert turned is not None and dimensions_kept(rotated, b, turned) is None


NARROW, WIDE = 6, 8


def stream(width: int = WIDE, rows: int = 40, seed: int = 0, **changed: Any) -> dict[str, Any]:
    """Weights of one layer, of a narrower stream the first dimensions; those of the last one can be replaced."""
    rng = np.random.default_rng(seed)
    whole = {
        "embed": rng.standard_normal((rows, WIDE)),
        "layers.0.attn.q": rng.standard_normal((4, WIDE)),
        "layers.0.attn.k": rng.standard_normal((4, WIDE)),
        "layers.0.attn.v": rng.standard_normal((4, WIDE)),
        "layers.0.attn.o": rng.standard_normal((4, WIDE)),
        "layers.0.mlp.gate": rng.standard_normal((12, WIDE)),
        "layers.0.mlp.up": rng.standard_normal((12, WIDE)),
        "layers.0.mlp.down": rng.standard_normal((12, WIDE)),
    }
    for name, change in changed.items():
        for role in whole:
            if role in WRITERS if name == "written" else role not in WRITERS:
                whole[role][:, 7] = change(whole[role])
    turned = ("layers.0.attn.o", "layers.0.mlp.down")
    return {r: (v[:, :width].T if r in turned else v[:, :width]).astype(np.float32) for r, v in whole.items()}


WRITERS = ("embed", "layers.0.attn.o", "layers.0.mlp.down")


def frame(kept: int = NARROW, sign: float = 1.0) -> Frame:
    """The first dimensions of both, in their places."""
    eye, same = np.eye(WIDE, dtype=np.float32)[:, :kept], np.stack([np.arange(kept)] * 2, axis=1)
    return Frame(eye, eye, 0, "places", same, np.full(kept, sign, dtype=np.float32))


def kept(a: Mapping[str, Any], b: Mapping[str, Any], where: Frame | None = None) -> Kept:
    found = dimensions_kept(held(a), held(b), where or frame())
    assert found is not None
    return found


def seventh(**changed: Any) -> Extras:
    """What the last of two further dimensions is; the other one is the model's own."""
    narrow, wide = stream(NARROW), stream(**changed)
    found, turned = kept(narrow, wide), kept(wide, narrow)
    assert (found.what, found.found, found.of, found.drift) == ("dimensions", 6, 6, 0.0) and found.equal
    assert found.map == {"": [[k, k] for k in range(6)]}
    assert found.extras is not None and turned.extras == found.extras and found.extras.total == 2
    return found.extras


def test_a_dimension_more_is_what_is_written_to_it() -> None:
    assert seventh() == Extras(own=2)
    assert seventh(written=lambda v: 0.0) == Extras(own=1, idle=1)
    assert seventh(written=lambda v: 2 * v[:, 3] - v[:, 1]) == Extras(own=1, copies=1)
    assert seventh(written=lambda v: np.inf) == Extras(own=1, untold=1)
    assert seventh(written=lambda v: v[:, 7] * 2.0**-26) == Extras(own=1, near=1)
    assert seventh(read=lambda v: 0.0) == Extras(own=1, near=1)
    assert seventh(read=lambda v: np.nan) == Extras(own=1, untold=1)
    assert seventh(written=lambda v: 1.2 * v[:, 3] + v[:, 7]) == Extras(own=1, near=1)
    assert seventh(written=lambda v: 0.6 * v[:, 3] + v[:, 7]) == Extras(own=2)
    mixed = seventh(written=lambda v: 2 * v[:, 3] + 0.5 * v[:, 7])
    assert mixed == Extras(own=1, near=1)


@pytest.mark.parametrize("role", ["layers.0.attn.o.bias", "layers.0.mlp.down.bias"])
def test_a_bias_is_written_as_well(role: str) -> None:
    """A constant in a dimension to which nothing else is written tells neither; a bias that is no number nothing."""
    silent = stream(written=lambda v: 0.0)
    for value, expected in (
        (1.0, Extras(own=1, near=1)),
        (0.0, Extras(own=1, idle=1)),
        (np.nan, Extras(own=1, untold=1)),
    ):
        bias = np.where(np.arange(WIDE) == 7, value, 0.0)
        assert kept(stream(NARROW), {**silent, role: bias}).extras == expected
    assert kept(stream(NARROW), {**silent, role: np.zeros(5)}).extras == Extras(untold=2)


def test_too_few_rows_tell_nothing() -> None:
    """Two written values per dimension are asked: of the embedding, and sixteen of attention and MLP."""
    for rows, told in ((0, False), (1, True)):
        assert (kept(stream(NARROW, rows), stream(rows=rows)).extras != Extras(untold=2)) is told
    bare = {r: v for r, v in stream().items() if r == "embed"}
    for rows, told in ((15, False), (16, True)):
        cut = {"embed": bare["embed"][:rows]}
        found = dimensions_kept(held({"embed": cut["embed"][:, :6]}, layers=1), held(cut, layers=1), frame())
        assert found is not None and (found.extras == Extras(untold=2)) is not told
    broken = stream()
    broken["embed"][3, 2] = np.nan
    assert kept(stream(NARROW), broken).extras == Extras(untold=2)


def test_what_is_kept_has_moved_by_its_drift_and_signs_are_the_frame_s() -> None:
    narrow, wide = stream(NARROW), stream()
    moved = {**narrow, "embed": narrow["embed"] + 0.1 * np.random.default_rng(5).standard_normal((40, 6))}
    found = kept(moved, wide)
    assert found.found == 6 and found.drift == pytest.approx(0.1, rel=0.2) and not found.equal
    turned = {**wide, "embed": -wide["embed"]}
    assert kept(narrow, turned, frame(sign=-1.0)).drift == 0.0 and kept(narrow, turned).drift is None
    assert kept(narrow, {**wide, "embed": wide["embed"][:39]}).drift is None  # no tokens in common


def test_dimensions_are_compared_where_widths_differ_and_dimensions_have_places() -> None:
    narrow, wide = held(stream(NARROW)), held(stream())
    turned = Frame(np.eye(WIDE, dtype=np.float32), np.eye(WIDE, dtype=np.float32), 0, "tokens")
    assert dimensions_kept(wide, wide, frame()) is None and dimensions_kept(narrow, wide, turned) is None
    assert dimensions_kept(replace(narrow, geometry=None), wide, frame()) is None
    assert dimensions_kept(narrow, replace(wide, geometry=None), frame()) is None
    five = kept(stream(NARROW), stream(), frame(5))
    assert (five.found, five.of, five.equal) == (5, 6, False) and five.extras is not None and five.extras.total == 3


def test_experts_write_too() -> None:
    """Nothing but the last of several experts writes to the last dimension: it is not idle, and is the model's own."""
    rng = np.random.default_rng(6)
    whole: dict[str, Any] = {role: v for role, v in stream(written=lambda v: 0.0).items() if ".mlp." not in role}
    whole["layers.0.router"] = rng.standard_normal((12, WIDE))
    for e in range(12):
        for part, shape in (("gate", (3, WIDE)), ("up", (3, WIDE)), ("down", (WIDE, 3))):
            whole[f"layers.0.experts.{e}.{part}"] = rng.standard_normal(shape).astype(np.float32)
        if e != 5:
            whole[f"layers.0.experts.{e}.down"][7] = 0
    narrow = {r: v[:6] if r.endswith((".o", ".down")) else v[:, :6] for r, v in whole.items()}
    sizes: dict[str, Any] = {"family": "mixtral", "experts": 12}
    found = dimensions_kept(held(narrow, **sizes), held(whole, **sizes), frame())
    assert found is not None and found.extras is not None and found.extras.idle == 0 and found.extras.total == 2
    whole["layers.0.experts.5.down"][7] = 0
    found = dimensions_kept(held(narrow, **sizes), held(whole, **sizes), frame())
    assert found is not None and found.extras == Extras(own=1, idle=1)
