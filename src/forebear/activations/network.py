"""What a network computes, as its ``config.json`` and its tensors say: everything that the arithmetic needs to know.

A family's data file says where tensors lie; this says what is done with them. Both have to be known exactly, so the
``model_type`` must be one whose published code was read for this table, every layer must have just the tensors that
the code has, and a setting that is not understood is a refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebear.activations.arithmetic import ACTIVATIONS
from forebear.activations.kinds import KINDS, QKV, Kind
from forebear.activations.rotation import Rotation, parameters_of, rotation_of
from forebear.activations.settings import Refused, count, flag, number, word
from forebear.artifacts import Artifact
from forebear.artifacts.architecture import Architecture, Geometry
from forebear.artifacts.config import Sizes, declared_sizes
from forebear.artifacts.geometry import rotary_fraction, unheeded_rotary
from forebear.errors import one_line


@dataclass(frozen=True)
class Network:
    """A network that can be computed.

    Attributes:
        geometry: its sizes; the head structure is known.
        activation: a key of :data:`~forebear.activations.arithmetic.ACTIVATIONS`.
        epsilon: what norms add to a variance.
        layer_norm, gated, normed_heads, post_norms: see :class:`Kind`.
        gain_offset: what is added to a stored gain.
        embedding_scale: what embeddings are multiplied by.
        residual_scale: what attention and MLP are multiplied by before they are added.
        parallel: whether the MLP reads the same residual stream as the attention.
        scales: what attention scores are multiplied by, layer by layer.
        windows: how many positions a token sees, layer by layer; None for all before it.
        rotations: of queries and keys, layer by layer; None where nothing rotates.
        softcap: the bound of attention scores, None for none.
        chosen: experts per token; 0 where there are none.
    """

    geometry: Geometry
    activation: str
    epsilon: float
    layer_norm: bool
    gated: bool
    normed_heads: bool
    post_norms: bool
    gain_offset: float
    embedding_scale: float
    residual_scale: float
    parallel: bool
    scales: tuple[float, ...]
    windows: tuple[int | None, ...]
    rotations: tuple[Rotation | None, ...]
    softcap: float | None = None
    chosen: int = 0


def network_of(artifact: Artifact) -> Network | str:
    """What a model computes, or a clause that says why it is not known exactly. Reads no weights."""
    try:
        return _network(artifact)
    except Refused as refusal:
        return str(refusal)


def _network(artifact: Artifact) -> Network:
    config, geometry, family = artifact.config, artifact.geometry, artifact.architecture
    kind = _kind(artifact)
    assert geometry is not None and family is not None
    if geometry.heads is None or geometry.kv_heads is None or geometry.head_dim is None:
        raise Refused("its head structure is not known")
    if unheeded_rotary(config, geometry):
        raise Refused("its config states a rotating share that the code of such models does not take")
    declared = declared_sizes(config)
    if isinstance(declared, Sizes) and declared.layers != geometry.layers:
        raise Refused(f"its config says {declared.layers:,} layers, the weights have {geometry.layers:,}")
    for key in ("use_bidirectional_attention", "add_cross_attention"):
        if flag(config, key):
            raise Refused(f"its config sets {key}")
    _expect_tensors(artifact, kind)
    kinds = _layer_kinds(kind, config, geometry.layers)
    return Network(
        geometry,
        _activation(kind, config),
        number(config, *kind.epsilon),
        kind.layer_norm,
        kind.gated,
        kind.normed_heads,
        kind.post_norms,
        family.gain_offset,
        number(config, "embedding_multiplier", 1.0) if kind.multiplied else geometry.width**0.5 if kind.scaled else 1.0,
        number(config, "residual_multiplier", 1.0) if kind.multiplied else 1.0,
        bool(kind.parallel[0]) and flag(config, *kind.parallel),
        _scales(kind, config, geometry),
        _windows(kind, config, kinds),
        _rotations(kind, family, config, geometry, kinds),
        _softcap(kind, config),
        _chosen(config, geometry),
    )


def _kind(artifact: Artifact) -> Kind:
    """The row of the table; refused where the model is not plainly one of them."""
    given = artifact.config.get("model_type")
    if artifact.adapter is not None:
        raise Refused("it is an adapter and no model")
    if artifact.architecture is None or artifact.geometry is None:
        raise Refused(artifact.unknown or "its architecture is not known")
    if artifact.inferred or artifact.by_names or artifact.disguise:
        raise Refused("what it computes is not known: its config and its tensor names do not settle it")
    kind = KINDS.get(given) if isinstance(given, str) else None
    if kind is None:
        raise Refused(f"models of type {one_line(str(given), 40)} are not computed by this implementation")
    from_weights = bool(artifact.weights.config) and not any(f.path == "config.json" for f in artifact.source.files())
    if from_weights and not (kind.gguf and kind.epsilon[0] in artifact.config):
        raise Refused(f"{artifact.weights.format} does not say all that models of type {given} compute")
    if any("lora_" in name for name in artifact.weights.tensors):
        raise Refused("it holds low-rank updates that were not merged")
    return kind


def _activation(kind: Kind, config: Mapping[str, Any]) -> str:
    key, default = kind.activation
    name = word(config, key, default)
    if kind.scaled and key == "hidden_act" and name == "gelu":  # the first Gemma says gelu and means this
        return default
    if name not in ACTIVATIONS:
        raise Refused(f"its activation function {name} is not known here")
    return name


def _scales(kind: Kind, config: Mapping[str, Any], geometry: Geometry) -> tuple[float, ...]:
    assert geometry.head_dim
    if kind.multiplied:
        return (number(config, "attention_multiplier", 1.0),) * geometry.layers
    scale = (number(config, "query_pre_attn_scalar", kind.scalar) if kind.scalar else geometry.head_dim) ** -0.5
    if not kind.theta:  # GPT-2's settings
        scale = scale if flag(config, "scale_attn_weights", True) else 1.0
        if flag(config, "scale_attn_by_inverse_layer_idx"):
            return tuple(scale / (layer + 1) for layer in range(geometry.layers))
    return (scale,) * geometry.layers


def _softcap(kind: Kind, config: Mapping[str, Any]) -> float | None:
    key = "attn_logit_softcapping"
    if kind.softcap:  # null switches it off, and is not the same as silence
        return None if key in config and config[key] is None else number(config, key, kind.softcap)
    if config.get(key) is not None:
        raise Refused(f"its config sets {key}, which the code of such models does not take")
    return None


def _chosen(config: Mapping[str, Any], geometry: Geometry) -> int:
    if not geometry.experts:
        return 0
    if count(config, "num_local_experts", geometry.experts) != geometry.experts:
        raise Refused("its config says another number of experts than the weights have")
    chosen = count(config, "num_experts_per_tok", 2)
    if chosen > geometry.experts:
        raise Refused(f"it chooses {chosen:,} of {geometry.experts:,} experts")
    return chosen


# layers that differ


def _layer_kinds(kind: Kind, config: Mapping[str, Any], layers: int) -> tuple[bool, ...]:
    """Layer by layer, whether attention is limited to a window."""
    if kind.window in ("none", "all"):
        return (kind.window == "all",) * layers
    given = config.get("layer_types")
    if given is not None:
        names = {"sliding_attention": True, "full_attention": False}
        if not isinstance(given, list) or len(given) != layers or not all(str(name) in names for name in given):
            raise Refused("its layer_types are not one known type for each layer")
        return tuple(names[name] for name in given)
    if kind.window == "upper":
        first = count(config, "max_window_layers", 28, least=0) if flag(config, "use_sliding_window") else layers
        return tuple(layer >= first for layer in range(layers))
    every = count(config, "sliding_window_pattern", kind.every) if kind.every == 6 else kind.every
    return tuple((layer + 1) % every != 0 for layer in range(layers))


def _windows(kind: Kind, config: Mapping[str, Any], limited: tuple[bool, ...]) -> tuple[int | None, ...]:
    switched_off = kind.window == "upper" and not flag(config, "use_sliding_window")
    silent = "sliding_window" not in config
    given = kind.default_window if silent else config["sliding_window"]
    window = None if given is None or switched_off else count({"sliding_window": given}, "sliding_window")
    if window is None and kind.window != "all" and any(limited):
        raise Refused("its layer_types name a window, and its config has none")
    return tuple(window if here else None for here in limited)


def _rotations(
    kind: Kind, family: Architecture, config: Mapping[str, Any], geometry: Geometry, limited: tuple[bool, ...]
) -> tuple[Rotation | None, ...]:
    if not kind.theta:
        return (None,) * geometry.layers
    dims = geometry.rotary
    assert geometry.head_dim
    if not dims:
        raise Refused("no dimension of its heads rotates")
    if kind.normed_heads and kind.scalar:  # Gemma 3: two rotations
        local, wide = _two_rotations(config, dims)
        return tuple(local if here else wide for here in limited)
    parameters = parameters_of(config)
    if kind.parallel[0]:  # GPT-NeoX's own names
        share = number(parameters, "partial_rotary_factor", number(config, "rotary_pct", 0.25))
        if int(geometry.head_dim * share) != dims:
            raise Refused("an odd number of dimensions of its heads rotates")
        theta = number(config, "rotary_emb_base", kind.theta)
    else:
        theta = number(config, "rope_theta", kind.theta)
        if int(geometry.head_dim * rotary_fraction(family, config, geometry.head_dim)) != dims:
            raise Refused("an odd number of dimensions of its heads rotates")
    if kind.long:
        config = {"original_max_position_embeddings": 4096, **config}
        if parameters.get("rope_type", parameters.get("type", "default")) in ("su", "yarn"):
            parameters["rope_type"] = "longrope"
    rotation = rotation_of(parameters, config, theta, dims)
    return tuple(rotation if turns else None for turns in _rotating(kind, config, geometry.layers))


def _rotating(kind: Kind, config: Mapping[str, Any], layers: int) -> tuple[bool, ...]:
    """Layer by layer, whether queries and keys are rotated."""
    if not kind.skips:
        return (True,) * layers
    if flag(config, "use_sliding_window"):
        raise Refused("its config sets use_sliding_window")
    given = config.get("no_rope_layers")
    if given is None:
        every = count(config, "no_rope_layer_interval", 4)
        return tuple((layer + 1) % every != 0 for layer in range(layers))
    if not isinstance(given, list) or len(given) != layers or not all(rotates in (0, 1) for rotates in given):
        raise Refused("its no_rope_layers are not 0 or 1 for each layer")
    return tuple(rotates == 1 for rotates in given)


def _two_rotations(config: Mapping[str, Any], dims: int) -> tuple[Rotation, Rotation]:
    """Of layers with a window, and of the others."""
    tables = config.get("rope_parameters") or {}
    keys = ("sliding_attention", "full_attention")
    if not isinstance(tables, Mapping) or not all(isinstance(tables.get(k) or {}, Mapping) for k in keys):
        raise Refused("its rope_parameters are not one table for each type of layer")
    if not set(tables) <= set(keys):
        raise Refused("its rope_parameters are of an unknown form")
    local, wide = (dict(tables.get(key) or {}) for key in keys)
    scaling = config.get("rope_scaling") or {}
    if not isinstance(scaling, Mapping):
        raise Refused("rope_scaling is no object")
    wide |= scaling
    return (
        rotation_of(local, config, number(config, "rope_local_base_freq", 10_000.0), dims),
        rotation_of(wide, config, number(config, "rope_theta", 1_000_000.0), dims),
    )


# tensors


def _expect_tensors(artifact: Artifact, kind: Kind) -> None:
    """Refuse a model whose layers have other tensors than the code of its kind: it would read or miss something."""
    geometry = artifact.geometry
    assert geometry is not None
    for role in ("embed", *(() if kind.theta else ("positions",))):
        if role not in artifact.names:
            raise Refused(f"it has no {role} tensor")
    assert artifact.architecture is not None
    last = artifact.architecture.roles["layers.{layer}.attn_norm"].name.format(layer=geometry.layers - 1)
    if not artifact.names.get(f"layers.{geometry.layers - 1}.attn_norm", last).endswith(last):
        raise Refused("some of its layers are not there")
    expected = _layer_roles(kind, artifact.config, geometry)
    found: list[set[str]] = [set() for _ in range(geometry.layers)]
    for role in artifact.names:
        if role.startswith("layers."):
            _, layer, rest = role.split(".", 2)
            found[int(layer)].add(rest)
    for place, roles in enumerate(found):
        if different := sorted(roles ^ expected):
            there = "has" if different[0] in roles else "has no"
            raise Refused(f"layer {place} {there} {different[0]}, unlike what its config says")


def _layer_roles(kind: Kind, config: Mapping[str, Any], geometry: Geometry) -> set[str]:
    norms = ["attn_norm", "mlp_norm", *(["attn_post_norm", "mlp_post_norm"] if kind.post_norms else [])]
    roles = {*norms, *QKV, "attn.o"}
    roles |= {f"{norm}.bias" for norm in norms} if kind.layer_norm else set()
    roles |= {"attn.q_norm", "attn.k_norm"} if kind.normed_heads else set()
    mlp = ("gate", "up", "down") if kind.gated else ("up", "down")
    if geometry.experts:
        roles |= {"router"} | {f"experts.{e}.{part}" for e in range(geometry.experts) for part in mlp}
    else:
        roles |= {f"mlp.{part}" for part in mlp}
    return roles | {f"{role}.bias" for role, key, on in kind.biases if (flag(config, key, on) if key else on)}
