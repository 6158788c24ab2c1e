"""Sign flips of whole models, guided by nothing but the family's data file; and tiny models to flip.

Written apart from the package's own reading of roles (``artifacts/roles.py``), so that the two check each other.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, read_artifact
from forebear.artifacts.architecture import Architecture, Geometry, Role
from forebear.artifacts.roles import template
from forebear.signals.generators import plane_dims
from forebear.sources import open_source

F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]
Flips = dict[tuple[str, str], Flags]
"""What flips: (group, stem of the role) to one flag per index. The stem is empty for the residual stream, else
``layers.2.`` or ``layers.2.experts.0.``; value/output and query/key flags are (KV heads, head size). With latent
attention ``layers.2.`` of query/key is the rotating key that all heads share, ``layers.2.nope.`` the dimensions that
do not rotate (heads, size), and latents are ``layers.2.kv_latent.`` and ``layers.2.q_latent.``."""
Acts = Callable[[str, str], bool]
"""Whether a flip acts on this role (a template) along this axis."""

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_DIM, NEURONS, VOCABULARY, POSITIONS = 64, 3, 4, 2, 16, 96, 128, 32


@dataclass(frozen=True)
class Case:
    """One tiny model: its family, whether the head is the embedding, and config keys beyond the usual ones.

    ``stacked``: saved as it is in memory, with a layer's experts in one tensor.
    """

    label: str
    family: str
    tied: bool
    more: Mapping[str, Any] = field(default_factory=dict)
    stacked: bool = False

    def config(self) -> dict[str, Any]:
        """Keys of the model's ``config.json``, as the family names them."""
        common: dict[str, Any] = {"vocab_size": VOCABULARY, "tie_word_embeddings": self.tied}
        common |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None}
        if self.family in ("gpt2", "gptj"):
            sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_positions": POSITIONS}
            return {**common, **sizes, **self.more}
        if self.family in ("distilbert", "mpt"):
            return {**common, **self.more}
        if self.family in SEEING:
            rotation = {**MULTIMODAL, **self.more.get("rope_parameters", {})}
            text = Case(self.label, "llama", self.tied, {**self.more, "rope_parameters": rotation}).config()
            return {"text_config": text, "vision_config": SEEING[self.family], "tie_word_embeddings": self.tied}
        sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
        common |= sizes | {"intermediate_size": NEURONS, "max_position_embeddings": POSITIONS}
        if "kv_lora_rank" in self.more:
            return {**common, "num_key_value_heads": HEADS, **self.more}
        if self.family not in ("gpt_neox", "falcon", "bloom", "opt", "bert", "roberta", "modernbert"):
            common |= {"num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM}
        return {**common, **self.more}


SEEING: dict[str, dict[str, Any]] = {
    "qwen2_vl": {"depth": 1, "embed_dim": 16, "hidden_size": WIDTH, "num_heads": 2, "mlp_ratio": 2},
    "qwen3_vl": {
        "depth": 1,
        "hidden_size": 16,
        "out_hidden_size": WIDTH,
        "num_heads": 2,
        "intermediate_size": 32,
        "deepstack_visual_indexes": [0],
        "num_position_embeddings": 16,
    },
}
"""Families with a tower for images beside the language model, and a small one."""
MULTIMODAL = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2]}
"""Rotation by time, height and width; of text, all three are the position."""
ENCODERS = ("bert", "roberta", "distilbert", "modernbert")


def auto_class(family: str) -> Any:
    """The class of ``transformers`` that computes logits for a family."""
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, AutoModelForMaskedLM

    if family in SEEING:
        return AutoModelForImageTextToText
    return AutoModelForMaskedLM if family in ENCODERS else AutoModelForCausalLM


def build(case: Case, folder: Path, seed: int = 0) -> None:
    """Write the case's model with random float32 weights in which no gain, bias or router is one or zero."""
    import torch
    from transformers import AutoConfig

    model = auto_class(case.family).from_config(AutoConfig.for_model(case.family, **case.config()))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            gain = weight.ndim == 1 and name.endswith("weight")
            weight.copy_(1 + 0.4 * noise if gain else 0.2 * noise)
    model.save_pretrained(folder, save_original_format=not case.stacked)


def load(folder: Path) -> Any:
    """The model, with its own copy of every weight (a mapped file may be aligned differently each time)."""
    import torch

    family = json.loads((folder / "config.json").read_text())["model_type"]
    model = auto_class(family).from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    for weight in model.parameters():
        weight.data = weight.data.clone()
    return model.eval()


