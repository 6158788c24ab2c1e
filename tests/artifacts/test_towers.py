"""Which encoders of a model are found, under which names, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from derivations import derive
from disguises.network import F32
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.towers import COINS, MOST_TOWERS, STRETCH, conventions
from forebear.sources import LocalSource
from models import tiny_llama
from towers import WIDTH, alone, around, core_of, prefixed, tower, trained

EVERY = pytest.mark.parametrize("name", [c.name for c in conventions()])


def opened(folder: Path) -> Artifact:
    return read_artifact(LocalSource(folder))


def test_conventions_are_complete() -> None:
    assert len({c.name for c in conventions()}) == len(conventions()) >= 10
    for c in conventions():
        stems = {r.removeprefix("layers.{layer}.") for r in c.roles}
        assert {"attn.q", "attn.k", "attn.v", "attn.o", "mlp.up", "mlp.down"} <= stems, c.name
        assert set(c.coins) <= set(COINS) and ("glu" in c.coins) == ("mlp.gate" in stems)
        assert set(c.unless.values()) <= c.roles.keys()


@EVERY
@pytest.mark.parametrize("prefix", ["", "visual.", "model.vision_tower.vision_model."])
def test_a_convention_is_found_under_any_prefix(name: str, prefix: str, tmp_path: Path) -> None:
    model = opened(around(tmp_path / "m", 1, prefixed(tower(name, 2), prefix)))
    assert model.architecture is not None and model.architecture.name == "llama" and not model.by_names
    (found,) = model.towers
    assert found.artifact.architecture is not None and found.artifact.architecture.name == name
    assert not found.artifact.by_names and found.artifact.geometry is not None
    assert (found.artifact.geometry.layers, found.artifact.geometry.head_dim) == (6, STRETCH)
    assert found.component == ("vision tower" if prefix else "encoder")
    assert not [n for n in model.notes if "not compared" in n]


def test_names_say_what_a_tower_is_for(tmp_path: Path) -> None:
    for k, (prefix, component) in enumerate(
        (
            ("audio_tower.", "audio tower"),
            ("thinker.visual.", "vision tower"),
            ("text_model.", "text tower"),
            ("speech_encoder.", "audio tower"),
            ("image_newline_model.", "vision tower"),
            ("provision.", "encoder"),
        )
    ):
        (found,) = opened(around(tmp_path / f"{k}", 1, prefixed(tower("clip", 2), prefix))).towers
        assert found.component == component, prefix


def test_sight_and_hearing_are_two_towers_the_larger_first(tmp_path: Path) -> None:
    beside = {**prefixed(tower("whisper", 2), "audio_tower."), **prefixed(tower("vit", 3, layers=8), "visual.")}
    found = opened(around(tmp_path / "m", 1, beside)).towers
    assert [t.component for t in found] == ["vision tower", "audio tower"]
    third = prefixed(tower("clip", 4, layers=2), "face_model.")
    model = opened(around(tmp_path / "n", 1, {**beside, **third}))
    assert len(model.towers) == MOST_TOWERS
    assert any("12 matrices have no role in its language model, nor in a tower" in n for n in model.notes)


def test_a_text_model_has_none(tmp_path: Path) -> None:
    assert opened(tiny_llama(tmp_path / "a")).towers == ()
    assert opened(derive(tmp_path / "a", tmp_path / "b", ["upcycle"])).towers == ()


def test_a_tower_by_itself_is_found(tmp_path: Path) -> None:
    for name in ("clip", "whisper", "vit", "internvit"):
        (found,) = opened(alone(tmp_path / name, prefixed(tower(name, 1), "model."))).towers
        assert found.artifact.architecture is not None and found.artifact.architecture.name == name
        assert not found.artifact.by_names


def test_what_a_convention_does_not_have_costs_its_trust(tmp_path: Path) -> None:
    strange = tower("vit", 2) | {f"blocks.{k}.attn.rel_pos_h": np.ones((7, 16), dtype=np.float32) for k in range(6)}
    (found,) = opened(around(tmp_path / "m", 1, prefixed(strange, "visual."))).towers
    assert found.artifact.by_names and "whether its symmetries hold is not known" in found.artifact.notes[0]


def test_a_norm_on_keys_of_unknown_kind_costs_the_keys(tmp_path: Path) -> None:
    gains = {f"attn.{p}_norm.weight": np.ones(16, dtype=np.float32) for p in "qk"}
    for name, stem, coins in (
        ("vit", "blocks", ("value_output",)),
        ("internvit", "encoder.layers", ("value_output", "query_key")),
    ):
        normed = tower(name, 2) | {f"{stem}.{k}.{n}": v for k in range(6) for n, v in gains.items()}
        (found,) = opened(around(tmp_path / name, 1, prefixed(normed, "vision_model."))).towers
        assert found.artifact.architecture is not None and found.artifact.architecture.coins == coins


def test_layers_of_unknown_names_are_read_by_shapes(tmp_path: Path) -> None:
    odd = {n.replace("self_attn", "mixer").replace("blocks", "stack"): v for n, v in tower("qwen2_5_omni", 2).items()}
    odd = {n.replace("mlp.", "perceptron."): v for n, v in odd.items()}
    (found,) = opened(around(tmp_path / "m", 1, prefixed(odd, "eyes."))).towers
    assert found.artifact.inferred and found.artifact.by_names
    assert found.artifact.names["layers.3.attn.o"] == "eyes.stack.3.attn.proj.weight"
    assert found.artifact.names["layers.3.mlp.up"] == "eyes.stack.3.perceptron.up_proj.weight"


def test_beside_a_model_of_unknown_names_what_has_no_role_is_told(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "core", 1)
    core = {n.replace("self_attn", "mixer").replace("mlp", "ff"): v for n, v in core_of(folder).items()}
    rest = {f"projector.{k}.weight": np.ones((96, 80), dtype=np.float32) for k in range(2)}
    model = opened(around(tmp_path / "m", 1, {**prefixed(tower("clip", 2), "visual."), **rest}, core))
    assert model.inferred and [t.component for t in model.towers] == ["vision tower"]
    assert any(n.startswith("2 matrices have no role in its language model, nor in a tower, ") for n in model.notes)
    assert model.names["layers.2.mlp.up"] == "language_model.model.layers.2.ff.up_proj.weight"


def test_what_is_no_tower_is_left_alone(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def drawn(*shape: int) -> F32:
        return np.asarray(rng.standard_normal(shape), dtype=np.float32)

    cases = {
        "one layer": prefixed(tower("clip", 2, layers=1), "vision_tower."),
        "no stretches": prefixed(tower("clip", 2, width=40), "vision_tower."),
        "a projector": {f"projector.{k}.weight": drawn(64, 64) for k in range(9)},
        "convolutions": {f"conv.{k}.{p}.weight": drawn(8, 8, 3, 3) for k in range(4) for p in "abcd"},
        "keys of other sizes": {
            n: (v[:24] if "k_proj.weight" in n else v) for n, v in prefixed(tower("clip", 2), "eye.").items()
        },
        "fused in another size": {
            n: (np.concatenate([v, v]) if "qkv.weight" in n else v)
            for n, v in prefixed(tower("vit", 2), "eye.").items()
        },
    }
    for label, tensors in cases.items():
        model = opened(around(tmp_path / label.replace(" ", "-"), 1, tensors))
        assert model.towers == () and model.architecture is not None, label


def test_matrices_without_a_shape_in_common_do_not_stop_a_model(tmp_path: Path) -> None:
    tensors = prefixed(tower("clip", 2), "vision_tower.")
    tensors |= {"vision_tower.encoder.layers.0.self_attn.q_proj.weight": np.zeros((0, WIDTH), dtype=np.float32)}
    tensors |= {"vision_tower.encoder.layers.1.self_attn.v_proj.weight": np.zeros((3, 5, 7), dtype=np.float32)}
    (found,) = opened(around(tmp_path / "m", 1, tensors)).towers
    assert "layers.1.attn.v" not in found.artifact.names and "layers.2.attn.v" in found.artifact.names


def test_training_moves_no_role(tmp_path: Path) -> None:
    tensors = prefixed(tower("qwen2_5_vl", 2), "visual.")
    one, two = (
        opened(around(tmp_path / f"{k}", k, t)).towers[0] for k, t in enumerate((tensors, trained(tensors, 1.0, 3)))
    )
    assert one.artifact.names == two.artifact.names and one.artifact.geometry == two.artifact.geometry
