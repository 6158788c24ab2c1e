"""``sign-code/1``: one bit per generator against public random vectors, and its exact test.

H0: the two models' initialisations are independent. Under it every valid bit that two codes share agrees with
probability 1/2, independently, whatever the training data: the number of agreements is Binomial(n, 1/2).
Derivation and conditions: docs/architecture.md; the reading of the generators: :mod:`forebear.signals.generators`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact
from forebear.artifacts.base import CHUNK_UNIT
from forebear.artifacts.roles import role_sizes
from forebear.signals.alignment import (
    SIGNATURE_DIMS,
    align_layers,
    layer_signature,
)
from forebear.signals.binomial import log10_tail
from forebear.signals.generators import (
    Block,
    keyed_by_string,
    layer_blocks,
    residual_block,
)
from forebear.signals.layout import CODE_BITS, LAYER_BITS, RESIDUAL_BITS, SLOTS, Region, is_light, plan, regions
from forebear.signals.patterns import Own, own_signs, patterns

F32 = NDArray[np.float32]
Bits = NDArray[np.uint8]

NAME = "sign-code/1"
REFERENCE = "sign-flip symmetry of RMSNorm/GLU transformers; cf. Zhu et al. 2025, arXiv 2502.12292"
CODE_BYTES = CODE_BITS // 8
SELF_ALPHA = -6.0
COPY_ALPHA = -4.0
"""log10 tail at which two layers of one model are taken for copies; generous, a false alarm costs a block of coins."""
INFERRED = "its architecture was inferred from tensor names or shapes"


@dataclass(frozen=True, eq=False)
class SignCode:
    """The searchable code of one model: 1 KB, and what is needed to align layers.

    Attributes:
        bits: ``(512,)`` uint8, 4,096 packed bits; zero where not valid.
        valid: ``(512,)`` uint8, which bits carry a coin.
        layers: for each of the 16 layer slots the layer that it describes, -1 where it was not read.
        signature: ``(16, 2, 64)`` float16, log norm gains: flips cannot change them, layers are aligned by them.
        groups: coin groups that the family has.
        keyed_by: ``token`` where embedding rows were found by token string, ``row`` where only by number.
        repeats: reasons why this model's own coins cannot be relied on: internal dependences (cloned layers, repeated
            heads), rows made to one side or by a formula, or an architecture that is only inferred. The other model
            must then be the trusted one.
    """

    bits: Bits
    valid: Bits
    layers: tuple[int, ...]
    signature: NDArray[np.float16]
    groups: tuple[str, ...]
    keyed_by: str
    repeats: tuple[str, ...]

    @property
    def n(self) -> int:
        """Number of valid bits."""
        return int(np.bitwise_count(self.valid).sum())


@dataclass(frozen=True)
class Cell:
    """Coins of one group in one pair of layers: how many, and how many agree."""

    group: str
    layer_a: int | None
    layer_b: int | None
    n: int
    agree: int
    cosine: float | None = None


@cache
def public_signs(purpose: str, count: int) -> F32:
    """``(count,)`` public random signs, from BLAKE2b in counter mode: the same on every machine, for ever."""
    raw = bytearray()
    number = 0
    while len(raw) * 8 < count:
        raw += hashlib.blake2b(f"{NAME}|{purpose}|{number}".encode()).digest()
        number += 1
    bits = np.unpackbits(np.frombuffer(bytes(raw), dtype=np.uint8))[:count]
    signs = (bits.astype(np.float32) * 2 - 1).astype(np.float32)
    signs.flags.writeable = False
    return signs


def token_signs(labels: Iterable[str]) -> F32:
    """A public sign for every token string."""
    return np.array([1.0 if _token_bit(t) else -1.0 for t in labels], dtype=np.float32)


@cache
def _token_bit(text: str) -> bool:
    return bool(hashlib.blake2b(f"{NAME}|token|{text}".encode("utf-8", "surrogatepass")).digest()[0] & 1)


def project(block: Block) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Bit and validity of every generator of a block: the sign of its row against the public vector."""
    signs = token_signs(block.labels) if block.group == "residual" else public_signs("rows", block.rows.shape[1])
    with np.errstate(all="ignore"):  # a signalling nan is reported where it is first converted
        rows = block.rows.astype(np.float64)
        products = np.where(block.valid[:, None], rows, 0.0) @ signs.astype(np.float64)
    valid = block.valid & np.isfinite(products) & (products != 0)
    return products > 0, valid


