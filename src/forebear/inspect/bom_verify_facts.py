"""What a bill of materials says the model is, held against the files: name, version, architecture, parameters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import unquote

from forebear.artifacts import Artifact
from forebear.bom.card import HUB_ID, purl, read_card
from forebear.bom.checks import Check, CheckStatus
from forebear.bom.record import Record
from forebear.bom.values import Basis
from forebear.errors import one_line
from forebear.lineage.chains.words import withheld
from forebear.signals import shape
from forebear.signals.declared import declared, names_match
from forebear.sources import Source

PASS, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN
_PINNED = re.compile(r"hf:([^@]+)@([0-9a-f]{40})\Z")
_CACHE = re.compile(
    r"[/\\]models--((?:(?!--)[^/\\])+)--((?:(?!--)[^/\\])+)[/\\]snapshots[/\\]([0-9a-f]{40})(?:[/\\]|$)"
)
"""How hub caches name folders: owner, name and commit."""
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_PURL = re.compile(r"pkg:huggingface/([^@?#]+)(?:@([^?#]+))?", re.IGNORECASE)
COARSE = 3
"""Significant digits up to which a number of parameters that somebody declares may be a rounded one."""


def checks(record: Record, source: Source, artifact: Artifact | None) -> Iterator[Check]:
    """Identity, and what can be measured without any reference.

    Args:
        record: what the bill says.
        source: where the files are.
        artifact: the model as read, None where it could not be.
    """
    yield from _identity(record, source, artifact)
    if artifact is None:
        yield Check("facts", UNKNOWN, "The model could not be read, so nothing of it was measured again.")
        return
    yield from _architecture(record, artifact)
    yield from _parameters(record, artifact)
    yield from _sizes(record, artifact)


def bases_of_card(record: Record, named: Collection[str], artifact: Artifact) -> Iterator[Check]:
    """Bases that the model's own papers name and the bill does not: silence about them is not the truth.

    Args:
        record: what the bill says.
        named: every model that it names.
        artifact: the model as read.
    """
    said = declared(artifact)
    for base in said.base_models:
        if base == said.loaded_from or withheld(base) or names_match(base, record.model.name):
            continue
        if not any(names_match(base, name) for name in named):
            words = f"The model's own papers name {one_line(base, 120)} as its base, and the bill does not."
            yield Check("lineage/papers", UNKNOWN, words)


def known_as(source: Source) -> tuple[str, str, str]:
    """Name, commit, and whose word that is; empty for a folder, which may be called anything."""
    if match := _PINNED.match(source.location):
        return "/".join(match[1].split("/")[:2]), match[2], "the hub"  # the rest is a folder of the repository
    if (match := _CACHE.search(source.location)) and HUB_ID.fullmatch(f"{match[1]}/{match[2]}"):
        return f"{match[1]}/{match[2]}", match[3], "the folder of the hub's cache"
    return "", "", ""


def _identity(record: Record, source: Source, artifact: Artifact | None) -> Iterator[Check]:
    model = record.model
    name, commit, whose = known_as(source)
    if not name and artifact is not None:
        card = read_card(artifact.documents.front_matter).name
        name, whose = (card, "its card") if HUB_ID.fullmatch(card) else ("", "")
    if name:
        same = names_match(model.name, name)
        said = f"{whose} calls it {one_line(name, 120)}, the bill {one_line(model.name, 120)}."
        yield Check("identity/name", PASS if same else FAIL, said[0].upper() + said[1:])
    elif names_match(model.name, source.name) or (artifact is not None and names_match(model.name, artifact.name)):
        yield Check("identity/name", PASS, f"The files lie under the name that the bill gives, {source.name}.")
    else:
        said = f"Nothing in the files says that this is {one_line(model.name, 120)}; they lie under {source.name}."
        yield Check("identity/name", UNKNOWN, said)
    if commit and _COMMIT.fullmatch(model.version.lower()):
        same = commit.startswith(model.version.lower())
        said = f"The files are of commit {commit[:12]}, the bill says {one_line(model.version, 60)}."
        yield Check("identity/version", PASS if same else FAIL, said)
    elif model.version:
        said = f"The files do not say which release they are; the bill says {one_line(model.version, 60)}."
        yield Check("identity/version", UNKNOWN, said)
    yield from _purl(record, name, commit)


def _purl(record: Record, name: str, commit: str) -> Iterator[Check]:
    stated = record.model.purl
    if not stated:
        return
    match = _PURL.fullmatch(stated.partition("?")[0].partition("#")[0])
    if match is None:
        said = f"{one_line(stated, 120)} names no repository of the hub; it was not followed."
        yield Check("identity/purl", UNKNOWN, said)
        return
    own = name or record.model.name
    right = names_match(unquote(match[1]), own) and _fits(match[2] or "", commit or record.model.version)
    expected = purl(own, commit or record.model.version) or own
    said = f"The package URL {one_line(stated, 160)} "
    said += "names this model." if right else f"does not name this model ({one_line(expected, 160)})."
    yield Check("identity/purl", PASS if right else FAIL, said)


def _fits(version: str, commit: str) -> bool:
    """Whether a commit in a package URL is the one that is known; a release's name cannot be told from a commit."""
    hexadecimal = _COMMIT.fullmatch(version.lower()) and _COMMIT.fullmatch(commit.lower())
    return not hexadecimal or commit.lower().startswith(version.lower())


