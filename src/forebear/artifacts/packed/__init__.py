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
from forebear.artifacts.kinds import kinds
from forebear.artifacts.packed.awq import AwqScheme
from forebear.artifacts.packed.base import Packed, Scheme, Unpacked, quantization
from forebear.artifacts.packed.bitsandbytes import BitsAndBytes
from forebear.artifacts.packed.fp4 import Fp4Blocks
from forebear.artifacts.packed.gptq import GptqScheme
from forebear.artifacts.packed.integers import PackQuantized
from forebear.artifacts.packed.mxfp4 import GptOss
from forebear.artifacts.packed.scaled import ByteScales
from forebear.artifacts.packed.turned import TURNED_FAMILIES, as_in_the_network
from forebear.artifacts.packed.unread import unread
from forebear.artifacts.text import load_json, read_whole
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

OWN_FILES = ("quantize_config.json", "quant_config.json")
"""Where GPTQ and AWQ say what a ``config.json`` of their time does not."""
MAX_CONFIG = 1_000_000


def unpack(weights: Weights, config: Mapping[str, Any]) -> Weights:
    """The same weights with every packed matrix as one tensor, and a note for each scheme found.

    Names, dtypes and shapes decide. What is stored in a form that is not read is told and named in ``unread``; where
    the config names a method of which no tensor is there, a note says so.

    Raises:
        FormatError: tensors of a scheme contradict each other or the config.
    """
    config = _with_quantisation(weights, config)
    turned = str(config.get("model_type")) in TURNED_FAMILIES
    stored = weights
    tensors = kinds(weights.tensors)
    for scheme in SCHEMES:
        if not any(kind.like.name.endswith(scheme.endings) for kind in tensors.kinds):
            continue
        found = scheme.unpack(tensors, config)
        if found is not None:
            weights = (as_in_the_network(found) if turned else found).applied_to(weights)
            tensors = kinds(weights.tensors)
    if (left := unread(tensors)) is not None:
        return replace(weights, unread=weights.unread | left.names, notes=(*weights.notes, left.note))
    method = quantization(config).get("quant_method")
    if weights is stored and isinstance(method, str):
        note = (
            f"its config says the weights are quantised ({one_line(method, 40)}); no tensor here is as that describes"
        )
        return replace(weights, notes=(*weights.notes, note))
    return weights


def _with_quantisation(weights: Weights, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with what a file of its own says of the quantisation, where it says nothing itself."""
    if quantization(config) or not weights.tensors:
        return config
    source = next(iter(weights.tensors.values())).source
    for path in OWN_FILES:
        if any(f.path == path for f in source.files()):
            stated = load_json(read_whole(source, path, MAX_CONFIG), path)
            return {**config, "quantization_config": stated}
    return config