def encode(artifact: Artifact, light: bool = False) -> tuple[SignCode, str]:
    """The code of a model, and the ``slices/2`` digest of its roles, their sizes, and every value read for it.

    Neither depends on the format of the files: the same weights have one code and one digest. A ``light`` code has the
    bits of three layers only (:class:`~forebear.signals.layout.Plan`), and a digest of its own. So has what a plugin
    read: where values lie is its word, so that of no content this version can say that it is another's.

    Raises:
        InputError: a slice could not be read.
    """
    bits, valid = np.zeros(CODE_BITS, dtype=bool), np.zeros(CODE_BITS, dtype=bool)
    digest = hashlib.blake2b(b"slices/2|light" if light else b"slices/2", digest_size=20)
    if artifact.weights.third_party:
        digest.update(f"|{artifact.weights.third_party}".encode())
    digest.update(f"|{len(artifact.names)}".encode())
    own: list[Own] = []
    for role in sorted(r for r in artifact.names if ".experts." not in r):  # of those there are a hundred thousand
        digest.update(f"|{role}|{role_sizes(artifact, role)}".encode())
    layers = [-1] * SLOTS
    signature = np.full((SLOTS, 2, SIGNATURE_DIMS), np.nan, dtype=np.float16)
    family, geometry = artifact.architecture, artifact.geometry

    def put(block: Block, start: int) -> None:
        digest.update(block.raw.tobytes())
        own.append((block.group, block.layer, own_signs(block.rows, block.valid)))
        bit, ok = project(block)
        bits[start + block.positions], valid[start + block.positions] = bit & ok, ok

    if family is not None and geometry is not None:
        if (block := residual_block(artifact)) is not None:
            put(block, 0)
        how, places = plan(geometry.layers, geometry.width, light), regions(family.coins)
        for slot, layer in how.slots.items():
            layers[slot] = layer
            signature[slot] = layer_signature(artifact, layer)
            digest.update(signature[slot].tobytes())
            for block in layer_blocks(artifact, layer, how):
                put(block, RESIDUAL_BITS + slot * LAYER_BITS + places[block.group].start)
    else:
        for name in sorted(artifact.weights.tensors)[:64]:  # an unknown model still gets a digest of its own
            tensor = artifact.weights.tensors[name]
            digest.update(f"|{name}|{tensor.shape}".encode("utf-8", "surrogatepass"))
            if tensor.size and tensor.plain:
                digest.update(tensor.stored(0, min(tensor.nbytes, 4096)))
            elif tensor.size and tensor.readable:  # kept in several places, or in a packed form
                digest.update(next(tensor.chunks(CHUNK_UNIT))[:1024].tobytes())
    code = SignCode(
        np.packbits(bits),
        np.packbits(valid),
        tuple(layers),
        signature,
        family.coins if family else (),
        "token" if keyed_by_string(artifact) else "row",
        (),
    )
    doubts = repeats(code) or patterns(own, copied_layers(code), SELF_ALPHA)  # copies lean on one another, too
    doubts = (*((INFERRED,) if artifact.by_names else ()), *doubts)
    return SignCode(**{**code.__dict__, "repeats": doubts}), digest.hexdigest()


def repeats(code: SignCode) -> tuple[str, ...]:
    """Internal dependences that spoil a model's coins: width, neurons or heads that repeat each other.

    A model tested against itself must look independent, whatever the distance: one that was grown k-fold has copies
    side by side or a k-th of its width apart. Copied layers are another matter: they can be told apart, and one of
    them is counted (:func:`copied_layers`).
    """
    bits, valid = np.unpackbits(code.bits), np.unpackbits(code.valid).astype(bool)
    dims = int(np.flatnonzero(valid[:RESIDUAL_BITS]).max(initial=-1)) + 1
    found = ["the residual width repeats itself"] if repeats_itself(bits[None, :dims], valid[None, :dims]) else []
    copies = copied_layers(code)
    for group, place in regions(code.groups).items():
        slots = [s for s in range(SLOTS) if code.layers[s] >= 0 and (code.layers[s], group) not in copies]
        at = np.array(slots, dtype=np.int64)[:, None] * LAYER_BITS + RESIDUAL_BITS + place.start + np.arange(place.size)
        if repeats_itself(bits[at], valid[at]):
            found.append(f"{group} rows repeat each other")
    return tuple(found)


