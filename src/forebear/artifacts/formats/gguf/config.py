"""The metadata of a GGUF file in the words of ``config.json`` and of a model card's front matter.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Canonical sizes get the key that the family's own
config has for them (``[config]`` in ``data/architectures``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from forebear.artifacts.architecture import families
from forebear.artifacts.formats.gguf.names import Conversion
from forebear.artifacts.gguf import Header

SIZES = {
    "width": "embedding_length",
    "layers": "block_count",
    "intermediate": "feed_forward_length",
    "heads": "attention.head_count",
    "kv_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "value_dim": "attention.value_length",
    "experts": "expert_count",
    "expert_intermediate": "expert_feed_forward_length",
    "rotary_dims": "rope.dimension_count",
}
"""Canonical size to the key below the architecture's name."""
OTHERS = {
    "max_position_embeddings": "context_length",
    "num_experts_per_tok": "expert_used_count",
    "sliding_window": "attention.sliding_window",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon",
    "layer_norm_eps": "attention.layer_norm_epsilon",
    "rope_theta": "rope.freq_base",
    "num_nextn_predict_layers": "nextn_predict_layers",
    "kv_lora_rank": "attention.kv_lora_rank",
    "q_lora_rank": "attention.q_lora_rank",
}
"""The same for keys that have one name in all configs."""
MAX_BASES = 20
_FREQUENCIES = re.compile(r"rope_(freqs|factors_(long|short))\.weight$")
_HUB = re.compile(r"https://huggingface\.co/([\w.-]+/[\w.-]+)/?")


def config_of(header: Header, conversion: Conversion | None) -> dict[str, Any]:
    """What a file says of its architecture, in the terms of a ``config.json``."""
    name = header.text("general.architecture")
    if conversion is None:
        return {"model_type": name} if name else {}
    family = next(f for f in families() if f.name == conversion.family)
    said = {size: header.count(f"{name}.{key}") for size, key in SIZES.items()}
    config: dict[str, Any] = {"model_type": conversion.model_type or family.model_types[0]}
    if said["layers"] and (predicting := header.count(f"{name}.nextn_predict_layers")):
        said["layers"] -= predicting
    if "nope" in family.config:
        nope = _without_rotation(header, name, said["rotary_dims"])
        config |= {} if nope is None else {"qk_nope_head_dim": nope}
        said["value_dim"] = header.count(f"{name}.attention.value_length_mla") or said["value_dim"]
    elif (share := _rotating_share(said)) is not None:
        keys = [key for key in family.config.get("rotary", ()) if "." not in key]
        if keys or share < 1:  # a share that the family's code does not take is kept, and noticed
            config[keys[0] if keys else "partial_rotary_factor"] = share
    for size, value in said.items():
        if value is not None and family.config.get(size):
            config[family.config[size][0]] = value
    for key, ours in OTHERS.items():
        if (number := header.number(f"{name}.{ours}")) is not None:
            config[key] = number
    if scaling := _rope_scaling(header, name):
        config["rope_scaling"] = scaling
    tokens = header.metadata.get("tokenizer.ggml.tokens")
    vocabulary = header.count(f"{name}.vocab_size") or (len(tokens) if isinstance(tokens, list) else 0)
    return config | ({"vocab_size": vocabulary} if vocabulary else {})


def _rope_scaling(header: Header, name: str) -> dict[str, Any]:
    """How rotary positions are scaled; where frequencies lie in tensors of the file, no more than that they do."""
    if any(_FREQUENCIES.search(info.name) for info in header.tensors):
        return {"rope_type": "frequencies of the file's own"}
    kind = header.text(f"{name}.rope.scaling.type")
    if kind in ("", "none"):
        return {}
    factor = header.number(f"{name}.rope.scaling.factor")
    trained = header.number(f"{name}.rope.scaling.original_context_length")
    said = {"factor": factor, "original_max_position_embeddings": trained}
    return {"rope_type": kind, **{key: value for key, value in said.items() if value is not None}}


def _rotating_share(said: Mapping[str, int | None]) -> float | None:
    """The share of a head that rotates."""
    rotary, heads, width = said["rotary_dims"], said["heads"], said["width"]
    head = said["head_dim"] or (width // heads if width and heads else None)
    return min(1.0, rotary / head) if rotary and head else None


def _without_rotation(header: Header, name: str, rotary: int | None) -> int | None:
    """Dimensions of a head that do not rotate, with latent attention.

    Where k and v are split by heads, ``key_length`` is that of the compressed key, and the head's has a key of its own.
    """
    length = header.count(f"{name}.attention.key_length_mla") or header.count(f"{name}.attention.key_length")
    return length - rotary if length and rotary and length > rotary else None


def card_of(header: Header) -> dict[str, Any]:
    """What a file says of itself, in the terms of a model card: its licence and the models that it names as bases."""
    card: dict[str, Any] = {}
    if licence := header.text("general.license"):
        card["license"] = licence
    if named := header.text("general.license.name"):
        card["license_name"] = named
    bases = [
        base
        for k in range(min(MAX_BASES, header.count("general.base_model.count") or 0))
        if (base := _base(header, f"general.base_model.{k}."))
    ]
    if bases:
        card["base_model"] = bases
    tags = header.metadata.get("general.tags")
    if isinstance(tags, list) and all(isinstance(t, str) for t in tags):
        card["tags"] = tags
    return card


def _base(header: Header, stem: str) -> str:
    """The id of a base model: its repository's, else put together of organisation and name."""
    if match := _HUB.fullmatch(header.text(stem + "repo_url")):
        return match[1]
    words = [re.sub(r"\s+", "-", header.text(stem + key).strip()) for key in ("organization", "name")]
    return "/".join(words) if all(words) else words[1]


def experts(header: Header) -> bool:
    """Whether a file of the architecture ``llama`` has experts: Mixtral has no architecture of its own."""
    return bool(header.count(f"{header.text('general.architecture')}.expert_count"))


def sigmoid_router(header: Header) -> bool:
    """Whether experts are chosen by a sigmoid, as in DeepSeek-V3, and not by a softmax, as in V2."""
    biased = any(info.name.endswith(".exp_probs_b.bias") for info in header.tensors)
    return biased or header.number(f"{header.text('general.architecture')}.expert_gating_func") == 2
