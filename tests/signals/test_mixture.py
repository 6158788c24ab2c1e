"""One pass over a model and its references: the sums are those of the values, and nothing hostile breaks it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bodies import opened
from edits import copy, drifted, edit, rebuilt, with_layers
from forebear.artifacts import Artifact
from forebear.signals import mixture
from forebear.signals.mixture import Gram, distances, gram, raw
from models import tiny_llama, tokenizer
from signals.held import held


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base", 1)


def values(folder: Path) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {}
    edit(folder, lambda n, v: out.setdefault(n, v))
    return out


def test_products_are_those_of_the_values(base: Path) -> None:
    folders = [drifted(base, f"m{k}", 0.1, seed=k) for k in range(3)]
    found = gram(opened(folders[0]), [opened(folders[1]), opened(folders[2])])
    assert found.whole and not found.left_out
    unit = next(u for u in found.units if u.role == "layers.2.mlp.down")
    name = "model.layers.2.mlp.down_proj.weight"
    flat = np.stack([values(f)[name].astype(np.float64).ravel() for f in folders])
    assert np.allclose(raw(unit.products), flat @ flat.T)
    assert np.allclose(distances(unit.products), ((flat[:, None] - flat[None]) ** 2).sum(axis=2))
    assert unit.equal[0] == (flat[0] == flat[1]).sum()
    assert sum(u.values for u in found.units) == sum(v.size for v in values(base).values())


def test_rounding_is_what_rounding_does(base: Path) -> None:
    """The expected square matches that of truly rounding random values to bfloat16."""
    from forebear.signals.delta import round_to

    found = gram(opened(base), [opened(drifted(base, "other", 0.1))])
    unit = next(u for u in found.units if u.role == "lm_head")
    exact = (0.08 * np.random.default_rng(3).standard_normal(200_000)).astype(np.float32)
    near = round_to(exact, "BF16")
    assert near is not None
    assert unit.rounding / unit.values == pytest.approx(float(((near - exact) ** 2).mean()), rel=0.1)


def test_rounding_is_a_twelfth_of_a_squared_unit_in_the_last_place(base: Path) -> None:
    """By hand: bfloat16 has 2^-7 between one and two, twice that from two to four, and zero is stored as it is."""

    def steps(name: str, v: np.ndarray) -> np.ndarray:
        if "lm_head" in name:
            v[...] = 0.0
            v[:8], v[8:10] = 1.5, -3.0
        return v

    edit(base, steps)
    unit = next(u for u in gram(opened(base), [opened(base)]).units if u.role == "lm_head")
    assert unit.rounding == pytest.approx(64 * (8 * 2**-14 + 2 * 2**-12) / 12, rel=1e-12)


def test_choosing_references_changes_nothing_else(base: Path) -> None:
    models = [opened(drifted(base, f"m{k}", 0.1, seed=k)) for k in range(4)]
    whole = gram(models[0], models[1:])
    part, direct = whole.only([2, 0]), gram(models[0], [models[3], models[1]])
    for one, two in zip(part.units, direct.units, strict=True):
        assert np.allclose(one.products, two.products)
        assert (one.odd == two.odd).all() and (one.equal == two.equal).all()
    assert part.names == direct.names and (part.sample == direct.sample).all()


def test_a_sample_reads_the_same_rows_of_all(base: Path) -> None:
    child = copy(base, "child")
    found = gram(opened(base), [opened(child), opened(drifted(base, "other", 0.1))], most=20_000)
    assert not found.whole
    assert 5_000 < sum(u.values for u in found.units) < 60_000
    assert sum(float(distances(u.products)[0, 1]) for u in found.units) == 0.0


def test_rows_of_tokens_meet_by_string(base: Path) -> None:
    """A model whose vocabulary is in another order, and longer, is the same model."""

    def turned(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        longer = {
            n: np.concatenate([v[::-1], np.ones((4, v.shape[1]), v.dtype)]) for n, v in tensors.items() if len(v) == 256
        }
        return {**tensors, **longer}

    other = rebuilt(base, "other", turned, vocab_size=260)
    ids = {t: 255 - k for t, k in tokenizer(256)["model"]["vocab"].items()}
    (other / "tokenizer.json").write_text(
        json.dumps({"added_tokens": [], "model": {"type": "BPE", "vocab": ids, "merges": []}})
    )
    found = gram(opened(base), [opened(other), opened(drifted(base, "third", 0.1))])
    embed = next(u for u in found.units if u.group == "embed")
    assert embed.values == 256 * 64 and distances(embed.products)[0, 1] == 0.0


def test_layers_meet_by_their_rows(base: Path) -> None:
    stacked = rebuilt(base, "stacked", with_layers([0, 1, 2, 1, 2, 3]), num_hidden_layers=6)
    found = gram(opened(stacked), [opened(base), opened(tiny_llama(base.parent / "stranger", 9, layers=6))])
    assert sum(float(distances(u.products)[0, 1]) for u in found.units) == 0.0
    assert {u.group for u in found.units} >= {f"layers.{k}.attn" for k in range(6)}


def test_odd_rows_are_counted(base: Path) -> None:
    """Rows that one model alone changed are odd in it; a factor alone changes no row."""
    rng = np.random.default_rng(0)

    def touch(folder: Path, rows: slice) -> Path:
        def change(name: str, v: np.ndarray) -> np.ndarray:
            if "embed" in name:
                v[rows] += 0.05 * rng.standard_normal(v[rows].shape)
            return np.asarray(v * 0.99)

        edit(folder, change)
        return folder

    models = [opened(touch(copy(base, n), slice(s, s + 20))) for n, s in (("x", 0), ("s", 30), ("t", 60))]
    embed = next(u for u in gram(models[0], models[1:]).units if u.group == "embed")
    assert embed.odd[0, 1] == 20 and embed.odd[1, 0] == 20 and embed.apart[0, 1] == 20


def damaged(folder: Path, value: float) -> Artifact:
    def change(name: str, v: np.ndarray) -> np.ndarray:
        if "layers.1." in name:
            v[...] = value
        return v

    edit(folder, change)
    return opened(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, 3.0])
def test_values_that_say_nothing_break_nothing(base: Path, value: float) -> None:
    bad = damaged(copy(base, "bad"), value)
    found = gram(bad, [opened(base), opened(drifted(base, "other", 0.1))])
    assert all(np.isfinite(u.products).all() and np.isfinite(u.rounding) for u in found.units)


def test_other_shapes_are_left_out(base: Path) -> None:
    wide = opened(tiny_llama(base.parent / "wide", 2, intermediate=96))
    found = gram(opened(base), [wide, opened(drifted(base, "other", 0.1))])
    assert any("mlp.up" in gap for gap in found.left_out)
    assert all(".mlp." not in u.role or u.group == "norms" for u in found.units)
    nothing = gram(opened(base), [opened(tiny_llama(base.parent / "narrow", 3, hidden=32))])
    assert isinstance(nothing, Gram) and nothing.units == ()
    assert replace(nothing, names=()).body == ()


def grid(*shape: int, start: int = 0) -> np.ndarray:
    """Numbers one after the other: each tells where it stands."""
    return (start + np.arange(int(np.prod(shape)))).reshape(shape).astype(np.float32)


def test_inner_products_by_hand() -> None:
    """X - R1 = (1, 2), R2 - R1 = (0, 1), R1 = (1, 1); the second value of R2 is X's less one."""
    x, one, two = ({"layers.0.mlp.up": [v], "embed": [[0]]} for v in ([2, 3], [1, 1], [1, 2]))
    found = gram(held(x, name="x"), [held(one, name="one"), held(two, name="two")])
    (unit,) = found.body
    assert unit.products.tolist() == [[5, 2, 3], [2, 1, 1], [3, 1, 2]]
    assert raw(unit.products).tolist() == [[13, 5, 8], [5, 2, 3], [8, 3, 5]]
    assert distances(unit.products).tolist() == [[0, 5, 2], [5, 0, 1], [2, 1, 0]]
    assert (found.names, unit.values, unit.equal.tolist(), found.whole) == (("one", "two"), 2, [0, 0], True)
    assert found.sample.tolist() == [[2, 3, 0], [1, 1, 0], [1, 2, 0]]
    again = found.only([1])
    assert again.names == ("two",) and again.body[0].products.tolist() == [[2, 3], [3, 5]]
    assert found.only([1, 0]).body[0].products.tolist() == [[2, -1, 3], [-1, 1, -2], [3, -2, 5]]
    same = found.only([0, 1])
    assert same.body[0].products.tolist() == unit.products.tolist() and same.half == found.half == 2.0**-24
    assert again.sample.tolist() == [[2, 3, 0], [1, 2, 0]]


