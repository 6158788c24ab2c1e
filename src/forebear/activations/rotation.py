"""Rotary positions: the frequencies of the planes, from what a ``config.json`` says.

Rotary embeddings: arXiv 2104.09864; interpolation: 2306.15595; YaRN: 2309.00071; Llama 3.1: 2407.21783, section 3.2.
Where the config is silent the defaults are those of ``transformers``, because that is what runs such a model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.activations.base import MAX_TOKENS
from forebear.activations.settings import Refused, number
from forebear.errors import one_line

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class Rotation:
    """How far a head turns from one position to the next.

    Attributes:
        frequencies: of each plane, in radians a position.
        factor: what the cosines and sines are multiplied by.
    """

    frequencies: tuple[float, ...]
    factor: float = 1.0


def parameters_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """``rope_scaling`` or, where it is empty, ``rope_parameters``, as a dictionary; raises ``Refused``."""
    for key in ("rope_scaling", "rope_parameters"):
        found = config.get(key)
        if found is not None and not isinstance(found, Mapping):
            raise Refused(f"{key} is no object")
        if found:
            return dict(found)
    return {}


def rotation_of(parameters: Mapping[str, Any], config: Mapping[str, Any], theta: float, dims: int) -> Rotation:
    """The rotation of ``dims`` dimensions of every head.

    Args:
        parameters: the scaling's own settings (``rope_scaling`` or ``rope_parameters``).
        config: the model's, for lengths that stand there.
        theta: the base where ``parameters`` has none.
        dims: an even number.

    Raises:
        Refused: the scaling is of an unknown kind, or a setting of it is missing or no usable number.
    """
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    theta = number(parameters, "rope_theta", theta, least=1.0)
    plain = (1 / np.float32(theta) ** (np.arange(0, dims, 2, dtype=np.float32) / np.float32(dims))).astype(np.float32)
    match kind:
        case "default":
            return _rotation(plain)
        case "linear":
            return _rotation(plain / np.float32(number(parameters, "factor")))
        case "dynamic":  # only sequences beyond the trained length change the base
            if number(config, "max_position_embeddings", 2048) < MAX_TOKENS:
                raise Refused("its positions are scaled by the length of the text, and it was trained on short ones")
            return _rotation(plain)
        case "llama3":
            return _rotation(_llama3(plain, parameters, _trained(parameters, config)))
        case "longrope":
            return _longrope(plain, parameters, config)
        case "yarn":
            return _yarn(plain, theta, dims, parameters, config)
    raise Refused(f"its rotary positions are scaled by a method that is not known here ({one_line(str(kind), 40)})")


def _rotation(frequencies: F32, factor: float = 1.0) -> Rotation:
    return Rotation(tuple(float(f) for f in frequencies), factor)


def _trained(parameters: Mapping[str, Any], config: Mapping[str, Any]) -> float:
    """The length of the texts that the unscaled model was trained on."""
    key = "original_max_position_embeddings"
    if key in config:
        return number(config, key)
    return number(parameters, key) if key in parameters else number(config, "max_position_embeddings")


def _llama3(plain: F32, parameters: Mapping[str, Any], trained: float) -> F32:
    factor, low, high = (number(parameters, key) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    if high <= low:
        raise Refused("high_freq_factor is not above low_freq_factor")
    turns = np.float32(trained) * plain / np.float32(2 * math.pi)  # within the trained length
    share = np.clip((turns - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray((1 - share) * plain / np.float32(factor) + share * plain, dtype=np.float32)


def _yarn(plain: F32, theta: float, dims: int, parameters: Mapping[str, Any], config: Mapping[str, Any]) -> Rotation:
    trained = _trained(parameters, config)
    given = parameters.get("factor")
    factor = number(config, "max_position_embeddings") / trained if given is None else number(parameters, "factor")
    fast, slow = (number(parameters, key, default) for key, default in (("beta_fast", 32), ("beta_slow", 1)))
    if theta <= 1:
        raise Refused("rope_theta is 1")
    low, high = (dims * math.log(trained / (b * 2 * math.pi)) / (2 * math.log(theta)) for b in (fast, slow))
    if parameters.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, dims - 1)
    if low == high:
        high += 0.001
    ramp = np.clip((np.arange(dims // 2, dtype=np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    frequencies = plain / np.float32(factor) * ramp + plain * (1 - ramp)
    return _rotation(frequencies.astype(np.float32), _attention_factor(parameters, factor))


def _longrope(plain: F32, parameters: Mapping[str, Any], config: Mapping[str, Any]) -> Rotation:
    """LongRoPE (arXiv 2402.13753) of texts that are shorter than those the model was first trained on."""
    trained, factors = _trained(parameters, config), parameters.get("short_factor")
    if not isinstance(factors, list) or len(factors) != len(plain) or trained < MAX_TOKENS:
        raise Refused("its short_factor is not one number for each plane, or it was trained on short texts")
    divisors = np.array([number({"short_factor": f}, "short_factor") for f in factors], dtype=np.float32)
    if parameters.get("attention_factor") is not None:
        return _rotation(plain / divisors, number(parameters, "attention_factor"))
    longest = number(config, "max_position_embeddings")
    given = parameters.get("factor")
    factor = longest / trained if given is None else number(parameters, "factor")
    return _rotation(plain / divisors, 1.0 if factor <= 1 else math.sqrt(1 + math.log(factor) / math.log(trained)))


def _attention_factor(parameters: Mapping[str, Any], factor: float) -> float:
    if parameters.get("attention_factor") is not None:
        return number(parameters, "attention_factor")

    def tempered(scale: float) -> float:
        return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1

    if parameters.get("mscale") and parameters.get("mscale_all_dim"):
        return tempered(number(parameters, "mscale")) / tempered(number(parameters, "mscale_all_dim"))
    return tempered(1.0)
