"""The coins of a model: which rows stand for which sign symmetry, and how they are read.

A *generator* is a sign that a network does not feel: flip it in every tensor that carries it and the outputs stay
the same. Training from a sign-symmetric initialisation is equivariant under the flip, so the sign of what it negates
is a fair coin, independently for every generator:

============  ====================================================  =========================================
group         one coin per                                          read from
============  ====================================================  =========================================
residual      residual dimension (RMSNorm models only)              embedding rows of printable ASCII tokens
glu           neuron of a gated MLP (up row with down column)       up rows, of the shared expert where there is one
experts       the same in a routed expert                           up rows of up to four experts
value_output  key/value head x value dimension                      v rows (o rows where v is stored by columns)
query_key     key/value head x RoPE plane, or x unrotated dimension  k rows of the plane; with latent attention those
                                                                    of the one rotating key that all heads share
upcycled      neuron of a dense MLP against experts made from it   up rows, summed over up to four experts
latent        dimension of a compressed query or key/value          rows of q_a and kv_a (latent attention only)
cell          unit of an LSTM or GRU layer                          the candidate's rows against the layer's input;
                                                                    residual is then an embedding dimension
============  ====================================================  =========================================

What is read depends on shapes and token strings only, never on values, so the choice cannot bias a coin.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.architecture import Architecture, Geometry
from forebear.artifacts.dtypes import wide
from forebear.artifacts.roles import RoleTensor, role_tensor, runs
from forebear.signals.layout import LAYER_BITS, PLANE_BITS, RESIDUAL_BITS, Plan, regions

F32 = NDArray[np.float32]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

COLUMN_FIRST_WIDTH = 32
"""Depth to which tensors stored column-first are read; each storage row crosses all their columns."""
TOKENS = tuple(chr(code) for code in range(33, 127))
"""Printable ASCII: single-character tokens that nearly every vocabulary has, often side by side."""
ENOUGH_TOKENS = 32


@dataclass(frozen=True)
class Block:
    """Rows of one group in one layer, one row per generator.

    Attributes:
        group: see the table above.
        layer: index in the model, None for the residual stream.
        rows: ``(n, width)`` float32; for the residual group the columns are tokens, rows scaled by token norm.
        positions: ``(n,)`` position of every generator in its group's share of the code.
        valid: ``(n,)`` False where a row is zero, not finite, or like another one of the block.
        labels: what the columns stand for where they have names (tokens), else empty.
        raw: the values as stored, for the delta; planes and tokens are not merged or scaled in it.
    """

    group: str
    layer: int | None
    rows: F32
    positions: Indices
    valid: Flags
    raw: F32
    labels: tuple[str, ...] = ()


def residual_block(artifact: Artifact) -> Block | None:
    """One coin per residual dimension, from the embedding; None where the family has no such coins."""
    family, geometry = artifact.architecture, artifact.geometry
    embed = role_tensor(artifact, "embed")
    if family is None or geometry is None or embed is None or "residual" not in family.coins:
        return None
    ids, labels = token_rows(artifact)
    if ids.size == 0:
        return None
    rows = read_scattered(embed, ids)
    dims = min(geometry.width, RESIDUAL_BITS)
    rows = rows[:, :dims]
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(rows.astype(np.float64), axis=1)
        usable = np.isfinite(norms) & (norms > 0)
        scaled = np.where(usable[:, None], rows / np.where(usable, norms, 1.0)[:, None], 0.0).astype(np.float32)
    columns = np.ascontiguousarray(scaled.T)
    return Block("residual", None, columns, np.arange(dims), usable_rows(columns), rows, labels)


def token_rows(artifact: Artifact) -> tuple[Indices, tuple[str, ...]]:
    """Embedding rows to read and their labels: printable ASCII by string, else the first rows by number.

    Byte-level vocabularies usually have the printable characters first, so rows by number are labelled alike.
    """
    geometry = artifact.geometry
    assert geometry is not None
    known = artifact.tokenizer.ids if artifact.tokenizer else {}
    found = sorted((known[t], t) for t in TOKENS if known.get(t, geometry.vocabulary) < geometry.vocabulary)
    if len(found) < ENOUGH_TOKENS:
        found = list(enumerate(TOKENS))[: geometry.vocabulary]
    return np.array([i for i, _ in found], dtype=np.int64), tuple(t for _, t in found)


def keyed_by_string(artifact: Artifact) -> bool:
    """Whether embedding rows are found by token string (True) or only by number."""
    if artifact.tokenizer is None or artifact.geometry is None:
        return False
    limit = artifact.geometry.vocabulary
    return sum(artifact.tokenizer.ids.get(t, limit) < limit for t in TOKENS) >= ENOUGH_TOKENS


def layer_blocks(artifact: Artifact, layer: int, how: Plan, experts: tuple[int, ...] | None = None) -> Iterator[Block]:
    """The blocks of one layer, in the order of the code; ``experts`` replaces the usual choice of experts."""
    family, geometry = artifact.architecture, artifact.geometry
    if family is None or geometry is None:
        return
    stem, places = f"layers.{layer}.", regions(family.coins)
    if "glu" in family.coins and (up := dense_up(artifact, layer)) is not None:
        positions = np.arange(min(how.glu, places["glu"].size, up.length("neuron")))
        yield _block("glu", layer, up.rows("neuron", positions, geometry.width), positions)
    if "experts" in family.coins and geometry.experts and not (how.light and "glu" in family.coins):
        yield from _experts(artifact, layer, how, experts or chosen_experts(geometry), places["experts"].size)
    if "cell" in family.coins and (candidate := role_tensor(artifact, stem + "rnn.candidate")) is not None:
        yield _cells(candidate, layer, how, geometry)
    if geometry.head_dim is None or geometry.kv_heads is None or geometry.value_dim is None:
        return
    if "value_output" in family.coins and (value := _value_source(artifact, stem)) is not None:
        tensor, axis = value
        size = places["value_output"].size
        count = min(how.values, size)
        indices, positions = head_indices(geometry.kv_heads, geometry.value_dim, count, size, how.light)
        yield _block("value_output", layer, tensor.rows(axis, indices, geometry.width), positions)
    if "latent" in family.coins and not how.light:
        yield from _latents(artifact, layer, how, places["latent"].size)
    if "query_key" in family.coins:
        yield from _planes(artifact, layer, how)


def _cells(candidate: RoleTensor, layer: int, how: Plan, geometry: Geometry) -> Block:
    """Units of a recurrent layer: how its candidate reads the layer below, as deep as in every other layer.

    Not how it reads the layer itself: those values flip with two units each, and would tie coins together.
    """
    units = candidate.length("cell")
    positions = np.arange(min(how.glu + how.values + how.planes, LAYER_BITS, units))
    return _block("cell", layer, candidate.rows("cell", positions, min(geometry.width, units)), positions)


def dense_up(artifact: Artifact, layer: int) -> RoleTensor | None:
    """The up projection of a layer's dense MLP, or of its shared expert; None where it has only routed experts."""
    dense = role_tensor(artifact, f"layers.{layer}.mlp.up")
    return dense if dense is not None else role_tensor(artifact, f"layers.{layer}.shared.up")


