"""A model taken apart and put together again: every role's values as (outputs, inputs), however a family stores them.

What a family fuses, turns or offsets is in its data file; a disguise that moves generators about needs none of it.
Sizes in the config follow from the weights, so a disguise changes weights and head counts, and nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import read_artifact
from forebear.artifacts.architecture import Architecture, Geometry, Role
from forebear.artifacts.roles import fused_axis, part_sizes, template
from forebear.sources import LocalSource
from models import Entry, write_safetensors

F32 = NDArray[np.float32]
Indices = NDArray[np.int64]
Weights = Mapping[str, F32]
Stored = dict[str, F32]
Change = Callable[[str, F32], F32]
"""From a role, and its values with the axis in question first, to other values of that axis."""

WRITERS = {"attn.o": ("residual", "mixed"), "down": ("residual", "neuron")}
"""Roles that write to the residual stream; all other matrices have it, as what they read, last."""


class Inapplicable(ValueError):
    """This disguise cannot be worn by this model: the family lacks the symmetry, or the part."""


@dataclass(frozen=True, eq=False)
class Network:
    """A model in memory.

    Attributes:
        family: whose roles these are.
        heads, kv_heads, head_dim, rotary: structure of the attention; ``rotary`` dimensions of a head rotate.
        weights: values by filled-in role, (outputs, inputs); gains as the network applies them.
        config: keys of ``config.json``; sizes are set when the model is written.
        tokenizer: ``tokenizer.json``, None where there is none.
        papers: text of the card and the licence, by file name.
        prefix: what stands before the family's tensor names.
        dtype: of the stored tensors, ``BF16`` or ``F32``.
        finish: what is done to tensors under their stored names, last.
        claims: keys of the config that are not true.
        around: the config of a larger model that this one is the language part of; None where it stands alone.
    """

    family: Architecture
    heads: int
    kv_heads: int
    head_dim: int
    rotary: int
    weights: Weights
    config: Mapping[str, Any]
    tokenizer: Mapping[str, Any] | None
    papers: Mapping[str, str]
    prefix: str
    dtype: str
    finish: tuple[Callable[[Stored], Stored], ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    around: Mapping[str, Any] | None = None

    @property
    def layers(self) -> int:
        return 1 + max(int(role.split(".")[1]) for role in self.weights if role.startswith("layers."))

    @property
    def width(self) -> int:
        return int(self.weights["embed"].shape[1])

    @property
    def tied(self) -> bool:
        return "lm_head" not in self.weights

    @property
    def layernorm(self) -> bool:
        return self.family.norm == "layernorm"

    def mlps(self) -> list[str]:
        """What the roles of every MLP and expert start with: ``layers.0.mlp.``, ``layers.0.experts.3.``."""
        return [role.removesuffix("up") for role in self.weights if role.endswith(".up")]

    def with_(self, weights: Weights, **more: Any) -> Network:
        """This model with other weights, and other fields."""
        return replace(self, weights=weights, **more)

    def along(self, axes: str, change: Change) -> Network:
        """The model after ``change`` on every axis of these names, given first; a bias has only that one."""
        made = dict(self.weights)
        for role in made:
            for at, axis in enumerate(axes_of(self.family, role)):
                if axis in axes.split():
                    turned = np.moveaxis(made[role], at, 0)
                    made[role] = np.moveaxis(change(role, turned), 0, at).astype(np.float32)
        return self.with_(made)


def axes_of(family: Architecture, role: str) -> tuple[str, ...]:
    """Axes of a role's values as they are held here."""
    axes = family.roles[template(role)].axes
    if role.endswith("gate.bias"):
        return ("neuron",)
    return tuple(reversed(axes)) if turned(family.roles[template(role)]) else axes


def turned(role: Role) -> bool:
    """Whether a family stores the role as (inputs, outputs)."""
    writes = next((axes for end, axes in WRITERS.items() if role.role.endswith(end)), None)
    return len(role.axes) == 2 and (role.axes[1] != "residual" if writes is None else role.axes != writes)


