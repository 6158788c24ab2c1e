"""The interface of a quantisation scheme, and a matrix that is kept in several tensors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor, Weights
from forebear.artifacts.composed import Composed
from forebear.artifacts.kinds import Kind, Kinds, kinds
from forebear.errors import FormatError

F32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Packed(Composed):
    """A matrix whose values follow from several stored tensors. A scheme's subclass says how in ``rows``.

    Attributes:
        dtype: the scheme in a word or two, e.g. ``GPTQ 4-bit``.
        parts: the stored tensors, under the names that the scheme gives them.
    """

    parts: Mapping[str, Tensor]

    @property
    def pieces(self) -> tuple[Tensor, ...]:
        """See :attr:`Composed.pieces`."""
        return tuple(self.parts.values())

    def item(self, index: int) -> Tensor:
        """One entry of a stack: that of every part that is a stack as well; others belong to all entries."""
        parts = {k: p.item(index) if p.shape[:1] == self.shape[:1] else p for k, p in self.parts.items()}
        return replace(self, name=f"{self.name}[{index}]", shape=self.shape[1:], parts=parts)

    def check_rows(self, start: int, stop: int) -> None:
        """Raise ``ValueError`` for rows that the first axis does not have: a bug of the caller, not input."""
        if not 0 <= start <= stop <= self.shape[0]:
            raise ValueError(f"rows [{start}, {stop}) of a tensor of shape {self.shape}")

    def entries(self, start: int, stop: int) -> F32:
        """Entries ``[start, stop)`` of a stack, one after the other."""
        each = [self.item(k).rows(0, self.shape[1]) for k in range(start, stop)]
        return np.stack(each) if each else np.zeros((0, *self.shape[1:]), dtype=np.float32)


@dataclass(frozen=True)
class Unpacked:
    """What a scheme found: new tensors by name, the stored ones that they stand for, and a note for the reader."""

    tensors: Mapping[str, Tensor]
    replaces: frozenset[str]
    note: str

    def applied_to(self, weights: Weights) -> Weights:
        """The weights with the new tensors in the place of the stored ones."""
        kept = (kind.without(self.replaces) for kind in kinds(weights.tensors).kinds)
        tensors = Kinds([*(kind for kind in kept if kind is not None), *kinds(self.tensors).kinds])
        return replace(weights, tensors=tensors, notes=(*weights.notes, self.note))


class Scheme(Protocol):
    """One quantisation scheme.

    Attributes:
        name: for people.
        endings: every model of this scheme has a tensor whose name ends in one of them.
    """

    name: str
    endings: tuple[str, ...]

    def unpack(self, tensors: Kinds, config: Mapping[str, Any]) -> Unpacked | None:
        """The matrices of this scheme, or None where there are none of it.

        Raises ``FormatError`` where parts contradict each other.
        """
        ...


def unpacked(tensors: Kinds, found: Iterable[Packed | Kind], beside: Iterable[str] = ()) -> Unpacked | None:
    """The result of a scheme: what it found, or None where that is nothing.

    Args:
        tensors: the stored ones.
        found: the matrices, or kinds of them, under the names of the unquantised model.
        beside: names of stored tensors that go as well: the parts of kinds, and scales of activations, on which no
            value depends.
    """
    found = list(found)
    matrices = {t.name: t for t in found if isinstance(t, Packed)}
    new = Kinds([*kinds(matrices).kinds, *(kind for kind in found if isinstance(kind, Kind))])
    if not new:
        return None
    parts = frozenset(chain((p.name for t in matrices.values() for p in t.parts.values()), beside))
    if twice := (new.by_name.keys() & tensors.by_name.keys()) - parts:
        name = min(twice)
        raise wrong(tensors[name], f"the same weight is also stored as {new[name].dtype}")
    titles = sorted({kind.like.dtype for kind in new.kinds})
    note = f"{len(new)} weights are stored as {' and '.join(titles)}, and were read as the numbers that they stand for"
    return Unpacked(new, parts, note)


def alike(
    tensors: Kinds, names: Iterable[str], endings: Sequence[str], build: Callable[[str], Packed]
) -> tuple[list[Kind], list[str]]:
    """Kinds of matrices, by the kinds of their parts, and the names of all parts.

    One matrix of each kind is built, and so checked, at once; the others when they are asked for.

    Args:
        tensors: the stored ones.
        names: of the matrices.
        endings: a part's name is the matrix' with one of these behind it; not every matrix has all of them.
        build: makes the matrix of a name.
    """
    names = list(names)
    endings = [ending for ending in endings if any(kind.like.name.endswith(ending) for kind in tensors.kinds)]
    columns = [map(tensors.by_name.get, [name + ending for name in names]) for ending in endings]
    groups: dict[tuple[Kind | None, ...], list[str]] = defaultdict(list)
    for name, group in zip(names, zip(*columns, strict=True), strict=True):
        groups[group].append(name)
    parts: list[str] = []
    for group, members in groups.items():
        for ending in (e for e, kind in zip(endings, group, strict=True) if kind is not None):
            parts += [name + ending for name in members]
    return [Kind(build(members[0]), members, build) for members in groups.values()], parts


def quantization(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """What ``config.json`` says of the quantisation; empty where it says nothing."""
    for key in ("quantization_config", "compression_config"):
        if isinstance(stated := config.get(key), Mapping):
            return stated
    return {}


def stated_numbers(config: Mapping[str, Any], key: str) -> tuple[int, ...]:
    """Every whole number that the quantisation's config has under a key, for all weights or for groups of modules."""
    stated = quantization(config)
    groups = stated.get("config_groups")
    tables: list[Any] = [stated]
    if isinstance(groups, Mapping):
        tables += [g.get("weights") for g in groups.values() if isinstance(g, Mapping)]
    values = [t.get(key) for t in tables if isinstance(t, Mapping)]
    return tuple(dict.fromkeys(v for v in values if isinstance(v, int) and not isinstance(v, bool)))


def wrong(tensor: Tensor, problem: str, hint: str = "") -> FormatError:
    """The refusal of a tensor."""
    return FormatError(tensor.path, f"tensor {tensor.name}: {problem}", hint)


def part_of(tensors: Mapping[str, Tensor], name: str, first: Tensor, dtypes: Iterable[str]) -> Tensor:
    """A tensor that ``first`` is nothing without, of one of these dtypes, or ``FormatError``."""
    if (tensor := tensors.get(name)) is None:
        raise wrong(first, f"{name}, which belongs to it, is missing", "fetch the missing file again")
    return checked(tensor, dtypes)


def checked(tensor: Tensor, dtypes: Iterable[str]) -> Tensor:
    """The tensor if its dtype is one of these and its values stand one after the other, else ``FormatError``."""
    if tensor.dtype not in (allowed := tuple(dtypes)):
        raise wrong(tensor, f"has dtype {tensor.dtype}, expected {' or '.join(allowed)}")
    if not tensor.plain:  # a view in some order of its own: its bytes are not what a scheme takes them for
        raise wrong(tensor, "its values do not stand one after the other", "save the model as safetensors")
    return tensor


def block_edge(length: int, count: int, *stated: Any) -> int:
    """Size of the blocks along an axis of ``length`` that has ``count`` of them; 0 where none fits.

    The stated sizes are tried in order, then equal blocks. Numbers of strangers: only a size that gives exactly
    ``count`` blocks is taken.
    """
    for size in stated:
        if isinstance(size, int) and size > 0 and -(-length // size) == count:
            return size
    return length // count if count > 0 and length % count == 0 else 0
