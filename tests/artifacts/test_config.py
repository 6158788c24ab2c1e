"""A config alone: its family and sizes, or the reason why it has none; and where the weights say otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebear.artifacts import read_artifact
from forebear.artifacts.architecture import Geometry, families
from forebear.artifacts.config import MAX_PADDING, Sizes, contradictions, declared_sizes, language_part
from forebear.sources import LocalSource
from models import tiny, tiny_llama

LLAMA = {
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "vocab_size": 256,
}
DENSE = Sizes("llama", "llama", 64, 4, 256, 128, heads=4, kv_heads=2, head_dim=16, value_dim=16, rotary=16)
FALCON = {"model_type": "falcon", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}


def sizes(config: Any) -> Sizes:
    found = declared_sizes(config)
    assert isinstance(found, Sizes), found
    return found


def without(*keys: str, **changes: Any) -> dict[str, Any]:
    return {**{k: v for k, v in LLAMA.items() if k not in keys}, **changes}


# sizes


def test_a_config_declares_its_sizes() -> None:
    assert declared_sizes(LLAMA) == DENSE


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"model_type": "mistral"}, {"model_type": "mistral"}),
        ({"head_dim": 24}, {"head_dim": 24, "value_dim": 24, "rotary": 24}),
        ({"head_dim": None}, {}),
        ({"partial_rotary_factor": 0.5}, {}),  # Llama's code does not take it
        ({"rope_parameters": {"partial_rotary_factor": 0.25}}, {}),
        ({"num_key_value_heads": None}, {"kv_heads": 4}),
        ({"num_key_value_heads": None, "model_type": "mistral"}, {"kv_heads": None, "model_type": "mistral"}),
        ({"vocab_size": None}, {"vocabulary": None}),
        ({"intermediate_size": None}, {"intermediate": None}),
        ({"num_nextn_predict_layers": 1}, {"predicting": 1}),
        ({"num_nextn_predict_layers": 0}, {}),
        (
            {"num_attention_heads": None, "num_key_value_heads": None},
            {"heads": None, "kv_heads": None, "head_dim": None, "value_dim": None, "rotary": None},
        ),
    ],
)
def test_what_is_left_out_is_filled_in_where_it_is_certain(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    assert declared_sizes(without(**changes)) == replace(DENSE, **expected)


def test_a_head_size_that_only_the_code_knows_stays_unknown() -> None:
    """Gemma's and Qwen3's heads have 256 and 128 dimensions whatever the width, unless the config says otherwise."""
    for kind in ("gemma", "gemma2", "gemma3", "qwen3", "glm4", "gpt_oss"):
        found = sizes({**LLAMA, "model_type": kind, "num_attention_heads": 3, "num_key_value_heads": 3})
        assert (found.head_dim, found.rotary) == (None, None)
        assert sizes({**LLAMA, "model_type": kind, "head_dim": 32}).head_dim == 32


@pytest.mark.parametrize("family", ["gpt2", "gptj", "bloom", "falcon", "mpt"])
def test_an_mlp_is_four_times_as_wide_where_the_family_says_so(family: str) -> None:
    described = next(f for f in families() if f.name == family)
    config = {described.config[k][0]: v for k, v in (("width", 64), ("layers", 2), ("heads", 4))}
    found = sizes({"model_type": family, "n_inner": None, **config})
    assert (found.intermediate, found.heads, found.head_dim) == (256, 4, 16)
    assert sizes({"model_type": family, **config, "expansion_ratio": 2}).intermediate == (
        128 if family == "mpt" else 256
    )
    for key in described.config.get("intermediate", ()):
        assert sizes({"model_type": family, **config, key: 100}).intermediate == 100


@pytest.mark.parametrize(
    ("changes", "kv_heads"),
    [
        ({"multi_query": True, "num_kv_heads": 2}, 1),  # Falcon-7B: the number is not used
        ({"multi_query": False}, 4),
        ({}, None),
        ({"multi_query": True, "num_kv_heads": 2, "new_decoder_architecture": True}, 2),
        ({"new_decoder_architecture": True}, 4),
        ({"model_type": "RefinedWeb", "n_head_kv": 2}, 2),
        ({"model_type": "RefinedWebModel", "multi_query": True}, 1),
    ],
)
def test_falcons_three_ways_to_share_keys(changes: dict[str, Any], kv_heads: int | None) -> None:
    assert sizes({**FALCON, **changes}).kv_heads == kv_heads


def test_nothing_rotates_with_alibi_or_learnt_positions() -> None:
    assert sizes(FALCON).rotary == 16
    assert sizes({**FALCON, "alibi": True}).rotary is None
    assert sizes({"model_type": "gpt2", "n_embd": 64, "n_layer": 2, "n_head": 4}).rotary is None


def test_experts_have_their_own_width() -> None:
    mixtral = sizes({**LLAMA, "model_type": "mixtral", "num_local_experts": 8})
    assert (mixtral.experts, mixtral.intermediate, mixtral.expert_intermediate) == (8, 128, 128)
    both = sizes({**LLAMA, "model_type": "qwen3_moe", "num_experts": 8, "moe_intermediate_size": 32})
    assert (both.experts, both.intermediate, both.expert_intermediate) == (8, 128, 32)
    silent = sizes({**LLAMA, "model_type": "qwen3_moe", "num_experts": 8})
    assert (silent.intermediate, silent.expert_intermediate) == (128, None)
    assert sizes({**LLAMA, "model_type": "qwen3_moe", "num_experts": 0}).experts == 0


def test_latent_heads_are_made_of_two_parts() -> None:
    latent = {"qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 96, "n_routed_experts": 4}
    found = sizes({**LLAMA, "model_type": "deepseek_v3", **latent})
    assert (found.head_dim, found.nope, found.rotary, found.value_dim) == (192, 128, 64, 96)
    assert (found.kv_heads, found.experts) == (4, 4)  # num_key_value_heads means nothing there
    silent = sizes({**LLAMA, "model_type": "deepseek_v3"})
    assert (silent.head_dim, silent.value_dim) == (None, None)


def test_every_type_of_every_family_is_read() -> None:
    for family in families():
        config = {family.config[k][0]: v for k, v in (("width", 64), ("layers", 2), ("heads", 4)) if k in family.config}
        for kind in family.model_types:
            found = sizes({"model_type": kind, **config})
            assert (found.family, found.model_type, found.width, found.layers) == (family.name, kind, 64, 2)


# which family


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("LlamaForCausalLM", "llama"),
        ("MistralModel", "mistral"),
        ("Qwen3MoeForCausalLM", "qwen3_moe"),
        ("Qwen3ForCausalLM", "qwen3"),
        ("Glm4MoeForCausalLM", "glm4_moe"),
        ("Olmo2ForCausalLM", "olmo2"),
        ("GptOssForCausalLM", "gpt_oss"),
        ("Phi3ForSequenceClassification", "phi3"),
    ],
)
def test_without_a_type_the_class_tells_the_family(name: str, kind: str) -> None:
    assert sizes(without("model_type", architectures=[name])).model_type == kind


@pytest.mark.parametrize("key", ["text_config", "llm_config", "language_config", "language_model", "language"])
def test_the_language_models_part_is_read(key: str) -> None:
    nested = {"model_type": "a_vlm", "vision_config": {"hidden_size": 8}, key: LLAMA}
    assert declared_sizes(nested) == DENSE
    assert language_part(nested) == {**nested, **LLAMA}
    own = {**nested, "hidden_size": 32}
    assert language_part(own) is own
    assert language_part({key: [LLAMA], "model_type": "x"}) == {key: [LLAMA], "model_type": "x"}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (None, "it holds null, not a JSON object"),
        ([LLAMA], "it holds a list, not a JSON object"),
        ("llama", 'it holds the text "llama", not a JSON object'),
        (3, "it holds 3, not a JSON object"),
        ({}, "it has neither model_type nor architectures"),
        ({"architectures": "LlamaForCausalLM"}, "it has neither model_type nor architectures"),
        ({"architectures": [3, None]}, "it has neither model_type nor architectures"),
        ({"architectures": ["LlamaX"]}, "it has no model_type, and its class LlamaX is of no known family"),
        ({"architectures": ["LlamaForCausalLM"]}, "a config of type llama without width (hidden_size)"),
        ({"model_type": "mamba", "hidden_size": 8}, "model_type mamba belongs to no known family"),
        ({"model_type": ""}, "model_type (empty) belongs to no known family"),
        ({"model_type": "a\x1b[2J\nb"}, "model_type a [2J b belongs to no known family"),
        ({"model_type": ["llama"]}, "model_type is a list, not a name"),
        ({"model_type": 7}, "model_type is 7, not a name"),
        ({"model_type": "vit", "image_size": 224}, "model_type vit belongs to no known family; it reads images"),
        (
            {"model_type": "x", "visual": {}, "audio": {}},
            "model_type x belongs to no known family; it reads images and sound",
        ),
        (
            {"model_type": "t5", "d_model": 8, "is_encoder_decoder": True},
            "model_type t5 belongs to no known family; it has an encoder and a decoder",
        ),
        ({"peft_type": "LORA", "r": 8}, "an adapter's config, not a model's; its base model has the sizes"),
        ({"_class_name": "UNet2DConditionModel"}, "a diffusion pipeline's config, and no language model's"),
        (
            {"tokenizer_class": "X", "processor_class": "Y", "model_type": "hunyuan"},
            "a tokenizer's config, not a model's",
        ),
        ({"image_processor_type": "X", "image_size": 4}, "a processor's config, not a model's"),
        ({"bits": 4, "group_size": 128}, "a quantiser's config, not a model's"),
        ({"framework": "pytorch", "task": "chat"}, "a description for a model hub, not a model's config"),
        ({"eos_token_id": 2, "transformers_version": "4"}, "a generation config, not a model's"),
        (
            {"dim": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 9},
            "params.json of the original release, not a config.json; convert the model or add its config",
        ),
    ],
)
def test_what_declares_no_sizes_says_why(config: Any, reason: str) -> None:
    assert declared_sizes(config) == reason


def test_a_config_with_a_tokenizers_keys_is_still_a_config() -> None:
    extra = {
        "tokenizer_class": "LlamaTokenizer",
        "eos_token_id": 2,
        "framework": "pt",
        "group_size": 1,
        "peft_type": "x",
    }
    assert declared_sizes({**LLAMA, **extra}) == DENSE


# lies


@pytest.mark.parametrize("key", sorted(LLAMA.keys() - {"model_type"}))
@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-4, "-4"),
        (True, "true"),
        (4.0, "4"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        ("64", 'the text "64"'),
        ([64], "a list"),
        ({"a": 1}, "an object"),
        (2**31, "2,147,483,648"),
        pytest.param("6" * 10_000, 'the text "' + "6" * 20 + "…" + "6" * 19 + '"', id="long"),
        pytest.param(10**5_000, "an enormous number", id="enormous"),
    ],
)
def test_a_size_that_is_none_is_refused(key: str, value: Any, shown: str) -> None:
    assert declared_sizes({**LLAMA, key: value}) == f"{key} is {shown}, not a size"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"num_attention_heads": 3}, "3 heads do not divide a width of 64"),
        ({"num_key_value_heads": 3}, "3 key/value heads do not divide 4 heads"),
        ({"num_key_value_heads": 8}, "8 key/value heads do not divide 4 heads"),
        ({"hidden_size": None}, "a config of type llama without width (hidden_size)"),
        ({"num_hidden_layers": None}, "a config of type llama without layers (num_hidden_layers)"),
    ],
)
def test_sizes_that_are_impossible_together_are_refused(changes: dict[str, Any], reason: str) -> None:
    assert declared_sizes({**LLAMA, **changes}) == reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
KEYS = [*LLAMA, "text_config", "architectures", "head_dim", "rope_parameters", "partial_rotary_factor", "rotary_dim"]


@given(
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=6),
    st.sampled_from([k for f in families() for k in f.model_types]),
)
def test_any_config_is_read_or_refused_in_one_line(changes: dict[str, Any], kind: str) -> None:
    for config in ({**LLAMA, "model_type": kind, **changes}, changes, {"text_config": changes, "model_type": kind}):
        found = declared_sizes(config)
        if isinstance(found, str):
            assert found.isprintable() and 0 < len(found) < 200
        else:
            assert found.width > 0 and found.layers > 0


# against the weights

WEIGHTS = Geometry(64, 4, 256, 128, heads=4, kv_heads=2, head_dim=16, rotary=16, value_dim=16)


@pytest.mark.parametrize(
    ("said", "notes"),
    [
        ({}, []),
        ({"layers": 48}, ["config.json says 48 layers, the weights have 4"]),
        ({"layers": 3}, ["config.json says 3 layers, the weights have 4"]),
        ({"layers": 3, "predicting": 1}, []),
        ({"layers": 5, "predicting": 1}, ["config.json says 5 layers, the weights have 4"]),
        ({"layers": 2, "predicting": 1}, ["config.json says 2 layers, the weights have 4"]),
        ({"width": 4096}, ["config.json says 4,096 residual dimensions, the weights have 64"]),
        ({"intermediate": 100}, ["config.json says 100 MLP neurons, the weights have 128"]),
        ({"kv_heads": 4}, ["config.json says 4 key/value heads, the weights have 2"]),
        ({"head_dim": 32}, ["config.json says 32 dimensions per head, the weights have 16"]),
        ({"vocabulary": 257}, ["config.json says 257 tokens, the weights have 256"]),
        ({"vocabulary": 250}, []),
        ({"kv_heads": None, "head_dim": None, "intermediate": None, "vocabulary": None}, []),
        (
            {"width": 32, "layers": 1},
            [
                "config.json says 32 residual dimensions, the weights have 64",
                "config.json says 1 layers, the weights have 4",
            ],
        ),
    ],
)
def test_the_weights_contradict_a_config(said: dict[str, Any], notes: list[str]) -> None:
    assert list(contradictions(replace(DENSE, **said), WEIGHTS)) == notes


def test_padding_ends_where_no_device_pads() -> None:
    for more, silent in ((0, True), (MAX_PADDING - 1, True), (MAX_PADDING, False)):
        assert (contradictions(DENSE, replace(WEIGHTS, vocabulary=256 + more)) == ()) is silent


def test_a_part_of_a_model_contradicts_nothing_that_it_lacks() -> None:
    part = Geometry(64, 4, 0, intermediate=None)
    assert contradictions(replace(DENSE, experts=8, expert_intermediate=32), part) == ()


def test_an_experts_width_is_not_taken_for_that_of_a_dense_layer() -> None:
    routed = replace(WEIGHTS, experts=8, intermediate=32, expert_intermediate=32)
    said = replace(DENSE, experts=8, expert_intermediate=32)
    assert contradictions(said, routed) == ()
    assert contradictions(replace(said, expert_intermediate=16, experts=4), routed) == (
        "config.json says 4 experts, the weights have 8",
        "config.json says 16 neurons per expert, the weights have 32",
    )
    assert contradictions(said, replace(routed, intermediate=96)) == (
        "config.json says 128 MLP neurons, the weights have 96",
    )


# in an artifact


def notes(folder: Path, **changes: Any) -> tuple[str, ...]:
    path = folder / "config.json"
    before = path.read_text()
    path.write_text(json.dumps({**json.loads(before), **changes}))
    found = read_artifact(LocalSource(folder)).notes
    path.write_text(before)
    return found


def test_a_lie_about_a_size_is_noted_and_changes_nothing_else(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model")
    assert notes(folder) == ()
    assert notes(folder, num_hidden_layers=48) == ("config.json says 48 layers, the weights have 4",)
    assert notes(folder, vocab_size=10**9) == ("config.json says 1,000,000,000 tokens, the weights have 256",)
    assert notes(folder, hidden_size=-64) == ("config.json: hidden_size is -64, not a size",)
    assert notes(folder, num_hidden_layers=[4]) == ("config.json: num_hidden_layers is a list, not a size",)
    (named,) = notes(folder, model_type="mamba", num_hidden_layers=48)  # no family, so nothing is declared
    assert named.startswith("model_type mamba is not known; the tensor names are those of Llama")
    said = notes(folder, num_attention_heads=3)
    assert said == (
        "the head counts of config.json contradict the shapes",
        "config.json: 3 heads do not divide a width of 64",
    )


def test_honest_models_of_every_kind_have_no_notes(tmp_path: Path) -> None:
    for family in ("llama", "mixtral", "qwen2", "gpt2", "gpt_neox"):
        folder = tiny(family, tmp_path / family)
        assert read_artifact(LocalSource(folder)).notes == ()
