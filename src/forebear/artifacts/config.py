"""What a ``config.json`` alone says: the family, its sizes in canonical terms, and where the weights say otherwise.

A config is a claim. :func:`declared_sizes` reads the claim where there are no weights; where there are, shapes decide
(:mod:`forebear.artifacts.recognise`) and :func:`contradictions` lists what the claim got wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.artifacts.architecture import Architecture, Geometry, families
from forebear.artifacts.geometry import rotary_fraction
from forebear.errors import one_line

LANGUAGE_PARTS = ("text_config", "llm_config", "language_config", "language_model", "language")
"""Keys under which models of several senses keep the config of their language model."""

MAX_SIZE = 2**31 - 1
MAX_PADDING = 1_024
"""Embedding rows beyond ``vocab_size`` from which on they are no padding: multiples of 64 to 512 are usual, and
Megatron pads to 128 for each of up to eight devices."""


@dataclass(frozen=True)
class Sizes:
    """What a config declares, in the terms of :class:`~forebear.artifacts.architecture.Geometry`.

    None where the config is silent and the model's code would choose. ``intermediate`` is ``intermediate_size`` as the
    config has it: of families without a dense MLP it is the width of an expert. ``predicting`` is the number of layers
    for multi-token prediction that stand behind the others in the weights (DeepSeek-V3, arXiv 2412.19437) and that
    ``layers`` does not count.
    """

    family: str
    model_type: str
    width: int
    layers: int
    vocabulary: int | None = None
    intermediate: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    value_dim: int | None = None
    rotary: int | None = None
    nope: int = 0
    experts: int = 0
    expert_intermediate: int | None = None
    predicting: int = 0


class _Refused(Exception):
    """Why a config gives no sizes, as a sentence."""


def language_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with the language model's own part on top, where it has no width itself."""
    if "hidden_size" not in config:
        for key in LANGUAGE_PARTS:
            if isinstance(nested := config.get(key), Mapping):
                return {**config, **nested}
    return config


def declared_sizes(config: Any) -> Sizes | str:
    """The family and sizes that a ``config.json`` declares, or a sentence that says why it declares none.

    Args:
        config: what the file holds, as parsed; anything at all. Nothing in it is believed to be of the right type.

    Sizes that a config leaves out are filled in only where every implementation agrees (GPT-2's MLP is four times its
    width); where the default is a number in the code of one library, they stay None.
    """
    if not isinstance(config, Mapping):
        return f"it holds {_shown(config)}, not a JSON object"
    try:
        return _sizes(*_family(language_part(config)))
    except _Refused as refusal:
        return str(refusal)


def contradictions(sizes: Sizes, geometry: Geometry) -> tuple[str, ...]:
    """A short note for each size of which the weights have another number than the config says.

    Embeddings may have up to 1,023 rows more than ``vocab_size``: padding to a round number is common and harmless.
    Fewer rows are not, because tokens of the declared vocabulary would have none. Head counts are compared only where
    the shapes bear a head structure out at all; otherwise the geometry has its own note.
    """
    g, notes = geometry, []
    layers = g.layers if sizes.layers <= g.layers <= sizes.layers + sizes.predicting else sizes.layers
    rows = g.vocabulary
    padded = sizes.vocabulary is not None and 0 <= rows - sizes.vocabulary < MAX_PADDING
    dense = not (g.experts and g.intermediate == g.expert_intermediate)  # else it may be an expert's width
    for what, said, found in (
        ("residual dimensions", sizes.width, g.width),
        ("layers", layers, g.layers),
        ("tokens", None if padded else sizes.vocabulary, rows),
        ("key/value heads", sizes.kv_heads, g.kv_heads),
        ("dimensions per head", sizes.head_dim, g.head_dim),
        ("MLP neurons", sizes.intermediate if dense else None, g.intermediate),
        ("experts", sizes.experts, g.experts),
        ("neurons per expert", sizes.expert_intermediate, g.expert_intermediate),
    ):
        if said and found and said != found:  # 0 and None: not said, or not in this part of the model
            notes.append(f"config.json says {said:,} {what}, the weights have {found:,}")
    return tuple(notes)


