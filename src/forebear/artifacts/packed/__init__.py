"""Quantised weights that one matrix keeps in several tensors: each scheme gives back the matrix, read slice by slice.

``SCHEMES`` is the visible list. A scheme looks at the names, dtypes and shapes of tensors and at the model's
``quantization_config``; it replaces what belongs together by one :class:`~forebear.artifacts.packed.base.Packed` tensor
under the name that the unquantised model has, so that everything after it sees an ordinary model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from forebear.artifacts.base import Weights
from forebear.artifacts.packed.awq import AwqScheme
from forebear.artifacts.packed.base import Packed, Scheme, Unpacked, quantization
from forebear.artifacts.packed.bitsandbytes import BitsAndBytes
from forebear.artifacts.packed.fp4 import Fp4Blocks
from forebear.artifacts.packed.gptq import GptqScheme
from forebear.artifacts.packed.integers import PackQuantized
from forebear.artifacts.packed.mxfp4 import GptOss
from forebear.artifacts.packed.scaled import ByteScales
from forebear.errors import one_line

__all__ = ["SCHEMES", "Packed", "Scheme", "Unpacked", "unpack"]

SCHEMES: tuple[Scheme, ...] = (
    ByteScales(),
    BitsAndBytes(),
    GptqScheme(),
    AwqScheme(),
    PackQuantized(),
    Fp4Blocks(),
    GptOss(),
)
"""Every scheme, asked in turn; each takes the tensors that are its own out of what the ones before have left."""


def unpack(weights: Weights, config: Mapping[str, Any]) -> Weights:
    """The same weights with every packed matrix as one tensor, and a note for each scheme found.

    Names, dtypes and shapes decide; where the config names a method of which no tensor is there, a note says so.

    Raises:
        FormatError: tensors of a scheme contradict each other or the config.
    """
    stored = weights
    for scheme in SCHEMES:
        found = scheme.unpack(weights.tensors, config)
        if found is not None:
            weights = found.applied_to(weights)
    method = quantization(config).get("quant_method")
    if weights is stored and isinstance(method, str):
        note = f"config.json says the weights are quantised ({one_line(method, 40)}); no tensor here is as it describes"
        return replace(weights, notes=(*weights.notes, note))
    return weights