def _architecture(record: Record, artifact: Artifact) -> Iterator[Check]:
    model, ours = record.model, record.tool.name == "forebear"  # others have other words for architectures
    found = artifact.architecture.name if artifact.architecture else ""
    if model.family and found:
        same = model.family.lower() == found.lower()
        said = f"The tensors are those of the family {found}; the bill says {one_line(model.family, 80)}."
        yield Check("facts/family", PASS if same else FAIL if ours else UNKNOWN, said)
    elif model.family:
        yield Check("facts/family", UNKNOWN, f"The family could not be recognised: {artifact.unknown}.")
    if model.architecture:
        stated = artifact.config.get("architectures")
        classes = [c for c in stated if isinstance(c, str)] if isinstance(stated, list) else []
        if not classes:
            said = f"No config.json confirms the architecture {one_line(model.architecture, 80)}."
            yield Check("facts/architecture", UNKNOWN, said)
        else:
            said = f"config.json says {one_line(classes[0], 80)}, the bill {one_line(model.architecture, 80)}."
            same = model.architecture in classes
            yield Check("facts/architecture", PASS if same else FAIL if ours else UNKNOWN, said)


def _parameters(record: Record, artifact: Artifact) -> Iterator[Check]:
    stated = record.model.parameters
    if stated is None:
        return
    measured = artifact.parameters
    if not artifact.weights.tensors:
        yield Check("facts/parameters", UNKNOWN, "No tensor could be read, so parameters were not counted.")
        return
    said = f"The tensors hold {measured:,} values; the bill says {stated:,}."
    if stated == measured:
        yield Check("facts/parameters", PASS, said)
    elif _basis(record, "parameters") is not Basis.MEASURED and _rounded(stated, measured):
        yield Check("facts/parameters", PASS, f"{said} It is that number, rounded.")
    else:
        yield Check("facts/parameters", FAIL, said)


def _rounded(stated: int, measured: int) -> bool:
    digits = len(str(stated).rstrip("0"))
    return 0 < digits <= COARSE and float(f"{measured:.{digits}g}".replace("e", "E")) == stated


def _sizes(record: Record, artifact: Artifact) -> Iterator[Check]:
    measured: dict[str, Any] = dict(shape.shape(artifact))
    for size in record.model.sizes:
        found = measured.get(size.name.removeprefix("shape."))
        name = f"facts/{one_line(size.name, 60)}"
        if found is None:
            said = f"{one_line(size.name, 60)} ({one_line(size.value, 60)}) was not measured again."
            yield Check(name, UNKNOWN, said)
        else:
            same = str(found) == size.value
            said = f"Measured {one_line(size.name, 60)}: {found}; the bill says {one_line(size.value, 60)}."
            yield Check(name, PASS if same else FAIL, said)


def _basis(record: Record, field: str) -> Basis | None:
    return next((a.said.basis for a in record.attributions if field in a.fields), None)
