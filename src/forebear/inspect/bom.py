"""A model's bill of materials: its files hashed, its card read, its weights held against the index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from forebear.artifacts import Artifact, Weights, read_artifact
from forebear.artifacts.adapter import CONFIG as ADAPTER
from forebear.artifacts.documents import CARD, read_documents
from forebear.artifacts.read import CONFIG, read_config
from forebear.bom import Bom, Card, FileRecord, Observation, Record, Relative, Slot, describe_files, read_card
from forebear.bom.card import HUB_ID, purl
from forebear.bom.files import role_of
from forebear.catalogue import known_models
from forebear.errors import InputError, UsageError, one_line
from forebear.index import Index, LocalIndex
from forebear.inspect.scan import scan as scan_model
from forebear.signals import content, shape
from forebear.signals.declared import declared, names_match
from forebear.sources import Metered, OllamaSource, Source, open_source
from forebear.sources.hub import HubSource
from forebear.types import Ancestor, Scan, Test, Verdict, created

_CACHE = re.compile(
    r"[/\\]models--((?:(?!--)[^/\\])+)--((?:(?!--)[^/\\])+)[/\\]snapshots[/\\]([0-9a-f]{40})(?:[/\\]|$)"
)
"""How hub caches name folders: owner, name and commit; hub names never hold two dashes."""
_PINNED = re.compile(r"hf:([^@]+)@([0-9a-f]{40})\Z")
_SLOTS = {"a_to_b": Slot.ANCESTOR, "b_to_a": Slot.DESCENDANT}
_SIZES = ("layers", "width", "vocabulary", "intermediate", "query_heads", "kv_heads", "head_dim", "experts")
NOT_SCANNED = "The weights were not compared with any reference: every base model here is a declaration only."


def write_bom(
    target: str,
    index: Index | None = None,
    effort: str = "standard",
    scan: bool = True,
    on_step: Callable[[str], None] = lambda _: None,
) -> Bom:
    """The bill of materials of a model.

    Args:
        target: a folder with a model, or a weight file.
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: ``quick``, ``standard`` or ``deep``; see :func:`forebear.compare`.
        scan: whether to hold the weights against the index; without it base models are declarations only.
        on_step: told what is being done.

    Raises:
        UsageError: the target does not exist, or is a saved result and no model.
        InputError: there are no weights, or the index cannot be read. Files that are there and cannot be read, also
            weights of an unknown format, are listed in the bill's ``problems`` instead.
    """
    on_step(f"reading {target}")
    source = open_source(target)
    if source.only and source.only.endswith(".json") and not source.only.endswith(".index.json"):
        raise UsageError(f"{target}: a bill of materials needs the model's files", "give the model's folder")
    artifact = _read(source)
    references = index if index is not None else LocalIndex()
    readable = bool(artifact.weights.tensors)
    result = scan_model(target, references, effort, on_step) if scan and readable else None
    files, unreadable = describe_files(source, on_step, source.digests if isinstance(source, HubSource) else {})
    unreadable += _altered(source, files)
    card = read_card(artifact.documents.front_matter)
    name, named_by, version = _identity(source, artifact, card)
    claims = result.claims if result else ()
    sizes = shape.shape(artifact)
    hide = _private(source, target, result, references)
    return Bom(
        Record(
            name=name,
            named_by=named_by,
            version=version,
            purl=purl(name, version),
            files=files,
            card=card,
            family=artifact.architecture.name if artifact.architecture else "",
            architecture=_architecture(artifact),
            parameters=artifact.parameters if readable else None,
            shape={key: sizes.get(key) for key in _SIZES},
            relatives=tuple(_relatives(artifact, name, result)),
            claims=tuple(f"{c.claim}: {c.status}; {c.why}" for c in claims if not c.claim.startswith("base model: ")),
            findings=tuple(f"{f.level} {f.id}: {hide(f.message)}" for f in result.findings) if result else (),
            notes=hide(_notes(result)) if result else NOT_SCANNED,
            not_tested=tuple(hide(f"{u.what}: {u.why}") for u in result.coverage.not_tested) if result else (),
            problems=tuple(dict.fromkeys(hide(p) for p in (*artifact.problems, *unreadable))),
            created=created(),
        )
    )


def _read(source: Source) -> Artifact:
    """The model; where its weights cannot be read, one without tensors: files, card and config still make a bill."""
    try:
        return read_artifact(source)
    except InputError as error:
        if not any(role_of(f.path) == "weights" for f in source.files()):
            raise
        metered, config = Metered(source), {}
        with suppress(InputError):  # if it is the config that is damaged, ``error`` says so
            config = dict(read_config(metered))
        documents, problems = read_documents(metered)
        return Artifact(
            name=source.name,
            target=source.target,
            source=metered,
            weights=Weights("unreadable", {}, ()),
            config=config,
            architecture=None,
            geometry=None,
            names={},
            unknown="its weights could not be read",
            tokenizer=None,
            documents=documents,
            problems=(str(error), *problems),
        )


def _altered(source: Source, files: tuple[FileRecord, ...]) -> tuple[str, ...]:
    """One line for each file whose bytes are not those that its store's manifest promises."""
    stated = source.digests if isinstance(source, OllamaSource) else {}
    return tuple(
        f"{f.path}: its SHA-256 is not the one in the store's manifest; pull the model again"
        for f in files
        if f.sha256 and stated.get(f.path, f"sha256:{f.sha256}") != f"sha256:{f.sha256}"
    )


