"""Adapters as values: what a config states, which tensors belong together."""

from __future__ import annotations

from typing import Any

import pytest

from adapters import CONFIG
from forebear.artifacts.adapter import claimed_name, low_rank, parse_config
from forebear.artifacts.base import Tensor
from models import Memory, refused


def tensor(name: str, *shape: int) -> Tensor:
    return Tensor(name, "F32", shape, "adapter_model.safetensors", 0, Memory({}))


def test_a_config_says_kind_base_and_sizes() -> None:
    adapter = parse_config({**CONFIG, "revision": "abc", "use_dora": True})
    assert (adapter.peft_type, adapter.base, adapter.revision) == ("LORA", "org/base", "abc")
    assert (adapter.rank, adapter.alpha, adapter.targets) == (4, 8, ("q_proj", "v_proj"))
    assert adapter.title == "DoRA adapter" and adapter.pairs == {}


@pytest.mark.parametrize(
    ("config", "title"),
    [
        ({"peft_type": "LORA"}, "LoRA adapter"),
        ({"peft_type": "lora", "use_rslora": True}, "rsLoRA adapter"),
        ({"peft_type": "IA3"}, "IA3 adapter"),
        ({"peft_type": "PROMPT_TUNING"}, "PROMPT_TUNING adapter"),
        ({"peft_type": "A\x1b[31mB"}, "A [31MB adapter"),
        ({}, "unknown adapter"),
    ],
)
def test_every_kind_has_a_name(config: dict[str, Any], title: str) -> None:
    assert parse_config(config).title == title


@pytest.mark.parametrize(
    ("stated", "name"),
    [
        ("meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-hf"),
        ("gpt2", "gpt2"),
        ("./models/llama-3.2-3b-base", "llama-3.2-3b-base"),
        ("/home/somebody/secret/llama-7b/", "llama-7b"),
        (r"C:\models\phi-2", "phi-2"),
        ("../..", ""),
        ("./phi-2", "phi-2"),
        ("", ""),
    ],
)
def test_of_a_path_only_the_last_folder_is_a_claim(stated: str, name: str) -> None:
    assert claimed_name(stated) == name


def test_a_pattern_of_targets_is_kept_and_never_run() -> None:
    assert parse_config({"target_modules": "(a+)+$"}).targets == ("(a+)+$",)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ([], "expected a JSON object"),
        ({"peft_type": 3}, "peft_type is not text"),
        ({"base_model_name_or_path": ["x"]}, "base_model_name_or_path is not text"),
        ({"r": 0}, "r, the rank"),
        ({"r": True}, "r, the rank"),
        ({"r": 10**9}, "r, the rank"),
        ({"r": "8"}, "r, the rank"),
        ({"lora_alpha": "16"}, "lora_alpha is not a number"),
        ({"lora_alpha": False}, "lora_alpha is not a number"),
        ({"target_modules": [1]}, "target_modules"),
        ({"target_modules": {"a": 1}}, "target_modules"),
    ],
)
def test_a_config_of_other_types_is_refused(config: Any, words: str) -> None:
    with refused("adapter_config.json", words):
        parse_config(config)


def test_halves_are_paired_by_module_whatever_their_order_and_the_adapters_name() -> None:
    found, others = low_rank(
        [
            tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight", 64, 4),
            tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight", 4, 32),
            tensor("h.0.attn.c_attn.lora_A.default.weight", 2, 16),
            tensor("h.0.attn.c_attn.lora_B.default.weight", 48, 2),
            tensor("base_model.model.model.embed_tokens.lora_embedding_A", 4, 256),
            tensor("base_model.model.model.embed_tokens.lora_embedding_B", 32, 4),
            tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", 64),
            tensor("base_model.model.model.layers.0.self_attn.q_proj.lora_B.bias", 64),
            tensor("base_model.model.lm_head.weight", 256, 32),
            tensor("base_model.model.conv.lora_A.weight", 4, 3, 3, 3),
            tensor("lora_A.weight", 4, 4),
        ]
    )
    assert {m: (c.shape, c.rank, c.magnitude is not None) for m, c in found.items()} == {
        "model.layers.0.self_attn.q_proj": ((64, 32), 4, True),
        "h.0.attn.c_attn": ((48, 16), 2, False),
        "model.embed_tokens": ((32, 256), 4, False),
    }
    assert [n.rsplit("model.")[-1] for n in others] == [
        "conv.lora_A.weight",
        "lm_head.weight",
        "layers.0.self_attn.q_proj.lora_B.bias",
        "lora_A.weight",
    ]


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ([("m.x.lora_A.weight", 4, 8)], "m.x has no lora_B"),
        ([("m.x.lora_B.weight", 8, 4)], "m.x has no lora_A"),
        ([("m.x.lora_magnitude_vector", 8)], "m.x has no lora_A and lora_B"),
        ([("m.x.lora_A.weight", 4, 8), ("m.x.lora_B.weight", 8, 5)], "are not factors of a matrix"),
        ([("m.x.lora_A.weight", 0, 8), ("m.x.lora_B.weight", 8, 0)], "are not factors of a matrix"),
        ([("m.x.lora_A.weight", 4), ("m.x.lora_B.weight", 8, 4)], "are not factors of a matrix"),
        ([("m.x.lora_A.one.weight", 4, 8), ("m.x.lora_A.two.weight", 4, 8)], "the same half of a pair"),
        ([("m.\x1b[31m.lora_A.weight", 4, 8)], "has no lora_B"),
    ],
)
def test_halves_that_do_not_fit_are_refused(tensors: list[tuple[Any, ...]], words: str) -> None:
    with refused("adapter_model.safetensors", words):
        low_rank([tensor(name, *shape) for name, *shape in tensors])
