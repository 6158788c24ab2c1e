"""What is unusual about a model, or holds no sign: told in the coverage of an answer."""

from __future__ import annotations

from forebear.artifacts import Artifact
from forebear.artifacts.kinds import kinds
from forebear.types import Untested


def odd_tokens(artifact: Artifact) -> list[Untested]:
    """What was unusual about the vocabulary and was read all the same: no problem, but a reader may wonder."""
    return [
        Untested("tokenizer, as it was read", o) for o in (artifact.tokenizer.oddities if artifact.tokenizer else ())
    ]


def signless(artifact: Artifact) -> list[str]:
    """Dtypes of known roles whose values have no sign, or cannot be read: no coins come from them."""
    known = set(artifact.names.values())
    signless = (kind for kind in kinds(artifact.weights.tensors).kinds if not kind.like.signed)
    return sorted({kind.like.dtype for kind in signless if not known.isdisjoint(kind.names)})
