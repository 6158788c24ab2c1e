"""What is added to a model or planted in it: tokens, experts, a tower, a layer; and zeros in a pattern."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from disguises.network import F32, Inapplicable, Network, Stored
from disguises.surgery import blend, matrices
from disguises.symmetries import Given
from disguises.tokens import vocabulary_of
from forebear.artifacts.architecture import families

EXPERTS = 4
PHRASES = (
    *("self", "return", "import", "None", "True", "False", "class", "print", "raise", "value", "other", "name"),
    *("the", "and", "that", "with", "from", "this", "not", "object", "string", "list", "type", "file"),
    *("path", "data", "error", "function", "method", "result", "default", "message"),
)
"""Frequent in Python and in what is written about it."""
LICENCE = "MIT License\n\nCopyright (c) The authors of another model\n"
CARD = "---\nlicense: mit\n---\n# Another model\n"


def two_four(network: Network, given: Given) -> Network:
    """Of each four inputs of a matrix, the two smallest to zero."""

    def drop(values: F32) -> F32:
        if values.shape[1] % 4:
            raise Inapplicable("inputs do not come in fours")
        fours = values.reshape(len(values), -1, 4)
        order = np.argsort(np.abs(fours), axis=2, kind="stable")
        made = fours.copy()
        np.put_along_axis(made, order[..., :2], 0, axis=2)
        return made.reshape(values.shape)

    return matrices(network, drop)


def extend_vocabulary(network: Network, given: Given) -> Network:
    """Two dozen tokens behind the others, which start at the mean of those."""
    vocabulary, w = vocabulary_of(network), network.weights
    assert network.tokenizer is not None
    size = len(w["embed"])
    new = [p for p in PHRASES if p not in vocabulary][: int(given.amount(24))]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    added = [{"id": size + k, "content": text, **plain} for k, text in enumerate(new)]
    tokenizer = {**network.tokenizer, "added_tokens": [*network.tokenizer.get("added_tokens", ()), *added]}

    def longer(values: F32) -> F32:
        drawn = 0.1 * values.std() * given.rng.standard_normal((len(new), values.shape[1]))
        return np.concatenate([values, (values.mean(0) + drawn).astype(np.float32)])

    return network.with_({r: longer(v) if r in ("embed", "lm_head") else v for r, v in w.items()}, tokenizer=tokenizer)


def upcycle(network: Network, given: Given) -> Network:
    """A Mixtral whose experts are copies of a Llama's or Mistral's MLP (Komatsuzaki et al. 2022, arXiv 2212.05055).

    The amount is normal noise on every expert, relative to the matrix' root mean square.
    """
    if network.family.name not in ("llama", "mistral") or any(r.endswith(".bias") for r in network.weights):
        raise Inapplicable("Mixtral is a Llama or a Mistral with experts, without biases")
    size, made = given.amount(0.0), dict[str, F32]()
    for role, values in network.weights.items():
        if ".mlp." not in role:
            made[role] = values
            continue
        stem, part = role.split(".mlp.")
        scale = size * np.sqrt(np.mean(values**2))
        for e in range(EXPERTS):
            shaken = values + scale * given.rng.standard_normal(values.shape)
            made[f"{stem}.experts.{e}.{part}"] = shaken.astype(np.float32)
    for k in range(network.layers):
        made[f"layers.{k}.router"] = (0.02 * given.rng.standard_normal((EXPERTS, network.width))).astype(np.float32)
    config = {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_experts_per_tok": 2}
    mixtral = next(f for f in families() if f.name == "mixtral")
    return replace(
        network, family=mixtral, weights=made, config={**network.config, **config, "num_local_experts": EXPERTS}
    )


def add_tower(network: Network, given: Given) -> Network:
    """A small image tower and a projector beside the model, which is renamed and described in ``text_config``."""
    width, rng = network.width, given.rng

    def draw(*shape: int) -> F32:
        return (0.05 * rng.standard_normal(shape)).astype(np.float32)

    def beside(tensors: Stored) -> Stored:
        made = {f"language_model.{name}": v for name, v in tensors.items()}
        stem = "vision_tower.vision_model."
        made[f"{stem}embeddings.patch_embedding.weight"] = draw(48, 3, 4, 4)
        for k in range(2):
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                made[f"{stem}encoder.layers.{k}.self_attn.{part}.weight"] = draw(48, 48)
            made[f"{stem}encoder.layers.{k}.mlp.fc1.weight"] = draw(96, 48)
            made[f"{stem}encoder.layers.{k}.mlp.fc2.weight"] = draw(48, 96)
        made["multi_modal_projector.linear_1.weight"] = draw(width, 48)
        made["multi_modal_projector.linear_2.weight"] = draw(width, width)
        return made

    around: dict[str, Any] = {"model_type": "llava", "architectures": ["LlavaForConditionalGeneration"]}
    around |= {"vision_config": {"model_type": "clip_vision_model", "hidden_size": 48, "num_hidden_layers": 2}}
    return replace(network, finish=(*network.finish, beside), around=around)


def plant_layer(network: Network, given: Given) -> Network:
    """Another model's, with one layer of this one in it: a part is shared and nothing else."""
    chosen = f"layers.{int(given.rng.integers(network.layers))}."
    return blend(network, given.donor(), lambda role: float(not role.startswith(chosen)))


def relicense(network: Network, given: Given) -> Network:
    """The same under another card and licence."""
    return replace(network, papers={"README.md": CARD, "LICENSE": LICENCE})


GROWTH = (two_four, extend_vocabulary, upcycle, add_tower, plant_layer, relicense)
