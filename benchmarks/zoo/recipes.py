"""Recipes: everything that a small model follows from, as frozen values with a hash, and the named sets of them.

A new family is one line of :data:`FAMILIES`; a new benchmark is a function that returns recipes, named in :data:`SETS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Any

VERSION = 1
"""Part of every hash: raise it when the same recipe would train to another model."""
WIDTH, LAYERS, HEADS, KV_HEADS, NEURONS, EXPERTS, VOCABULARY, CONTEXT = 96, 4, 4, 2, 192, 4, 512, 96
HEAD_DIM = WIDTH // HEADS
INIT_STD = 0.9 / WIDTH**0.5
"""Hugging Face's usual 0.02 learns far too slowly at this width."""

_GPT2 = {"n_inner": NEURONS, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
_EXPERTS = {"num_local_experts": EXPERTS, "num_experts_per_tok": 2}
_ROUTED = {"num_experts": EXPERTS, "moe_intermediate_size": NEURONS, "num_experts_per_tok": 2}
_SHARED = _ROUTED | {"n_routed_experts": EXPERTS, "n_shared_experts": 1, "first_k_dense_replace": 1}
_SHARED |= {"n_group": 1, "topk_group": 1}
_LATENT = {"q_lora_rank": 32, "kv_lora_rank": 24, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "v_head_dim": HEAD_DIM}
_LATENT |= {"num_key_value_heads": HEADS, "head_dim": 8}
FAMILIES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "llama": {},
        "mistral": {},
        "qwen2": {},
        "qwen3": {},
        "mixtral": {"num_local_experts": EXPERTS},
        "gpt2": _GPT2,
        "gpt_neox": {},
        "gemma": {},
        "gemma2": {},
        "gemma3_text": {},
        "phi3": {},
        "olmo": {},
        "olmo2": {},
        "stablelm": {},
        "cohere": {},
        "glm4": {},
        "glm": {},
        "arcee": {},
        "ernie4_5": {},
        "granite": {},
        "exaone4": {},
        "hunyuan_v1_dense": {},
        "nemotron": {},
        "starcoder2": {},
        "phi": {},
        "mpt": {},
        "qwen2_moe": _ROUTED | {"shared_expert_intermediate_size": NEURONS},
        "qwen3_moe": _ROUTED,
        "olmoe": _ROUTED,
        "granitemoe": _EXPERTS,
        "minimax": _EXPERTS,
        "minimax_m2": _EXPERTS,
        "phimoe": _EXPERTS,
        "gpt_oss": _EXPERTS,
        "glm4_moe": _SHARED,
        "dots1": _SHARED,
        "deepseek_v3": _SHARED | _LATENT,
    }
)
"""``model_type`` of transformers to the config keys it needs beyond the common sizes."""


LATER: Mapping[str, Any] = MappingProxyType(
    {"before": (), "objective": "likelihood", "rank": 0, "targets": "all", "teacher": None}
)
"""Keys that recipes did not have at first, and what they say where nothing is said."""


@dataclass(frozen=True)
class Recipe:
    """One model to train. Two recipes with equal hashes are the same model, whatever they are called.

    Attributes:
        name: for people; not part of the hash.
        family: ``model_type`` of transformers.
        config: every config key; see :func:`config_of`.
        init_seed: of the random start.
        corpus: what it reads; a key of :data:`zoo.corpora.CORPORA`.
        tokenizer: the corpus whose tokenizer it uses.
        order_seed: of which windows are read when.
        steps, batch, rate, decay: of training; ``rate`` is the peak learning rate.
        optimiser: ``adamw``, ``sgd`` or ``muon`` (matrices of the layers by Muon, the rest by AdamW).
        start: the model to go on from, of the same family and config; None for a random start.
        version: see :data:`VERSION`.
        before: what is done to the start first: steps of ``tests/derivations``, seeded by ``order_seed``.
        objective: ``likelihood`` of the text, ``reward``: a policy gradient on text that the model makes up, or
            ``imitation``: of what the teacher predicts on the text.
        rank: of the adapter that is trained and merged instead of the weights; 0 for the weights.
        targets: what the adapter is put on; a key of :data:`zoo.adapters.TARGETS`.
        teacher: the model to imitate, of the same tokenizer; never its weights.
    """

    name: str = field(compare=False)
    family: str
    config: Mapping[str, Any]
    init_seed: int
    corpus: str
    tokenizer: str
    order_seed: int
    steps: int = 200
    batch: int = 8
    rate: float = 3e-3
    decay: float = 0.1
    optimiser: str = "adamw"
    start: Recipe | None = None
    version: int = VERSION
    before: tuple[str, ...] = ()
    objective: str = "likelihood"
    rank: int = 0
    targets: str = "all"
    teacher: Recipe | None = None

    @property
    def canonical(self) -> str:
        """The recipe as JSON with sorted keys, without its name; a start and a teacher are given by their hashes.

        Keys that came later are left out where they say nothing, so that no older recipe has another hash.
        """
        values = {k: v for k, v in asdict(replace(self, start=None, teacher=None)).items() if k != "name"}
        values["teacher"] = self.teacher.digest if self.teacher else None
        values = {k: v for k, v in values.items() if k not in LATER or v != LATER[k]}
        return json.dumps(values | {"start": self.start.digest if self.start else None}, sort_keys=True)

    @property
    def digest(self) -> str:
        """BLAKE2b of the canonical JSON, 20 hexadecimal digits: the name of the model's folder."""
        return hashlib.blake2b(self.canonical.encode(), digest_size=10).hexdigest()

    @property
    def generation(self) -> int:
        """0 for a random start without a teacher, else one more than what it was made from."""
        return max((one.generation + 1 for one in (self.start, self.teacher) if one), default=0)


