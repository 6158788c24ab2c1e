"""Many models laid beside each other: distances, equal values, rows that are one, and what cannot be compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edits import copy, drifted, edit
from forebear.artifacts import Artifact, read_artifact
from forebear.signals import kinship as module
from forebear.signals.counterparts import Pair, counterparts
from forebear.signals.kinship import (
    BLOCK,
    _pieces,
    _rows,
    _span,
    _their_rows,
    fits,
    frame_of,
    kinship,
    one_row,
    only,
    packed,
    spread,
)
from forebear.sources import open_source
from models import tiny_llama
from signals.held import held


def read(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> list[Artifact]:
    folder = tmp_path_factory.mktemp("family")
    base = tiny_llama(folder / "base", seed=1)
    still = copy(base, "still")
    edit(still, lambda name, v: v if "mlp" in name or "embed" in name else v * 2.0)
    return [read(base), read(drifted(base, "child", 0.1)), read(still)]


def test_distances_are_those_of_the_values(family: list[Artifact]) -> None:
    found = kinship(family)
    assert found.names == ("base", "child", "still") and found.whole and found.gaps == ("", "", "")
    span = next(s for s in found.spans if s.role == "layers.1.attn.v")
    values = [m.weights.tensors[m.names[span.role]].values().astype(np.float64) for m in family]
    true = [[((a - b) ** 2).sum() for b in values] for a in values]
    assert np.allclose(span.squares, true, rtol=1e-9)
    assert span.values == values[0].size and span.scale == pytest.approx(max((v * v).sum() for v in values))


def test_equal_values_and_rows_are_counted(family: list[Artifact]) -> None:
    found = kinship(family)
    shares = {s.role: s.equal for s in found.spans}
    assert shares["layers.0.mlp.up"][0, 2] == 1.0 and shares["layers.0.attn.q"][0, 2] < 0.02
    assert shares["layers.0.mlp.up"][0, 1] < 0.2
    differ = found.blocks().sum(axis=0)
    assert differ[0, 2] == 0.0  # rows that are a multiple of each other are one row: a factor is decay
    assert differ[0, 1] == found.rows
    assert np.array_equal(differ, differ.T)
    assert found.odd(1, 0, 2) == found.rows and found.odd(0, 1, 2) == 0


def test_rows_that_lack_count_and_rows_between_count_half(family: list[Artifact]) -> None:
    """By hand, 70 rows in two blocks: of two models, rows that are one, two, neither, or not there in the second."""
    one, two, neither, lacking = (True, False), (False, True), (False, False), None
    kinds = [one] * 10 + [neither] * 4 + [two] * 50 + [one] * 1 + [two] * 3 + [lacking] * 2
    same, other = (np.zeros((70, 2, 2), np.bool_) for _ in range(2))
    for row, kind in enumerate(kinds):
        same[row, 0, 0], same[row, 1, 1] = True, kind is not None
        same[row, [0, 1], [1, 0]], other[row, [0, 1], [1, 0]] = kind or (False, False)
    made = replace(only(kinship(family), [0, 1]), same=packed([same], 2), other=packed([other], 2), rows=70)
    differ = made.blocks()
    assert differ[:, 0, 1].tolist() == differ[:, 1, 0].tolist() == [50 + 4 / 2, 3 + 2]
    assert differ[:, 0, 0].tolist() == [0, 0] and differ[:, 1, 1].tolist() == [0, 2]


def test_a_sample_estimates_the_whole(family: list[Artifact]) -> None:
    whole, some = kinship(family), kinship(family, most=20_000)
    assert not some.whole
    read = [sum(s.values for s in k.spans) for k in (some, whole)]
    assert read[0] < read[1] / 4
    ratio = [sum(s.squares[0, 1] for s in k.spans) / sum(s.squares[0, 2] for s in k.spans) for k in (some, whole)]
    assert ratio[0] == pytest.approx(ratio[1], rel=0.1)


def test_layers_that_are_missing_are_unknown_and_not_zero(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    shorter = copy(base, "shorter")
    config = json.loads((shorter / "config.json").read_text())
    (shorter / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    raw = (shorter / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    from models import write_safetensors

    kept = {}
    for name, entry in json.loads(raw[8 : 8 + length]).items():
        if name == "__metadata__" or name.startswith("model.layers.1."):
            continue
        a, b = (8 + length + o for o in entry["data_offsets"])
        number = int(name.split(".")[2]) if ".layers." in name else 0
        kept[name.replace(f"layers.{number}.", f"layers.{number - 1}.") if number > 1 else name] = (
            entry["dtype"],
            entry["shape"],
            raw[a:b],
        )
    write_safetensors(shorter / "model.safetensors", kept)
    found = kinship([read(base), read(drifted(base, "child", 0.1)), read(shorter)])
    by_layer = {int(s.role.split(".")[1]): s.squares for s in found.spans}
    assert np.isnan(by_layer[1][0, 2]) and np.isnan(by_layer[1][2, 2]) and by_layer[1][0, 1] > 0
    assert by_layer[0][0, 2] == by_layer[2][0, 2] == by_layer[3][0, 2] == 0.0


def test_another_width_is_said_and_costs_nobody_else(family: list[Artifact], tmp_path: Path) -> None:
    narrow = read(tiny_llama(tmp_path / "narrow", seed=3, hidden=32))
    found = kinship([narrow, *family])
    assert frame_of([narrow, *family]) == 1
    assert found.gaps[0] and not any(found.gaps[1:])
    rest = only(found, [1, 2, 3])
    assert rest.names == ("base", "child", "still")
    assert np.allclose(rest.spans[0].squares, kinship(family).spans[0].squares)


def test_values_that_are_no_numbers_hide_their_place_alone(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "base", seed=1)
    broken = copy(base, "broken")

    def spoil(name: str, values: np.ndarray) -> np.ndarray:
        if name.endswith("up_proj.weight"):
            values[0, :4] = np.nan
        return values

    edit(broken, spoil)
    found = kinship([read(base), read(broken)])
    assert all(np.isfinite(s.squares).all() and s.squares[0, 1] == 0 for s in found.spans)


def test_rows_are_one_up_to_rounding_and_a_factor_and_zero_rows_are_nothing() -> None:
    rng = np.random.default_rng(0)
    row = rng.standard_normal(64)
    lines = np.stack([row, 0.98 * row * (1 + 1e-3 * rng.standard_normal(64)), -row, rng.standard_normal(64), 0 * row])
    same, other = one_row(lines[None])
    assert same[0, 0].tolist() == [True, True, False, False, False]
    assert other[0, 0].tolist() == [False, False, True, True, False]
    assert not same[0, 4].any() and not other[0, 4].any()
    between = np.stack([row, row + 0.005 * np.linalg.norm(row) * _across(row, rng)])
    same, other = one_row(between[None])
    assert not same[0, 0, 1] and not other[0, 0, 1]


def _across(row: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    way = rng.standard_normal(len(row))
    way -= (way @ row) / (row @ row) * row
    return np.asarray(way / np.linalg.norm(way))


def test_bits_are_packed_by_pair() -> None:
    flags = np.zeros((BLOCK + 3, 2, 2), dtype=np.bool_)
    flags[::2, 0, 1] = True
    bits = packed([flags[:5], flags[5:]], 2)
    assert int(np.bitwise_count(bits[0, 1]).sum()) == (BLOCK + 4) // 2 and not bits[1, 0].any()
    assert packed([], 3).shape == (3, 3, 0)


def test_tied_embeddings_have_no_rows_to_tell_by(family: list[Artifact], monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kinship(family).rows
    monkeypatch.setattr(module, "_untied", lambda _: False)
    tokens = family[0].weights.tensors[family[0].names["embed"]].shape[0]
    assert whole - kinship(family).rows == tokens


# -- by hand -----------------------------------------------------------------------------------------------------------


def test_numbers_are_spread_evenly_with_both_ends() -> None:
    assert [spread(n, m).tolist() for n, m in ((10, 4), (3, 10), (1, 4), (0, 4), (9, 1))] == [
        [0, 3, 6, 9],
        [0, 1, 2],
        [0],
        [],
        [0],
    ]


def test_rows_are_read_in_order_or_in_eight_pieces_evenly_spaced() -> None:
    assert list(_pieces(10, 1.0, 4)) == [(0, 4), (4, 8), (8, 10)]
    starts = [0, 13, 27, 40, 54, 67, 81, 94]
    assert list(_pieces(100, 0.5, 100)) == [(s, s + 6) for s in starts]
    assert list(_pieces(100, 0.5, 4)) == [r for s in starts for r in ((s, s + 4), (s + 4, s + 6))]
    assert list(_pieces(101, 0.03, 100)) == [(0, 1), (50, 51), (100, 101)]
    assert list(_pieces(100, 1e-9, 100)) == [(0, 1)]


def pair(a: np.ndarray, b: np.ndarray) -> Pair:
    (found,), unread = counterparts(held({"layers.0.mlp.up": a}), held({"layers.0.mlp.up": b}), [(0, 0)], None)
    assert not unread
    return found


def test_rows_fit_where_they_are_rows_of_the_frame() -> None:
    frame, longer = pair(np.ones((4, 3)), np.ones((4, 3))), pair(np.ones((5, 3)), np.ones((5, 3)))
    wider = pair(np.ones((4, 2)), np.ones((4, 2)))
    ids = np.zeros((9, 2), np.int64)
    assert fits(frame, frame) and not fits(longer, frame) and not fits(wider, frame)
    assert not fits(replace(frame, axis="residual"), frame)
    assert fits(replace(longer, ids=ids), frame) and not fits(replace(wider, ids=ids), frame)


def test_rows_that_a_model_has_under_other_numbers() -> None:
    """Rows 1, 4 and 6 of the frame are 2, 0 and 1 of the model's; where it has none of them it gives none."""
    rows = np.arange(6.0).reshape(3, 2)
    plain = pair(rows, 10 + rows)
    found, where = _their_rows(plain, np.array([0, 2]))
    assert (found.tolist(), where.tolist()) == ([[10, 11], [14, 15]], [0, 1])
    named = replace(plain, ids=np.array([[1, 2], [4, 0], [6, 1]]))
    found, where = _their_rows(named, np.array([0, 1, 5, 6, 9]))
    assert (found.tolist(), where.tolist()) == ([[14, 15], [12, 13]], [1, 3])
    found, where = _their_rows(named, np.array([0, 3, 7]))
    assert found.shape == (0, 2) and where.tolist() == []


