"""Which rows of two embeddings belong together: by token string where both models have a tokenizer, else by number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokens of two models.

    Attributes:
        by: ``token`` or ``row``.
        ids: ``(n, 2)`` rows of A and B that belong together, ascending in A.
        only_a, only_b: token strings that one of them has alone; 0 where rows go by number.
        rows: rows of the two embeddings.
        moved: tokens in common that have another number.
        appended: whether the tokens of one side alone stand behind all others: ``a``, ``b`` or "".
        between: whether the tokens of one side alone mostly stand between the others, which have one order: that side.
    """

    by: str
    ids: Indices
    only_a: int
    only_b: int
    rows: tuple[int, int]
    moved: int
    appended: str
    between: str = ""

    @property
    def straight(self) -> bool:
        """Whether every row belongs to the row of the same number, and none is left."""
        return self.rows[0] == self.rows[1] == len(self.ids) and bool((self.ids[:, 0] == self.ids[:, 1]).all())


def tokens_of(a: Artifact, b: Artifact) -> Tokens | None:
    """The tokens of two models; None where one has no embedding."""
    if a.geometry is None or b.geometry is None or "embed" not in a.names or "embed" not in b.names:
        return None
    rows = a.geometry.vocabulary, b.geometry.vocabulary
    if a.tokenizer is None or b.tokenizer is None:
        along = np.arange(min(rows), dtype=np.int64)
        return Tokens("row", np.stack([along, along], axis=1), 0, 0, rows, 0, "")
    ours, theirs = ({t: k for t, k in m.tokenizer.ids.items() if k < n} for m, n in zip((a, b), rows, strict=True))  # type: ignore[union-attr]
    common = ours.keys() & theirs.keys()
    ids = np.array(sorted((ours[t], theirs[t]) for t in common), dtype=np.int64).reshape(-1, 2)
    only = [[k for t, k in side.items() if t not in common] for side in (ours, theirs)]
    last = [int(ids[:, k].max(initial=-1)) for k in (0, 1)]
    behind = [bool(only[k]) and min(only[k]) > last[k] and not only[1 - k] for k in (0, 1)]
    moved = int((ids[:, 0] != ids[:, 1]).sum())
    if not only[0] and not only[1] and not moved:  # the same vocabulary: rows without a token are held as well
        along = np.arange(min(rows), dtype=np.int64)
        ids = np.stack([along, along], axis=1)
    appended = "a" if behind[0] else "b" if behind[1] else ""
    return Tokens("token", ids, len(only[0]), len(only[1]), rows, moved, appended, _between(ids, only))


def _between(ids: Indices, only: list[list[int]]) -> str:
    """The side that alone has further tokens, most of them between those in common, which keep their order."""
    if bool(only[0]) == bool(only[1]) or not len(ids) or (np.diff(ids[:, 1]) < 0).any():
        return ""
    side = int(bool(only[1]))
    inside = sum(k < int(ids[:, side].max()) for k in only[side])
    return "ab"[side] if 2 * inside > len(only[side]) else ""