def chosen_experts(geometry: Geometry) -> tuple[int, ...]:
    """Up to four experts, evenly spaced: the ones that a code shows."""
    used = min(4, geometry.experts)
    return tuple(k * geometry.experts // used for k in range(used))


def _experts(artifact: Artifact, layer: int, how: Plan, experts: tuple[int, ...], size: int) -> Iterator[Block]:
    geometry = artifact.geometry
    assert geometry is not None
    each = size // 4
    rows: list[F32] = []
    places: list[Indices] = []
    for k, expert in enumerate(experts):
        up = role_tensor(artifact, f"layers.{layer}.experts.{expert}.up")
        if up is None:
            continue
        # Another stretch of neurons in every expert: experts that were copied from one dense MLP never show the
        # same neuron twice, so no coin is counted twice.
        indices = np.arange(k * each, min(k * each + max(1, min(how.glu // 4, each)), up.length("neuron")))
        if indices.size:
            rows.append(up.rows("neuron", indices, geometry.width))
            places.append(indices)
    if rows:
        yield _block("experts", layer, np.concatenate(rows), np.concatenate(places))


def summed_mlp(artifact: Artifact, layer: int, how: Plan) -> Block | None:
    """A layer's MLP as one: its dense up rows, or the sum of those of up to four experts, neuron by neuron."""
    geometry = artifact.geometry
    assert geometry is not None
    stem = f"layers.{layer}."
    roles = [f"{stem}mlp.up"] if f"{stem}mlp.up" in artifact.names else []
    roles = roles or [f"{stem}experts.{e}.up" for e in chosen_experts(geometry)]
    found = [tensor for role in roles if (tensor := role_tensor(artifact, role)) is not None]
    if not found:
        return None
    positions = np.arange(min(how.glu, *(up.length("neuron") for up in found)))
    with np.errstate(all="ignore"):
        rows = sum(wide(up.rows("neuron", positions, geometry.width)) for up in found)
        summed = np.asarray(rows, dtype=np.float32)
    return _block("upcycled", layer, summed, positions)


def _latents(artifact: Artifact, layer: int, how: Plan, size: int) -> Iterator[Block]:
    """Rows of the down projections to the latents: half of the region for keys and values, half for queries."""
    geometry = artifact.geometry
    assert geometry is not None
    rows: list[F32] = []
    places: list[Indices] = []
    half = size // 2
    for start, axis in ((0, "kv_latent"), (half, "q_latent")):
        tensor = role_tensor(artifact, f"layers.{layer}.attn.{axis}")
        if tensor is not None:
            indices = np.arange(min(half, max(1, how.values // 4), tensor.length(axis)))
            rows.append(tensor.rows(axis, indices, geometry.width))
            places.append(indices + start)
    if rows:
        yield _block("latent", layer, np.concatenate(rows), np.concatenate(places))


def _value_source(artifact: Artifact, stem: str) -> tuple[RoleTensor, str] | None:
    """v, or o where v is stored by columns (its rows flip together with v's when heads are not shared)."""
    value, out, geometry = (
        role_tensor(artifact, stem + "attn.v"),
        role_tensor(artifact, stem + "attn.o"),
        artifact.geometry,
    )
    if value is not None and value.role.axes[0] == "value":
        return value, "value"
    if out is not None and out.role.axes[0] == "mixed" and geometry and geometry.heads == geometry.kv_heads:
        return out, "mixed"
    return None


def used_heads(heads: int, light: bool) -> tuple[tuple[int, ...], int]:
    """The heads that are read, the first and the middle one (a light look: the first), and the places in the code."""
    used = (0,) if heads == 1 else (0, heads // 2)
    return (used[:1] if light else used), len(used)


def head_indices(heads: int, head_dim: int, count: int, bits: int, light: bool = False) -> tuple[Indices, Indices]:
    """Dimensions of up to two heads, and their positions among ``bits``."""
    used, places = used_heads(heads, light)
    share = bits // places
    each = min(share, max(1, count // places), head_dim)
    indices = np.concatenate([np.arange(each) + h * head_dim for h in used])
    positions = np.concatenate([np.arange(each) + k * share for k in range(len(used))])
    return indices, positions


def plane_dims(head_dim: int, rotary: int, layout: str, count: int) -> tuple[Indices, Indices]:
    """First and second dimension of each of the first ``count`` planes of a head; equal where nothing rotates."""
    if layout == "interleaved":
        first, second = np.arange(0, rotary, 2), np.arange(1, rotary, 2)
    else:
        first, second = np.arange(rotary // 2), np.arange(rotary // 2, rotary)
    single = np.arange(rotary, head_dim)
    return np.concatenate([first, single])[:count], np.concatenate([second, single])[:count]


def _planes(artifact: Artifact, layer: int, how: Plan) -> Iterator[Block]:
    """One row per plane: the k rows of its two dimensions side by side (the second half zero where it has one)."""
    geometry, family = artifact.geometry, artifact.architecture
    assert geometry and geometry.head_dim and geometry.kv_heads and family
    key, axis, heads, head_dim = role_tensor(artifact, f"layers.{layer}.attn.k"), "key", geometry.kv_heads, 0
    if key is None:  # latent attention: one rotating key for all heads
        key, axis, heads = role_tensor(artifact, f"layers.{layer}.attn.k_rope"), "shared_rope", 1
        head_dim = geometry.rotary or 0
    if key is None:
        return
    head_dim = head_dim or geometry.head_dim
    width = geometry.width if key.role.axes[0] == axis else min(COLUMN_FIRST_WIDTH, geometry.width)
    used, shares = used_heads(heads, how.light)
    layout = "none" if geometry.rotary is None else family.rope
    first, second = plane_dims(head_dim, geometry.rotary or 0, layout, max(1, how.planes // shares))
    offsets = np.repeat([h * head_dim for h in used], len(first))
    a, b = np.tile(first, len(used)) + offsets, np.tile(second, len(used)) + offsets
    wanted = np.unique(np.concatenate([a, b]))
    values = key.rows(axis, wanted, width)
    at = {int(w): k for k, w in enumerate(wanted)}
    one, two = values[[at[int(i)] for i in a]], values[[at[int(i)] for i in b]]
    two = np.where((a == b)[:, None], 0.0, two).astype(np.float32)
    share = PLANE_BITS // shares
    positions = np.concatenate([np.arange(len(first)) + k * share for k in range(len(used))])
    yield _block("query_key", layer, np.concatenate([one, two], axis=1), positions, raw=values)


def read_scattered(tensor: RoleTensor, ids: Indices, gap: int = 16) -> F32:
    """Rows of the embedding by id, nearby ones in one read."""
    blocks: list[F32] = []
    padded = [(a, b) for a, b in runs(ids)]
    merged: list[list[int]] = []
    for a, b in padded:
        if merged and a - merged[-1][1] <= gap:
            merged[-1][1] = b
        else:
            merged.append([a, b])
    for a, b in merged:
        rows = tensor.tensor.rows(a, b)
        blocks.append(rows[ids[(ids >= a) & (ids < b)] - a])
    return np.concatenate(blocks)


def usable_rows(rows: F32) -> Flags:
    """Rows that carry a coin: finite, not zero, and unlike (up to sign) every other row of the block."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(rows).all(axis=1)
        usable: Flags = finite & (np.abs(rows).max(axis=1, initial=0.0) > 0)
    classes: dict[bytes, list[int]] = {}
    for i in np.flatnonzero(usable):
        row = rows[i]
        lead = row[np.flatnonzero(row)[0]]
        turned = (row if lead > 0 else -row) + np.float32(0.0)  # a zero has no sign
        key = hashlib.blake2b(turned.tobytes(), digest_size=12).digest()
        classes.setdefault(key, []).append(int(i))
    for members in classes.values():
        if len(members) > 1:  # all of them: the one kept would agree with the other model's by construction
            usable[members] = False
    return usable


def _block(group: str, layer: int, rows: F32, positions: Indices, raw: F32 | None = None) -> Block:
    return Block(group, layer, rows, positions, usable_rows(rows), rows if raw is None else raw)


def comparable_groups(a: Artifact, b: Artifact) -> tuple[frozenset[str], dict[str, str]]:
    """Groups whose coins line up in two models, and for every other group of either a reason why not.

    Decided from families and shapes alone.
    """
    fa, fb, ga, gb = a.architecture, b.architecture, a.geometry, b.geometry
    if fa is None or fb is None or ga is None or gb is None:
        return frozenset(), {"weights": (a.unknown or b.unknown or "unknown architecture")}
    return comparable_shapes(shape_of(fa, ga), shape_of(fb, gb))


def shape_of(family: Architecture, geometry: Geometry) -> dict[str, object]:
    """What decides whether two models' coins line up; stored in the index beside every code."""
    stored = family.roles.get("layers.{layer}.attn.v")
    return {
        "family": family.name,
        "coins": list(family.coins),
        "width": geometry.width,
        "intermediate": geometry.intermediate,
        "expert_intermediate": geometry.expert_intermediate,
        "shared_intermediate": geometry.shared_intermediate,
        "experts": geometry.experts,
        "heads": geometry.heads if stored and stored.axes[0] == "residual" else None,
        "kv_heads": geometry.kv_heads,
        "head_dim": geometry.head_dim,
        "value_dim": geometry.value_dim,
        "kv_rank": geometry.kv_rank,
        "q_rank": geometry.q_rank,
        "rope": family.rope,
        "rotary": geometry.rotary,
        "rows": stored.axes[0] if stored else "",
    }


_SAME = {
    "residual": (),
    "glu": ("intermediate", "shared_intermediate"),
    "experts": ("expert_intermediate", "experts"),
    "value_output": ("kv_heads", "value_dim", "kv_rank", "heads", "rows"),
    "query_key": ("kv_heads", "head_dim", "rope", "rotary", "kv_rank", "rows"),
    "latent": ("kv_rank", "q_rank"),
    "cell": ("family", "intermediate"),
}
"""Coin group to the sizes that have to be equal, beside the width."""


def comparable_shapes(a: Mapping[str, object], b: Mapping[str, object]) -> tuple[frozenset[str], dict[str, str]]:
    """See :func:`comparable_groups`; on the stored shapes of two models."""
    if a.get("family") is None or b.get("family") is None:
        return frozenset(), {"weights": "unknown architecture"}
    coins_a, coins_b = set(_strings(a["coins"])), set(_strings(b["coins"]))
    usable: set[str] = set()
    reasons: dict[str, str] = {}
    for group, keys in _SAME.items():
        if group not in coins_a | coins_b:
            continue
        different = [k for k in ("width", *keys) if a.get(k) != b.get(k)]
        if group not in coins_a & coins_b:
            reasons[group] = "only one of the two architectures has this symmetry"
        elif different:
            reasons[group] = "different " + " and ".join(f"{k} ({a.get(k)} and {b.get(k)})" for k in different)
        elif group in ("value_output", "query_key") and a["head_dim"] is None:
            reasons[group] = "the number of heads is not known (no usable config.json)"
        else:
            usable.add(group)
    experts = {"glu", "experts"}
    if len(experts & coins_a) == len(experts & coins_b) == 1 and coins_a & experts != coins_b & experts:
        sizes = [m.get("expert_intermediate") or m["intermediate"] for m in (a, b)]
        if a["width"] == b["width"] and sizes[0] == sizes[1] is not None:
            usable.add("upcycled")
            reasons = {group: why for group, why in reasons.items() if group not in experts}
    return frozenset(usable), reasons


def _strings(value: object) -> list[str]:
    return [str(v) for v in value] if isinstance(value, list | tuple) else []
