"""What is unusual about a model, or holds no sign: told in the coverage of an answer."""

from __future__ import annotations

from forebear.artifacts import Artifact
from forebear.artifacts.kinds import kinds
from forebear.signals.delta import Delta
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


def not_finite(delta: Delta) -> list[Untested]:
    """Values of the rows that were compared which are no finite numbers: such rows carry no coins."""
    what = "values that are no finite numbers"
    return [Untested(what, f"{delta.strange:,} of those read; their rows are left out")] if delta.strange else []
