"""The numpy forward pass against the modelling code of transformers, family by family and setting by setting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from activations.reference import CLOSE, F32, off, reference, spans
from forebear.activations.plain import Plain
from forebear.artifacts import Artifact
from symmetry import flips as fl
from symmetry.flips import HEADS, LAYERS, Case

pytest.importorskip("torch", reason="needs the [torch] extra")
pytest.importorskip("transformers", reason="runs the modelling code of transformers")
pytest.importorskip("safetensors", reason="models are saved by transformers")

pytestmark = pytest.mark.torch

MOVED = 1e-2
"""What a layer changes at least."""

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LLAMA3 |= {"original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
EIGHT_PLANES = {"type": "longrope", "short_factor": [1.0, 1.1, 1.3, 1.7, 2.0, 2.5, 3.0, 4.0], "long_factor": [9.0] * 8}
SU = {**EIGHT_PLANES, "type": "su", "original_max_position_embeddings": 512}
SIX_PLANES = {**EIGHT_PLANES, "short_factor": [1.0, 1.1, 1.3, 1.7, 2.0, 2.5], "long_factor": [9.0] * 6}
LONG = {"original_max_position_embeddings": 512, "max_position_embeddings": 8192, "rope_scaling": EIGHT_PLANES}
MULTIPLIED = {"residual_multiplier": 0.3, "embedding_multiplier": 9.0, "attention_multiplier": 0.1}
LAYERWISE = {"layer_types": ["full_attention", "sliding_attention", "full_attention"]}

CASES = (
    Case("llama-tied", "llama", True),
    Case("llama-untied", "llama", False),
    Case("llama-biases", "llama", False, {"attention_bias": True, "mlp_bias": True}),
    Case("llama-ungrouped", "llama", False, {"num_key_value_heads": HEADS}),
    Case("llama-one-key-head", "llama", False, {"num_key_value_heads": 1}),
    Case("llama-wide-heads", "llama", False, {"head_dim": 24}),
    Case("llama-epsilon", "llama", False, {"rms_norm_eps": 0.3}),
    Case("llama-theta", "llama", False, {"rope_theta": 50.0}),
    Case("llama-relu", "llama", False, {"hidden_act": "relu"}),
    Case("llama-gelu", "llama", False, {"hidden_act": "gelu"}),
    Case("llama-squared", "llama", False, {"hidden_act": "relu2"}),
    Case("llama-linear", "llama", False, {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    Case("llama-old-linear", "llama", False, {"rope_scaling": {"type": "linear", "factor": 4.0}}),
    Case("llama-3", "llama", False, {"rope_scaling": LLAMA3, "rope_theta": 500.0}),
    Case("llama-yarn", "llama", False, {"rope_scaling": YARN}),
    Case("llama-yarn-whole", "llama", False, {"rope_scaling": {**YARN, "truncate": False, "beta_fast": 8.0}}),
    Case("llama-yarn-factor", "llama", False, {"rope_scaling": {**YARN, "attention_factor": 1.7}}),
    Case("llama-yarn-mscale", "llama", False, {"rope_scaling": {**YARN, "mscale": 2.0, "mscale_all_dim": 0.5}}),
    Case(
        "llama-dynamic",
        "llama",
        False,
        {"rope_scaling": {"rope_type": "dynamic", "factor": 4.0}, "max_position_embeddings": 512},
    ),
    Case("mistral", "mistral", False),
    Case("mistral-window", "mistral", False, {"sliding_window": 5}),
    Case("mistral-no-window", "mistral", False, {"sliding_window": None}),
    Case("qwen2-tied", "qwen2", True),
    Case("qwen2-window", "qwen2", False, {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}),
    Case(
        "qwen2-window-off", "qwen2", False, {"use_sliding_window": False, "sliding_window": 4, "max_window_layers": 1}
    ),
    Case("qwen3", "qwen3", False),
    Case("qwen3-wide", "qwen3", True, {"num_attention_heads": 6}),
    Case("qwen3-biases", "qwen3", False, {"attention_bias": True}),
    Case("qwen3-types", "qwen3", False, {"use_sliding_window": True, "sliding_window": 4, **LAYERWISE}),
    Case("gemma", "gemma", True),
    Case("gemma-old-name", "gemma", True, {"hidden_act": "gelu"}),
    Case("gemma2", "gemma2", True),
    Case("gemma2-window", "gemma2", True, {"sliding_window": 4}),
    Case("gemma2-caps", "gemma2", True, {"attn_logit_softcapping": 1.5, "query_pre_attn_scalar": 4}),
    Case("gemma2-no-cap", "gemma2", True, {"attn_logit_softcapping": None}),
    Case("gemma2-types", "gemma2", True, {"sliding_window": 4, **LAYERWISE}),
    Case("gemma3", "gemma3_text", True),
    Case("gemma3-window", "gemma3_text", True, {"sliding_window": 4, "sliding_window_pattern": 2}),
    Case("gemma3-scalar", "gemma3_text", True, {"query_pre_attn_scalar": 4, "rope_local_base_freq": 100.0}),
    Case("gemma3-linear", "gemma3_text", True, {"rope_scaling": {"rope_type": "linear", "factor": 8.0}, **LAYERWISE}),
    Case("mixtral", "mixtral", False, {"num_local_experts": 4}),
    Case("mixtral-stacked", "mixtral", False, {"num_local_experts": 4}, stacked=True),
    Case("mixtral-three-of-six", "mixtral", True, {"num_local_experts": 6, "num_experts_per_tok": 3}),
    Case("mixtral-window", "mixtral", False, {"num_local_experts": 4, "sliding_window": 4}),
    Case("phi3", "phi3", False),
    Case("phi3-partial", "phi3", False, {"partial_rotary_factor": 0.75, "sliding_window": 4}),
    Case("phi3-long", "phi3", False, LONG),
    Case("phi3-long-partial", "phi3", False, {**LONG, "partial_rotary_factor": 0.75, "rope_scaling": SIX_PLANES}),
    Case("phi3-old-name", "phi3", False, {**LONG, "rope_scaling": SU}),
    Case("smollm3", "smollm3", True, {"no_rope_layer_interval": 2}),
    Case("smollm3-layers", "smollm3", False, {"no_rope_layers": [0, 1, 1], "attention_bias": True}),
    Case("granite", "granite", True, MULTIPLIED),
    Case("granite-biases", "granite", False, {"attention_bias": True, "mlp_bias": True}),
    Case("starcoder2", "starcoder2", True),
    Case("starcoder2-window", "starcoder2", False, {"sliding_window": 4, "norm_epsilon": 0.2}),
    Case("starcoder2-no-biases", "starcoder2", False, {"use_bias": False}),
    Case("gpt2-tied", "gpt2", True),
    Case("gpt2-inner", "gpt2", False, {"n_inner": 40, "layer_norm_epsilon": 0.2}),
    Case("gpt2-gelu", "gpt2", True, {"activation_function": "gelu"}),
    Case("gpt2-unscaled", "gpt2", True, {"scale_attn_weights": False}),
    Case("gpt2-layer-scaled", "gpt2", True, {"scale_attn_by_inverse_layer_idx": True}),
    Case("gpt_neox", "gpt_neox", False, {"rotary_pct": 0.25}),
    Case("gpt_neox-whole", "gpt_neox", False, {"rotary_pct": 1.0, "rotary_emb_base": 100}),
    Case("gpt_neox-one-after-the-other", "gpt_neox", True, {"use_parallel_residual": False}),
    Case("gpt_neox-no-biases", "gpt_neox", False, {"attention_bias": False}),
)


def ours(artifact: Artifact, layers: list[int]) -> Iterator[F32]:
    model = Plain().prepare(artifact)
    assert not isinstance(model, str), model
    return model.states(spans(), layers, 10**9)


@pytest.mark.sweep(8)
@pytest.mark.parametrize("saved", ["saved", "minimal"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_hidden_states_are_those_of_transformers(case: Case, saved: str, tmp_path: Path) -> None:
    fl.build(case, tmp_path)
    if saved == "minimal":  # keys of older versions, and silence where a default is meant
        (tmp_path / "config.json").write_text(json.dumps({"model_type": case.family, **case.config()}))
    artifact = fl.open_model(tmp_path)
    theirs = reference(tmp_path)
    mine = list(ours(artifact, list(range(LAYERS + 1))))
    assert len(mine) == LAYERS + 1
    assert [s.dtype for s in mine] == [np.dtype(np.float32)] * len(mine)
    assert [off(a, b) < CLOSE for a, b in zip(mine, theirs, strict=True)] == [True] * len(mine), [
        off(a, b) for a, b in zip(mine, theirs, strict=True)
    ]
    assert off(mine[-1], theirs[-2]) > MOVED  # layers do something at all
