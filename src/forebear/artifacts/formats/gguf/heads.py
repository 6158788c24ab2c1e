"""The numbers of heads, and the orders of rows that depend on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.gguf import Header
from forebear.errors import FormatError

MAX_HEADS = 2**20


class Heads:
    """Numbers of heads as the metadata have them, for all layers or for each."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._queries = f"{header.text('general.architecture')}.attention.head_count"

    def queries(self, layer: str) -> int:
        """Query heads of a layer. Raises ``FormatError`` where the metadata do not say."""
        return self._count(self._queries, layer)

    def keys(self, layer: str) -> int:
        """Key/value heads of a layer; as many as query heads where nothing is said."""
        key = self._queries + "_kv"
        return self._count(key if key in self._header.metadata else self._queries, layer)

    def rows(self, tensor: Tensor, layer: str) -> tuple[int, int, int]:
        """Rows of q, k and v in a tensor that holds all three. Raises ``FormatError`` where heads do not fit them."""
        queries, keys = self.queries(layer), self.keys(layer)
        each, rest = divmod(tensor.shape[0], queries + 2 * keys)
        if rest or queries % keys:
            wrong = f"{tensor.shape[0]:,} rows are not those of {queries:,} heads and twice {keys:,}"
            raise FormatError(tensor.path, f"tensor {tensor.name}: {wrong}")
        return queries * each, keys * each, keys * each

    def _count(self, key: str, layer: str) -> int:
        value = self._header.metadata.get(key)
        if isinstance(value, np.ndarray) and int(layer) < value.size:
            value = value[int(layer)].item()
        if not isinstance(value, int) or not 0 < value < MAX_HEADS:
            wrong = f"its metadata have no usable {key}, without which rows cannot be put in order"
            raise FormatError(self._header.path, wrong)
        return value


def halves(heads: int, rows: int) -> NDArray[np.int64]:
    """Where a row of half after half is stored when halves were paired: row (head, half, i) at (head, i, half)."""
    return np.arange(rows).reshape(heads, -1, 2).swapaxes(1, 2).ravel()


def groups(queries: int, keys: int, rows: int) -> NDArray[np.int64]:
    """Where a row of (queries, key, value) group by group is stored when all q come first, then all k, then all v."""
    each = rows // (queries + 2 * keys)
    q, rest = np.split(np.arange(rows), [queries * each])
    return np.concatenate([part.reshape(keys, -1) for part in (q, *np.split(rest, 2))], axis=1).ravel()