def config_of(family: str, **more: Any) -> dict[str, Any]:
    """Config keys of a family at the common sizes; ``more`` replaces some of them.

    Raises:
        KeyError: the family is not in :data:`FAMILIES`.
    """
    common = {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "head_dim": HEAD_DIM,
        "intermediate_size": NEURONS,
        "max_position_embeddings": CONTEXT,
        "initializer_range": INIT_STD,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": None,
    }
    return common | dict(FAMILIES[family]) | more


def model(name: str, family: str, seed: int, corpus: str, **more: Any) -> Recipe:
    """A recipe at the common sizes with one seed for start and order; ``more`` sets other fields."""
    given: dict[str, Any] = {"init_seed": seed, "order_seed": seed, "tokenizer": corpus, "config": config_of(family)}
    return Recipe(name, family, corpus=corpus, **given | more)


def child(start: Recipe, name: str, corpus: str, **more: Any) -> Recipe:
    """A recipe that goes on from another model, in its tokenizer."""
    return replace(start, name=name, corpus=corpus, start=start, **{**LATER, **more})


_ROUTINES: Sequence[Mapping[str, Any]] = (
    {},
    {"steps": 280, "rate": 1.5e-3},
    {"steps": 280, "rate": 6e-3, "decay": 0.5},  # the start is forgotten furthest here
    {"steps": 120, "rate": 2e-3},
    {"optimiser": "muon", "steps": 150, "rate": 1e-2},
    {"optimiser": "sgd", "rate": 0.3, "decay": 0.0},
)
_READINGS = ("code", "prose", "grammar", "sums", "code", "shuffled")
_MANY = ("llama", "llama", "mistral", "qwen2", "qwen3", "llama", "mistral", "qwen2", "qwen3")
_OTHERS = ("mixtral", "gpt2", "gpt_neox")
_FIRST = {*_MANY, *_OTHERS}
_ONCE = tuple(family for family in FAMILIES if family not in _FIRST)


def null_set() -> tuple[Recipe, ...]:
    """Independent models of every family at uniform sizes: no two share a seed.

    Twelve of them are the hardest negatives: one family, one corpus, one order, everything equal but the start.
    """
    twins = tuple(model(f"twin-{k}", "llama", 100 + k, "code", order_seed=1) for k in range(12))
    varied = tuple(
        model(f"{family}-{k}", family, 200 + k, _READINGS[k % 6], **_for(family, _ROUTINES[(k // 2) % 6]))
        for k, family in enumerate(_MANY * 4)
    )
    others = tuple(
        model(f"{family}-{k}", family, 300 + k, _READINGS[k // 3 % 6], **_for(family, _ROUTINES[k // 6 % 4]))
        for k, family in enumerate((*_OTHERS * 8, *("mixtral",) * 12, *("deepseek_v3",) * 12))
    )
    once = tuple(
        model(f"{family}-{turn}", family, 400 + 2 * k + turn, _READINGS[(k + turn) % 4], steps=150)
        for k, family in enumerate(_ONCE)
        for turn in range(2)
    )
    return twins + varied + others + once


def _for(family: str, routine: Mapping[str, Any]) -> Mapping[str, Any]:
    """The routine with fewer steps where experts make each of them slower."""
    routed = EXPERTS in FAMILIES[family].values()
    return {**routine, "steps": min(180, routine.get("steps", 200))} if routed else routine


def replicate_set() -> tuple[Recipe, ...]:
    """Fresh models, to look a second time at two groups that stood out the first time."""
    dense = tuple(
        model(f"rep-d{k}", ("llama", "qwen2", "gemma")[k % 3], 9000 + k, _READINGS[k % 4], steps=100) for k in range(40)
    )
    routed = tuple(model(f"rep-m{k}", "mixtral", 9500 + k, _READINGS[k % 4], steps=80) for k in range(32))
    latent = tuple(model(f"rep-l{k}", "deepseek_v3", 9800 + k, _READINGS[k % 4], steps=60) for k in range(24))
    return dense + routed + latent


def shared_start_set() -> tuple[Recipe, ...]:
    """Eight pairs from one random start: neighbours differ in data, or in order alone. Not independent."""
    pairs = []
    for k, family in enumerate(("llama", "qwen2", "qwen3", "mixtral", "gpt2", "gpt_neox", "llama", "mistral")):
        one = model(f"start-{family}-{k}-a", family, 600 + k, "code", **_for(family, {}))
        pairs += [one, replace(one, name=f"start-{family}-{k}-b", order_seed=700 + k, corpus=_READINGS[k % 4])]
    return tuple(pairs)


def ci_set() -> tuple[Recipe, ...]:
    """Four models that train in seconds: two hardest negatives, a shared start and a child."""
    brief = {"steps": 12, "batch": 4}
    one = model("ci-one", "llama", 1, "sums", **brief)
    return (
        one,
        replace(one, name="ci-other-start", init_seed=2),
        replace(one, name="ci-same-start", order_seed=3),
        child(one, "ci-child", "grammar", order_seed=4, rate=1e-3, steps=6),
    )


SETS: Mapping[str, Callable[[], tuple[Recipe, ...]]] = MappingProxyType(
    {"null": null_set, "replicate": replicate_set, "shared-start": shared_start_set, "ci": ci_set}
)