def repeats_itself(bits: Bits, valid: NDArray[np.bool_]) -> bool:
    """Whether coins agree, or disagree, with those at some distance in their row; the distances tried are paid for."""
    size = bits.shape[1]
    if size < 2:
        return False
    limit = SELF_ALPHA - np.log10(2 * (size - 1))
    balance, shared = _by_distance(np.where(valid, 2.0 * bits - 1.0, 0.0)), _by_distance(valid.astype(np.float64))
    for distance in np.flatnonzero(balance**2 > 16 * shared):  # 4 errors, to be quick
        n = int(shared[distance])
        agree = (n + int(abs(balance[distance]))) // 2
        if distance and log10_tail(agree, n) < limit:
            return True
    return False


def _by_distance(rows: NDArray[np.float64]) -> NDArray[np.int64]:
    """``(size,)`` sums of products of values that lie each distance apart in their row ``(rows, size)``.

    By the Fourier transform, which for so few small whole numbers is exact after rounding.
    """
    size = rows.shape[1]
    spectrum = np.fft.rfft(rows, 2 * size, axis=1)
    return np.rint(np.fft.irfft((spectrum * spectrum.conj()).real.sum(axis=0), 2 * size)[:size]).astype(np.int64)


@lru_cache(maxsize=256)
def copied_layers(code: SignCode) -> Mapping[tuple[int, str], int]:
    """Layers that share a group's weights with an earlier one of the same model: (layer, group) to the first of them.

    Up-scaled models have copied layers, others share only keys and values, or the MLP, between layers. Flipping a
    generator of what was copied flips every copy, so all of them hold one coin. Asked of each group alone and of
    the layer as a whole, which at large widths has too few bits a group. Nothing but this model decides, so leaving out
    a layer that only looks like a copy costs coins and no honesty.
    """
    bits, valid = np.unpackbits(code.bits)[RESIDUAL_BITS:], np.unpackbits(code.valid)[RESIDUAL_BITS:]
    slots = sorted((s for s in range(SLOTS) if code.layers[s] >= 0), key=lambda s: code.layers[s])
    signs = np.where(valid, 2.0 * bits - 1.0, 0.0).reshape(SLOTS, LAYER_BITS)[slots]
    whole = _repeated(signs)
    first: dict[tuple[int, str], int] = {}
    for group, place in regions(code.groups).items():
        copied = whole | _repeated(signs[:, place.start : place.start + place.size])
        for b, a in np.argwhere(np.tril(copied, -1)).tolist():  # by rows: each layer meets the earliest first
            later, earlier = code.layers[slots[b]], code.layers[slots[a]]
            if (later, group) not in first:
                first[later, group] = first.get((earlier, group), earlier)
    return MappingProxyType(first)


