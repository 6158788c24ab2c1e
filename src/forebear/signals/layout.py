"""``sign-code/1``, the layout: which layers of a model are read, and which of 4,096 bits stands for what.

2,048 bits of residual dimensions; then 16 slots of 128 bits, one per layer that is read: 64 for neurons, 32 for value
dimensions, 32 for planes. Families with shared and routed experts halve the neurons' bits between the two, families
with latent attention halve the values' between value dimensions and latents, and recurrent networks have all 128 for
units.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

RESIDUAL_BITS = 2048
SLOTS = 16
GLU_BITS, VALUE_BITS, PLANE_BITS = 64, 32, 32
LAYER_BITS = GLU_BITS + VALUE_BITS + PLANE_BITS
CODE_BITS = RESIDUAL_BITS + SLOTS * LAYER_BITS

BUDGET_VALUES = 1_500_000
"""Values read from the layers of one model: 3 MB of bfloat16, however large the model is."""
ROWS_PER_LAYER = GLU_BITS + VALUE_BITS + 2 * PLANE_BITS
FEWEST_ROWS = 40
LIGHT_LAYERS = 3
LIGHT_VALUES, LIGHT_ROWS = 2_000_000, 96
"""Of all layers, and rows of each, in a light reading: with the embedding 3 to 5 MB of any model."""
_PRIORITY = (0, 15, 8, 4, 12, 1, 14, 6, 10, 2, 13, 5, 9, 3, 11, 7)


@dataclass(frozen=True)
class Region:
    """A group's place inside a layer's slot, in bits."""

    start: int
    size: int


def regions(coins: tuple[str, ...]) -> dict[str, Region]:
    """Where each layer-wise group of a family lies inside a slot; a function of the family's groups alone."""
    both = {"glu", "experts"} <= set(coins)
    places = {
        "glu": Region(0, GLU_BITS // 2 if both else GLU_BITS),
        "experts": Region(GLU_BITS // 2, GLU_BITS // 2) if both else Region(0, GLU_BITS),
        "value_output": Region(GLU_BITS, VALUE_BITS // 2 if "latent" in coins else VALUE_BITS),
        "latent": Region(GLU_BITS + VALUE_BITS // 2, VALUE_BITS // 2),
        "query_key": Region(GLU_BITS + VALUE_BITS, PLANE_BITS),
        "cell": Region(0, LAYER_BITS),
    }
    return {group: place for group, place in places.items() if group in coins}


@dataclass(frozen=True)
class Plan:
    """Which layers of a model are read, and how many generators of each group there.

    Attributes:
        slots: layer slot of the code to layer of the model.
        glu, values, planes: generators per layer.
        light: a first look at a distant model: three depths, and of a layer only tensors that most layers have, each
            in one stretch. Its generators stand where those of the whole plan do, so the codes of both compare.
    """

    slots: dict[int, int]
    glu: int
    values: int
    planes: int
    light: bool = False


def plan(layers: int, width: int, light: bool = False) -> Plan:
    """The reading plan of a model of this depth and width: a fixed function of the two, light or whole."""
    slots = slot_layers(layers)
    affordable = BUDGET_VALUES // width
    chosen = [s for s in _PRIORITY if s in slots]
    per_layer = min(ROWS_PER_LAYER, affordable // len(chosen)) if chosen else 0
    if per_layer < FEWEST_ROWS:
        chosen = chosen[: max(3, affordable // FEWEST_ROWS)]
        per_layer = min(ROWS_PER_LAYER, max(8, affordable // len(chosen))) if chosen else 0
    if light:
        chosen = chosen[:LIGHT_LAYERS]
        per_layer = min(LIGHT_ROWS, LIGHT_VALUES // width // max(1, len(chosen)))
    share = per_layer / ROWS_PER_LAYER
    return Plan(
        {s: slots[s] for s in sorted(chosen)},
        max(2, int(GLU_BITS * share)),
        max(2, int(VALUE_BITS * share)),
        max(2, int(PLANE_BITS * share)),
        light,
    )


def slot_layers(layers: int, slots: int = SLOTS) -> dict[int, int]:
    """Layer slot to layer: the front half counted from the front, the back half from the back.

    A model that lost middle layers keeps its first and last layers in the same slots.
    """
    if layers <= slots:
        front = (layers + 1) // 2
        places = {k: k for k in range(front)}
        places |= {slots - 1 - k: layers - 1 - k for k in range(layers - front)}
        return places
    edge = slots // 4
    places = {k: k for k in range(edge)} | {slots - 1 - k: layers - 1 - k for k in range(edge)}
    middle = np.linspace(edge, layers - 1 - edge, slots - 2 * edge).round().astype(int)
    return places | {edge + k: int(layer) for k, layer in enumerate(middle)}


def is_light(slots: Collection[int]) -> bool:
    """Whether a code with these slots is that of a light look at a deeper model; three layers alone lie elsewhere."""
    return len(slots) == LIGHT_LAYERS and set(slots) != set(slot_layers(LIGHT_LAYERS))
