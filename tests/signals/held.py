"""Models of a few values that are held in memory: weights by role, of which every number is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, Tensor
from forebear.artifacts.architecture import Geometry, families
from forebear.artifacts.base import Weights
from forebear.artifacts.documents import Documents
from forebear.artifacts.tokenizers import Tokenizer
from forebear.sources import Metered
from models import Memory, bf16

ENCODED: dict[str, Callable[[NDArray[Any]], bytes]] = {
    "F32": lambda v: np.asarray(v, dtype="<f4").tobytes(),
    "F16": lambda v: np.asarray(v, dtype="<f2").tobytes(),
    "BF16": bf16,
    "U8": lambda v: np.asarray(v, dtype=np.uint8).tobytes(),
}


def held(
    weights: Mapping[str, NDArray[Any] | Sequence[Any]],
    *,
    family: str = "llama",
    name: str = "held",
    dtype: str = "F32",
    dtypes: Mapping[str, str] | None = None,
    tokens: Sequence[str] | Mapping[str, int] | None = None,
    config: Mapping[str, Any] | None = None,
    **sizes: Any,
) -> Artifact:
    """A model of a family with these weights by role; what begins with ``name:`` has none.

    Args:
        weights: by role, as they are stored; of float32 where ``dtypes`` or ``dtype`` name no other.
        tokens: strings by id, or ids by string; no tokenizer where None.
        sizes: of the geometry; width, layers and vocabulary are counted where they are not given.
    """
    arrays = {role: np.asarray(v) for role, v in weights.items()}
    kinds = {role: (dtypes or {}).get(role, dtype) for role in arrays}
    source = Metered(Memory({role: ENCODED[kinds[role]](v) for role, v in arrays.items()}))
    own = {role: role.removeprefix("name:") for role in arrays}
    tensors = {own[role]: Tensor(own[role], kinds[role], v.shape, role, 0, source) for role, v in arrays.items()}
    layers = {int(role.split(".")[1]) for role in arrays if role.startswith("layers.")}
    embed = arrays.get("embed", np.zeros((0, 0)))
    geometry = Geometry(
        **{"width": embed.shape[1], "layers": max(layers, default=-1) + 1, "vocabulary": embed.shape[0], **sizes}
    )
    ids = tokens if isinstance(tokens, Mapping) else {t: k for k, t in enumerate(tokens or ())}
    return Artifact(
        name,
        name,
        source,
        Weights("held", tensors, ()),
        dict(config or {}),
        next(f for f in families() if f.name == family),
        geometry,
        {role: role for role in arrays if not role.startswith("name:")},
        "",
        None if tokens is None else Tokenizer("BPE", ids, (), 0),
        Documents(),
    )
