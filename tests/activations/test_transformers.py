"""Hidden states by the library's code with our own reading of weights, against the library with its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from activations.reference import CLOSE, off, reference, spans
from forebear.activations.base import Runnable
from forebear.activations.transformers import Transformers
from models import tiny_llama
from symmetry import flips as fl
from symmetry.flips import LAYERS, VOCABULARY, WIDTH, Case

torch = pytest.importorskip("torch", reason="needs the [torch] extra")
transformers = pytest.importorskip("transformers", reason="runs the modelling code of transformers")
pytest.importorskip("safetensors", reason="models are saved by transformers")

pytestmark = pytest.mark.torch

ROOM = 10**9
MOE = {"moe_intermediate_size": 40, "num_experts_per_tok": 2}
MLA = {"q_lora_rank": 24, "kv_lora_rank": 20, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": 12}
DEEPSEEK = {**MOE, **MLA, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1}
DEEPSEEK |= {"n_routed_experts": 5, "n_shared_experts": 2}

CASES = (
    Case("llama", "llama", True),
    Case("mixtral", "mixtral", False, {"num_local_experts": 4}),
    Case("mixtral-stacked", "mixtral", False, {"num_local_experts": 4}, stacked=True),
    Case("qwen3_moe", "qwen3_moe", False, {**MOE, "num_experts": 5, "mlp_only_layers": [1]}),
    Case("deepseek_v3", "deepseek_v3", False, DEEPSEEK),
    Case("minimax", "minimax", False, {"num_local_experts": 4, "rotary_dim": 16}),
    Case("minimax_m2", "minimax_m2", False, {"num_local_experts": 4, "num_experts_per_tok": 2}),
    Case("gpt_oss", "gpt_oss", False, {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 8}),
    Case("gemma2", "gemma2", True, {"sliding_window": 4}),
    Case("phi3", "phi3", False, {"partial_rotary_factor": 0.75}),
    Case("falcon-alibi", "falcon", True, {"multi_query": False, "alibi": True, "parallel_attn": False, "bias": True}),
    Case("bloom", "bloom", True),
    Case("gptj", "gptj", False, {"rotary_dim": 8}),
    Case("opt", "opt", True, {"ffn_dim": 96, "word_embed_proj_dim": WIDTH}),
    Case("bert", "bert", True),
    Case("modernbert", "modernbert", True),
)
"""Families of many kinds: experts apart and stacked, latent and linear attention, encoders, positions of every sort."""

UNKNOWN_TO_US: dict[str, dict[str, Any]] = {
    "mamba": {"state_size": 4},
    "lfm2": {"num_key_value_heads": 2, "layer_types": ["conv", "full_attention", "conv"]},
    "persimmon": {},
    "xglm": {"d_model": WIDTH, "num_layers": LAYERS, "attention_heads": 4, "ffn_dim": 96, "pad_token_id": 1},
}
"""Types without a family of ours, with config keys of their own."""


def prepared(folder: Path) -> Runnable:
    found = Transformers().prepare(fl.open_model(folder))
    assert not isinstance(found, str), found
    return found


def refusal(folder: Path) -> str:
    found = Transformers().prepare(fl.open_model(folder))
    assert isinstance(found, str)
    return found


def edit(folder: Path, **keys: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


def check(folder: Path) -> None:
    """All layers, at once and one at a time."""
    model, theirs = prepared(folder), reference(folder)
    assert (model.layers, model.width, model.rows) == (LAYERS, WIDTH, VOCABULARY)
    for room in (ROOM, 1):
        mine = list(model.states(spans(), range(LAYERS + 1), room))
        assert max(off(a, b) for a, b in zip(mine, theirs, strict=True)) < CLOSE


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_hidden_states_are_those_of_the_library(case: Case, tmp_path: Path) -> None:
    fl.build(case, tmp_path)
    check(tmp_path)


@pytest.mark.parametrize("kind", UNKNOWN_TO_US)
def test_types_without_a_family_of_ours(kind: str, tmp_path: Path) -> None:
    usual = {"vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4}
    usual |= {"intermediate_size": 96, "max_position_embeddings": 64, "bos_token_id": 0, "eos_token_id": 1}
    more = UNKNOWN_TO_US[kind]
    config = transformers.AutoConfig.for_model(kind, **(usual | more if kind != "xglm" else {"vocab_size": 128} | more))
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    check(tmp_path)


def test_only_what_the_first_layers_need_is_read(tmp_path: Path) -> None:
    fl.build(Case("llama", "llama", False), tmp_path)
    costs = []
    for last in (0, 1, 3):
        artifact = fl.open_model(tmp_path)
        model = Transformers().prepare(artifact)
        assert not isinstance(model, str)
        before = artifact.source.bytes_read
        list(model.states(spans(), [last], ROOM))
        costs.append(artifact.source.bytes_read - before)
    layer = sum(4 * p.numel() for p in fl.load(tmp_path).model.layers[0].parameters())
    assert costs == [4 * VOCABULARY * WIDTH, 4 * VOCABULARY * WIDTH + layer, 4 * VOCABULARY * WIDTH + 3 * layer]


def test_memory_is_given_back(tmp_path: Path) -> None:
    fl.build(Case("llama", "llama", False), tmp_path)
    model = Transformers().prepare(fl.open_model(tmp_path))
    assert not isinstance(model, str)
    list(model.states(spans(), [LAYERS], ROOM))
    assert all(p.is_meta for p in model.network.parameters())  # type: ignore[attr-defined]


def test_a_config_cannot_name_code_kernels_or_precision(tmp_path: Path) -> None:
    fl.build(Case("llama", "llama", False), tmp_path)
    theirs = reference(tmp_path)
    edit(
        tmp_path,
        auto_map={"AutoModel": "modeling_evil.Evil", "AutoConfig": "elsewhere/evil--configuration.Evil"},
        _attn_implementation="someone/kernel",
        attn_implementation="someone/kernel",
        _experts_implementation="someone/kernel",
        quantization_config={"quant_method": "gptq"},
        torch_dtype="float16",
        text_config={"_attn_implementation": "someone/kernel"},
    )
    (tmp_path / "modeling_evil.py").write_text("raise SystemExit('was run')")
    mine = list(prepared(tmp_path).states(spans(), [LAYERS], ROOM))
    assert off(mine[0], theirs[LAYERS]) < CLOSE


@pytest.mark.parametrize(
    ("keys", "why"),
    [
        ({"model_type": "no_such_type"}, "does not build it"),
        ({"model_type": None}, "no model_type"),
        ({"num_hidden_layers": 10**9}, "how many layers"),
        ({"num_hidden_layers": 2}, "no place for its tensor"),
        ({"num_hidden_layers": 4}, "is not there"),
        ({"hidden_size": 128}, "is ("),
        ({"hidden_size": "64"}, "does not build it"),
        ({"intermediate_size": 10**15}, "is ("),
        ({"model_type": "gpt2"}, "not named as the library's code names them"),
        ({"attention_bias": True}, "is not there"),
        ({"rope_scaling": {"rope_type": "nonsense"}}, "does not build it"),
    ],
    ids=str,
)
def test_a_config_that_contradicts_the_tensors_is_refused(keys: dict[str, object], why: str, tmp_path: Path) -> None:
    fl.build(Case("llama", "llama", False), tmp_path)
    edit(tmp_path, **keys)
    said = refusal(tmp_path)
    assert why in said and said.isprintable() and len(said) < 400


def test_models_without_a_config_are_refused(tmp_path: Path) -> None:
    tiny_llama(tmp_path)
    (tmp_path / "config.json").unlink()
    assert "no config.json" in refusal(tmp_path)


def test_an_encoder_with_a_decoder_is_refused(tmp_path: Path) -> None:
    config = transformers.T5Config(vocab_size=VOCABULARY, d_model=WIDTH, d_ff=96, num_layers=2, num_heads=4)
    transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    assert "an encoder and a decoder" in refusal(tmp_path)


def test_a_buffer_that_is_not_computed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fl.build(Case("llama", "llama", False), tmp_path)
    monkeypatch.setattr(transformers.LlamaModel, "_init_weights", lambda self, module: None)
    assert "what its buffer rotary_emb.inv_freq holds is not known" in refusal(tmp_path)


def test_values_that_are_no_numbers_come_out_as_such(tmp_path: Path) -> None:
    fl.build(Case("llama", "llama", False), tmp_path)
    tensors = fl.weights(tmp_path)
    tensors["model.layers.1.mlp.down_proj.weight"][:] = np.nan
    fl.write_like(tmp_path, tmp_path / "broken", tensors)
    first, last = prepared(tmp_path / "broken").states(spans(), [1, 2], ROOM)
    assert np.isfinite(first).all() and np.isnan(last).all()
