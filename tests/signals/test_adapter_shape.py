"""``adapter-shape/1``: which matrices a base cannot have, and what is left open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from adapters import pair, write_adapter
from forebear.artifacts import read_artifact
from forebear.artifacts.adapter import Adapter
from forebear.artifacts.architecture import Architecture, families
from forebear.catalogue import known_models
from forebear.catalogue.models import KnownModel
from forebear.signals.adapter_shape import Fit, families_of, fit, of_known, of_reference
from forebear.signals.shape import shape
from forebear.sources import LocalSource
from models import tiny, tiny_llama
from shared import shared


def family(name: str) -> Architecture:
    return next(f for f in families() if f.name == name)


def known(repository: str) -> KnownModel:
    return next(m for m in known_models() if m.repository == repository)


def adapter(folder: Path, *modules: tuple[str, int, int]) -> Adapter:
    tensors = {k: v for module in modules for k, v in pair(*module).items()}
    found = read_artifact(LocalSource(write_adapter(folder, tensors))).adapter
    assert found is not None
    return found


def held(made: Adapter, base: Path) -> Fit:
    artifact = read_artifact(LocalSource(base))
    assert artifact.architecture is not None
    return fit(made, artifact.architecture, of_reference(shape(artifact)))


Q, V, OUT = (f"model.layers.0.self_attn.{n}_proj" for n in "qvo")
UP, DOWN = "model.layers.1.mlp.up_proj", "model.layers.1.mlp.down_proj"


def test_the_matrices_of_the_base_fit(tmp_path: Path) -> None:
    base = tiny_llama(tmp_path / "m", hidden=64, heads=8, kv_heads=2, head_dim=16, intermediate=128)
    right = adapter(tmp_path / "a", (Q, 128, 64), (V, 32, 64), (OUT, 64, 128), (UP, 128, 64), (DOWN, 64, 128))
    assert held(right, base) == Fit(5, ())


@pytest.mark.parametrize(
    ("module", "found", "expected"),
    [(Q, (64, 64), (128, 64)), (V, (64, 64), (32, 64)), (OUT, (64, 64), (64, 128)), (UP, (128, 96), (128, 64))],
)
def test_one_other_size_is_seen_and_named(
    module: str, found: tuple[int, int], expected: tuple[int, int], tmp_path: Path
) -> None:
    base = tiny_llama(tmp_path / "m", hidden=64, heads=8, kv_heads=2, head_dim=16, intermediate=128)
    (misfit,) = held(adapter(tmp_path / "a", (module, *found)), base).misfits
    assert (misfit.module, misfit.found, misfit.expected) == (module, found, expected)


def test_fused_and_turned_matrices_fit_as_a_whole(tmp_path: Path) -> None:
    made = adapter(tmp_path / "a", ("transformer.h.0.attn.c_attn", 192, 64), ("transformer.h.0.mlp.c_fc", 256, 64))
    assert held(made, tiny("gpt2", tmp_path / "gpt2")) == Fit(2, ())
    odd = adapter(tmp_path / "b", ("transformer.h.0.attn.c_attn", 128, 64))
    assert len(held(odd, tiny("gpt2", tmp_path / "gpt2b")).misfits) == 1
    neox = adapter(tmp_path / "c", ("gpt_neox.layers.0.attention.query_key_value", 192, 64))
    assert held(neox, tiny("gpt_neox", tmp_path / "neox")) == Fit(1, ())


def test_what_changes_without_the_base_changing_its_name_is_left_alone(tmp_path: Path) -> None:
    """More tokens, more layers, another tower, modules of one's own: nothing to contradict."""
    made = adapter(
        tmp_path / "a",
        ("model.embed_tokens", 64, 999),
        ("lm_head", 999, 64),
        ("model.layers.77.self_attn.v_proj", 32, 64),
        ("model.vision_tower.layers.0.self_attn.v_proj", 1, 1),
        ("classifier.0.dense", 3, 3),
    )
    assert held(made, tiny_llama(tmp_path / "m")) == Fit(1, ())


def test_unknown_sizes_fit_anything(tmp_path: Path) -> None:
    made = adapter(tmp_path / "a", (Q, 1, 64), (V, 2, 64), (UP, 3, 64))
    assert fit(made, family("llama"), {"residual": 64}) == Fit(3, ())
    assert fit(made, family("llama"), {}) == Fit(0, ())
    assert len(fit(made, family("llama"), {"residual": 65}).misfits) == 3


def test_of_experts_and_latents_only_the_width_is_held_against_an_adapter(tmp_path: Path) -> None:
    made = adapter(tmp_path / "a", (Q, 7, 64), ("model.layers.0.block_sparse_moe.experts.1.w1", 5, 64))
    mixtral = tiny_llama(tmp_path / "m", family="mixtral")
    assert len(held(made, mixtral).misfits) == 1  # q
    sizes = of_reference({"width": 64, "experts": 4, "kv_rank": 8, "query_heads": 4, "kv_heads": 4, "head_dim": 4})
    assert sizes == {"residual": 64, "neuron": None}


def test_the_catalogue_knows_enough_to_contradict(tmp_path: Path) -> None:
    made = adapter(tmp_path / "a", (Q, 4096, 4096), (UP, 14336, 4096))
    mistral, llama = known("mistralai/Mistral-7B-v0.1"), known("meta-llama/Llama-2-13b-hf")
    assert fit(made, families_of(mistral)[0], of_known(mistral)) == Fit(2, ())
    assert len(fit(made, families_of(llama)[0], of_known(llama)).misfits) == 2


@pytest.mark.shared
def test_real_adapters_fit_the_bases_that_they_name() -> None:
    gpt2 = known("openai-community/gpt2")
    fits = 0
    for config in shared("artefacts").rglob("adapter_config.json"):
        if '"gpt2"' not in config.read_text():
            continue
        made = read_artifact(LocalSource(config.parent)).adapter
        assert made is not None
        found = fit(made, families_of(gpt2)[0], of_known(gpt2))
        assert found.checked == len(made.pairs) >= 12 and found.misfits == ()
        wider = of_known(gpt2) | {"residual": 1024}
        assert len(fit(made, families_of(gpt2)[0], wider).misfits) == found.checked
        fits += 1
    assert fits == 4


@pytest.mark.shared
def test_adapters_of_other_bases_of_the_zoo_are_told_apart_by_shape_alone() -> None:
    zoo = shared("zoo") / "models"
    made = read_artifact(LocalSource(zoo / "dev-llama-1-lora4-adapter")).adapter
    assert made is not None and {c.shape for c in made.pairs.values()} == {(128, 128), (64, 128)}
    assert held(made, zoo / "dev-llama-1") == Fit(24, ())
    assert held(made, zoo / "dev-gpt2-1").checked == 0, "other names: nothing is compared, nothing contradicted"
    assert np.all([c.rank == 4 for c in made.pairs.values()])