def test_tensors_are_put_into_groups_and_the_body_is_what_layers_multiply_with() -> None:
    weights = {
        "embed": grid(4, 2),
        "lm_head": grid(4, 2),
        "norm": grid(2),
        "layers.0.attn_norm": grid(2),
        "layers.0.attn.q": grid(2, 2),
        "layers.0.mlp.up": grid(3, 2),
        "name:layers.0.x": grid(2, 2),
        "name:scale": grid(2),
        "name:other.thing": grid(2, 2),
    }
    found = gram(held(weights), [held(weights)])
    assert {u.role: u.group for u in found.units} == {
        "embed": "embed",
        "lm_head": "lm_head",
        "norm": "norms",
        "layers.0.attn_norm": "norms",
        "layers.0.attn.q": "layers.0.attn",
        "layers.0.mlp.up": "layers.0.mlp",
        "name:layers.0.x": "others",
        "name:scale": "norms",
        "name:other.thing": "others",
    }
    assert [u.role for u in found.body] == ["layers.0.attn.q", "layers.0.mlp.up"]
    only_norms = gram(held({"norm": grid(2), "embed": grid(2, 2)}), [held({"norm": grid(2), "embed": grid(2, 2)})])
    assert [u.role for u in only_norms.body] == ["norm", "embed"]
    assert only_norms.sample.shape == (2, 4)  # of matrices alone


