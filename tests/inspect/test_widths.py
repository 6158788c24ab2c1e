"""Wider and narrower models: what the wider one has more tells who came first, and only where it leaves no doubt."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import forebear
from disguises import disguise
from disguises.network import Network, read, write
from documents import check_document
from edits import move_gains
from forebear.types import Comparison
from models import tiny, tiny_llama

F32 = NDArray[np.float32]
Change = Callable[[Network], Network]
MORE = 16
"""Parts that are added in a test, neurons and dimensions."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("widths") / "base"
    tiny_llama(folder, seed=1, hidden=64, intermediate=128, heads=4, kv_heads=4, head_dim=16)
    move_gains(folder, 9)
    return folder


def both(narrow: Path, wide: Path) -> Comparison:
    """The comparison with the wider one as the model; in the other order it says the same."""
    there, back = forebear.compare(str(narrow), str(wide)), forebear.compare(str(wide), str(narrow))
    for result in (there, back):
        check_document(result.to_json())
    assert there.relation.details["kinds"] == back.relation.details["kinds"]
    opposite = {"a_to_b": "b_to_a", "b_to_a": "a_to_b", "unknown": "unknown"}
    assert back.relation.direction == opposite[there.relation.direction]
    return there


def told(narrow: Path, wide: Path) -> tuple[str, str]:
    """Kind and direction; ``a_to_b`` where the wider one is the later one."""
    result = both(narrow, wide)
    return result.relation.kind, result.relation.direction


def changed(base: Path, out: Path, change: Change) -> Path:
    return write(change(read(base)), out)


def padded(fill: Callable[[str, F32, np.random.Generator], F32], more: int = MORE) -> Change:
    """More neurons in every MLP: of each part, ``fill`` makes the new rows from its name and random ones."""

    def change(network: Network) -> Network:
        rng = np.random.default_rng(3)

        def grow(role: str, x: F32) -> F32:
            drawn = (x.std() * rng.standard_normal((more, *x.shape[1:]))).astype(np.float32)
            return np.concatenate([x, fill(role, drawn, rng)])

        return network.along("neuron", grow)

    return change


def without(*parts: str) -> Callable[[str, F32, np.random.Generator], F32]:
    """New neurons for which these parts are zero."""
    return lambda role, drawn, _: 0 * drawn if role.split("mlp.")[-1] in parts else drawn


@pytest.mark.parametrize("parts", [("down",), ("up",), ("gate",), ("up", "gate")])
def test_neurons_that_do_nothing_are_padding(base: Path, tmp_path: Path, parts: tuple[str, ...]) -> None:
    wide = changed(base, tmp_path / "wide", padded(without(*parts)))
    assert told(base, wide) == ("width_expanded", "a_to_b")


def test_padding_behind_a_disguise_is_padding(base: Path, tmp_path: Path) -> None:
    for number, steps in enumerate((["permute-residual", "permute-heads"], ["flip-neurons"])):
        result = both(base, disguise(base, tmp_path / f"{number}", ["pad-dead", *steps]))
        assert "width_expanded" in result.relation.details["kinds"] and result.relation.direction == "a_to_b"
    rotated = both(base, disguise(base, tmp_path / "rotated", ["pad-dead", "rotate"]))
    assert "width_expanded" in rotated.relation.details["kinds"] and rotated.relation.direction in ("a_to_b", "unknown")


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "qwen3", "mixtral"])
@pytest.mark.parametrize("step", ["pad-dead", "pad-duplicates"])
def test_every_family_shows_its_padding(tmp_path: Path, family: str, step: str) -> None:
    start = tiny(family, tmp_path / "start", 1)
    assert told(start, disguise(start, tmp_path / "wide", [step])) == ("width_expanded", "a_to_b")


@pytest.mark.sweep(4)
@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox", "qwen3", "mixtral"])
@pytest.mark.parametrize("step", ["prune-neurons", "prune-heads", "prune-residual"])
def test_every_family_shows_what_it_has_lost(tmp_path: Path, family: str, step: str) -> None:
    start = tiny(family, tmp_path / "start", 1)
    assert told(disguise(start, tmp_path / "narrow", [step]), start) == ("width_pruned", "b_to_a")


def test_a_zero_gate_is_not_nothing_where_the_activation_is_not(base: Path, tmp_path: Path) -> None:
    def sigmoid(network: Network) -> Network:
        wide = padded(without("gate"))(network)
        return wide.with_(wide.weights, config={**wide.config, "hidden_act": "sigmoid"})

    assert told(base, changed(base, tmp_path / "wide", sigmoid))[1] == "unknown"


