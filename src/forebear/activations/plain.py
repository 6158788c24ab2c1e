"""The forward pass in numpy: Llama-like families, GPT-2 and GPT-NeoX; a part of the default install.

All spans go through a layer before the next one is read, so that every tensor is read once and one matrix group
(an attention, an MLP, an expert) is in memory at a time. Whatever the file's format, values are dequantised to float32.
Spans of one length are attended to together; nothing is padded, so nothing has to be masked for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forebear.activations.arithmetic import ACTIVATIONS, attention, layer_norm, rms_norm, rotated, softmax
from forebear.activations.base import F32, MAX_TOKENS, Ids
from forebear.activations.network import Network, network_of
from forebear.artifacts import Artifact
from forebear.artifacts.roles import RoleTensor, role_tensor
from forebear.errors import FormatError

AT_ONCE = 16_000_000
"""Values of the widest intermediate array in memory at a time."""

OUTPUTS = {"q": "query", "k": "key", "v": "value", "o": "residual"}
OUTPUTS |= {"up": "neuron", "gate": "neuron", "down": "residual", "router": "expert"}
"""The last word of a matrix' role to the axis of its outputs."""


class Plain:
    """See :class:`~forebear.activations.base.Forward`."""

    name = "numpy"

    def prepare(self, artifact: Artifact) -> PlainModel | str:
        """See :meth:`Forward.prepare`."""
        network = network_of(artifact)
        return network if isinstance(network, str) else PlainModel(artifact, network)


@dataclass(frozen=True)
class PlainModel:
    """See :class:`~forebear.activations.base.Runnable`."""

    artifact: Artifact
    network: Network

    @property
    def layers(self) -> int:
        """See :attr:`Runnable.layers`."""
        return self.network.geometry.layers

    @property
    def width(self) -> int:
        """See :attr:`Runnable.width`."""
        return self.network.geometry.width

    @property
    def rows(self) -> int:
        """See :attr:`Runnable.rows`."""
        return self.network.geometry.vocabulary

    @property
    def positions(self) -> int:
        """See :attr:`Runnable.positions`; a table of learned positions may be shorter than what we allow."""
        table = self.artifact.names.get("positions")
        return MAX_TOKENS if table is None else min(MAX_TOKENS, self.artifact.weights.tensors[table].shape[0])

    def needed(self, tokens: int, layers: Sequence[int]) -> int:
        """See :meth:`Runnable.needed`: a layer's larger group of matrices, and as much again while it is read."""
        g = self.network.geometry
        heads, shared = ((g.head_dim or 0) * count for count in (g.heads or 0, g.kv_heads or 0))
        inner = (g.intermediate or 0) * g.width
        matrices = 2 * max(2 * g.width * (heads + shared), 3 * inner) if layers[-1] else 0
        return 4 * (matrices + tokens * (6 * g.width + 2 * heads + 2 * shared) + 3 * AT_ONCE)

    def states(self, spans: Sequence[Ids], layers: Sequence[int], memory: int) -> Iterator[F32]:
        """See :meth:`Runnable.states`."""
        run = _Run(self.artifact, self.network, _by_length(spans))
        with np.errstate(all="ignore"):  # a damaged model's infinities are found where states are pooled
            stream = run.embedded(spans)
        for layer in range(layers[-1] + 1):
            if layer in layers:
                yield stream
            if layer < layers[-1]:
                with np.errstate(all="ignore"):
                    stream = run.layer(layer, stream)


def _by_length(spans: Sequence[Ids]) -> tuple[Ids, ...]:
    """For each length that occurs, the positions of its spans' tokens in the row of all tokens: ``(spans, length)``."""
    starts = np.cumsum([0, *(len(span) for span in spans)])
    found: dict[int, list[Ids]] = {}
    for start, span in zip(starts, spans, strict=False):
        found.setdefault(len(span), []).append(np.arange(start, start + len(span)))
    return tuple(np.array(found[length]) for length in sorted(found))