def test_the_frame_is_the_first_model_of_the_commonest_shape() -> None:
    one, two = held({"layers.0.mlp.up": np.ones((4, 3))}), held({"embed": np.ones((2, 3))}, layers=3)
    unknown = replace(one, architecture=None)
    assert frame_of([one, two, two]) == 1 and frame_of([one, two]) == 0 and frame_of([unknown, two, two, one]) == 1
    assert frame_of([unknown, unknown, one]) == 2 and frame_of([unknown]) == 0


def test_rows_are_one_or_two_by_the_sine_of_their_angle() -> None:
    def between(sine: float, length: float = 1.0, sign: float = 1.0) -> tuple[bool, bool]:
        lines = np.array([[[1.0, 0.0], [sign * length * (1 - sine**2) ** 0.5, length * sine]]])
        same, other = one_row(lines)
        assert np.array_equal(same[0], same[0].T) and np.array_equal(other[0], other[0].T)
        return bool(same[0, 0, 1]), bool(other[0, 0, 1])

    one, two, neither = (True, False), (False, True), (False, False)
    assert [between(s) for s in (0.0, 0.0019, 0.0021, 0.0099, 0.0101)] == [one, one, neither, neither, two]
    assert between(0.0, sign=-1.0) == between(0.0021, sign=-1.0) == two and between(1.0) == two
    assert between(0.0, 1.5e-30) == one and between(0.0, 0.9e-30) == neither and between(0.0, 1e9) == one
    same, other = one_row(np.array([[[1.0, 0.0], [np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0]]]))
    assert same[0].nonzero() == (np.array([0]), np.array([0])) and not other.any()