def logits(folder: Path, seed: int = 0) -> F32:
    """``(2, 24, vocabulary)`` logits of the model on random tokens."""
    import torch

    ids = torch.randint(0, VOCABULARY, (2, 24), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        out: F32 = load(folder)(input_ids=ids).logits.numpy()
    return out


def train(folder: Path, out: Path, steps: int = 5) -> None:
    """AdamW steps on one random batch, the same for every model; the trained model is written to ``out``."""
    import torch

    model = load(folder).train()
    ids = torch.randint(0, VOCABULARY, (4, 24), generator=torch.Generator().manual_seed(7))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)  # GPT-2 trains with dropout: the same masks for every model
        for _ in range(steps):
            optimiser.zero_grad()
            model(input_ids=ids, labels=ids).loss.backward()
            optimiser.step()
    model.save_pretrained(out)


def open_model(folder: Path) -> Artifact:
    return read_artifact(open_source(str(folder)))


def known(artifact: Artifact) -> tuple[Architecture, Geometry]:
    assert artifact.architecture is not None, artifact.unknown
    assert artifact.geometry is not None
    return artifact.architecture, artifact.geometry


def weights(folder: Path) -> dict[str, F32]:
    from safetensors.numpy import load_file

    return dict(load_file(folder / "model.safetensors"))


def write_like(folder: Path, out: Path, tensors: Mapping[str, F32]) -> None:
    """A copy of a saved model with other weights."""
    from safetensors.numpy import save_file

    out.mkdir()
    shutil.copy(folder / "config.json", out)
    save_file(dict(tensors), out / "model.safetensors", metadata={"format": "pt"})


