"""What is read from a config, and what is refused rather than guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ggufs
from forebear.activations.kinds import KINDS
from forebear.activations.network import Network, network_of
from forebear.activations.plain import Plain
from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.architecture import families
from forebear.sources import LocalSource
from models import tiny, tiny_llama, write_model

LONG = {"rope_type": "longrope"}
FAMILIES = ("llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox")


def opened(folder: Path) -> Artifact:
    return read_artifact(LocalSource(folder))


def understood(artifact: Artifact) -> Network:
    found = network_of(artifact)
    assert isinstance(found, Network), found
    return found


def refused(artifact: Artifact) -> str:
    found = network_of(artifact)
    assert isinstance(found, str)
    assert found.isprintable() and found and len(found) < 300
    return found


def changed(artifact: Artifact, keys: Mapping[str, Any]) -> Artifact:
    return replace(artifact, config={**artifact.config, **keys})


def test_every_type_of_the_table_has_a_family() -> None:
    assert set(KINDS) <= {kind for family in families() for kind in family.model_types}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_plain_model_is_understood(family: str, tmp_path: Path) -> None:
    network = understood(opened(tiny(family, tmp_path)))
    assert len(network.scales) == len(network.windows) == len(network.rotations) == 4
    assert (network.chosen > 0) == (family == "mixtral")
    assert (network.rotations[0] is None) == (family == "gpt2")
    assert network.parallel == (family == "gpt_neox")


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"hidden_act": "mish"}, "activation function mish"),
        ({"hidden_act": 3}, "hidden_act is no name"),
        ({"rms_norm_eps": "tiny"}, "rms_norm_eps is no usable number"),
        ({"rms_norm_eps": True}, "rms_norm_eps is no usable number"),
        ({"rms_norm_eps": -1.0}, "rms_norm_eps is no usable number"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is no usable number"),
        ({"rope_theta": float("inf")}, "rope_theta is no usable number"),
        ({"rope_theta": 0}, "rope_theta is no usable number"),
        ({"rope_scaling": [1]}, "rope_scaling is no object"),
        ({"rope_scaling": {"rope_type": "su"}}, "a method that is not known here (su)"),
        ({"rope_scaling": LONG, "max_position_embeddings": 512}, "short_factor"),
        (
            {"rope_scaling": {"rope_type": "longrope", "short_factor": [0] * 8}, "max_position_embeddings": 512},
            "short_f",
        ),
        ({"rope_scaling": {"rope_type": ["linear"]}}, "a method that is not known here"),
        ({"rope_scaling": {"rope_type": "linear"}}, "factor is missing"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "factor is no usable number"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "max_position_embeddings is missing"),
        ({"rope_scaling": {"rope_type": "dynamic", "factor": 2}, "max_position_embeddings": 64}, "short ones"),
        ({"attention_bias": True}, "has no attn.k.bias"),
        ({"mlp_bias": "yes"}, "mlp_bias is neither true nor false"),
        ({"num_hidden_layers": 5}, "5 layers, the weights have 4"),
        ({"partial_rotary_factor": 0.5}, "a rotating share"),
        ({"attn_logit_softcapping": 30.0}, "attn_logit_softcapping"),
        ({"model_type": "minicpm"}, "type minicpm are not computed"),
        ({"use_bidirectional_attention": True}, "use_bidirectional_attention"),
    ],
    ids=str,
)
def test_settings_that_are_not_understood_are_refused(keys: dict[str, Any], why: str, tmp_path: Path) -> None:
    artifact = opened(tiny_llama(tmp_path))
    understood(artifact)
    assert why in refused(changed(artifact, keys))


@pytest.mark.parametrize(
    ("family", "keys", "why"),
    [
        ("qwen2", {"use_sliding_window": True, "sliding_window": 0}, "sliding_window is no usable number"),
        ("qwen3", {"layer_types": ["full_attention"]}, "layer_types"),
        ("qwen3", {"layer_types": ["full_attention"] * 3 + ["linear_attention"]}, "layer_types"),
        ("qwen3", {"layer_types": ["sliding_attention"] * 4}, "its config has none"),
        ("mixtral", {"num_local_experts": 8}, "another number of experts"),
        ("mixtral", {"num_experts_per_tok": 5}, "5 of 4 experts"),
        ("mixtral", {"num_experts_per_tok": 1.5}, "no whole number"),
        ("gpt2", {"add_cross_attention": True}, "add_cross_attention"),
        ("gpt_neox", {"rotary_pct": 0.3125}, "rotat"),
    ],
    ids=str,
)
def test_settings_of_other_families(family: str, keys: dict[str, Any], why: str, tmp_path: Path) -> None:
    artifact = opened(tiny(family, tmp_path))
    understood(artifact)
    assert why in refused(changed(artifact, keys))


def rewritten(folder: Path, out: Path, edit: Mapping[str, Any]) -> Artifact:
    """The model with tensors added, or left out where the value is None."""
    artifact = opened(folder)
    tensors = {n: t.values() for n, t in artifact.weights.tensors.items()} | dict(edit)
    kept = {n: v for n, v in tensors.items() if v is not None}
    write_model(out, kept, dict(artifact.config), False, "F32", None, "default")
    return opened(out)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"model.layers.2.mlp.up_proj.weight": None}, "layer 2 has no mlp.up"),
        ({"model.layers.1.self_attn.q_proj.bias": np.ones(64, dtype=np.float32)}, "layer 1 has attn.q.bias"),
        ({"model.layers.0.self_attn.sinks": np.ones(4, dtype=np.float32)}, "do not settle it"),
        ({"model.embed_tokens.weight": None}, "no embed tensor"),
        ({"model.layers.0.self_attn.q_proj.lora_A.weight": np.ones((2, 64), dtype=np.float32)}, "low-rank updates"),
    ],
    ids=str,
)
def test_other_tensors_than_the_code_has_are_refused(edit: dict[str, Any], why: str, tmp_path: Path) -> None:
    assert why in refused(rewritten(tiny_llama(tmp_path / "a"), tmp_path / "b", edit))


def test_a_model_that_does_not_say_what_it_is_is_refused(tmp_path: Path) -> None:
    artifact = opened(tiny_llama(tmp_path / "a"))
    config = {key: value for key, value in artifact.config.items() if key != "model_type"}
    tensors = {n: t.values() for n, t in artifact.weights.tensors.items()}
    write_model(tmp_path / "b", tensors, {**config, "model_type": "unheard_of"}, False, "F32", None, "default")
    assert "do not settle it" in refused(opened(tmp_path / "b"))


def test_layers_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """Not even where the config counts what is left: which layers run is not what the numbers say."""
    artifact = opened(tiny_llama(tmp_path / "a"))
    tensors = {n: t.values() for n, t in artifact.weights.tensors.items() if ".layers.1." not in n}
    config = {**artifact.config, "num_hidden_layers": 3}
    write_model(tmp_path / "b", tensors, config, False, "F32", None, "default")
    assert "some of its layers are not there" in refused(opened(tmp_path / "b"))


def test_head_counts_that_contradict_the_shapes_are_refused(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path)
    config = (folder / "config.json").read_text().replace('"num_attention_heads": 4', '"num_attention_heads": 7')
    (folder / "config.json").write_text(config)
    assert "head structure" in refused(opened(folder))


STATED: dict[str, Any] = {"llama.attention.layer_norm_rms_epsilon": 1e-5}


def test_a_gguf_file_has_the_states_of_the_model_it_was_made_from(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "a")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("{", '{"rms_norm_eps": 1e-5, ', 1))
    file = ggufs.convert(folder, tmp_path / "model.gguf", **STATED)
    spans = [np.array([3, 9, 27, 81]), np.array([5, 200])]
    states = []
    for artifact in (opened(folder), read_artifact(LocalSource(file))):
        model = Plain().prepare(artifact)
        assert not isinstance(model, str), model
        states.append(list(model.states(spans, [0, 2, 4], 10**9)))
    for ours, theirs in zip(*states, strict=True):
        assert np.abs(ours - theirs).max() < 1e-5 * np.abs(theirs).max()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({}, "does not say all"),
        ({**STATED, "llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 4.0}, ""),
        ({**STATED, "llama.rope.scaling.type": "longrope"}, "short_factor"),
    ],
    ids=["silent", "yarn", "longrope"],
)
def test_a_gguf_file_has_to_say_everything(more: dict[str, Any], why: str, tmp_path: Path) -> None:
    artifact = read_artifact(LocalSource(ggufs.convert(tiny_llama(tmp_path / "a"), tmp_path / "m.gguf", **more)))
    if why:
        assert why in refused(artifact)
    else:
        rotation = understood(artifact).rotations[0]
        assert rotation is not None and rotation.factor == pytest.approx(0.1 * np.log(4.0) + 1)
