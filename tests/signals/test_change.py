"""What lies between two models, tensor by tensor."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bodies import opened
from disguises import disguise
from edits import copy, drifted, edit, permute_experts, rebuilt, upcycled, with_layers
from forebear.artifacts import Artifact
from forebear.signals import change
from forebear.signals.change import Change, Changes, _Pattern, _plan, _ranges, _Sums, changes
from forebear.signals.counterparts import Pair, counterparts
from models import tiny, tiny_llama
from signals.held import held

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


# -- by hand -----------------------------------------------------------------------------------------------------------

UP = "layers.1.mlp.up"
PLAIN = Change(UP, UP, (2, 3), 6, 4.0, 9.0, 3.0, 1.0, 0.25, 4, 3, 0, 0, ("", ""), (24, 24))


@pytest.mark.parametrize(
    ("role", "other", "layer", "body", "from_dense"),
    [
        ("layers.2.mlp.up", "layers.13.mlp.up", 13, True, False),
        ("layers.2.mlp.up", "layers.13.mlp.gate", 13, False, False),
        ("layers.2.attn.q", "layers.2.attn.q", 2, True, False),
        ("layers.2.experts.1.up", "layers.2.experts.3.up", 2, True, False),
        ("layers.2.mlp.up", "layers.2.experts.3.up", 2, False, True),
        ("layers.2.experts.3.up", "layers.2.mlp.up", 2, False, True),
        ("layers.2.router", "layers.2.router", 2, False, False),
        ("embed", "embed", None, False, False),
    ],
)
def test_what_a_change_is_of(role: str, other: str, layer: int | None, body: bool, from_dense: bool) -> None:
    found = replace(PLAIN, role=role, other=other)
    assert (found.layer, found.body, found.from_dense) == (layer, body, from_dense)
    assert not replace(found, shape=(6,)).body


def test_drift_is_the_length_of_the_difference_in_lengths_of_a() -> None:
    assert (PLAIN.drift, PLAIN.drift_kept, PLAIN.cosine) == (0.5, 0.25, 0.5)
    empty = replace(PLAIN, square_a=0.0)
    assert (empty.drift, empty.drift_kept, empty.cosine) == (float("inf"), float("inf"), 0.0)
    assert replace(empty, square=0.0).drift == replace(empty, square=0.0).drift_kept == 0.0


def test_untouched_is_what_only_a_change_of_format_moved() -> None:
    """In one format nothing may have moved; between 8 and 24 bits, a share of 2^-8 of the length."""
    for precision, share, untouched in (
        ((24, 24), 0.0, True),
        ((24, 24), 1e-9, False),
        ((8, 24), 2.0**-8, True),
        ((24, 8), 2.0**-8, True),
        ((24, 8), 2.0**-7.9, False),
        ((11, 24), 2.0**-11, True),
        ((11, 24), 2.0**-10.9, False),
    ):
        found = replace(PLAIN, precision=precision, square_kept=4 * share**2)
        assert found.untouched is untouched
        assert not replace(found, zeros_a=1).untouched and not replace(found, zeros_b=1).untouched


def test_changes_are_told_by_the_median_of_the_body() -> None:
    """Drifts of 1/2, 1 and 2 in two layers; a norm, an empty matrix and an embedding are not asked."""
    one, two, three = (replace(PLAIN, square=4 * d * d, square_kept=d * d) for d in (0.5, 1.0, 2.0))
    two, three = (replace(c, other="layers.0.mlp.up") for c in (two, three))
    apart = [replace(one, shape=(6,)), replace(one, values=0), replace(one, role="embed", other="embed")]
    found = Changes((one, *apart, two, three))
    assert found.body == (one, two, three) and (found.drift, found.drift_kept) == (1.0, 0.5)
    assert list(found.by_layer().items()) == [(0, 1.5), (1, 0.5)]
    assert found.equal == 9 / 12 and Changes((one, replace(two, equal=0))).equal == 3 / 8
    none = Changes(tuple(apart))
    assert (none.drift, none.drift_kept, none.equal, none.by_layer()) == (None, None, None, {})
    assert Changes((replace(one, nonzero=0, equal=0),)).equal is None


@pytest.mark.parametrize(
    ("rows", "most", "step", "ranges"),
    [
        (7, 7, 3, [(0, 3), (3, 6), (6, 7)]),
        (7, 9, 10, [(0, 7)]),
        (0, 4, 5, []),
        (10, 4, 100, [(0, 1), (3, 4), (6, 7), (9, 10)]),
        (100, 10, 100, [(0, 2), (32, 34), (65, 67), (98, 100)]),
        (100, 10, 1, [(k + d, k + d + 1) for k in (0, 32, 65, 98) for d in (0, 1)]),
        (100, 12, 2, [(0, 2), (2, 3), (32, 34), (34, 35), (64, 66), (66, 67), (97, 99), (99, 100)]),
        (100, 3, 100, [(0, 1), (49, 50), (99, 100)]),
    ],
)
def test_sampled_rows_lie_in_four_pieces_evenly_spaced(
    rows: int, most: int, step: int, ranges: list[tuple[int, int]]
) -> None:
    assert _ranges(rows, most, step) == ranges


def test_sums_by_hand() -> None:
    """Of a pair with a value that is no number neither value counts; zeros on both sides are nobody's alone."""
    sums = _Sums()
    sums.add(np.array([[1, 0, 2, np.nan]], np.float32), np.array([[1, 3, 0, 5]], np.float32))
    assert (sums.values, sums.nonzero, sums.equal, sums.zeros_a, sums.zeros_b) == (3, 2, 1, 1, 1)
    assert (sums.square_a, sums.square_b, sums.product, sums.square, sums.square_kept) == (5, 10, 1, 13, 0)
    assert sums.precision == [8, 8]
    sums.add(np.array([[0, 0, 1.1, 2]], np.float32), np.array([[0, 0, 1.5, 4]], np.float32))
    sums.add(np.array([[0, 0, 4, 2]], np.float32), np.array([[0, 0, 4, 1 + 2.0**-10]], np.float32))
    assert (sums.values, sums.nonzero, sums.equal, sums.zeros_a, sums.zeros_b) == (11, 6, 2, 1, 1)
    assert sums.square_kept == pytest.approx(0.16 + 4 + (1 - 2.0**-10) ** 2)
    assert sums.square == pytest.approx(13 + sums.square_kept) and sums.precision == [24, 11]


