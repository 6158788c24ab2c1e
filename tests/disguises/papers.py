"""Disguises of names: tensors under others, several in one, a config, a card and a licence that are not true."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from disguises.network import Inapplicable, Network, Stored
from disguises.symmetries import Given

WORDS = {"self_attn": "mixer", "attention": "mixer", "attn": "mixer", "mlp": "feed", "block_sparse_moe": "feed"}
WORDS |= {"layers": "blocks", "h": "blocks", "embed_tokens": "tokens", "wte": "tokens", "embed_in": "tokens"}
WORDS |= {"model": "net", "transformer": "net", "gpt_neox": "net", "lm_head": "output", "embed_out": "output"}
FUSED = (("qkv_proj", ("q_proj", "k_proj", "v_proj")), ("gate_up_proj", ("gate_proj", "up_proj")))
CLOSE = {"llama": "mistral", "mistral": "llama", "qwen2": "llama", "qwen3": "llama", "gemma": "llama"}
CLOSE |= {"mixtral": "qwen2_moe", "gpt2": "gpt_bigcode", "gpt_neox": "gptj"}
"""A ``model_type`` that someone could claim instead."""
CARD = """---
license: mit
base_model: example/unrelated-base
---
# Our own model

Trained from scratch by us on public text.
"""


def rename(network: Network, given: Given) -> Network:
    """Tensor names in other words, with the numbers of the layers."""

    def reworded(name: str) -> str:
        return ".".join(WORDS.get(part, part) for part in name.split("."))

    return _finished(network, lambda tensors: {reworded(name): v for name, v in tensors.items()})


def rename_opaque(network: Network, given: Given) -> Network:
    """Names that say nothing, in the order of the old ones."""
    return _finished(network, lambda tensors: {f"t{k}": tensors[name] for k, name in enumerate(_in_order(tensors))})


def _in_order(tensors: Stored) -> list[str]:
    """By name, numbers as numbers."""
    return sorted(tensors, key=lambda name: [f"{int(p):06}" if p.isdigit() else p for p in name.split(".")])


def fuse(network: Network, given: Given) -> Network:
    """q, k and v in one tensor, and gate and up in one, as Phi-3 has them."""
    roles = network.family.roles
    if roles["layers.{layer}.attn.q"].part is not None:
        raise Inapplicable("the family fuses them itself")

    def join(tensors: Stored) -> Stored:
        made = dict(tensors)
        for whole, parts in FUSED:
            for name in [n for n in tensors if f".{parts[0]}." in n]:
                names = [name.replace(parts[0], part) for part in parts]
                made[name.replace(parts[0], whole)] = np.concatenate([made.pop(n) for n in names])
        return made

    return _finished(network, join)


def _finished(network: Network, step: Callable[[Stored], Stored]) -> Network:
    return replace(network, finish=(*network.finish, step))


def falsify(network: Network, given: Given) -> Network:
    """Another family in the config, another author, base and licence in card and licence."""
    claimed = CLOSE.get(str(network.config.get("model_type")))
    if claimed is None:
        raise Inapplicable("no other family is plausible")
    config = {k: v for k, v in network.config.items() if not re.search(r"architectures|_name_or_path|version", k)}
    papers = {"README.md": CARD, "LICENSE": "MIT License\n\nCopyright (c) The authors of our own model\n"}
    return replace(network, config={**config, "model_type": claimed}, papers=papers)


def falsify_heads(network: Network, given: Given) -> Network:
    """In the config alone, half as many heads of twice the size: every shape bears it out.

    Raises:
        Inapplicable: that is not possible, or the family has no key for the size of a head.
    """
    keys = network.family.config
    if network.kv_heads % 2 or not {"heads", "kv_heads", "head_dim"} <= keys.keys():
        raise Inapplicable("its config can say no other number of heads")
    said = {"heads": network.heads // 2, "kv_heads": network.kv_heads // 2, "head_dim": 2 * network.head_dim}
    return replace(network, claims={**network.claims, **{keys[size][0]: value for size, value in said.items()}})


PAPERS = (rename, rename_opaque, fuse, falsify, falsify_heads)
