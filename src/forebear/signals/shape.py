"""``shape/1``: family and sizes. Routing only: thousands of models share Llama's shape, so its weight is zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.artifacts import Artifact
from forebear.signals.generators import shape_of
from forebear.types import Evidence, Test

NAME = "shape/1"
_COUNTED = ("width", "layers", "intermediate", "kv_heads", "head_dim", "experts")


def shape(artifact: Artifact) -> dict[str, Any]:
    """Family and sizes in canonical terms; only ``parameters`` where the family is unknown."""
    out: dict[str, Any] = {"parameters": artifact.parameters, "family": None, "coins": []}
    if artifact.architecture and artifact.geometry:
        out |= shape_of(artifact.architecture, artifact.geometry)
        out |= {
            "layers": artifact.geometry.layers,
            "vocabulary": artifact.geometry.vocabulary,
            "query_heads": artifact.geometry.heads,
        }
    return out


def same_shape(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Same family and the same sizes, vocabulary aside."""
    return a["family"] is not None and all(a.get(k) == b.get(k) for k in ("family", *_COUNTED))


def compare(a: Mapping[str, Any], b: Mapping[str, Any]) -> Evidence:
    """What the shapes have in common; supports nothing."""
    if a["family"] is None or b["family"] is None:
        text = "The architecture of at least one model is not known."
    elif same_shape(a, b):
        text = f"Both have the shape of the same {a['family']} model; thousands of unrelated models share a shape."
    else:
        differing = [k for k in ("family", *_COUNTED) if a.get(k) != b.get(k)]
        text = "The shapes differ in " + ", ".join(f"{k} ({a.get(k)} and {b.get(k)})" for k in differing) + "."
    return Evidence(NAME, "architecture", "nothing", None, Test.NONE, None, 0, None, text)