def _identity(source: Source, artifact: Artifact, card: Card) -> tuple[str, str, str]:
    """Name, where it is from, and commit."""
    if match := _PINNED.match(source.location):
        return match[1], "the hub", match[2]
    if (match := _CACHE.search(source.location)) and HUB_ID.fullmatch(f"{match[1]}/{match[2]}"):
        return f"{match[1]}/{match[2]}", "the folder of a hub cache", match[3]
    if HUB_ID.fullmatch(card.name):
        return card.name, "its card", ""
    return one_line(artifact.name, 200) or "model", "its folder", ""


def _architecture(artifact: Artifact) -> str:
    stated = artifact.config.get("architectures")
    first = stated[0] if isinstance(stated, list) and stated else None
    return one_line(first, 200) if isinstance(first, str) else ""


def _relatives(artifact: Artifact, name: str, result: Scan | None) -> Iterator[Relative]:
    """Measured models in the scan's order, joined with the claims that name them; then those that are only claimed."""
    said = declared(artifact)
    in_card = artifact.documents.front_matter.get("base_model")
    by_card = in_card if isinstance(in_card, list) else [in_card]
    claims = result.claims if result else ()
    status = {c.claim.removeprefix("base model: "): f"{c.status}: {c.why}." for c in claims}
    # A config often keeps the id under which the model itself was loaded, which is no ancestor.
    open_claims = {one_line(base, 200): base for base in said.base_models if base != name}
    open_claims.pop("", None)

    def origin(base: str) -> tuple[str, str]:
        card = any(isinstance(b, str) and b[:200] == base for b in by_card)
        if card:
            return CARD, one_line(said.relation, 80)
        adapter = artifact.adapter
        return (ADAPTER, "adapter") if adapter is not None and base == adapter.base else (CONFIG, "")

    for found in result.ancestors if result else ():
        matching = [clean for clean, base in open_claims.items() if names_match(base, found.name)]
        bases = [open_claims.pop(clean) for clean in matching]
        file, kind = origin(bases[0]) if bases else ("", "")
        slot = _SLOTS.get(found.relation.direction, Slot.ANCESTOR if bases else Slot.VARIANT)
        yield Relative(
            one_line(found.name, 200),
            slot,
            found.verdict,
            found.relation.kind,
            found.relation.direction,
            found.log10_p,
            found.log10_e,
            tuple(_observations(found)),
            found.why,
            found.digest,
            file,
            kind,
            status.get(bases[0], "") if bases else "",
            _public(found.name, bool(bases)),
        )
    for clean, base in open_claims.items():
        file, kind = origin(base)
        claim = status.get(base, "unverified: the weights were not examined.")
        yield Relative(clean, Slot.ANCESTOR, declared_in=file, declared_relation=kind, claim=claim, purl=purl(clean))


def _observations(found: Ancestor) -> Iterator[Observation]:
    if found.verdict is Verdict.IDENTICAL:  # the verdict itself is what the full hashes say
        equal = "every value of every tensor is equal, by full hashes."
        yield Observation(content.NAME, equal, Test.NONE, equal=True)
    for item in found.evidence:
        if item.kind == "weights":
            log10_e = found.log10_e if item.supports == "related" and item.log10_p is not None else None
            yield Observation(item.signal, item.summary, item.test, item.null, item.n, item.log10_p, log10_e)


def _public(name: str, is_declared: bool) -> str:
    """A package URL only for names that the card or the catalogue gives: an index may call a model anything."""
    return purl(name) if is_declared or any(m.repository == name for m in known_models()) else ""


def _notes(result: Scan) -> str:
    compared = f"Comparable references tested: {result.references_tested:,}."
    return (
        f"{result.verdict}: {result.why} {compared} Dependence of weights says nothing about permission, and its "
        "p-value covers dependence only, never the direction. What was not tested is listed as forebear:not-tested."
    )


def _private(source: Source, target: str, result: Scan | None, references: Index) -> Callable[[str], str]:
    """A function that takes the paths of this machine out of a text: a bill of materials is handed to others."""
    paths = {target: source.name, source.location: source.name}
    if result:
        paths |= {a.target: a.name for a in result.ancestors if a.target}
        for gap in result.coverage.not_tested:
            if gap.what.startswith("rows of ") and (entry := references.get(gap.what.removeprefix("rows of "))):
                paths[entry.location] = entry.name

    def hide(text: str) -> str:
        for path in sorted(paths, key=len, reverse=True):
            if "/" in path or "\\" in path:
                text = text.replace(path, paths[path])
        return text

    return hide
