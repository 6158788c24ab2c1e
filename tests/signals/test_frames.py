"""Common coordinates from tokens: permutations and rotations are found, and no flip moves what is compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from disguises import disguise
from disguises.network import read as taken_apart
from edits import edit
from forebear.artifacts import Artifact, read_artifact
from forebear.signals.frames import FEWEST_TOKENS, MOST_TOKENS, common_tokens, frame_of, token_frame
from forebear.signals.seen import seen
from forebear.sources import open_source
from models import tiny_llama, tokenizer


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def clouds(seed: int, n: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, width)).astype(np.float32)


def orthogonal(seed: int, width: int) -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((width, width)))
    return q.astype(np.float32)


@pytest.mark.parametrize(("n", "width"), [(300, 48), (80, 200)], ids=["more points than width", "fewer"])
def test_a_permutation_with_signs_is_found_dimension_by_dimension(n: int, width: int) -> None:
    rng, one = np.random.default_rng(5), clouds(0, n, width)
    order, signs = rng.permutation(width), rng.choice([-1.0, 1.0], width)
    frame = frame_of(one, (one * signs)[:, order] + 0.1 * clouds(1, n, width), "tokens")
    assert frame.dims is not None and frame.signs is not None and len(frame.dims) > 0.9 * width
    assert all(order[b] == a for a, b in frame.dims)
    assert np.array_equal(frame.signs, signs[frame.dims[:, 0]])
    rows = clouds(2, 20, width)
    assert np.allclose(frame.of_a(rows), frame.of_b((rows * signs)[:, order].astype(np.float32)))
    assert np.allclose(frame.of_a(rows), rows @ frame.a) and np.allclose(frame.of_b(rows), rows @ frame.b)
    assert frame.of_a(rows, 7).shape == frame.of_b(rows, 7).shape == (20, 7)


def test_a_rotation_is_found_and_of_fewer_points_than_width_in_their_span() -> None:
    for n, width, k in ((300, 48, 48), (80, 200, 80)):
        one, turn = clouds(0, n, width), orthogonal(3, width)
        frame = frame_of(one, one @ turn, "tokens")
        assert frame.dims is None and frame.columns is None and frame.a.shape == frame.b.shape == (width, k)
        rows = clouds(2, 20, n) @ one  # in the span
        assert np.allclose(frame.of_a(rows), frame.of_b(rows @ turn), atol=2e-3 * np.abs(rows).max())
        assert np.allclose(frame.a.T @ frame.a, np.eye(k), atol=1e-4)


def test_models_of_other_widths_meet_in_the_smaller_one() -> None:
    one = clouds(0, 400, 40)
    wide = np.concatenate([one, 0.01 * clouds(1, 400, 24)], axis=1) @ orthogonal(3, 64)
    frame = frame_of(one, wide, "tokens")
    assert frame.a.shape == (40, 40) and frame.b.shape == (64, 40)
    assert np.allclose(one @ frame.a, wide @ frame.b, atol=0.1)


@pytest.mark.parametrize("disguised", ["permute-residual", "rotate"])
def test_flipped_dimensions_of_the_reference_move_no_coordinate(disguised: str, tmp_path: Path) -> None:
    """Flips of the residual stream go into the frame (and its signs), and everything compared in it stays."""
    base = tiny_llama(tmp_path / "base", 1, dtype="F32")
    child = opened(disguise(base, tmp_path / "child", [disguised, "noise:0.2"], 2))
    flipped = disguise(base, tmp_path / "flipped", ["flip-residual"], 3)
    signs = np.sign(taken_apart(flipped).weights["embed"] / taken_apart(base).weights["embed"])[0]
    assert 16 < (signs < 0).sum() < 48
    frames = [token_frame(opened(m), child) for m in (base, flipped)]
    rows = [seen(opened(m), 1, "mlp.up") for m in (base, flipped)]
    assert frames[0] is not None and frames[1] is not None and rows[0] is not None and rows[1] is not None
    assert np.allclose(frames[0].of_a(rows[0]) @ frames[0].b.T, frames[1].of_a(rows[1]) @ frames[1].b.T, atol=1e-4)
    assert (frames[0].dims is None) == (disguised == "rotate")
    if frames[0].dims is not None and frames[0].signs is not None:
        assert frames[1].dims is not None and frames[1].signs is not None
        assert np.array_equal(frames[0].dims, frames[1].dims)
        assert np.array_equal(frames[1].signs, frames[0].signs * signs[frames[0].dims[:, 0]])


def test_between_independent_models_a_rotation_is_taken(tmp_path: Path) -> None:
    a, b = (opened(tiny_llama(tmp_path / str(s), s, hidden=128, vocabulary=512)) for s in (1, 2))
    frame = token_frame(a, b)
    assert frame is not None and frame.dims is None and frame.points == 512


def test_tokens_are_met_by_string_else_by_number_where_vocabularies_match(tmp_path: Path) -> None:
    a = tiny_llama(tmp_path / "a", 1)
    b = disguise(a, tmp_path / "b", ["renumber-tokens"], 1)
    ids_a, ids_b, made_from = common_tokens(opened(a), opened(b))
    assert made_from == "tokens" and len(ids_a) == 256 and not np.array_equal(ids_a, ids_b)
    one, two = taken_apart(a).weights["embed"], taken_apart(b).weights["embed"]
    assert np.array_equal(one[ids_a], two[ids_b])
    for folder in (a, b):
        (folder / "tokenizer.json").unlink()
    ids_a, ids_b, made_from = common_tokens(opened(a), opened(b))
    assert made_from == "rows" and np.array_equal(ids_a, ids_b) and len(ids_a) == 256
    other = tiny_llama(tmp_path / "other", 1, vocabulary=300, tokenizer=None)
    assert len(common_tokens(opened(a), opened(other))[0]) == 0


def test_of_many_tokens_some_are_taken_and_of_too_few_none(tmp_path: Path) -> None:
    many = opened(tiny_llama(tmp_path / "many", 1, hidden=16, head_dim=4, layers=1, vocabulary=2 * MOST_TOKENS))
    ids, _, _ = common_tokens(many, many)
    assert len(np.unique(ids)) == MOST_TOKENS and ids[-1] > 1.9 * MOST_TOKENS
    few = tokenizer(256)
    few["model"]["vocab"] = {f"{t}…" if k >= FEWEST_TOKENS else t: k for t, k in few["model"]["vocab"].items()}
    base = opened(tiny_llama(tmp_path / "base", 1))
    assert token_frame(base, opened(tiny_llama(tmp_path / "just", 2, tokenizer=few))) is not None
    few["model"]["vocab"] = {f"{t}…" if k >= FEWEST_TOKENS - 1 else t: k for t, k in few["model"]["vocab"].items()}
    assert token_frame(base, opened(tiny_llama(tmp_path / "few", 2, tokenizer=few))) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, 3e38, 1e-38])
def test_an_embedding_of_one_value_gives_a_frame_of_numbers(value: float, tmp_path: Path) -> None:
    a, b = (tiny_llama(tmp_path / str(s), s) for s in (1, 2))
    edit(b, lambda n, v: np.full_like(v, value) if "embed" in n else v)
    for one, two in ((a, b), (b, a), (b, b)):
        frame = token_frame(opened(one), opened(two))
        assert frame is not None and np.isfinite(frame.a).all() and np.isfinite(frame.b).all()
