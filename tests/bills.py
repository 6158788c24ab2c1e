"""Records and bills of models that tests have written: what a careful author would state, made without the writer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from forebear.artifacts import read_artifact
from forebear.bom import cyclonedx
from forebear.bom.files import describe_files, manifest_digests
from forebear.bom.record import Attribution, File, Model, Record, Relative, Slot, Status
from forebear.bom.values import Basis, Hash, Observation, Said, Setting
from forebear.index import Index
from forebear.inspect.scan import scan
from forebear.signals import shape
from forebear.sources import open_source
from forebear.types import Ancestor, Scan

NOW = "2026-01-02T03:04:05Z"
MEASURED = Said(basis=Basis.MEASURED, by="forebear")
_SIZES = ("layers", "width", "query_heads")
_SLOTS = {"a_to_b": Slot.ANCESTOR, "b_to_a": Slot.DESCENDANT}


def record_of(folder: Path, index: Index | None = None, name: str = "", **more: Any) -> Record:
    """A true record of a model: files, facts, and with an index the relatives that a scan finds."""
    source = open_source(str(folder))
    artifact = read_artifact(source)
    described, _ = describe_files(source)
    files = tuple(
        File(
            path=f.path,
            size=f.size,
            role=f.role,
            hashes=(Hash(algorithm="SHA-256", value=f.sha256), Hash(algorithm="SHA-512", value=f.sha512)),
            said=MEASURED,
        )
        for f in described
    )
    sizes = shape.shape(artifact)
    stated = artifact.config.get("architectures")
    model = Model(
        name=name or folder.name,
        hashes=tuple(Hash(algorithm=a, value=v) for a, v in manifest_digests(described).items()),
        hashes_of="the lines that sha256sum and sha512sum print for its files",
        family=artifact.architecture.name if artifact.architecture else "",
        architecture=stated[0] if isinstance(stated, list) and stated else "",
        parameters=artifact.parameters,
        sizes=tuple(Setting(name=s, value=str(sizes[s])) for s in _SIZES if sizes.get(s) is not None),
    )
    fields: dict[str, Any] = {
        "model": model,
        "created": NOW,
        "files": files,
        "attributions": (Attribution(fields=("parameters", "family", "hashes"), said=MEASURED),),
    }
    if index is not None:
        result = scan(str(folder), index, fetch=False)
        fields |= {"verdict": result.verdict, "relatives": relatives_of(result)}
    return Record(**{**fields, **more})


def relatives_of(result: Scan) -> tuple[Relative, ...]:
    """What a scan found, as a record states it."""
    return tuple(_relative(found) for found in result.ancestors)


def _relative(found: Ancestor) -> Relative:
    observations = tuple(
        Observation(
            signal=e.signal,
            summary=e.summary,
            test=e.test,
            null=e.null or "",
            n=e.n,
            log10_p=e.log10_p,
            log10_e=found.log10_e if e.supports == "related" and e.log10_p is not None else None,
        )
        for e in found.evidence
        if e.kind == "weights"
    )
    return Relative(
        name=found.name,
        slot=_SLOTS.get(found.relation.direction, Slot.VARIANT),
        relation=found.relation.kind,
        direction=found.relation.direction,
        verdict=found.verdict,
        log10_p=found.log10_p,
        log10_e=found.log10_e,
        observations=observations,
        why=found.why,
        digest=found.digest or "",
        said=MEASURED,
    )


def base(name: str, **more: Any) -> Relative:
    """A base that the bill declares and nobody measured."""
    said = Said(basis=Basis.DECLARED, by="README.md")
    return Relative(name=name, slot=Slot.ANCESTOR, declared_in="README.md", said=said, **more)


def written(record: Record, path: Path, version: str = "1.7") -> Path:
    """The record as a CycloneDX file."""
    path.write_text(json.dumps(cyclonedx.write(record, version)), encoding="utf-8")
    return path


__all__ = ["MEASURED", "NOW", "Status", "base", "record_of", "relatives_of", "written"]
