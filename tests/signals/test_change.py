"""What lies between two models, tensor by tensor."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from disguises import disguise
from edits import copy, drifted, edit, permute_experts, rebuilt, upcycled, with_layers
from forebear.signals import change
from forebear.signals.change import _Pattern, changes
from models import tiny, tiny_llama

F32 = NDArray[np.float32]
STRAIGHT = [(k, k) for k in range(4)]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "base", seed=1)


def test_sums_are_those_of_the_values(base: Path) -> None:
    child = drifted(base, "child", 0.1)
    a, b = opened(base), opened(child)
    found = changes(a, b, STRAIGHT, whole=True)
    assert found.whole and not found.unread and not found.only_a and not found.only_b
    assert len(found.each) == len(a.weights.tensors) and len(found.body) == 4 * 7
    for one in found.each:
        x, y = (m.weights.tensors[m.names[one.role]].values().astype(np.float64) for m in (a, b))
        assert one.values == x.size and one.nonzero == (x != 0).sum()
        assert one.square == pytest.approx(((y - x) ** 2).sum()) and one.product == pytest.approx((x * y).sum())
        assert one.square_a == pytest.approx((x * x).sum()) and one.square_b == pytest.approx((y * y).sum())
        assert one.equal == ((x == y) & (x != 0)).sum()
        assert one.drift == pytest.approx(np.linalg.norm(y - x) / np.linalg.norm(x))
    assert found.drift == pytest.approx(0.1, rel=0.1) and found.equal is not None and found.equal < 0.1
    assert set(found.by_layer()) == {0, 1, 2, 3}


@pytest.mark.parametrize("family", ["qwen2", "mixtral", "gpt2", "gpt_neox"])
def test_every_tensor_is_read_once_in_every_family(family: str, tmp_path: Path) -> None:
    base = tiny(family, tmp_path / "base", seed=1)
    a, b = opened(base), opened(drifted(base, "child", 0.1))
    found = changes(a, b, STRAIGHT, whole=True)
    assert sum(c.values for c in found.each) == a.parameters and found.whole
    assert found.drift == pytest.approx(0.1, rel=0.2)


def test_fused_and_separate_tensors_of_one_model_are_the_same(base: Path, tmp_path: Path) -> None:
    fused = disguise(base, tmp_path / "fused", ["fuse"])
    one, two = opened(base), opened(fused)
    for a, b in ((one, two), (two, one)):
        found = changes(a, b, STRAIGHT, whole=True)
        assert found.drift == 0.0 and found.equal == 1.0 and len(found.body) == 4 * 7


def test_zeros_are_counted_on_the_side_that_has_them_and_patterns_are_named(base: Path) -> None:
    pruned = copy(base, "pruned")

    def two_of_four(name: str, v: F32) -> F32:
        if "proj" not in name:
            return v
        groups = v.reshape(-1, 4)
        order = np.argsort(np.abs(groups), axis=1)
        np.put_along_axis(groups, order[:, :2], 0, axis=1)
        return groups.reshape(v.shape)

    edit(pruned, two_of_four)
    a, b = opened(base), opened(pruned)
    there, back = changes(a, b, STRAIGHT, True), changes(b, a, STRAIGHT, True)
    assert all(c.zeros_b == c.values // 2 and not c.zeros_a and c.square_kept == 0 for c in there.body)
    assert all(c.zeros_a == c.values // 2 and not c.zeros_b for c in back.body)
    assert {c.patterns for c in there.body} == {("", "2:4")} and {c.patterns for c in back.body} == {("2:4", "")}
    assert there.drift_kept == 0.0 and not any(c.untouched for c in there.body)


def test_embedding_rows_are_found_by_token_string(base: Path, tmp_path: Path) -> None:
    renumbered = disguise(base, tmp_path / "renumbered", ["renumber-tokens"], seed=2)
    found = changes(opened(base), opened(renumbered), STRAIGHT, True)
    embed = next(c for c in found.each if c.role == "embed")
    assert embed.cosine == pytest.approx(1.0) and embed.values == 256 * 64
    assert found.tokens is not None and found.tokens.moved > 200 and not found.tokens.only_a
    trimmed = disguise(base, tmp_path / "trimmed", ["trim-vocabulary"], seed=2)
    found = changes(opened(base), opened(trimmed), STRAIGHT, True)
    assert found.tokens is not None and found.tokens.only_a == 85 and found.tokens.only_b == 0
    assert all(c.square == 0 for c in found.each if c.role in ("embed", "lm_head"))
    (base / "tokenizer.json").unlink()
    found = changes(opened(base), opened(trimmed), STRAIGHT, True)
    assert found.tokens is not None and found.tokens.by == "row" and len(found.tokens.ids) == 256 - 85


def test_layers_go_by_the_map_that_is_given(base: Path) -> None:
    short = rebuilt(base, "short", with_layers([0, 2, 3]), num_hidden_layers=3)
    found = changes(opened(base), opened(short), [(0, 0), (2, 1), (3, 2)], True)
    assert found.drift == 0.0 and {c.role.split(".")[1] for c in found.body} == {"0", "2", "3"}
    assert found.only_a and all(".1." in role for role in found.only_a) and not found.only_b
    wrong = changes(opened(base), opened(short), [(0, 0), (1, 1), (2, 2)], True)
    assert wrong.drift is not None and wrong.drift > 1


def test_experts_meet_the_mlp_that_they_were_made_from_and_each_other_by_router(base: Path) -> None:
    made = upcycled(base, "made", 0.005)
    found = changes(opened(base), opened(made), STRAIGHT, True)
    dense = [c for c in found.each if c.from_dense]
    assert len(dense) == 4 * 4 * 3 and min(c.cosine for c in dense) > 0.99
    assert not any(c.body for c in dense) and len(found.body) == 4 * 4
    experts = tiny(family="mixtral", folder=base.parent / "experts", seed=2)
    shuffled = copy(experts, "shuffled")
    permute_experts(shuffled, [2, 0, 3, 1])
    found = changes(opened(experts), opened(shuffled), STRAIGHT, True)
    assert found.drift == 0.0 and any(c.role != c.other for c in found.body)


def test_a_sample_reads_no_more_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base = tiny_llama(tmp_path / "base", hidden=128, intermediate=512, layers=12)
    child = drifted(base, "child", 0.1)
    monkeypatch.setattr(change, "SAMPLE", 1_000_000)
    a, b = opened(base), opened(child)
    before = [m.source.bytes_read for m in (a, b)]
    found = changes(a, b, [(k, k) for k in range(12)], whole=False)
    read = sum(m.source.bytes_read - was for m, was in zip((a, b), before, strict=True))
    assert not found.whole and found.unread and 0 < read <= 2.5 * change.SAMPLE  # differences of rank are read twice
    assert found.drift == pytest.approx(0.1, rel=0.2)
    assert any(c.rank is not None for c in found.body) and not all(c.rank is not None for c in found.body)


def test_values_that_are_no_numbers_leave_the_sums_finite(base: Path) -> None:
    broken = copy(base, "broken")
    edit(broken, lambda n, v: np.full_like(v, np.nan) if "up_proj" in n else v)
    found = changes(opened(base), opened(broken), STRAIGHT, True)
    assert all(np.isfinite(c.square) for c in found.each)
    assert sum(c.values == 0 for c in found.each) == 4 and found.drift == 0.0


def test_other_widths_are_said_not_to_be_compared(base: Path, tmp_path: Path) -> None:
    wide = tiny_llama(tmp_path / "wide", hidden=96, seed=1)
    found = changes(opened(base), opened(wide), STRAIGHT, True)
    assert not found.body and found.drift is None and found.unread and not found.whole
    config = json.loads((wide / "config.json").read_text())
    (wide / "config.json").write_text(json.dumps({**config, "num_attention_heads": 5}))
    assert changes(opened(base), opened(wide), STRAIGHT, True).drift is None


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        ([[0, 0, 1, 1, 1, 0, 0, 1]], "2:4"),
        ([[0, 0, 0, 1, 1, 1, 1, 0]], "4:8"),  # three and one of four, four of eight
        ([[0, 0, 1, 1, 1, 1, 1, 0]], ""),
        ([[0, 0, 1, 1]], "2:4"),
        ([[0, 0, 0, 0, 1, 0]], ""),  # no whole number of fours
        ([[0, 0, 0, 0]], ""),  # all zeros are none
        ([[0, 0, 1, 1], [0, 1, 1, 1]], ""),
    ],
)
def test_patterns_of_zeros_hold_in_every_row(rows: list[list[int]], name: str) -> None:
    pattern = _Pattern()
    for row in rows:
        pattern.add(np.array([row]) == 0)
    assert pattern.name == name