# which family


_NOT_A_CONFIG = (
    (("peft_type", "lora_alpha"), "an adapter's config, not a model's; its base model has the sizes"),
    (("_class_name", "_diffusers_version"), "a diffusion pipeline's config, and no language model's"),
    (("tokenizer_class", "added_tokens_decoder", "model_max_length"), "a tokenizer's config, not a model's"),
    (("image_processor_type", "feature_extractor_type", "processor_class"), "a processor's config, not a model's"),
    (("group_size",), "a quantiser's config, not a model's"),
    (("framework",), "a description for a model hub, not a model's config"),
    (
        ("_from_model_config", "do_sample", "max_new_tokens", "eos_token_id", "decoder_start_token_id"),
        "a generation config, not a model's",
    ),
)
"""Keys of files that are taken for a config, in the order in which they tell. Real configs have some of them too,
beside a width or layers; these files have neither."""

_SENSES = (
    ("images", ("vision_config", "visual", "siglip_config", "vision_encoder", "vision_tower", "image_size")),
    ("sound", ("audio_config", "audio", "num_mel_bins", "sampling_rate")),
)


def _family(config: Mapping[str, Any]) -> tuple[Architecture, str, Mapping[str, Any]]:
    """The family that a config names by its type, else by its class, with that name."""
    known = families()
    given = config.get("model_type")
    if not any(key in config for f in known for size in ("width", "layers") for key in f.config[size]):
        for keys, what in _NOT_A_CONFIG:
            if any(key in config for key in keys):
                raise _Refused(what)
    if given is None and "dim" in config and "n_heads" in config:
        raise _Refused("params.json of the original release, not a config.json; convert the model or add its config")
    if isinstance(given, str):
        for family in known:
            if given in family.model_types:
                return family, given, config
        raise _Refused(f"model_type {one_line(given, 60) or '(empty)'} belongs to no known family{_kind(config)}")
    if given is not None:
        raise _Refused(f"model_type is {_shown(given)}, not a name")
    classes = config.get("architectures")
    named = [c for c in classes if isinstance(c, str)] if isinstance(classes, list) else []
    if not named:
        raise _Refused(f"it has neither model_type nor architectures{_kind(config)}")
    bare = named[0].lower()
    for family in known:
        for kind in family.model_types:
            stem = kind.replace("_", "").replace("-", "")
            if bare.startswith(stem) and bare[len(stem) :].startswith(("for", "model", "lmhead")):
                return family, kind, config
    raise _Refused(f"it has no model_type, and its class {one_line(named[0], 60)} is of no known family{_kind(config)}")


def _kind(config: Mapping[str, Any]) -> str:
    """What else such a model is, for the end of a sentence."""
    if config.get("is_encoder_decoder") is True:
        return "; it has an encoder and a decoder"
    senses = [sense for sense, keys in _SENSES if any(key in config for key in keys)]
    return f"; it reads {' and '.join(senses)}" if senses else ""


# its sizes


_HEAD_SIZE_IN_CODE = frozenset(
    [
        "gemma",
        "gemma2",
        "gemma3",
        "gemma3_text",
        "qwen3",
        "glm",
        "glm4",
        "ernie4_5",
        "seed_oss",
        "minimax_m2",
        "gpt_oss",
    ]
)
"""Types whose head size is a constant of the code, and not the width by heads, where the config is silent."""

_UNGROUPED = frozenset(
    ["llama", "arcee", "cohere", "cohere2", "granite", "granitemoe", "olmo", "olmo2", "olmo3", "olmoe", "phi", "phi3"]
)
"""Types with a key for grouped heads that have as many key/value heads as heads where the key is missing."""