def three(seed: int = 0) -> list[Artifact]:
    """Three models with two layers; the third has another second layer, and no attention."""
    rng = np.random.default_rng(seed)
    base = {f"layers.{k}.mlp.up": rng.standard_normal((6, 4)) for k in (0, 1)}
    base["layers.1.mlp.up"][5, 3] = 0.0
    base |= {"layers.0.attn.o": rng.standard_normal((4, 4)), "embed": rng.standard_normal((5, 4))}
    base |= {"lm_head": rng.standard_normal((5, 4)), "layers.0.attn_norm": np.ones(4), "norm": np.ones(4)}
    child = base | {"layers.0.mlp.up": base["layers.0.mlp.up"] + 0.1, "embed": 2.0 * base["embed"]}
    child["lm_head"] = -base["lm_head"]
    third = {r: v for r, v in base.items() if "attn.o" not in r}
    third["layers.1.mlp.up"] = base["layers.1.mlp.up"] + np.eye(6, 4)
    return [
        held(w, name=n, heads=2, head_dim=2, layers=2) for n, w in (("base", base), ("child", child), ("third", third))
    ]


@pytest.mark.parametrize("at_once", [4_000_000, 24, 1])
def test_what_is_measured_of_models_in_memory(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is held at a time; what a model lacks is unknown, and shares nothing."""
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    models = three()
    found = kinship(models)
    assert found.names == ("base", "child", "third") and found.gaps == ("", "", "") and found.whole
    spans = {s.role: s for s in found.spans}
    assert set(spans) == {"layers.0.mlp.up", "layers.1.mlp.up", "layers.0.attn.o"}
    first, second, output = (spans[f"layers.{p}"] for p in ("0.mlp.up", "1.mlp.up", "0.attn.o"))
    assert first.squares == pytest.approx(np.array([[0, 0.24, 0], [0.24, 0, 0.24], [0, 0.24, 0]]), abs=1e-6)
    assert second.squares == pytest.approx(np.array([[0, 0, 4], [0, 0, 4], [4, 4, 0]]), abs=1e-6)
    assert second.equal[0] == pytest.approx([23 / 24, 23 / 24, 19 / 24])  # zeros say nothing
    assert first.equal[0].tolist() == [1, 0, 1]
    assert np.isnan(output.squares[2]).all() and np.isnan(output.squares[:, 2]).all()
    assert output.squares[:2, :2] == pytest.approx(np.zeros((2, 2)), abs=1e-9)
    assert output.equal.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert (first.values, output.values) == (24, 16)
    up = models[1].weights.tensors[models[1].names["layers.0.mlp.up"]].values().astype(float)
    ours = models[0].weights.tensors[models[0].names["layers.0.mlp.up"]].values().astype(float)
    assert first.scale == pytest.approx(max((up**2).sum(), (ours**2).sum()))
    # four rows of each matrix of the layers, and the embedding's five, which were only scaled
    assert found.rows == 3 * 4 + 5
    same, other = (np.bitwise_count(bits).sum(axis=2).tolist() for bits in (found.same, found.other))
    assert (same[0][0], same[2][2], same[0][1]) == (17, 13, 13) and other[0][1] == 4
    assert found.blocks().shape == (1, 3, 3) and found.blocks()[0, 0, 1] == 4


def test_a_few_values_of_a_matrix_are_asked_for_being_equal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sixth of 24: rows 0, 1, 3 and 4 at columns 0, 2, 0 and 2; the third model differs in the first of them."""
    monkeypatch.setattr(module, "SAMPLED", 4)
    second = next(s for s in kinship(three()).spans if s.role == "layers.1.mlp.up")
    assert second.equal[0].tolist() == [1, 1, 3 / 4]
    monkeypatch.setattr(module, "BODY_ROWS", 2)
    monkeypatch.setattr(module, "TOKEN_ROWS", 3)
    assert kinship(three()).rows == 3 * 2 + 3


def test_a_sample_reads_its_share_of_every_matrix() -> None:
    """Half of 64 values: three of six rows, two of four."""
    found = kinship(three(), most=32)
    assert not found.whole and {s.role: s.values for s in found.spans} == {
        "layers.0.mlp.up": 12,
        "layers.1.mlp.up": 12,
        "layers.0.attn.o": 8,
    }
    assert kinship(three(), most=64).whole and not kinship(three(), most=63).whole


def test_a_matrix_that_one_model_alone_has_is_no_span() -> None:
    models = three()
    alone = held({"layers.0.mlp.up": np.ones((3, 4)), "embed": np.ones((5, 4))}, name="odd", heads=2, head_dim=2)
    found = kinship([*models, alone])
    assert found.gaps == ("", "", "", "its matrices have other shapes")
    assert {s.role for s in found.spans} == {"layers.0.mlp.up", "layers.1.mlp.up", "layers.0.attn.o"}
    pairs = only(found, [3, 1])
    assert pairs.names == ("odd", "child") and pairs.gaps == ("its matrices have other shapes", "")
    assert pairs.spans[0].squares[1, 1] == 0 and np.isnan(pairs.spans[0].squares[0]).all()
    assert pairs.tables == (found.tables[3], found.tables[1])
    assert kinship([models[0]]).spans == ()


def test_a_model_whose_values_cannot_be_read_there_is_left_out_of_a_matrix() -> None:
    values = np.random.default_rng(1).standard_normal((3, 4))
    whole = pair(values, values)
    damaged = replace(whole, b=replace(whole.b, tensor=replace(whole.b.tensor, dtype="C64")))
    found = _span("layers.0.mlp.up", whole, [whole, damaged, None, pair(values, 2 * values)], 1.0)
    assert found.values == 12 and found.equal[0].tolist() == [1, 0, 0, 0]
    assert found.squares[0, 3] == pytest.approx((values.astype(np.float32) ** 2).sum())
    assert np.isnan(found.squares[1]).all() and np.isnan(found.squares[:, 2]).all()
    assert _span("layers.0.mlp.up", whole, [whole, damaged], 1.0).values == 0
    ((same, other),) = _rows(whole, [whole, damaged], np.array([0, 2]))
    assert same[:, 0, 0].all() and not same[:, 0, 1].any() and not other.any()