def read(folder: Path) -> Network:
    """The model of a folder.

    Raises:
        Inapplicable: its family or head structure is not known, or it has tensors without a role or stacked ones.
    """
    artifact = read_artifact(LocalSource(folder))
    family, g = artifact.architecture, artifact.geometry
    if family is None or g is None or artifact.inferred or not (g.heads and g.kv_heads and g.head_dim) or g.kv_rank:
        raise Inapplicable(f"{folder}: {artifact.unknown or 'its head structure is not known'}")
    tensors = artifact.weights.tensors
    if rest := set(tensors) - set(artifact.names.values()):
        raise Inapplicable(f"{folder}: {min(rest)} has no role")
    weights: dict[str, F32] = {}
    for filled, name in artifact.names.items():
        role = family.roles[template(filled)]
        if role.stacked:
            raise Inapplicable(f"{folder}: its experts are stacked")
        values = tensors[name].values()
        if role.part is not None:
            values = np.take(values, positions(role, values.shape[fused_axis(role)], g), axis=fused_axis(role))
        values = values.T if turned(role) else values
        offset = family.gain_offset if role.axes == ("gain",) else 0.0
        # in float64, so that a gain that nobody touches is the same when the offset is taken away again
        weights[filled] = np.ascontiguousarray(values + np.float64(offset) if offset else values)
    tokens = folder / "tokenizer.json"
    return Network(
        family,
        g.heads,
        g.kv_heads,
        g.head_dim,
        g.rotary or 0,
        weights,
        json.loads((folder / "config.json").read_text("utf-8")),
        json.loads(tokens.read_text("utf-8")) if tokens.is_file() else None,
        {f: (folder / f).read_text("utf-8") for f in ("README.md", "LICENSE") if (folder / f).is_file()},
        artifact.names["embed"].removesuffix(family.roles["embed"].name),
        "BF16" if tensors[artifact.names["embed"]].dtype == "BF16" else "F32",
    )


def positions(role: Role, size: int, geometry: Geometry) -> Indices:
    """Where the role's own indices lie along the fused axis of its tensor."""
    assert role.part is not None
    if role.part.layout == "alternating":
        raise Inapplicable("rows of two roles in turn")
    sizes = part_sizes(role.part, size, geometry)
    before, own = sum(sizes[: role.part.index]), sizes[role.part.index]
    starts = np.arange(0, size, sum(sizes)) + before
    return np.asarray((starts[:, None] + np.arange(own)).ravel())


def write(network: Network, folder: Path) -> Path:
    """The model as a folder: config, weights in one file, tokenizer, card and licence."""
    folder.mkdir(parents=True)
    tensors = stored(network)
    for step in network.finish:
        tensors = step(tensors)
    entries: dict[str, Entry | NDArray[Any]] = {
        name: ("BF16", list(v.shape), rounded(v)) if network.dtype == "BF16" else v for name, v in tensors.items()
    }
    write_safetensors(folder / "model.safetensors", entries, {"format": "pt"})
    (folder / "config.json").write_text(json.dumps(settings(network)), "utf-8")
    if network.tokenizer is not None:
        (folder / "tokenizer.json").write_text(json.dumps(network.tokenizer), "utf-8")
    for name, text in network.papers.items():
        (folder / name).write_text(text, "utf-8")
    return folder


def rounded(values: F32) -> bytes:
    """Values as bfloat16, to nearest, halves to even."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()


def stored(network: Network) -> Stored:
    """Tensors as the family's files have them."""
    family, parts, out = network.family, dict[str, list[tuple[Role, F32]]](), dict[str, F32]()
    for filled, values in network.weights.items():
        role = family.roles[template(filled)]
        offset = family.gain_offset if role.axes == ("gain",) else 0.0
        parts.setdefault(stored_name(network, filled, role), []).append((role, (values - offset).astype(np.float32)))
    for name, held in parts.items():
        held.sort(key=lambda one: one[0].part.index if one[0].part else 0)
        role = held[0][0]
        values = fused([v for _, v in held], role, network.kv_heads)
        out[name] = np.ascontiguousarray(values.T if turned(role) else values)
    return out


def stored_name(network: Network, filled: str, role: Role) -> str:
    numbers = iter(re.findall(r"\.(\d+)\.", filled))
    name = re.sub(r"\{\w+\}", lambda _: next(numbers), role.name)
    return name if filled == "lm_head" else network.prefix + name


def fused(parts: list[F32], role: Role, groups: int) -> F32:
    """Parts of one tensor along their first axis: one after the other, or head group by head group."""
    if role.part is None or role.part.layout == "blocks":
        return np.concatenate(parts)
    each = [p.reshape(groups, -1, *p.shape[1:]) for p in parts]
    return np.concatenate(each, axis=1).reshape(-1, *parts[0].shape[1:])


def settings(network: Network) -> dict[str, Any]:
    """The config with the sizes that the weights have."""
    w, config = network.weights, dict(network.config)
    up = next(v for role, v in w.items() if role.endswith(".up"))
    sizes: dict[str, int] = {"width": network.width, "layers": network.layers, "heads": network.heads}
    sizes |= {"kv_heads": network.kv_heads, "intermediate": len(up), "experts": len(w.get("layers.0.router", ()))}
    if "head_dim" in config or network.head_dim * network.heads != network.width:
        sizes["head_dim"] = network.head_dim
    for size, value in sizes.items():
        keys = network.family.config.get(size, ())
        for key in [k for k in keys if k in config] or list(keys[:1] if value else ()):
            config[key] = value
    config["vocab_size"], config["tie_word_embeddings"] = len(w["embed"]), network.tied
    config |= network.claims
    return config if network.around is None else {**network.around, "text_config": config}


def heads_of(values: F32, count: int) -> F32:
    """``(count, size, rest)`` view of an axis of heads."""
    return values.reshape(count, len(values) // count, -1)