def test_what_cannot_be_compared_is_told_with_the_reason() -> None:
    one = held(
        {"embed": grid(2, 2), "norm": grid(2), "lm_head": grid(2, 2), "name:mask": grid(2, 2)},
        dtypes={"name:mask": "U8"},
    )
    two = held({"embed": grid(2, 2), "norm": grid(3), "name:mask": grid(2, 2)}, dtypes={"name:mask": "U8"})
    found = gram(one, [two, one])
    assert [u.role for u in found.units] == ["embed"] and found.left_out == (
        "norm: other sizes, or no readable values",
        "lm_head: not in every reference",
        "name:mask: other sizes, or no readable values",
    )


@pytest.mark.parametrize(
    ("most", "rows"),
    [
        (400, range(100)),
        (399, [r for s in (0, 13, 25, 38, 50, 63, 75, 88) for r in range(s, s + 12)]),
        (80, [0, 1, 14, 15, 28, 29, 42, 43, 56, 57, 70, 71, 84, 85, 98, 99]),
        (12, [0, 50, 99]),
        (1, [0]),
    ],
)
def test_a_share_of_the_rows_is_read_in_blocks_evenly_spaced(most: int, rows: Sequence[int]) -> None:
    """A hundred rows of four: as many as are asked, in eight blocks or as many as there are rows."""
    values = grid(100, 4, start=1)
    model = held({"name:matrix": values})
    found = gram(model, [model], most=most)
    assert (found.whole, found.units[0].values) == (most == 400, 4 * len(rows))
    assert found.units[0].products[1, 1] == (values[list(rows)].astype(np.float64) ** 2).sum()
    assert (found.sample == values[list(rows)].ravel()).all()


