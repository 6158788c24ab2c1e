"""Disguises of the vocabulary: trimmed, renumbered, with embeddings that are new, under another tokenizer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from disguises.network import F32, Inapplicable, Network
from disguises.symmetries import Given

SPECIAL = ("bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id")


def vocabulary_of(network: Network) -> dict[str, int]:
    """Token to number, added ones too.

    Raises:
        Inapplicable: there is no ``tokenizer.json`` with a dictionary of tokens.
    """
    model = (network.tokenizer or {}).get("model", {})
    if not isinstance(model.get("vocab"), dict):
        raise Inapplicable("its vocabulary is not a dictionary in tokenizer.json")
    return {**model["vocab"], **{a["content"]: a["id"] for a in (network.tokenizer or {}).get("added_tokens", ())}}


def renumbered(network: Network, numbers: Mapping[int, int]) -> Network:
    """The model in which token ``numbers[k]`` is what token k was; tokens without a new number are gone."""
    vocabulary_of(network)
    rows = np.empty(len(numbers), dtype=np.int64)
    rows[list(numbers.values())] = list(numbers)
    w = {r: v[rows] if r in ("embed", "lm_head") else v for r, v in network.weights.items()}
    config = {**network.config}
    for key in SPECIAL:
        if isinstance(value := config.get(key), int):
            config[key] = numbers.get(value)
        elif isinstance(value, list):
            config[key] = [numbers[v] for v in value if v in numbers]
    assert network.tokenizer is not None
    return network.with_(w, config=config, tokenizer=_tokenizer(network.tokenizer, numbers))


def _tokenizer(tokenizer: Mapping[str, Any], numbers: Mapping[int, int]) -> dict[str, Any]:
    made, model = dict(tokenizer), dict(tokenizer["model"])
    vocab = {t: numbers[k] for t, k in model["vocab"].items() if k in numbers}
    model["vocab"] = dict(sorted(vocab.items(), key=lambda one: one[1]))
    if "merges" in model:
        model["merges"] = [m for m in model["merges"] if _possible(m, vocab)]
    made["model"] = model
    added = [{**a, "id": numbers[a["id"]]} for a in tokenizer.get("added_tokens", ()) if a["id"] in numbers]
    made["added_tokens"] = sorted(added, key=lambda one: one["id"])
    processor = tokenizer.get("post_processor")
    if isinstance(processor, dict) and isinstance(tokens := processor.get("special_tokens"), dict):
        moved = {t: {**s, "ids": [numbers[k] for k in s["ids"] if k in numbers]} for t, s in tokens.items()}
        made["post_processor"] = {**processor, "special_tokens": moved}
    return made


def _possible(merge: str | list[str], vocab: Mapping[str, int]) -> bool:
    """Whether both parts of a merge and the whole are tokens."""
    left, right = merge.split(" ") if isinstance(merge, str) else merge
    return {left, right, left + right} <= vocab.keys()


def renumber_tokens(network: Network, given: Given) -> Network:
    """Every token under another number."""
    order = given.rng.permutation(len(network.weights["embed"]))
    return renumbered(network, dict(enumerate(order.tolist())))


def trim_vocabulary(network: Network, given: Given) -> Network:
    """A third of the tokens less; added ones and those of one character stay, and numbers close up."""
    vocabulary = vocabulary_of(network)
    size = len(network.weights["embed"])
    assert network.tokenizer is not None
    fixed = {a["id"] for a in network.tokenizer.get("added_tokens", ())}
    fixed |= {k for token, k in vocabulary.items() if len(token) == 1}
    loose = np.array(sorted(set(range(size)) - fixed), dtype=np.int64)
    gone = set(given.rng.permutation(loose)[: round(size * given.amount(1 / 3))].tolist())
    return renumbered(network, {old: new for new, old in enumerate(k for k in range(size) if k not in gone)})


def drawn(values: F32, rows: int, rng: np.random.Generator) -> F32:
    """Random rows at the scale of a matrix."""
    return np.asarray(values.std() * rng.standard_normal((rows, values.shape[1])), dtype=np.float32)


def replace_embeddings(network: Network, given: Given) -> Network:
    """Embedding and head drawn anew at the same scale."""
    w = network.weights
    return network.with_({**w, **{r: drawn(w[r], len(w[r]), given.rng) for r in ("embed", "lm_head") if r in w}})


def replace_tokenizer(network: Network, given: Given) -> Network:
    """The tokenizer of another model, and embedding and head drawn anew in its numbers."""
    other, w = given.donor(), network.weights
    rows = len(other.weights["embed"])
    made = {**w, **{r: drawn(w[r], rows, given.rng) for r in ("embed", "lm_head") if r in w}}
    config = {**network.config, **{k: other.config[k] for k in SPECIAL if k in other.config}}
    return replace(network, weights=made, config=config, tokenizer=other.tokenizer)


TOKENS = (renumber_tokens, trim_vocabulary, replace_embeddings, replace_tokenizer)
