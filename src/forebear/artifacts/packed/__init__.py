"""Quantised weights that one matrix keeps in several tensors: each scheme gives back the matrix, read slice by slice.

``SCHEMES`` is the visible list. A scheme looks at the names, dtypes and shapes of tensors and at the model's
``quantization_config``; it replaces what belongs together by one :class:`~forebear.artifacts.packed.base.Packed` tensor
under the name that the unquantised model has, so that everything after it sees an ordinary model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.artifacts.base import Weights
from forebear.artifacts.packed.base import Packed, Scheme, Unpacked

__all__ = ["SCHEMES", "Packed", "Scheme", "Unpacked", "unpack"]

SCHEMES: tuple[Scheme, ...] = ()
"""Every scheme; the first that finds its tensors takes them."""


def unpack(weights: Weights, config: Mapping[str, Any]) -> Weights:
    """The same weights with every packed matrix as one tensor, and a note for each scheme found.

    Raises:
        FormatError: tensors of a scheme contradict each other or the config.
    """
    for scheme in SCHEMES:
        found = scheme.unpack(weights.tensors, config)
        if found is not None:
            weights = found.applied_to(weights)
    return weights