def _repeated(signs: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``(n, n)``: which of the rows ``(n, size)``, ±1 or 0 for none, agree or disagree beyond chance (one-sided)."""
    shared = np.abs(signs) @ np.abs(signs).T
    most = (shared + np.abs(signs @ signs.T)) / 2
    tails = [log10_tail(int(k), int(n)) if n else 0.0 for k, n in zip(most.flat, shared.flat, strict=True)]
    return np.asarray(np.array(tails).reshape(shared.shape) < COPY_ALPHA, dtype=np.bool_)


def shown_twice(code: SignCode) -> frozenset[str]:
    """Groups that a layer shows twice, asked over all layers together; what comes second is not counted.

    ``value_output`` and ``query_key`` where the two heads that are read are copies, as after a conversion to more
    key/value heads; ``experts`` where they have the neurons of the shared expert, all having been made from one MLP.
    Heads and neurons are shown in one order, so bits are held against bits.
    """
    bits, valid = np.unpackbits(code.bits), np.unpackbits(code.valid).astype(bool)
    slots = np.array([s for s in range(SLOTS) if code.layers[s] >= 0], dtype=np.int64)[:, None]
    places, found = regions(code.groups), set()
    for group, first in (("experts", "glu"), ("value_output", "value_output"), ("query_key", "query_key")):
        if group in places and first in places:
            size = places[group].size // (1 + (group == first))
            one = RESIDUAL_BITS + slots * LAYER_BITS + places[first].start + np.arange(size)
            two = RESIDUAL_BITS + slots * LAYER_BITS + places[group].start + places[group].size - size + np.arange(size)
            if _log10_repeats(bits, valid, one, two) < COPY_ALPHA:
                found.add(group)
    return frozenset(found)


def _log10_repeats(bits: Bits, valid: NDArray[np.bool_], one: NDArray[np.int64], two: NDArray[np.int64]) -> float:
    """log10 tail of two parts of one code agreeing, or disagreeing, as much as they do (one-sided)."""
    both = valid[one] & valid[two]
    agree, n = int((bits[one] == bits[two])[both].sum()), int(both.sum())
    return log10_tail(max(agree, n - agree), n) if n else 0.0


def relies_on(a: SignCode, b: SignCode) -> int:
    """Which of two models is the trusted one: 0 the first, unless only the second can be."""
    return 1 if a.repeats and not b.repeats else 0


def compare_codes(a: SignCode, b: SignCode, comparable: frozenset[str]) -> tuple[Cell, ...]:
    """Agreement counts of two codes, group by group and layer by layer, layers aligned by their gains.

    Args:
        a: code of the reference.
        b: code of the model in question.
        comparable: groups whose shapes match in the two models.
    """
    places = shared_regions(a.groups, b.groups)
    bits = np.unpackbits(a.bits), np.unpackbits(b.bits)
    valid = np.unpackbits(a.valid).astype(bool), np.unpackbits(b.valid).astype(bool)
    cells: list[Cell] = []

    def count(one: int, two: int, size: int, group: str, la: int | None, lb: int | None) -> None:
        both = valid[0][one : one + size] & valid[1][two : two + size]
        n = int(both.sum())
        if n:
            agree = int((bits[0][one : one + size] == bits[1][two : two + size])[both].sum())
            cells.append(Cell(group, la, lb, n, agree))

    if "residual" in comparable:
        count(0, 0, RESIDUAL_BITS, "residual", None, None)
    side = relies_on(a, b)
    copies = copied_layers((a, b)[side])
    twice = shown_twice((a, b)[side])
    seen: set[tuple[int, str]] = set()
    for sa, sb in aligned_slots(a, b):
        for group, place in places.items():
            layer = (a.layers[sa], b.layers[sb])[side]
            kind = "glu" if group == "experts" and group in twice and "glu" in comparable else group
            size = place.size // 2 if kind in twice else place.size
            origin = (copies.get((layer, group), layer), kind)
            if group in comparable and origin not in seen:
                seen.add(origin)
                one = RESIDUAL_BITS + sa * LAYER_BITS + place.start
                two = RESIDUAL_BITS + sb * LAYER_BITS + place.start
                count(one, two, size, group, a.layers[sa], b.layers[sb])
    return tuple(cells)


def aligned_slots(a: SignCode, b: SignCode) -> list[tuple[int, int]]:
    """Slots of two codes whose layers meet, by their gains; nothing that a flip changes is looked at.

    A light code has too few layers to align: first meets first, middle middle, last last.
    """
    one, two = (sorted((s for s in range(SLOTS) if c.layers[s] >= 0), key=lambda s: c.layers[s]) for c in (a, b))
    if light_code(a) or light_code(b):
        return [(s, s) for s in one if s in two]
    return [(one[i], two[j]) for i, j in align_layers(a.signature[one], b.signature[two])]


def light_code(code: SignCode) -> bool:
    """Whether a code is that of a light look."""
    return is_light([s for s in range(SLOTS) if code.layers[s] >= 0])


def shared_regions(a: tuple[str, ...], b: tuple[str, ...]) -> dict[str, Region]:
    """Where the groups of two families lie alike in a slot, at the smaller size; groups placed apart are left out."""
    one, two = regions(a), regions(b)
    return {
        group: Region(place.start, min(place.size, two[group].size))
        for group, place in one.items()
        if group in two and two[group].start == place.start
    }


def compare_rows(block_a: Block, block_b: Block) -> Cell:
    """Coins of two aligned blocks: the sign of each row's inner product with its counterpart (exact, stronger).

    Rows are paired by position; residual columns by token string.
    """
    rows_a, rows_b = block_a.rows, block_b.rows
    if block_a.group == "residual":
        at_b = {t: k for k, t in enumerate(block_b.labels)}
        shared = [(k, at_b[t]) for k, t in enumerate(block_a.labels) if t in at_b]
        rows_a = rows_a[:, [i for i, _ in shared]]
        rows_b = rows_b[:, [j for _, j in shared]]
    _common, ia, ib = np.intersect1d(block_a.positions, block_b.positions, return_indices=True)
    x, y = rows_a[ia].astype(np.float64), rows_b[ib].astype(np.float64)
    valid = block_a.valid[ia] & block_b.valid[ib]
    with np.errstate(all="ignore"):
        products = np.einsum("ij,ij->i", x, y)
        cosines = products / (np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1))
    valid &= np.isfinite(cosines) & (products != 0)
    n = int(valid.sum())
    return Cell(
        block_a.group,
        block_a.layer,
        block_b.layer,
        n,
        int((products[valid] > 0).sum()),
        float(cosines[valid].mean()) if n else None,
    )
