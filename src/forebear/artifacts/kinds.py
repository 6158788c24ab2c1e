"""Tensors that are alike: a model of many experts has a hundred thousand of a few dozen kinds, of which few are read.

Names that differ in whole numbers alone are *namesakes*; namesakes of one dtype and one shape are a *kind*. What holds
for a kind (sizes, schemes, totals) is asked of one member, and the others are made when somebody asks for them by name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forebear.artifacts.base import Tensor

NUMBER = re.compile(r"(?<![^.])([0-9]{1,6})(?![^.])")
"""A part of a name that is a number, such as that of a layer or of an expert."""


def stem(name: str) -> str:
    """What a tensor's name has in common with its namesakes': all but its numbers."""
    return NUMBER.sub("#", name)


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """Tensors whose names differ in numbers alone, and which have one dtype and one shape.

    Attributes:
        like: one of them.
        names: of all of them.
        member: makes the one of a name.
    """

    like: Tensor
    names: Sequence[str]
    member: Callable[[str], Tensor]

    def without(self, names: frozenset[str]) -> Kind | None:
        """The kind with some of its members left out, None where no other is left."""
        if names.isdisjoint(self.names):
            return self
        if names.issuperset(self.names):
            return None
        left = [n for n in self.names if n not in names]
        return Kind(self.member(left[0]), left, self.member)


class Kinds(Mapping[str, "Tensor"]):
    """Tensors by name, made when they are asked for.

    Attributes:
        kinds: all of them.
        by_name: the kind of every tensor.
    """

    def __init__(self, kinds: Iterable[Kind]) -> None:
        self.kinds = tuple(kinds)
        self.by_name = {name: kind for kind in self.kinds for name in kind.names}

    def __getitem__(self, name: str) -> Tensor:
        return self.by_name[name].member(name)

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self.by_name)

    def __len__(self) -> int:
        return len(self.by_name)


def kinds(tensors: Mapping[str, Tensor]) -> Kinds:
    """The kinds of any tensors. One that is seen through a view of its own is a kind by itself."""
    if isinstance(tensors, Kinds):
        return tensors
    groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
    for name, tensor in tensors.items():
        groups[(stem(name), tensor.dtype, tensor.shape) if tensor.plain else (name,)].append(name)
    return Kinds(Kind(tensors[names[0]], names, tensors.__getitem__) for names in groups.values())


def tally(tensors: Mapping[str, Tensor]) -> Iterator[tuple[Tensor, int]]:
    """A tensor of every kind, and how many there are of it."""
    if isinstance(tensors, Kinds):
        yield from ((kind.like, len(kind.names)) for kind in tensors.kinds)
    else:
        yield from ((tensor, 1) for tensor in tensors.values())


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor."""
    if isinstance(tensors, Kinds):
        return {name: kind.like.shape for kind in tensors.kinds for name in kind.names}
    return {name: tensor.shape for name, tensor in tensors.items()}
