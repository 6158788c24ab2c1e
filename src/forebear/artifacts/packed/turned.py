"""Quantised matrices of GPT-2, which has its own the other way round: (in, out), where every quantiser has (out, in).

GPT-2's layers are ``Conv1D`` in transformers; bitsandbytes, GPTQ and AWQ turn them before they quantise and save them
turned. A family's data file says (in, out), so the matrices are turned back: a square one would otherwise be read with
its axes exchanged, and nothing would show it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.packed.base import Packed, Unpacked

F32 = NDArray[np.float32]

TURNED_FAMILIES = frozenset({"gpt2"})
"""The ``model_type`` values whose implementation keeps every linear layer as (in, out)."""
FUSED = "attn.c_attn.weight"
"""Queries, keys and values in one: wider than tall as the network has it, taller than wide where it was turned."""
AT_ONCE = 1_000_000
"""Values of the stored matrix in memory at a time."""


@dataclass(frozen=True)
class Turned(Packed):
    """A packed matrix seen the other way round. Any rows cost a reading of the whole matrix. Part: ``stored``."""

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`."""
        self.check_rows(start, stop)
        stored = self.parts["stored"]
        step = max(1, AT_ONCE // max(1, stored.shape[1]))
        blocks = (
            stored.rows(k, min(stored.shape[0], k + step))[:, start:stop] for k in range(0, stored.shape[0], step)
        )
        return np.concatenate([np.ascontiguousarray(block.T) for block in blocks], axis=1)


def as_in_the_network(found: Unpacked) -> Unpacked:
    """The same with every matrix turned, if the shape of the fused ones says that a quantiser has turned them."""
    if not any(n.endswith(FUSED) and len(t.shape) == 2 and t.shape[0] > t.shape[1] for n, t in found.tensors.items()):
        return found
    return replace(found, tensors={n: _turned(t) for n, t in found.tensors.items()})


def _turned(tensor: Tensor) -> Tensor:
    if len(tensor.shape) != 2 or ".c_" not in tensor.name:  # a head that was quantised as well is no Conv1D
        return tensor
    at = (tensor.path, tensor.start, tensor.source)
    return Turned(tensor.name, tensor.dtype, tensor.shape[::-1], *at, {"stored": tensor})