def rows_of(layers: int, rows: int, start: float = 0.0, **other: Any) -> Artifact:
    ups = {f"layers.{k}.mlp.up": start + k + np.arange(2.0 * rows).reshape(rows, 2) for k in range(layers)}
    return held({"embed": np.ones((300, 2)), **ups, **other})


def paired(a: Artifact, b: Artifact, layers: int) -> Sequence[Pair]:
    return counterparts(a, b, [(k, k) for k in range(layers)], None)[0]


def test_a_sample_takes_many_rows_of_one_layer_and_few_of_some() -> None:
    """Of 20 layers the eleventh whole, then every other one; the rest comes last and is not read."""
    pairs = paired(rows_of(20, 400), rows_of(20, 400), 20)
    found = [(p.other, most) for p, most in _plan(pairs, False)]
    layers = [10, *(k for k in range(0, 20, 2) if k != 10), *range(1, 20, 2)]
    assert [name for name, _ in found] == ["embed", *(f"layers.{k}.mlp.up" for k in layers)]
    assert [most for _, most in found] == [256, 320, *[16] * 9, *[0] * 10]
    assert {most for _, most in _plan(pairs, True)} == {300, 400}
    few = [(p.other, most) for p, most in _plan(paired(rows_of(4, 5), rows_of(4, 5), 4), False)]
    assert few == [("embed", 256), *((f"layers.{k}.mlp.up", 5) for k in (2, 0, 1, 3))]


def test_what_a_sample_cannot_pay_for_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bytes of both models: 4096 of an embedding, 5120 of the middle layer, 256 of the others."""
    a, b = rows_of(3, 400), rows_of(3, 400, 5.0)
    straight = [(k, k) for k in range(3)]
    named = {k: f"layers.{k}.mlp.up" for k in range(3)}
    for budget, unread in (
        (4096 + 5120 + 512, ()),
        (4096 + 5120 + 511, (named[2],)),
        (4096 + 5119, (named[1],)),
        (4095, ("embed", named[1])),
        (255, ("embed", named[1], named[0], named[2])),
    ):
        monkeypatch.setattr(change, "SAMPLE", budget)
        found = changes(a, b, straight, whole=False)
        assert found.unread == unread and not found.whole and found.layers == tuple(straight)
        assert [c.other for c in found.each] == [n for n in ("embed", *named.values()) if n not in unread]
        assert not found.only_a and not found.only_b
    whole = changes(a, b, straight, whole=True)
    assert whole.whole and whole.unread == () and [c.values for c in whole.each] == [600, 800, 800, 800]


def test_what_one_of_two_has_alone_is_told_with_its_size() -> None:
    gains: dict[str, Any] = {"layers.0.attn_norm": np.ones(2)}
    found = changes(rows_of(1, 4, **gains), rows_of(1, 4, norm=np.ones(2)), [(0, 0)], whole=True)
    assert found.only_a == {"layers.0.attn_norm": 2} and found.only_b == {"norm": 2} and found.whole
    (norm,) = changes(held(gains), held(gains), [(0, 0)], whole=True).each
    assert norm.shape == (2,) and norm.rank is None and not norm.body


def test_rank_is_told_of_whole_matrices_and_of_enough_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what was removed is looked for where the rank is low, but not nothing."""
    asked: list[tuple[int, int, int, bool]] = []

    def noted(blocks: object, rows: int, width: int, rank: int, *, whole: bool) -> None:
        asked.append((rows, width, rank, whole))

    monkeypatch.setattr(change, "removal", noted)
    rng = np.random.default_rng(0)
    base = rng.standard_normal((400, 16)).astype(np.float32)
    update = np.outer(rng.standard_normal(400), rng.standard_normal(16))

    def found(other: np.ndarray, rows: int = 400, whole: bool = True) -> Change:
        a, b = (held({"layers.0.mlp.up": v[:rows]}) for v in (base, other))
        (one,) = changes(a, b, [(0, 0)], whole).each
        return one

    low = found(base + update)
    assert low.rank is not None and (low.rank.rank, low.rank.rows, low.rank.columns) == (1, 400, 16)
    assert asked == [(400, 16, 1, True)]
    sampled = found(base + update, whole=False)
    assert sampled.rank is not None and (sampled.rank.rows, sampled.values) == (320, 320 * 16)
    assert asked[1:] == [(320, 16, 1, False)]
    assert found(base + update, 5, whole=False).rank is not None and asked[2:] == [(5, 16, 1, True)]
    high = found(rng.standard_normal((400, 16)))
    assert high.rank is not None and high.rank.rank == 16 and found(base).rank is None
    assert len(asked) == 3
    monkeypatch.setattr(change, "RANK_ROWS", 401)
    assert found(base + update, whole=False).rank is not None
    monkeypatch.setattr(change, "_plan", lambda pairs, whole: ((p, 399) for p in pairs))
    assert found(base + update, whole=False).rank is None