_FOURFOLD = frozenset(["gpt2", "gptj", "bloom", "falcon", "mpt"])
"""Families whose MLP is four times as wide as the residual stream where the config is silent; MPT can name a factor."""


def _sizes(family: Architecture, model_type: str, config: Mapping[str, Any]) -> Sizes:
    def size(key: str, least: int = 1) -> int | None:
        return _number(config, family.config.get(key, ()), least)

    width, layers, heads = size("width"), size("layers"), size("heads")
    for key, value in (("width", width), ("layers", layers)):
        if value is None:
            raise _Refused(f"a config of type {model_type} without {key} ({' or '.join(family.config[key])})")
    assert width and layers
    nope, rope = size("nope") or 0, size("rotary_dims")
    head_dim, kv_heads = size("head_dim"), _kv_heads(family, model_type, config, heads)
    if nope and rope:
        head_dim = nope + rope
    elif head_dim is None and heads and model_type not in _HEAD_SIZE_IN_CODE and not family.config.get("nope"):
        if width % heads:
            raise _Refused(f"{heads:,} heads do not divide a width of {width:,}")
        head_dim = width // heads
    if heads and kv_heads and heads % kv_heads:
        raise _Refused(f"{kv_heads:,} key/value heads do not divide {heads:,} heads")
    intermediate = size("intermediate")
    if intermediate is None and family.name in _FOURFOLD:
        ratio = _number(config, ("expansion_ratio",)) if family.name == "mpt" else None
        intermediate = (ratio or 4) * width
    routed = size("expert_intermediate")
    if routed is None and "layers.{layer}.mlp.up" not in family.roles:
        routed = intermediate
    return Sizes(
        family=family.name,
        model_type=model_type,
        width=width,
        layers=layers,
        vocabulary=_number(config, ("vocab_size",)),
        intermediate=intermediate,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        value_dim=size("value_dim") or (None if family.config.get("value_dim") else head_dim),
        rotary=rope if nope else _rotary(family, config, head_dim),
        nope=nope,
        experts=size("experts", least=0) or 0,
        expert_intermediate=routed,
        predicting=_number(config, ("num_nextn_predict_layers",), least=0) or 0,
    )


def _kv_heads(family: Architecture, model_type: str, config: Mapping[str, Any], heads: int | None) -> int | None:
    keys = family.config.get("kv_heads", ())
    if family.name == "falcon":
        # Falcon-40B's keys, then Falcon-7B's; transformers ignores num_kv_heads without new_decoder_architecture.
        given = _number(config, ("num_kv_heads", "n_head_kv"))
        if model_type == "RefinedWeb" or config.get("new_decoder_architecture") is True:
            return given or heads
        return {True: 1, False: heads}.get(config.get("multi_query") is True) if "multi_query" in config else None
    if not keys:
        return heads
    return _number(config, keys) or (heads if model_type in _UNGROUPED else None)


def _rotary(family: Architecture, config: Mapping[str, Any], head_dim: int | None) -> int | None:
    if head_dim is None or family.rope == "none" or (family.no_rope_if and config.get(family.no_rope_if) is True):
        return None
    return int(head_dim * rotary_fraction(family, config, head_dim)) // 2 * 2


def _number(config: Mapping[str, Any], keys: tuple[str, ...], least: int = 1) -> int | None:
    """The first of the keys that has a value; null is no value."""
    for key in keys:
        value = config.get(key)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= MAX_SIZE:
            raise _Refused(f"{key} is {_shown(value)}, not a size")
        return value
    return None


def _shown(value: object) -> str:
    """A value of any type in a few printable characters."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:,}" if abs(value) <= 2**63 else "an enormous number"
        case float():
            return f"{value:g}"
        case str():
            return f'the text "{one_line(value[:200], 40)}"'
        case None:
            return "null"
        case list() | tuple():
            return "a list"
    return "an object"
