"""A distant model of many shards: headers of a few are read at once, of the others when a tensor of theirs is needed.

The index says which tensors there are and where; their shapes stand in the headers, of which a model of a trillion
parameters has 20 MB. Layers repeat, so the shape of a tensor in a shard that was not opened is *presumed* to be that of
its namesakes in other layers. Whoever reads a value opens the shard, and a shape that is not as presumed is an error.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts.base import Tensor
from forebear.artifacts.kinds import NUMBER, Kind, Kinds, stem
from forebear.errors import FormatError

F32 = NDArray[np.float32]
Header = Callable[[str], Mapping[str, Tensor]]
"""The tensors of a shard, by its path."""
OUTSIDE = -1
"""In the place of a layer's number: a tensor that belongs to none."""


@dataclass(frozen=True, slots=True)
class Presumed(Tensor):
    """A tensor of a shard that may not have been opened yet; dtype and shape are those of its namesakes."""

    header: Header = field(repr=False, compare=False)

    @property
    def plain(self) -> bool:
        """As every tensor of a safetensors file."""
        return True

    def found(self) -> Tensor:
        """The tensor as its shard has it.

        Raises:
            FormatError: the shard does not have it, or with another dtype or shape.
        """
        real = self.header(self.path).get(self.name)
        if real is None:
            raise FormatError(self.path, f"holds no tensor {self.name}, though the index says so", "fetch it again")
        if (real.dtype, real.shape) != (self.dtype, self.shape):
            raise FormatError(
                self.path,
                f"tensor {self.name} is {real.dtype} {list(real.shape)}, in other layers {self.dtype} "
                f"{list(self.shape)}",
                "download the model and scan its folder: then every header is read first",
            )
        return real

    def rows(self, start: int, stop: int) -> F32:
        """See :meth:`Tensor.rows`."""
        return self.found().rows(start, stop)

    def chunks(self, most: int) -> Iterator[F32]:
        """See :meth:`Tensor.chunks`."""
        return self.found().chunks(most)

    def item(self, index: int) -> Tensor:
        """See :meth:`Tensor.item`."""
        return self.found().item(index)

    def values(self) -> F32:
        """See :meth:`Tensor.values`."""
        return self.found().values()

    def stored(self, start: int, stop: int) -> bytes:
        """See :meth:`Tensor.stored`."""
        return self.found().stored(start, stop)


def presumed(owner: Mapping[str, str], header: Header, announce: Callable[[list[str]], None]) -> Kinds:
    """All tensors of a sharded model, of which only some headers are read.

    Opened are the shards of what belongs to no layer, of the first and the last layer, and of every name that has no
    namesake there.

    Args:
        owner: tensor name to the path of its shard.
        header: reads a shard's header; asked once for every shard that is opened here, and again for every value.
        announce: told of shards that are opened next.
    """
    opened: dict[str, Mapping[str, Tensor]] = {}
    known: dict[str, Tensor] = {}

    def open_shard(path: str) -> None:
        if path not in opened:
            opened[path] = header(path)
            for name, tensor in opened[path].items():
                known.setdefault(stem(name), tensor)

    def member(name: str) -> Tensor:
        if (path := owner[name]) in opened:
            return opened[path][name]
        like = known[stem(name)]
        return Presumed(name, like.dtype, like.shape, path, 0, like.source, header)

    groups, shards = _by_numbers(owner)
    layers = shards.keys() - {OUTSIDE}
    ends = (OUTSIDE, min(layers, default=OUTSIDE), max(layers, default=OUTSIDE))
    outer = sorted({path for end in ends for path in shards[end]})
    announce(outer)
    for path in outer:
        open_shard(path)
    for like, path in groups:
        if like not in known:
            open_shard(path)
    kinds: dict[tuple[str, str, tuple[int, ...]], list[str]] = defaultdict(list)
    for (like, path), names in groups.items():
        if path not in opened:
            kinds[like, known[like].dtype, known[like].shape] += names
            continue
        for name in names:
            if (tensor := opened[path].get(name)) is None:
                raise FormatError(path, f"holds no tensor {name}, though the index says so", "fetch the shards again")
            kinds[like, tensor.dtype, tensor.shape].append(name)
    return Kinds(Kind(member(names[0]), names, member) for names in kinds.values())


def _by_numbers(owner: Mapping[str, str]) -> tuple[dict[tuple[str, str], list[str]], dict[int, set[str]]]:
    """Names by their stem and shard; and for every layer, the first number of a name, the shards that hold it."""
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    shards: dict[int, set[str]] = defaultdict(set)
    for name, path in owner.items():
        pieces = NUMBER.split(name)
        groups["#".join(pieces[::2]), path].append(name)
        shards[int(pieces[1]) if len(pieces) > 1 else OUTSIDE].add(path)
    return groups, shards
