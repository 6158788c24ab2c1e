"""Seeded derivations of small models: what people make of a model, from one folder to another, numpy only.

    derive(base, out, ["drop-layers", "prune-values:0.3"], seed=3)

A step is a name as in :mod:`disguises`, with how much of it behind a colon; every disguise is a step as well.
``merge`` makes one model of several, ``packed`` and ``gguf`` write the formats of quantisers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np

from derivations.files import gguf, packed
from derivations.growth import GROWTH
from derivations.merging import METHODS, merged
from disguises import DISGUISES, Step
from disguises.network import read, write
from disguises.symmetries import Given

__all__ = ["DERIVATIONS", "derive", "gguf", "merge", "packed"]

DERIVATIONS: Mapping[str, Step] = MappingProxyType(
    {**DISGUISES, **{step.__name__.replace("_", "-"): step for step in GROWTH}}
)
"""Every step by name."""


def derive(
    folder: Path, out: Path, steps: Sequence[str], seed: int = 0, other: Path | None = None, dtype: str = ""
) -> Path:
    """A model made of another one, written to ``out``, which must not be there.

    Args:
        folder: of the model.
        out: where the new one goes.
        steps: in their order; none of them for a plain copy.
        seed: equal seeds give equal models.
        other: folder of another model, for the steps that take something from one.
        dtype: ``F32`` or ``BF16``; that of the model where it is empty.

    Raises:
        Inapplicable: a step is impossible for this model.
        KeyError: there is no such step.
    """
    network, donor = read(folder), read(other) if other else None
    for position, step in enumerate(steps):
        name, _, size = step.partition(":")
        rng = np.random.default_rng([seed, position, *name.encode()])
        network = DERIVATIONS[name](network, Given(rng, float(size) if size else None, donor))
    return write(network.with_(network.weights, dtype=dtype or network.dtype), out)


def merge(base: Path, parents: Sequence[Path], out: Path, method: str, shares: Sequence[float], seed: int = 0) -> Path:
    """Several descendants of a base as one model, written to ``out`` in the base's format.

    Args:
        base: folder of the base that the changes are taken from.
        parents: folders of models of the same shape.
        out: where the merge goes.
        method: one of :data:`derivations.merging.METHODS`.
        shares: one for each parent.
        seed: of what is dropped.

    Raises:
        Inapplicable: the models differ in shape.
        KeyError: there is no such method.
    """
    made = METHODS[method]
    return write(merged(read(base), [read(p) for p in parents], made, shares, np.random.default_rng(seed)), out)
