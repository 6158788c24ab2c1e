"""The model of a bill of materials: what card and config say, what tensors and bytes show, and who says which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebear.artifacts import Artifact
from forebear.artifacts.documents import CARD
from forebear.artifacts.read import CONFIG
from forebear.bom.card import Card, purl
from forebear.bom.files import FileRecord, manifest_digests
from forebear.bom.record import Attribution, File, Model
from forebear.bom.templates import embedded_templates
from forebear.bom.values import Basis, Hash, Link, Said, Setting
from forebear.errors import one_line
from forebear.inspect.bom_source import HUB, Identity
from forebear.signals import shape
from forebear.sources import Source

OURS = "forebear"
MEASURED = Said(basis=Basis.MEASURED, by=OURS)
MANIFEST = "the lines that sha256sum and sha512sum print for its files, in byte order of their names"
_SIZES = ("layers", "width", "vocabulary", "intermediate", "query_heads", "kv_heads", "head_dim", "experts")
_TASKS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "text-generation": (("text",), ("text",)),
    "text2text-generation": (("text",), ("text",)),
    "image-text-to-text": (("image", "text"), ("text",)),
    "any-to-any": ((), ()),
    "text-to-image": (("text",), ("image",)),
    "automatic-speech-recognition": (("audio",), ("text",)),
    "text-to-speech": (("text",), ("audio",)),
    "text-to-audio": (("text",), ("audio",)),
    "translation": (("text",), ("text",)),
    "summarization": (("text",), ("text",)),
}
"""What goes into a task of the hub and what comes out, by its definition."""
_BY_CARD = ("task", "library", "languages", "tags", "links", "inputs", "outputs")


def model_of(
    source: Source, artifact: Artifact, card: Card, known_as: Identity, files: tuple[FileRecord, ...]
) -> tuple[Model, tuple[Attribution, ...]]:
    """The model, and who says which field of it.

    Args:
        source: its files.
        artifact: as read; without tensors where its weights could not be.
        card: what the card's front matter says.
        known_as: its name.
        files: with digests.
    """
    readable = bool(artifact.weights.tensors)
    digests = manifest_digests(files)
    takes, gives = _TASKS.get(card.task, ((), ()))
    model = Model(
        name=known_as.name,
        version=known_as.version,
        purl=purl(known_as.name, known_as.version),
        hashes=tuple(Hash(algorithm=name, value=value) for name, value in digests.items()),
        hashes_of=MANIFEST if digests else "",
        task=card.task,
        library=card.library,
        languages=card.languages,
        tags=card.tags,
        download=known_as.download,
        family=artifact.architecture.name if artifact.architecture else "",
        architecture=_architecture(artifact),
        parameters=artifact.parameters if readable else None,
        sizes=tuple(_sizes(artifact)),
        inputs=takes,
        outputs=gives,
        links=tuple(Link(kind=kind, url=url) for kind, url in card.links),
        properties=(*_emissions(artifact.documents.front_matter), *embedded_templates(source)),
    )
    return model, tuple(_attributions(model, known_as, any(f.stated for f in files)))


def files_of(files: tuple[FileRecord, ...]) -> tuple[File, ...]:
    """Every file with its role and digests, and whether they were computed here or are the hub's word."""
    return tuple(
        File(
            path=f.path,
            size=f.size,
            role=f.role,
            hashes=tuple(
                Hash(algorithm=name, value=value)
                for name, value in (("SHA-256", f.sha256), ("SHA-512", f.sha512))
                if value
            ),
            said=Said(by=HUB, note="the file was not downloaded") if f.stated else MEASURED,
        )
        for f in files
    )


def _attributions(model: Model, known_as: Identity, stated: bool) -> Iterator[Attribution]:
    identity = ["name", *(key for key in ("version", "purl", "download") if getattr(model, key))]
    yield Attribution(fields=tuple(identity), said=known_as.said)
    by_card = tuple(key for key in _BY_CARD if getattr(model, key))
    if by_card:
        yield Attribution(fields=by_card, said=Said(by=CARD))
    if model.architecture:
        yield Attribution(fields=("architecture",), said=Said(by=CONFIG))
    if model.hashes:
        yield Attribution(fields=("hashes",), said=Said(by=HUB) if stated else MEASURED)
    seen = tuple(k for k in ("family", "parameters", "sizes") if getattr(model, k) not in ("", None, ()))
    if seen:
        yield Attribution(fields=seen, said=MEASURED)


def _architecture(artifact: Artifact) -> str:
    stated = artifact.config.get("architectures")
    first = stated[0] if isinstance(stated, list) and stated else None
    return one_line(first, 200) if isinstance(first, str) else ""


def _sizes(artifact: Artifact) -> Iterator[Setting]:
    found = shape.shape(artifact)
    for key in _SIZES:
        if found.get(key) is not None:
            yield Setting(name=key, value=str(found[key]))


def _emissions(front: Mapping[str, Any]) -> Iterator[Setting]:
    """The card's ``co2_eq_emissions``, as they stand: grams without kilowatt-hours are no statement of energy."""
    stated = front.get("co2_eq_emissions")
    for key, value in (stated if isinstance(stated, dict) else {"emissions": stated}).items():
        if isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(key)) < 100:
            yield Setting(name=f"co2_eq_emissions.{key}", value=str(value))


__all__ = ["MEASURED", "OURS", "files_of", "model_of"]
