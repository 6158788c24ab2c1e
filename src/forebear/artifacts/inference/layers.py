"""Layers without known names: from a number in the names that repeats the same shapes, else from their order.

Where a number is part of the names (``трансформер.7.ключ``, ``blk07_wq``), the layers are the set of values that most
names share: take the number out and what is left, a *slot*, has one tensor per layer. Names that say nothing (``t0``
to ``t99``) are taken in natural order, else in the order of the file, and the layers are the period of their shapes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, ...]
Sequenced = Sequence[tuple[str, Shape]]

MAX_TENSORS = 200_000
MAX_NAME = 512
MAX_NUMBERS = 8
"""Numbers of a name that are tried as the layer."""
MAX_PERIOD = 4_096
MAX_LAYERS = 1_000
FEWEST_MATRICES = 4
"""A layer has at least these: queries, keys and values in one, the output, and an MLP of two."""


@dataclass(frozen=True)
class Slot:
    """One tensor of every layer.

    Attributes:
        label: the name with ``{}`` for the layer's number, or ``#`` and the position where names say nothing.
        shape: of its tensors; those with another one are left out.
        at: layer, counted from 0, to the tensor's name.
        place: position among the slots of a layer: in the file, else by label.
    """

    label: str
    shape: Shape
    at: Mapping[int, str]
    place: int

    def __hash__(self) -> int:
        return hash((self.label, self.place))


@dataclass(frozen=True)
class Layered:
    """The tensors of a model in layers, what stands before and after them, and how the layers were found."""

    slots: tuple[Slot, ...]
    layers: int
    before: tuple[tuple[str, Shape], ...]
    after: tuple[tuple[str, Shape], ...]
    opaque: bool
    note: str


def layered(tensors: Sequenced) -> Layered | str:
    """The layers of a model, or a sentence that says why none were found.

    Args:
        tensors: names and shapes in the order of the files.
    """
    if len(tensors) > MAX_TENSORS:
        return f"{len(tensors):,} tensors are more than layers are looked for in"
    numbered = by_numbers(tensors)
    if numbered is not None:
        return numbered
    orders = (sorted(tensors, key=lambda t: natural(t[0])), tensors)
    found = [p for order in orders if (p := by_period(order)) is not None]
    if not found:
        return "its tensors form no repeating layers, neither by numbers in their names nor in their order"
    return max(found, key=lambda p: len(p.slots) * p.layers)


def natural(name: str) -> tuple[str | int, ...]:
    """Sort key by which ``t2`` comes before ``t10``; texts and numbers alternate."""
    return tuple(int(p) if k % 2 else p for k, p in enumerate(re.split(r"(\d{1,9})", name[:MAX_NAME])))


def by_numbers(tensors: Sequenced) -> Layered | None:
    """Layers by the number in the names whose values most slots of one shape share; None where there is none."""
    shapes = dict(tensors)
    slots = _numbered(shapes)
    uniform = {key: frozenset(at) for key, at in slots.items() if len(at) > 1 and _is_uniform(at, shapes)}
    weight: Counter[frozenset[int]] = Counter()
    matrices: Counter[frozenset[int]] = Counter()
    for key, numbers in uniform.items():
        weight[numbers] += len(numbers)
        matrices[numbers] += len(shapes[next(iter(slots[key].values()))]) >= 2
    able = [numbers for numbers in weight if matrices[numbers] >= FEWEST_MATRICES]
    if not able:
        return None
    chosen = max(able, key=lambda numbers: (weight[numbers], -min(numbers), -len(numbers)))
    stems = {key[0] for key, numbers in uniform.items() if numbers == chosen}
    position = {number: k for k, number in enumerate(sorted(chosen)[:MAX_LAYERS])}
    taken: dict[str, tuple[str, int]] = {}
    for key in sorted(slots, key=lambda key: len(key[0])):  # the leftmost number, where two could be the layer
        if key[0] in stems and slots[key].keys() <= chosen:
            for number, name in slots[key].items():
                if number in position:
                    taken.setdefault(name, ("{}".join(key), position[number]))
    members: dict[str, dict[int, str]] = {}
    for name, (label, layer) in taken.items():
        members.setdefault(label, {})[layer] = name
    first = next((k for k, (n, _) in enumerate(tensors) if n in taken), 0)
    order = _order(members, [name for name, _ in tensors])
    return Layered(
        tuple(_slot(label, members[label], shapes, place) for place, label in enumerate(order)),
        len(position),
        tuple(tensors[:first]),
        tuple(t for t in tensors[first:] if t[0] not in taken),
        False,
        f"layers by the number that {len(taken)} of {len(tensors)} tensor names share",
    )


def _numbered(shapes: Mapping[str, Shape]) -> dict[tuple[str, str], dict[int, str]]:
    """What stands before and after a number, to the numbers that occur there and the full names."""
    slots: dict[tuple[str, str], dict[int, str]] = {}
    for name in shapes:
        if len(name) > MAX_NAME:
            continue
        for number in islice(re.finditer(r"\d{1,6}", name), MAX_NUMBERS):
            key = (name[: number.start()], name[number.end() :])
            slots.setdefault(key, {}).setdefault(int(number.group()), name)
    return slots


def _is_uniform(at: Mapping[int, str], shapes: Mapping[str, Shape]) -> bool:
    """Whether most tensors have one shape: those of one slot have, a numbered list of all tensors has not."""
    return 2 * Counter(shapes[name] for name in at.values()).most_common(1)[0][1] > len(at)


def _slot(label: str, at: Mapping[int, str], shapes: Mapping[str, Shape], place: int) -> Slot:
    shape = Counter(shapes[at[layer]] for layer in sorted(at)).most_common(1)[0][0]
    return Slot(label, shape, {k: at[k] for k in sorted(at) if shapes[at[k]] == shape}, place)


def _order(members: Mapping[str, Mapping[int, str]], names: Iterable[str]) -> list[str]:
    """Labels in the order of the file where every layer has the same, as a program writes it; else by name."""
    offset = {name: k for k, name in enumerate(names)}
    by_layer: dict[int, list[tuple[int, str]]] = {}
    for label, at in members.items():
        for layer, name in at.items():
            by_layer.setdefault(layer, []).append((offset[name], label))
    orders = {tuple(label for _, label in sorted(entries)) for entries in by_layer.values()}
    longest = max(sorted(orders), key=len, default=())
    rank = {label: k for k, label in enumerate(longest)}
    ranks = [[rank.get(label, -1) for label in order] for order in orders]
    if len(longest) == len(members) and all(r == sorted(r) for r in ranks):
        return list(longest)
    return sorted(members, key=natural)


def by_period(tensors: Sequenced) -> Layered | None:
    """Layers as the longest stretch of tensors whose shapes repeat; None where no period covers half of them."""
    identity: dict[Shape, int] = {}
    ids = np.array([identity.setdefault(shape, len(identity)) for _, shape in tensors], dtype=np.int32)
    best = (0, 0, 0)  # tensors covered, minus the period (the shortest wins), minus the start
    for period in range(FEWEST_MATRICES, min(len(ids) // 2, MAX_PERIOD) + 1):
        same = ids[:-period] == ids[period:]
        if np.count_nonzero(same) < max(period, len(ids) // 2 - period):
            continue  # too few for two layers, or for half of the tensors
        start, length = _longest_run(same)
        repeats = length // period + 1
        if repeats > 1:
            spare = length - (repeats - 1) * period
            if any(len(shape) > 1 for _, shape in tensors[start : start + spare]):
                start += spare  # a table of the size of an MLP stands before the layers; a norm may stand behind them
            best = max(best, (repeats * period, -period, -start))
    covered, period, start = best[0], -best[1], -best[2]
    if covered == 0 or 2 * covered < len(ids) or covered // period > MAX_LAYERS:
        return None
    repeats = covered // period
    slots = tuple(
        Slot(
            f"#{place}",
            tensors[start + place][1],
            {layer: tensors[start + place + layer * period][0] for layer in range(repeats)},
            place,
        )
        for place in range(period)
    )
    if sum(len(slot.shape) >= 2 for slot in slots) < FEWEST_MATRICES:
        return None
    note = f"the names say nothing: layers by the order of the tensors, {period} to a layer"
    return Layered(slots, repeats, tuple(tensors[:start]), tuple(tensors[start + covered :]), True, note)


def _longest_run(same: NDArray[np.bool_]) -> tuple[int, int]:
    """Start and length of the first longest run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], same.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if starts.size == 0:
        return 0, 0
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest] - starts[longest])
