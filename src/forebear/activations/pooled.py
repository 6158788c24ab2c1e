"""A model's hidden states on the probes: one mean vector for each text and depth, or why there are none.

Every token counts with unit length, as the norm of the next layer sees it: else the few enormous states that many
models have would be all that a mean shows. For the same reason the first token of a text, on which attention rests
where it finds nothing, counts only where there is no other (Xiao et al. 2023, arXiv 2309.17453).

Nothing that is wrong with a model ends in an exception here: a scan goes on without this evidence and says why.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebear.activations.base import F32, Forward, Ids, Runnable
from forebear.activations.encoding import LeftOut, Span, spans_of
from forebear.activations.plain import Plain
from forebear.activations.probes import ProbeSet, probe_set
from forebear.activations.transformers import Transformers, has_gpu
from forebear.artifacts import Artifact
from forebear.artifacts.kinds import tally
from forebear.errors import ForebearError, one_line
from forebear.tokenization import json_encoder_of
from forebear.types import Untested

FORWARDS: tuple[Forward, ...] = (Plain(), Transformers())
"""Every implementation of a forward pass, in order of preference: the first that does not refuse a model runs it."""

DEPTHS = (0.0, 1 / 6, 1 / 3, 2 / 3, 1.0)
"""Relative depths that are looked at."""
SHALLOW = 3
"""How many of them lie in the first third of the layers, which is cheap to compute."""
COUNT = 128
"""Probes that are read."""
LEAST_SHARE = 0.75
"""Of the probes; with fewer left the rest is no fair sample of them, and there is no answer."""
FALLBACK_MEMORY = 4_000_000_000
WORTH_A_GPU = 1_000_000_000
"""Bytes of weights from which on it is worth importing torch to ask for a GPU."""


@dataclass(frozen=True)
class Pooled:
    """Hidden states of one model.

    Attributes:
        forward: the implementation that computed them.
        version, digest: of the probes that were asked.
        spans: places in the probe set of the rows of ``states``, ascending ``(S,)``.
        depths: relative depths, ascending.
        layers: for each depth the layers below; the states are the residual stream that the last of them leaves.
        states: float32 ``(depths, S, width)``: means over a span's tokens at unit length, those that a tokenizer adds
            and the very first one left out.
        left_out: probes without a row, and why.
        tokens: that were computed, special ones included.
        seconds: wall time.
    """

    forward: str
    version: int
    digest: str
    spans: NDArray[np.int64]
    depths: tuple[float, ...]
    layers: tuple[int, ...]
    states: F32
    left_out: tuple[LeftOut, ...]
    tokens: int
    seconds: float

    def at(self, depths: Sequence[float]) -> Pooled:
        """The same at some of its depths; ``ValueError`` for one that it does not have."""
        places = [self.depths.index(depth) for depth in depths]
        layers = tuple(self.layers[place] for place in places)
        return replace(self, depths=tuple(depths), layers=layers, states=self.states[places])


def pooled(
    artifact: Artifact,
    probes: ProbeSet | None = None,
    depths: Sequence[float] = DEPTHS[:SHALLOW],
    memory: int | None = None,
    forwards: Sequence[Forward] | None = None,
) -> Pooled | Untested:
    """Hidden states of a model on the probes, or why they could not be told.

    Args:
        artifact: the model.
        probes: by default the first :data:`COUNT` of the current set.
        depths: ascending shares of the model's layers, from 0 to 1; a share above 0 is at least one layer.
        memory: bytes that may be held, by default half of what is free.
        forwards: implementations in order of preference, by default :func:`preferred`.
    """
    if not depths or list(depths) != sorted(set(depths)) or not 0 <= depths[0] <= depths[-1] <= 1:
        raise ValueError(f"depths {depths} are no ascending shares")
    started = time.monotonic()
    asked = probes or probe_set().first(COUNT)
    room = free_memory() // 2 if memory is None else memory
    try:
        found = _pooled(artifact, asked, tuple(depths), room, forwards or preferred(artifact))
    except MemoryError:
        found = "there was too little memory"
    except ForebearError as error:
        found = str(error)
    if isinstance(found, str):
        return Untested("activations", found)
    name, spans, layers, states, left_out = found
    return Pooled(
        name,
        asked.version,
        asked.digest,
        np.array([span.probe for span in spans], dtype=np.int64),
        tuple(depths),
        layers,
        states,
        tuple(sorted(left_out, key=lambda out: out.probe)),
        sum(len(span.ids) for span in spans),
        time.monotonic() - started,
    )


def preferred(artifact: Artifact) -> Sequence[Forward]:
    """:data:`FORWARDS`, backwards where a model is so large that a GPU is worth asking for and there is one."""
    large = sum(tensor.nbytes * count for tensor, count in tally(artifact.weights.tensors)) > WORTH_A_GPU
    return FORWARDS[::-1] if large and has_gpu() else FORWARDS


_Found = tuple[str, tuple[Span, ...], tuple[int, ...], F32, tuple[LeftOut, ...]]


def _pooled(
    artifact: Artifact, probes: ProbeSet, depths: tuple[float, ...], memory: int, forwards: Sequence[Forward]
) -> _Found | str:
    refusals: list[str] = []
    for forward in forwards:
        model = forward.prepare(artifact)
        if not isinstance(model, str):
            return _run(artifact, forward.name, model, probes, depths, memory)
        refusals.append(f"{forward.name}: {model}")
    return "; ".join(refusals)


def _run(
    artifact: Artifact, name: str, model: Runnable, probes: ProbeSet, depths: tuple[float, ...], memory: int
) -> _Found | str:
    encoder = json_encoder_of(artifact.source)
    if isinstance(encoder, str):
        return encoder
    spans, left_out = spans_of(encoder, probes.probes, model.rows, model.positions)
    if too_few := _too_few(len(spans), probes, left_out):
        return too_few
    layers = tuple(layer_at(depth, model.layers) for depth in depths)
    wanted = sorted(set(layers))
    pools = 4 * len(wanted) * len(spans) * model.width
    if (needed := pools + model.needed(sum(len(span.ids) for span in spans), wanted)) > memory:
        return f"it takes about {needed / 1e9:,.1f} GB of memory, more than {memory / 1e9:,.1f} GB"
    streams = model.states([span.ids for span in spans], wanted, memory - pools)
    means = {layer: _means(spans, stream) for layer, stream in zip(wanted, streams, strict=True)}
    finite = np.all([np.isfinite(mean).all(axis=1) for mean in means.values()], axis=0)
    if not finite.all():
        left_out += tuple(
            LeftOut(s.probe, "its states are no numbers") for s, f in zip(spans, finite, strict=True) if not f
        )
        spans = tuple(span for span, fine in zip(spans, finite, strict=True) if fine)
        if too_few := _too_few(len(spans), probes, left_out):
            return too_few
    return name, spans, layers, np.stack([means[layer][finite] for layer in layers]), left_out


def layer_at(depth: float, layers: int) -> int:
    """The number of layers below a relative depth, halves rounded up; at least one above depth 0."""
    return 0 if depth == 0 else min(layers, max(1, int(depth * layers + 0.5)))


def free_memory() -> int:
    """Bytes of memory that are free now; a guess where the system does not tell."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return FALLBACK_MEMORY


