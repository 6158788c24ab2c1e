"""Sign flips of whole models, guided by nothing but the family's data file; and tiny models to flip.

Written apart from the package's own reading of roles (``artifacts/roles.py``), so that the two check each other.
"""

from __future__ import annotations

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
``layers.2.`` or ``layers.2.experts.0.``; heads are rows: value/output and query/key flags are (KV heads, head_dim)."""
Acts = Callable[[str, str], bool]
"""Whether a flip acts on this role (a template) along this axis."""

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD_DIM, NEURONS, VOCABULARY, POSITIONS = 64, 3, 4, 2, 16, 96, 128, 32


@dataclass(frozen=True)
class Case:
    """One tiny model: its family, whether the head is the embedding, and config keys beyond the usual ones."""

    label: str
    family: str
    tied: bool
    more: Mapping[str, Any] = field(default_factory=dict)

    def config(self) -> dict[str, Any]:
        """Keys of the model's ``config.json``, as the family names them."""
        common = {"vocab_size": VOCABULARY, "tie_word_embeddings": self.tied, "bos_token_id": 0, "eos_token_id": 1}
        if self.family == "gpt2":
            sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": HEADS, "n_positions": POSITIONS}
            return {**common, **sizes, **self.more}
        sizes = {"hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS}
        common |= sizes | {"intermediate_size": NEURONS, "max_position_embeddings": POSITIONS}
        if self.family != "gpt_neox":
            common |= {"num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM}
        return {**common, **self.more}


def build(case: Case, folder: Path, seed: int = 0) -> None:
    """Write the case's model with random float32 weights in which no gain, bias or router is one or zero."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(case.family, **case.config()))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            gain = weight.ndim == 1 and name.endswith("weight")
            weight.copy_(1 + 0.4 * noise if gain else 0.2 * noise)
    model.save_pretrained(folder)


def load(folder: Path) -> Any:
    """The model, with its own copy of every weight (a mapped file may be aligned differently each time)."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
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
    """Half of the generators of one group, at random, in every layer."""
    family, geometry = known(artifact)
    assert geometry.heads and geometry.kv_heads and geometry.head_dim and geometry.intermediate
    rng = np.random.default_rng([seed, sum(map(ord, group))])

    def half(count: int) -> Flags:
        return np.isin(np.arange(count), rng.choice(count, count // 2, replace=False))

    if group == "residual":
        return {(group, ""): half(geometry.width)}
    stems = [f"layers.{layer}." for layer in range(geometry.layers)]
    if group == "experts":
        stems = [f"{stem}experts.{expert}." for stem in stems for expert in range(geometry.experts)]
    if group in ("glu", "experts"):
        return {(group, stem): half(geometry.intermediate) for stem in stems}
    heads = (geometry.kv_heads, geometry.head_dim)
    if group == "value_output":
        return {(group, stem): half(heads[0] * heads[1]).reshape(heads) for stem in stems}
    assert group == "query_key"
    first, second = planes(family, geometry)
    flips: Flips = {}
    for stem in stems:
        chosen = half(heads[0] * len(first)).reshape(heads[0], len(first))
        flags = np.zeros(heads, dtype=bool)
        flags[:, first], flags[:, second] = chosen, chosen
        flips[group, stem] = flags
    return flips


def planes(family: Architecture, geometry: Geometry) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and second dimension of every plane of a head."""
    assert geometry.head_dim
    layout = "none" if geometry.rotary is None else family.rope
    return plane_dims(geometry.head_dim, geometry.rotary or 0, layout, geometry.head_dim)


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
    """The axis along which a fused tensor is fused: the one that is not the residual stream."""
    (at,) = (k for k, axis in enumerate(role.axes) if axis != "residual")
    return at


def part_positions(role: Role, size: int, geometry: Geometry) -> NDArray[np.int64]:
    """Where the role's own indices are stored along the fused axis."""
    part, stored = role.part, np.arange(size)
    assert part is not None and geometry.heads and geometry.head_dim
    if part.layout == "blocks":
        return stored.reshape(part.of, -1)[part.index, :].ravel()
    assert part.layout == "heads"
    return stored.reshape(geometry.heads, part.of, geometry.head_dim)[:, part.index].ravel()


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
    group = {"value": "value_output", "mixed": "value_output", "key": "query_key", "query": "query_key"}.get(axis)
    flags = flips.get((group, layer)) if group else None
    if flags is None:
        return None
    if axis in ("mixed", "query"):  # one per query head: those of a group follow their shared KV head
        assert geometry.heads and geometry.kv_heads
        flags = np.repeat(flags, geometry.heads // geometry.kv_heads, axis=0)
    return flags.ravel()