@dataclass(frozen=True)
class _Run:
    """One model and the layout of the spans that go through it."""

    artifact: Artifact
    network: Network
    groups: tuple[Ids, ...]

    def embedded(self, spans: Sequence[Ids]) -> F32:
        """What enters the first layer, ``(tokens, width)``."""
        ids, places = np.unique(np.concatenate(spans), return_inverse=True)
        stream = self._rows("embed", "token", ids)[places] * np.float32(self.network.embedding_scale)
        if "positions" in self.artifact.names:
            table = self._rows("positions", "position", np.arange(max(len(span) for span in spans)))
            stream += np.concatenate([table[: len(span)] for span in spans])
        return stream

    def layer(self, layer: int, stream: F32) -> F32:
        """The residual stream after a layer."""
        scale = np.float32(self.network.residual_scale)
        after = stream + scale * self.attended(layer, stream)
        return np.asarray(after + scale * self.transformed(layer, stream if self.network.parallel else after))

    def attended(self, layer: int, stream: F32) -> F32:
        """What attention adds, ``(tokens, width)``."""
        net, stem = self.network, f"layers.{layer}.attn"
        normed = self._norm(f"{stem}_norm", stream)
        q, k, v = (self._linear(f"{stem}.{part}", normed) for part in "qkv")
        mixed = np.empty_like(q)
        head = net.geometry.head_dim or 0
        gains = tuple(self._gain(f"{stem}.{part}_norm", head) for part in "qk") if net.normed_heads else None
        for tokens in self.groups:
            step = max(1, AT_ONCE // (tokens.shape[1] * max(q.shape[1], tokens.shape[1] * (net.geometry.heads or 1))))
            for at in range(0, len(tokens), step):
                some = tokens[at : at + step]
                mixed[some] = self._attention(layer, q[some], k[some], v[some], gains)
        added = self._linear(f"{stem}.o", mixed)
        return self._norm(f"layers.{layer}.attn_post_norm", added) if net.post_norms else added

    def _attention(self, layer: int, q: F32, k: F32, v: F32, gains: tuple[F32, ...] | None) -> F32:
        net = self.network
        q, k, v = (x.reshape(*x.shape[:2], -1, net.geometry.head_dim or 1) for x in (q, k, v))
        if gains is not None:
            q, k = (rms_norm(x, gain, net.epsilon) for x, gain in zip((q, k), gains, strict=True))
        rotation = net.rotations[layer]
        if rotation is not None:
            q, k = rotated(q, rotation), rotated(k, rotation)
        return attention(q, k, v, net.scales[layer], net.windows[layer], net.softcap)

    def transformed(self, layer: int, stream: F32) -> F32:
        """What the MLP, or the chosen experts, add: ``(tokens, width)``."""
        stem = f"layers.{layer}"
        normed = self._norm(f"{stem}.mlp_norm", stream)
        if not self.network.chosen:
            added = self._mlp(f"{stem}.mlp", normed)
        else:
            added = np.zeros_like(normed)
            shares = self._routed(f"{stem}.router", normed)
            for expert in range(shares.shape[1]):
                tokens = np.flatnonzero(shares[:, expert])
                if tokens.size:  # experts that no token chose are not read
                    out = self._mlp(f"{stem}.experts.{expert}", normed[tokens])
                    added[tokens] += out * shares[tokens, expert, None]
        return self._norm(f"{stem}.mlp_post_norm", added) if self.network.post_norms else added

    def _mlp(self, stem: str, x: F32) -> F32:
        act = ACTIVATIONS[self.network.activation]
        parts = ("up", "gate", "down") if self.network.gated else ("up", "down")
        weights = {"up": self._matrix(f"{stem}.up", x.shape[1])}
        neurons = len(weights["up"])
        if self.network.gated:
            weights["gate"] = self._matrix(f"{stem}.gate", x.shape[1], neurons)
        weights["down"] = self._matrix(f"{stem}.down", neurons, x.shape[1])
        biases = {part: self._bias(f"{stem}.{part}", len(weights[part])) for part in parts}
        out = np.empty((len(x), len(weights["down"])), dtype=np.float32)
        step = max(1, AT_ONCE // len(weights["up"]))
        for at in range(0, len(x), step):
            some = {part: x[at : at + step] @ weights[part].T + biases[part] for part in parts[:-1]}
            inner = act(some["gate"]) * some["up"] if self.network.gated else act(some["up"])
            out[at : at + step] = inner @ weights["down"].T + biases["down"]
        return out

    def _routed(self, role: str, x: F32) -> F32:
        """Each expert's share of each token, ``(tokens, experts)``: zero but for the chosen ones, which sum to one."""
        odds = softmax(x @ self._matrix(role, x.shape[1], self.network.geometry.experts).T)
        least = np.argsort(-odds, axis=1, kind="stable")[:, self.network.chosen :]
        np.put_along_axis(odds, least, np.float32(0), axis=1)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True))

    # tensors by role

    def _norm(self, role: str, x: F32) -> F32:
        gain = self._gain(role, x.shape[1])
        if self.network.layer_norm:
            return layer_norm(x, gain, self._vector(f"{role}.bias", x.shape[1]), self.network.epsilon)
        return rms_norm(x, gain, self.network.epsilon)

    def _gain(self, role: str, size: int) -> F32:
        return self._vector(role, size) + np.float32(self.network.gain_offset)

    def _linear(self, role: str, x: F32) -> F32:
        matrix = self._matrix(role, x.shape[1])
        return np.asarray(x @ matrix.T + self._bias(role, len(matrix)))

    def _matrix(self, role: str, inputs: int, outputs: int | None = None) -> F32:
        """``(outputs, inputs)``; sizes are checked, for numpy would stretch a size of one."""
        axis = OUTPUTS[role.rpartition(".")[2]]
        return self._checked(role, self._rows(role, axis, np.arange(self._role(role).length(axis))), (outputs, inputs))

    def _rows(self, role: str, axis: str, indices: Ids) -> F32:
        found = self._role(role)
        return found.rows(axis, indices, max(found.tensor.shape))

    def _bias(self, role: str, size: int) -> F32 | np.float32:
        return self._vector(f"{role}.bias", size) if f"{role}.bias" in self.artifact.names else np.float32(0)

    def _vector(self, role: str, size: int) -> F32:
        return self._checked(role, self._role(role).vector(), (size,))

    def _role(self, role: str) -> RoleTensor:
        found = role_tensor(self.artifact, role)
        if found is None:
            raise FormatError(self.artifact.name, f"{role} has no values that can be read")
        return found

    def _checked(self, role: str, values: F32, shape: tuple[int | None, ...]) -> F32:
        if any(size is not None and size != found for size, found in zip(shape, values.shape, strict=True)):
            raise FormatError(self.artifact.name, f"{role} of shape {values.shape} does not fit the rest of its layer")
        return values
