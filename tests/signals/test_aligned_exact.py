"""Coins after alignment are counted once, and nothing that chooses depends on a sign that is tested."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from edits import as_float32, copy, edit, from_one_mlp, with_copied_heads
from forebear.artifacts import Artifact, read_artifact
from forebear.inspect.disguise import undo
from forebear.signals.aligned import align
from forebear.signals.frames import token_frame
from forebear.signals.layers import layer_map
from forebear.signals.sign_code import encode
from forebear.sources import open_source
from models import tiny_llama

MODELS = 12


def opened(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def upcycled(folder: Path, seed: int, experts: int = 8, noise: float = 0.05) -> Artifact:
    """A model whose experts were all made from one MLP, and drifted a little; neurons in their order."""
    tiny_llama(folder, seed, family="mixtral", hidden=48, layers=1, intermediate=64, experts=experts)
    rng, first = np.random.default_rng(seed), {}

    def keep(name: str, values: np.ndarray) -> np.ndarray:
        if ".experts.0." in name:
            first[name] = values
        return values

    def change(name: str, values: np.ndarray) -> np.ndarray:
        origin = first.get(re.sub(r"experts\.\d+", "experts.0", name), values)
        return np.asarray(origin + noise * origin.std() * rng.standard_normal(values.shape) * (origin is not values))

    edit(folder, keep)
    edit(folder, change)
    return opened(folder)


def without_gates(folder: Path) -> Artifact:
    """The same model without its gate rows, as one of a family that has none (Arcee)."""
    bare = as_float32(folder, folder.name + "-bare", lambda _, v: v)
    path = bare / "model.safetensors"
    raw = path.read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header, blobs, at = json.loads(raw[8 : 8 + length]), [], 0
    for name in [n for n in header if n != "__metadata__"]:
        start, stop = header[name]["data_offsets"]
        if "gate_proj" in name:
            del header[name]
            continue
        blobs.append(raw[8 + length + start : 8 + length + stop])
        header[name]["data_offsets"] = [at, at + stop - start]
        at += stop - start
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(blobs))
    config = json.loads((bare / "config.json").read_text())
    (bare / "config.json").write_text(json.dumps(config | {"model_type": "arcee"}))
    return opened(bare)


def test_experts_made_from_one_mlp_hold_one_coin_between_them(tmp_path: Path) -> None:
    """Independent models, both upcycled: counted in every expert, the variance would be the number of experts met."""
    models = [upcycled(tmp_path / str(k), 100 + k) for k in range(MODELS)]
    codes = [encode(m)[0] for m in models]
    z = []
    for one, two in combinations(range(MODELS), 2):
        found = undo(models[one], models[two], (codes[one], codes[two]))
        assert not isinstance(found, str)
        tail = found.counts.groups["experts"]
        z.append((2 * tail.agree - tail.n) / np.sqrt(tail.n))
    assert np.mean(np.square(z)) == pytest.approx(1.0, abs=4 * np.sqrt(2 / len(z)))
    assert np.abs(z).max() < 4.5


@pytest.mark.sweep(2)
@pytest.mark.parametrize("made", ["heads", "mlp"])
def test_copies_inside_of_a_layer_hold_one_coin_between_them(made: str, tmp_path: Path) -> None:
    """Doubled key/value heads, and a shared expert beside routed ones that were made from the same MLP."""
    models = []
    for k in range(MODELS):
        base = tiny_llama(tmp_path / str(k), 100 + k, hidden=48, head_dim=12, layers=1, intermediate=64)
        folder = (
            with_copied_heads(base, f"x{k}", [0, 1] * 2, 0.3) if made == "heads" else from_one_mlp(base, f"x{k}", 0.3)
        )
        models.append(opened(folder))
    codes = [encode(m)[0] for m in models]
    z = []
    for one, two in combinations(range(MODELS), 2):
        found = undo(models[one], models[two], (codes[one], codes[two]))
        assert not isinstance(found, str)
        tails = [t for g, t in found.counts.groups.items() if (g in ("glu", "experts")) == (made == "mlp")]
        n, agree = sum(t.n for t in tails), sum(t.agree for t in tails)
        z.append((2 * agree - n) / np.sqrt(n))
    assert np.mean(np.square(z)) == pytest.approx(1.0, abs=4 * np.sqrt(2 / len(z)))
    assert np.abs(z).max() < 4.5


@pytest.mark.parametrize("side", [0, 1])
def test_a_child_shows_every_expert_neuron_of_the_trusted_model_once(tmp_path: Path, side: int) -> None:
    base = upcycled(tmp_path / "base", 1)
    frame = token_frame(base, base)
    assert frame is not None
    found = align(base, base, frame, frozenset({"experts"}), side)
    counted = sum(cell.n for cell in found.cells)
    assert 48 < counted <= 64  # neurons of the one MLP, of eight times as many
    assert all(cell.agree == cell.n for cell in found.cells)


def test_planes_that_flip_move_no_layer(tmp_path: Path) -> None:
    """Between experts and MLPs without gates only keys are left to tell layers apart, and their signs are tested."""
    tiny_llama(tmp_path / "a", 1, family="mixtral", layers=6)
    tiny_llama(tmp_path / "b", 2, layers=5)
    b = without_gates(tmp_path / "b")
    assert b.architecture is not None
    assert b.architecture.name == "arcee"
    found = []
    for seed in range(6):
        flipped = copy(tmp_path / "a", f"a{seed}")
        rng = np.random.default_rng(seed)

        def flip(name: str, values: np.ndarray, rng: np.random.Generator = rng) -> np.ndarray:
            if "k_proj" not in name:
                return values
            planes = rng.choice([-1.0, 1.0], (2, 1, 8))  # two heads, both halves of a plane, eight planes
            return np.asarray(values * np.broadcast_to(planes, (2, 2, 8)).reshape(-1, 1))

        edit(flipped, flip)
        a = opened(flipped)
        frame = token_frame(a, b)
        assert frame is not None
        found.append(layer_map(a, b, frame))
    assert len(found[0]) == 5
    assert found == [found[0]] * len(found)
