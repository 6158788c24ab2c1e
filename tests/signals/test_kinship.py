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
from forebear.signals.kinship import BLOCK, frame_of, kinship, one_row, only, packed
from forebear.sources import open_source
from models import tiny_llama


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