def test_blocks_are_as_large_as_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three models of seven rows of four: two rows at a time, or one, and the sums are the same."""
    one, two, three = (held({"name:matrix": grid(7, 4, start=k)}) for k in (0, 5, 11))
    whole = gram(one, [two, three])
    for at_once in (24, 35, 11):
        monkeypatch.setattr(mixture, "AT_ONCE", at_once)
        parts = gram(one, [two, three])
        assert (parts.units[0].products == whole.units[0].products).all() and parts.units[0].values == 28
        assert (parts.sample == whole.sample).all()


def test_the_sample_is_bounded_and_evenly_spaced() -> None:
    """Of 10,000 values every second, of 20,000 every fourth: at most twice 4,096."""
    for height, step in ((100, 2), (200, 4), (40, 1)):
        values = grid(height, 100)
        found = gram(held({"name:matrix": values}), [held({"name:matrix": values + 1})])
        assert (found.sample[0] == values.ravel()[::step]).all() and (found.sample[1] == found.sample[0] + 1).all()


@pytest.mark.parametrize(("dtype", "bits"), [("BF16", 8), ("F16", 11), ("F32", 24)])
def test_half_a_unit_is_that_of_the_format_of_most_values(dtype: str, bits: int) -> None:
    weights = {"name:large": grid(4, 2), "name:small": grid(2, 2)}
    model = held(weights, dtype=dtype, dtypes={"name:small": "BF16" if dtype == "F32" else "F32"})
    found = gram(model, [held(weights)])
    assert found.half == 2.0**-bits
    large = found.units[0]  # 0, one value in [1, 2), two in [2, 4), four in [4, 8)
    assert large.rounding == pytest.approx((1 * 1 + 2 * 4 + 4 * 16) * (2.0 * 2**-bits) ** 2 / 12)


def test_behind_a_value_that_is_no_number_nothing_is_compared() -> None:
    x, one = grid(2, 2, start=1), grid(2, 2, start=2)
    x[0, 0], one[1, 1] = np.nan, np.inf
    unit = gram(held({"name:matrix": x}), [held({"name:matrix": one})]).units[0]
    assert unit.products.tolist() == [[2, -7], [-7, 25]]  # of (2, 3) and (3, 4) alone
    assert unit.equal.tolist() == [2]


@pytest.mark.parametrize(
    ("near", "far", "odd", "from_x", "from_near"),
    [(-19, 101, 1, 1, 1), (-21, 101, 0, 1, 1), (-19, 99, 0, 0, 1), (19, 118, 0, 1, 0), (19, 120, 1, 1, 1)],
)
def test_rows_are_one_within_two_thousandths_and_two_from_a_hundredth_on(
    near: int, far: int, odd: int, from_x: int, from_near: int
) -> None:
    """By the sine of the angle between them, of whatever length; rows of zeros and opposed rows are neither."""

    def rows(angle: int) -> np.ndarray:
        line = np.array([np.cos(angle * 1e-4), np.sin(angle * 1e-4)])
        return np.stack([5 * line, [0, 0]]).astype(np.float32)

    x, away, beside = (held({"name:matrix": rows(angle)}) for angle in (0, far, near))
    unit = gram(x, [away, beside]).units[0]
    assert unit.odd.tolist() == [[0, odd], [0, 0]]
    back = gram(away, [x, beside]).units[0]
    assert back.apart.tolist() == [[from_x, odd], [odd, from_near]] and not back.odd.any()
    assert not gram(held({"name:matrix": -rows(0)}), [away, beside]).units[0].odd.any()


def test_rows_of_tokens_meet_by_their_strings_where_both_have_them() -> None:
    """``b`` and ``d`` are in both; ``e`` has no row in one of them. Rows come in the order of the model's own ids."""
    one = held({"embed": grid(4, 2)}, tokens=["a", "b", "d", "e"])
    two = held({"embed": grid(4, 2, start=10)}, tokens={"d": 0, "x": 1, "b": 3, "e": 4})
    found = gram(one, [two])
    assert found.sample.tolist() == [[2, 3, 4, 5], [16, 17, 10, 11]] and found.units[0].values == 4
    same = gram(one, [held({"embed": grid(4, 2)}, tokens=["a", "b", "d", "e"])])
    assert same.units[0].values == 8 and same.units[0].equal.tolist() == [8]
    for other in (
        held({"embed": grid(4, 2)}),
        held({"embed": grid(4, 3)}, tokens=["a"]),
        held({"embed": grid(4, 2)}, tokens=["x"]),
    ):
        assert gram(one, [other]).left_out == ("embed: other sizes, or no readable values",)
    bare = held({"embed": grid(4, 2)})
    assert gram(bare, [bare]).units[0].values == 8  # no strings on either side: rows by number