def test_neurons_that_hardly_do_anything_tell_no_direction(base: Path, tmp_path: Path) -> None:
    """A pruner takes away the weakest, and a padder may add noise: nobody can say which it was."""
    wide = changed(base, tmp_path / "wide", padded(lambda role, drawn, _: drawn * np.float32(1e-3)))
    assert told(base, wide) == ("width_expanded", "unknown")


def test_neurons_that_cancel_each_other_are_not_the_wider_models_own(base: Path, tmp_path: Path) -> None:
    def cancel(role: str, drawn: F32, _: np.random.Generator) -> F32:
        half = drawn[: MORE // 2]
        return np.concatenate([half, -half if role.endswith("down") else half])

    assert told(base, changed(base, tmp_path / "wide", padded(cancel)))[1] != "b_to_a"


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox"])
def test_neurons_that_never_open_or_are_constant_tell_no_direction(tmp_path: Path, family: str) -> None:
    start = tiny(family, tmp_path / "start", 1)
    shut = changed(start, tmp_path / "shut", padded(lambda role, x, _: 0 * x - 1e4 if role.endswith("bias") else x))
    constant = changed(start, tmp_path / "constant", padded(without("up")))
    for wide in (shut, constant):
        assert told(start, wide)[1] == "unknown"


@pytest.mark.parametrize("part", ["up", "down"])
def test_neurons_that_are_no_numbers_tell_no_direction(base: Path, tmp_path: Path, part: str) -> None:
    wide = changed(base, tmp_path / "wide", padded(lambda role, x, _: x * np.float32(np.nan) if part in role else x))
    assert told(base, wide) == ("width_pruned", "unknown")


def test_neurons_of_its_own_are_what_a_pruned_model_lost(base: Path, tmp_path: Path) -> None:
    narrow = disguise(base, tmp_path / "narrow", ["prune-neurons", "permute-neurons"])
    assert told(narrow, base) == ("width_pruned", "b_to_a")


def test_two_that_were_cut_from_a_third_are_siblings(base: Path, tmp_path: Path) -> None:
    one = disguise(base, tmp_path / "one", ["prune-neurons:0.25"], seed=1)
    two = disguise(base, tmp_path / "two", ["prune-neurons:0.5"], seed=2)
    assert told(two, one)[1] == "unknown"


@pytest.mark.parametrize("step", ["prune-neurons", "prune-heads", "prune-residual", "pad-dead", "pad-duplicates"])
def test_a_sibling_that_hardly_moved_is_no_parent(base: Path, tmp_path: Path, step: str) -> None:
    """A few steps of reinforcement learning leave most 16-bit values as they were, and a drift of a thousandth."""
    rng = np.random.default_rng(7)

    def nudge(network: Network) -> Network:
        made = {
            r: np.where(rng.random(v.shape) < 0.02, v * np.float32(1.004), v).astype(np.float32) if v.ndim == 2 else v
            for r, v in network.weights.items()
        }
        return network.with_(made)

    child = changed(base, tmp_path / "child", nudge)
    other = disguise(base, tmp_path / "other", [step])
    wider = step.startswith("pad")
    assert told(*((child, other) if wider else (other, child)))[1] == "unknown"


@pytest.mark.parametrize("step", ["prune-neurons", "prune-heads", "prune-residual"])
def test_another_float_format_is_no_training(tmp_path: Path, step: str) -> None:
    fine = tiny_llama(tmp_path / "fine", seed=1, hidden=64, intermediate=128, dtype="F32")
    whole = disguise(fine, tmp_path / "whole", ["permute-residual"])
    narrow = disguise(whole, tmp_path / "narrow", [step])
    coarse = changed(narrow, tmp_path / "coarse", lambda n: n.with_(n.weights, dtype="BF16"))
    assert told(coarse, whole) == ("width_pruned", "b_to_a")


@pytest.mark.parametrize("moved", ["attn.q", "layers.2.mlp.down", "layers.1.mlp.gate"])
def test_one_matrix_that_was_trained_leaves_the_direction_open(base: Path, tmp_path: Path, moved: str) -> None:
    """A sibling that trained few matrices: most of what is in common is equal, and neither was made from the other."""
    rng = np.random.default_rng(5)

    def train(network: Network) -> Network:
        made = {
            r: (v + 0.02 * v.std() * rng.standard_normal(v.shape)).astype(np.float32) if moved in r else v
            for r, v in network.weights.items()
        }
        return network.with_(made)

    for number, step in enumerate(("prune-neurons", "prune-heads", "prune-residual")):
        narrow = disguise(base, tmp_path / f"narrow-{number}", [step])
        assert told(narrow, changed(base, tmp_path / f"wide-{number}", train)) == ("width_pruned", "unknown")


def more_heads(fill: Callable[[str, F32], F32]) -> Change:
    """Half as many heads again: ``fill`` makes the new rows from its role and those of the first heads."""

    def change(network: Network) -> Network:
        count = network.heads // 2

        def grow(role: str, x: F32) -> F32:
            first = x[: count * network.head_dim]
            return np.concatenate([x, fill(role, first)]).astype(np.float32)

        wide = network.along("query key value mixed", grow)
        return wide.with_(wide.weights, heads=network.heads + count, kv_heads=network.kv_heads + count)

    return change


def test_heads_that_do_nothing_or_are_copies_were_added(base: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)

    def drawn(first: F32) -> F32:
        return np.asarray(first.std() * rng.standard_normal(first.shape), dtype=np.float32)

    idle = more_heads(lambda role, first: 0 * first if role.endswith("o") else drawn(first))
    silent = more_heads(lambda role, first: 0 * first if role.endswith("v") else drawn(first))
    copies = more_heads(lambda role, first: first)
    for name, change in (("idle", idle), ("silent", silent), ("copies", copies)):
        assert told(base, changed(base, tmp_path / name, change)) == ("width_expanded", "a_to_b")
    broken = more_heads(lambda role, first: first * np.float32(np.nan) if role.endswith("k") else drawn(first))
    assert told(base, changed(base, tmp_path / "broken", broken))[1] == "unknown"


def test_heads_are_told_behind_a_disguise(base: Path, tmp_path: Path) -> None:
    narrow = disguise(base, tmp_path / "narrow", ["prune-heads", "permute-heads", "rotate-values", "permute-neurons"])
    result = both(narrow, base)
    assert "width_pruned" in result.relation.details["kinds"] and result.relation.direction in ("b_to_a", "unknown")
    assert result.relation.details["kept"]["heads"]["found"] == 4 * 3


def wider_stream(fill: Callable[[str, F32], F32]) -> Change:
    """More dimensions of the stream; ``fill`` makes their values from a role and those of the first ones."""

    def change(network: Network) -> Network:
        wide = network.along("residual gain", lambda role, x: np.concatenate([x, fill(role, x[:MORE])]))
        return wide.with_(wide.weights, dtype="F32")

    return change


def test_dimensions_that_do_nothing_or_are_combinations_were_added(base: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    turn = np.linalg.qr(rng.standard_normal((MORE, MORE)))[0].astype(np.float32)

    def drawn(first: F32) -> F32:
        return np.asarray(first.std() * rng.standard_normal(first.shape), dtype=np.float32)

    def idle(role: str, first: F32) -> F32:
        writes = role.endswith(("embed", "attn.o", "down"))
        return 0 * first if writes else first if "norm" in role else drawn(first)

    def turned(role: str, first: F32) -> F32:
        return first if first.ndim == 1 else turn @ first

    for name, fill in (("idle", idle), ("copies", lambda role, first: first), ("turned", turned)):
        assert told(base, changed(base, tmp_path / name, wider_stream(fill))) == ("width_expanded", "a_to_b")
    broken = wider_stream(lambda role, first: first * np.float32(np.nan) if "down" in role else drawn(first))
    assert told(base, changed(base, tmp_path / "broken", broken))[1] == "unknown"


def test_a_model_that_was_doubled_in_every_width_is_the_later_one(base: Path, tmp_path: Path) -> None:
    """Samragh et al. 2024: every width twice, what reads the stream halved."""

    def twice(role: str, x: F32) -> F32:
        return np.concatenate([x, x])

    def clone(network: Network) -> Network:
        wide = network.along("residual gain", twice).along("neuron query key value mixed", twice)
        halved = {r: v if v.ndim == 1 or r == "embed" else v / np.float32(2) for r, v in wide.weights.items()}
        return wide.with_(halved, heads=2 * network.heads, kv_heads=2 * network.kv_heads)

    assert told(base, changed(base, tmp_path / "wide", clone)) == ("width_expanded", "a_to_b")


@pytest.mark.parametrize(
    ("steps", "found", "of"),
    [
        (["pad-duplicates", "rotate"], 512, 512),  # 128 of them are there twice
        (["prune-neurons", "rotate"], 384, 384),
        (["prune-residual", "permute-residual"], 56, 56),
    ],
)
def test_of_large_models_what_was_read_tells_how_many_parts_are_there_and_no_direction(
    base: Path, tmp_path: Path, steps: list[str], found: int, of: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("forebear.inspect.compare"), "READ_UNASKED", 0)
    other = disguise(base, tmp_path / "other", steps)
    for a, b in ((base, other), (other, base)):
        result = forebear.compare(str(a), str(b), effort="deep")
        check_document(result.to_json())
        (kept,) = result.relation.details["kept"].values()
        assert (kept["found"], kept["of"]) == (found, of)
        assert result.relation.direction == "unknown"
