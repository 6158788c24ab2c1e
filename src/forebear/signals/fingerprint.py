"""Everything that is kept of a model: fixed-size sketches, one per signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from forebear.artifacts import Artifact
from forebear.artifacts.kinds import tally
from forebear.signals.activations import Activations
from forebear.signals.declared import Declared, declared
from forebear.signals.shape import shape
from forebear.signals.sign_code import SignCode, encode
from forebear.signals.spectra import Spectra, spectra
from forebear.signals.token_geometry import TokenGeometry, token_geometry
from forebear.signals.towers import TowerMark, tower_marks
from forebear.signals.vocabulary import Vocabulary, vocabulary


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """The sketches of one model.

    Attributes:
        name: short name for people.
        target: where it was read.
        digest: ``slices/2`` of roles, their sizes and every value read: the key of index and cache.
        shape: ``shape/1``.
        code: ``sign-code/1``.
        vocabulary: ``vocabulary/1``, None without a tokenizer.
        declared: ``declared/1``.
        content: ``content/1``, where it was asked for.
        dtype: number format of most values.
        spectra: ``spectra/1``, None where it was not measured (see :func:`sketched`) or could not be.
        tokens: ``token-geometry/1``, the same.
        activations: ``activations/1``, None where it was not asked for.
        towers: ``tower-coins/1`` of the encoders beside the language model.
    """

    name: str
    target: str
    digest: str
    shape: Mapping[str, Any]
    code: SignCode
    vocabulary: Vocabulary | None
    declared: Declared
    dtype: str
    content: str | None = None
    spectra: Spectra | None = None
    tokens: TokenGeometry | None = None
    activations: Activations | None = None
    towers: tuple[TowerMark, ...] = ()


def fingerprint(
    artifact: Artifact, name: str | None = None, content: str | None = None, light: bool = False
) -> Fingerprint:
    """Measure a model; reads about 4 MB however large it is, 3 MB in fewer places where it is a ``light`` look.

    Of each tower beside it the same again at most; a tower has no embedding and fewer coins.

    Raises:
        InputError: a slice could not be read.
    """
    artifact.source.rehearse(lambda: (encode(artifact, light), tower_marks(artifact, light)))
    code, digest = encode(artifact, light)
    return Fingerprint(
        name or artifact.name,
        artifact.target,
        digest,
        shape(artifact),
        code,
        vocabulary(artifact),
        declared(artifact),
        main_dtype(artifact),
        content,
        towers=tower_marks(artifact, light),
    )


def sketched(mark: Fingerprint, artifact: Artifact) -> Fingerprint:
    """The same with the two sketches that outlast a change of coordinates; reads up to 150 MB more.

    Raises:
        InputError: a matrix could not be read.
    """
    return replace(mark, spectra=spectra(artifact), tokens=token_geometry(artifact))


def main_dtype(artifact: Artifact) -> str:
    """The dtype that holds most values."""
    totals: dict[str, int] = {}
    for tensor, count in tally(artifact.weights.tensors):
        totals[tensor.dtype] = totals.get(tensor.dtype, 0) + tensor.size * count
    return max(totals, key=lambda k: totals[k])