def draw(artifact: Artifact, group: str, seed: int) -> Flips:
    """Half of the generators of one group, at random, in every layer that has them."""
    family, geometry = known(artifact)
    assert geometry.heads and geometry.kv_heads and geometry.head_dim and geometry.value_dim
    rng = np.random.default_rng([seed, sum(map(ord, group))])

    def half(*shape: int) -> Flags:
        count = int(np.prod(shape))
        return np.isin(np.arange(count), rng.choice(count, count // 2, replace=False)).reshape(shape)

    if group == "residual":
        return {(group, ""): half(geometry.width)}
    flips: Flips = {}
    for layer in range(geometry.layers):
        stem = f"layers.{layer}."
        if group == "glu":
            for mlp in ("mlp", "shared"):
                if f"{stem}{mlp}.up" in artifact.names:
                    flips[group, stem] = half(neurons(artifact, f"{stem}{mlp}.up"))
        elif group == "experts":
            for expert in range(geometry.experts):
                if f"{stem}experts.{expert}.up" in artifact.names:
                    up = f"{stem}experts.{expert}.up"
                    flips[group, f"{stem}experts.{expert}."] = half(neurons(artifact, up))
        elif f"{stem}attn.o" not in artifact.names:
            continue  # a layer with another kind of attention
        elif group == "value_output":
            flips[group, stem] = half(geometry.kv_heads, geometry.value_dim)
        elif group == "latent":
            flips[group, f"{stem}kv_latent."] = half(geometry.kv_rank)
            flips[group, f"{stem}q_latent."] = half(geometry.q_rank)
        else:
            assert group == "query_key"
            heads = 1 if geometry.kv_rank else geometry.kv_heads
            first, second = planes(family, geometry)
            chosen = half(heads, len(first))
            flags = np.zeros((heads, int(max(first.max(), second.max())) + 1), dtype=bool)
            flags[:, first], flags[:, second] = chosen, chosen
            flips[group, stem] = flags
            if geometry.kv_rank:
                flips[group, f"{stem}nope."] = half(geometry.heads, geometry.nope)
    return flips


def neurons(artifact: Artifact, filled: str) -> int:
    """Number of neurons of an up projection, a part of a fused tensor or not."""
    family, _ = known(artifact)
    role = family.roles[template(filled)]
    size = artifact.weights.tensors[artifact.names[filled]].shape[role.axes.index("neuron")]
    return size // (2 if role.part else 1)


def planes(family: Architecture, geometry: Geometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and second dimension of every plane of a head; of the shared rotating key with latent attention."""
    assert geometry.head_dim
    size = (geometry.rotary or 0) if geometry.kv_rank else geometry.head_dim
    layout = "none" if geometry.rotary is None else family.rope
    return plane_dims(size, geometry.rotary or 0, layout, size)


def everywhere(role: str, axis: str) -> bool:
    """Where flips act: on every axis that has the generator, but not on the gate, whose neurons are no coins."""
    return not (axis == "neuron" and ".gate" in role)


def apply(tensors: Mapping[str, F32], artifact: Artifact, flips: Flips, acts: Acts = everywhere) -> dict[str, F32]:
    """The same weights with the flips done in every tensor where ``acts`` says so."""
    family, geometry = known(artifact)
    flipped = {name: tensor.copy() for name, tensor in tensors.items()}
    for filled, name in artifact.names.items():
        role = family.roles[template(filled)]
        tensor = flipped[name]
        assert tensor.ndim == len(role.axes), name
        where = [np.arange(size) for size in tensor.shape]
        if role.axes[0] == "expert" and ".experts." in filled:
            where[0] = where[0][[int(filled.split(".")[3])]]
        if role.part is not None:
            at = part_axis(role)
            where[at] = part_positions(role, tensor.shape[at], geometry)
        for at, axis in enumerate(role.axes):
            flags = axis_flags(filled, axis, flips, geometry)
            if flags is None or not acts(role.role, axis):
                continue
            assert len(flags) == len(where[at]), (name, axis)
            chosen = [w[flags] if k == at else w for k, w in enumerate(where)]
            tensor[np.ix_(*chosen)] *= -1
    return flipped


def part_axis(role: Role) -> int:
    """The axis along which a fused tensor is fused: neither the residual stream nor experts, nor the latents read."""
    assert role.part is not None
    own = {"gate": "neuron"}.get(role.part.of[role.part.index], role.part.of[role.part.index])
    return role.axes.index(own)


def part_positions(role: Role, size: int, geometry: Geometry) -> NDArray[np.int64]:
    """Where the role's own indices are stored along the fused axis."""
    part, stored = role.part, np.arange(size)
    assert part is not None and geometry.heads and geometry.kv_heads and geometry.head_dim and geometry.value_dim
    if part.layout == "alternating":
        return stored[part.index :: len(part.of)]
    per_head = {
        "query": geometry.head_dim * (geometry.heads // geometry.kv_heads),
        "key": geometry.head_dim,
        "value": geometry.value_dim,
        "nope": geometry.nope,
        "rope": geometry.rotary,
        "kv_latent": geometry.kv_rank,
        "shared_rope": geometry.rotary,
        "neuron": size // 2,
        "gate": size // 2,
    }
    widths = [per_head[label] or 0 for label in part.of]
    if part.layout == "blocks" and "query" in part.of:
        widths = [w * geometry.kv_heads for w in widths]
    start = sum(widths[: part.index])
    groups = stored.reshape(-1, sum(widths))
    return groups[:, start : start + widths[part.index]].ravel()


def axis_flags(filled: str, axis: str, flips: Flips, geometry: Geometry) -> Flags | None:
    """One flag per index of an axis of a role, or None where none of the flips is along this axis."""
    parts = filled.split(".")
    layer = f"layers.{parts[1]}." if parts[0] == "layers" else ""
    if axis in ("residual", "gain"):  # gains never flip; ("gain", "") is there for the test that they must not
        return flips.get((axis, ""))
    if axis == "neuron" and parts[2] == "experts":
        return flips.get(("experts", f"{layer}experts.{parts[3]}."))
    if axis == "neuron":
        return flips.get(("glu", layer))
    if axis in ("kv_latent", "q_latent"):
        return flips.get(("latent", f"{layer}{axis}."))
    if axis == "nope":
        flags = flips.get(("query_key", f"{layer}nope."))
        return None if flags is None else flags.ravel()
    group = {"value": "value_output", "mixed": "value_output"}.get(axis)
    group = "query_key" if axis in ("key", "query", "rope", "shared_rope") else group
    flags = flips.get((group, layer)) if group else None
    if flags is None:
        return None
    assert geometry.heads and geometry.kv_heads
    if axis == "rope":  # every head's rotating queries meet the one key
        flags = np.repeat(flags, geometry.heads, axis=0)
    if axis in ("mixed", "query"):  # one per query head: those of a group follow their shared KV head
        flags = np.repeat(flags, geometry.heads // geometry.kv_heads, axis=0)
    return flags.ravel()