def _means(spans: Sequence[Span], stream: F32) -> F32:
    """The mean of every span's tokens at unit length, ``(spans, width)``; sums in float64: order does not matter."""
    starts = np.cumsum([0, *(len(span.ids) for span in spans)])
    rows = np.empty((len(spans), stream.shape[1]))
    with np.errstate(all="ignore"):
        for k, (start, span) in enumerate(zip(starts, spans, strict=False)):
            own = stream[start + _weighed(span)].astype(np.float64)
            lengths = np.sqrt((own**2).mean(axis=1, keepdims=True))
            rows[k] = (own / np.where(lengths == 0, 1, lengths)).mean(axis=0)
    return rows.astype(np.float32)


def _weighed(span: Span) -> Ids:
    """The positions in a span that count: not the first of all, unless it is the only one."""
    return span.counted[1:] if span.counted[0] == 0 and len(span.counted) > 1 else span.counted


def _too_few(count: int, probes: ProbeSet, left_out: Sequence[LeftOut]) -> str:
    if count >= LEAST_SHARE * len(probes.probes):
        return ""
    whys = [out.why for out in left_out]
    usual = max(whys, key=whys.count)
    return f"only {count:,} of {len(probes.probes):,} texts could be read; of one of the others, {one_line(usual, 200)}"
