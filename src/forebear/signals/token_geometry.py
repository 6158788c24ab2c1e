"""``token-geometry/1``: how the embeddings of known strings lie to one another, in 19 KB. It nominates, no more.

Angles between embeddings survive every rotation and permutation of the residual stream, and everything that is done to
layers. But models that read the same texts have similar angles, so what is kept is how much of a token's direction the
others do not explain: the matrix G (G + 1)⁻¹ of the Gram matrix G of unit vectors, which flattens what is common and
leaves what is peculiar (the hat matrix of ridge regression; with more tokens than dimensions nearly the projection on
the columns of the embedding). What references still have in common is taken out when models are compared, on the tokens
that both have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.signals.generators import TOKENS as ASCII
from forebear.signals.seen import embedded

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Hashes = NDArray[np.uint32]
Indices = NDArray[np.int64]

NAME = "token-geometry/1"
TOKENS = 192
"""The printable ASCII characters, and as many of the other strings of the vocabulary as have the smallest hashes."""
FEWEST_TOKENS = 48
"""Tokens in common below which two models are not compared."""
FEWEST_REFERENCES = 2
"""References, beside the one that is compared, that have to know a pair of tokens for a consensus on it."""
RIDGE = 1.0
"""The mean eigenvalue of a Gram matrix of unit vectors."""
MOST_NUMBERED = 65_536
"""Rows that are considered where tokens have no strings."""
ARITHMETIC = 1e-12
"""Share of two models' lengths up to which what the regression leaves of them is rounding, and correlates at will."""
_STEPS = 127
_ROOTS = np.arange(256, dtype=np.uint8).view(np.int8) / _STEPS
_VALUES = np.sign(_ROOTS) * _ROOTS**2
"""What every code stands for, by its bits."""


@dataclass(frozen=True, eq=False)
class TokenGeometry:
    """The geometry of up to 192 tokens of one model.

    Attributes:
        hashes: ``(n,)`` uint32, ascending: BLAKE2b of the tokens' strings.
        codes: ``(n (n - 1) / 2,)`` int8: the upper triangle row by row, square roots in steps of 1/127, so that the
            many small values are kept as well as the few large ones.
    """

    hashes: Hashes
    codes: NDArray[np.int8]

    @property
    def values(self) -> F64:
        """``(n (n - 1) / 2,)`` what the codes stand for."""
        return _VALUES[self.codes.view(np.uint8)]

    def to_bytes(self) -> bytes:
        """As stored, little-endian: the number of tokens, hashes, codes."""
        return len(self.hashes).to_bytes(2, "little") + self.hashes.astype("<u4").tobytes() + self.codes.tobytes()

    @staticmethod
    def from_bytes(raw: bytes) -> TokenGeometry:
        """What :meth:`to_bytes` gave; ``ValueError`` where it cannot be that."""
        n = int.from_bytes(raw[:2], "little")
        if not 2 <= n <= TOKENS or len(raw) != 2 + 4 * n + n * (n - 1) // 2:
            raise ValueError("damaged token geometry")
        hashes = np.frombuffer(raw, dtype="<u4", count=n, offset=2).astype(np.uint32)
        if (np.diff(hashes.astype(np.int64)) <= 0).any():
            raise ValueError("damaged token geometry")
        return TokenGeometry(hashes, np.frombuffer(raw, dtype=np.int8, offset=2 + 4 * n))


@dataclass(frozen=True, eq=False)
class Consensus:
    """Sums over independent references, for every pair of the query's ``q`` tokens.

    Attributes:
        total: ``(q (q - 1) / 2,)``.
        counts: the same shape: references that know both tokens.
    """

    total: F64
    counts: F64

    @cached_property
    def mean(self) -> F64:
        """The mean over the references; the mean of these means where too few know a pair."""
        known = self.counts >= FEWEST_REFERENCES
        means = np.divide(self.total, self.counts, out=np.zeros_like(self.total), where=known)
        return np.where(known, means, means[known].mean() if known.any() else 0.0)

    def without(self, values: F64) -> Consensus:
        """The same without one of the references, whose values on these pairs are given, nan where it has none."""
        known = np.isfinite(values)
        return Consensus(self.total - np.where(known, values, 0.0), self.counts - known)


def token_geometry(artifact: Artifact) -> TokenGeometry | None:
    """Measure a model; reads at most 192 embedding rows and what lies between near ones. None with too few tokens.

    Without a tokenizer tokens are known by number and size of the vocabulary, so that such models compare with one
    another.

    Raises:
        InputError: the rows could not be read.
    """
    chosen = chosen_tokens(_vocabulary(artifact))
    ids = np.array(list(chosen.values()), dtype=np.int64)
    ascending, where = np.unique(ids, return_inverse=True)
    rows = embedded(artifact, ascending) if len(ids) else None
    if rows is None:
        return None
    hashes = np.array(list(chosen), dtype=np.uint32)
    with np.errstate(all="ignore"):
        size = np.linalg.norm(rows[where], axis=1)
    usable = np.isfinite(size) & (size > 0)
    if usable.sum() < FEWEST_TOKENS:
        return None
    return described(hashes[usable], rows[where][usable])


def described(hashes: Hashes, rows: F32) -> TokenGeometry:
    """The geometry of rows ``(n, width)``, none of them zero, whose hashes ascend."""
    unit = rows.astype(np.float64) / np.abs(rows).max(axis=1, keepdims=True)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    unit -= unit.mean(axis=0)
    size = np.linalg.norm(unit, axis=1, keepdims=True)
    unit = np.divide(unit, size, out=np.zeros_like(unit), where=size > 0)
    gram = unit @ unit.T
    hat = np.linalg.solve(gram + RIDGE * np.eye(len(gram)), gram)
    upper = hat[_upper(len(hat))]
    roots = np.sign(upper) * np.sqrt(np.minimum(np.abs(upper), 1.0))
    return TokenGeometry(hashes, np.round(roots * _STEPS).astype(np.int8))


def chosen_tokens(ids: Mapping[str, int]) -> dict[int, int]:
    """Hash to id of the tokens that are shown, by ascending hash; the same for every order of the vocabulary."""
    first = {token_hash(text): ids[text] for text in ASCII if text in ids}
    hashed = {token_hash(text): i for text, i in ids.items()}
    rest = sorted(h for h in hashed if h not in first)[: TOKENS - len(first)]
    return dict(sorted((first | {h: hashed[h] for h in rest}).items()))


def token_hash(text: str) -> int:
    """What stands for a token's string, 32 bits."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).digest(), "little")


def onto(geometry: TokenGeometry, hashes: Hashes) -> F64:
    """A model's values for the pairs of another one's ``q`` tokens, ``(q (q - 1) / 2,)``; nan where it lacks one."""
    if np.array_equal(geometry.hashes, hashes):
        return geometry.values
    out = np.full(len(hashes) * (len(hashes) - 1) // 2, np.nan)
    _, theirs, mine = np.intersect1d(hashes, geometry.hashes, assume_unique=True, return_indices=True)
    first, second = _upper(len(mine))
    here = _at(theirs[first], theirs[second], len(hashes))
    out[here] = geometry.values[_at(mine[first], mine[second], len(geometry.hashes))]
    return out


def consensus(query: TokenGeometry, references: Iterable[TokenGeometry]) -> Consensus:
    """What independent references have in common on the query's tokens; one entry per lineage."""
    total, counts = np.zeros(len(query.codes)), np.zeros(len(query.codes))
    for reference in references:
        values = onto(reference, query.hashes)
        known = np.isfinite(values)
        total += np.where(known, values, 0.0)
        counts += known
    return Consensus(total, counts)


def similarity(query: TokenGeometry, other: TokenGeometry, common: Consensus, member: bool = False) -> float:
    """Correlation of two models' geometries once the consensus is regressed out, about 0 for independent ones.

    Args:
        query: the model that ``common`` was made for.
        other: the one that it is compared with.
        common: what references have in common; where there is none, the raw correlation is given.
        member: whether ``other`` is one of those references; it is then left out of them.

    Returns:
        In [-1, 1]; nan where fewer than :data:`FEWEST_TOKENS` tokens are common, or nothing is left to correlate.
    """
    theirs = onto(other, query.hashes)
    known = np.isfinite(theirs)
    if known.sum() < FEWEST_TOKENS * (FEWEST_TOKENS - 1) // 2:
        return float("nan")
    middle = (common.without(theirs) if member else common).mean
    columns = (query.values, theirs, middle)
    one, two, between = columns if known.all() else (c[known] for c in columns)
    x, y = _residual(one, between), _residual(two, between)
    size, whole = (float(np.linalg.norm(u) * np.linalg.norm(v)) for u, v in ((x, y), (one, two)))
    return float(x @ y) / size if size > ARITHMETIC * whole else float("nan")


def _residual(values: F64, middle: F64) -> F64:
    """Values without their mean and without their regression on the consensus."""
    values, middle = values - values.mean(), middle - middle.mean()
    power = float(middle @ middle)
    return values - (float(values @ middle) / power * middle if power > 0 else 0.0)


@cache
def _upper(count: int) -> tuple[Indices, Indices]:
    return np.triu_indices(count, 1)


def _at(first: Indices, second: Indices, count: int) -> Indices:
    """Where pairs of rows stand in an upper triangle that is stored row by row."""
    return first * count - first * (first + 1) // 2 + second - first - 1


def _vocabulary(artifact: Artifact) -> dict[str, int]:
    """Token string to embedding row."""
    if artifact.geometry is None:
        return {}
    size = artifact.geometry.vocabulary
    if artifact.tokenizer is not None:
        return {text: i for text, i in artifact.tokenizer.ids.items() if 0 <= i < size}
    return {f"token {i} of {size}": i for i in range(min(size, MOST_NUMBERED))}
