"""A model's bill of materials: files hashed, papers read, weights held against the index, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from forebear.artifacts import Artifact
from forebear.bom import Bom
from forebear.bom.card import read_card
from forebear.bom.files import describe_files
from forebear.bom.record import ClaimRecord, FindingRecord, Record
from forebear.bom.stages import read_declaration
from forebear.bom.training import Training
from forebear.bom.values import Said
from forebear.errors import ForebearError, UsageError
from forebear.index import Index, open_index
from forebear.inspect.bom_declared import (
    Stated,
    bases_of,
    bases_of_stages,
    beside,
    developer_of,
    joined,
    training_of,
    with_declared,
    withheld_in,
)
from forebear.inspect.bom_declared import licences_of as declared_licences
from forebear.inspect.bom_model import OURS, files_of, model_of
from forebear.inspect.bom_parties import licences_of, organisations_of
from forebear.inspect.bom_relatives import as_billed, claims_of, named_bases, relatives_of
from forebear.inspect.bom_result import is_result, record_of_result
from forebear.inspect.bom_source import Hide, altered, identity, read_model, without_paths, without_paths_of
from forebear.inspect.bom_stages import gaps_of, stages_by_relation
from forebear.inspect.licence import detector, is_document, read_document
from forebear.inspect.papers import papers_of_ancestors
from forebear.inspect.scan import scan as scan_model
from forebear.inspect.unread import by_papers
from forebear.licences.answer import LicenceAnswer
from forebear.licences.duties import licence_answer
from forebear.lineage.chain import Chain
from forebear.lineage.chains import chain_of
from forebear.origin import AncestorOrigin, origin_of
from forebear.sources import Source, open_source
from forebear.sources.hub import HubSource
from forebear.types import Scan, created

NOT_SCANNED = "The weights were not compared with any reference: every base model here is a declaration only."
UNREAD = "the weights were not examined"
_NEEDS = "a bill of materials needs the model's files, or a saved result of scan, compare, probe or traffic"


@dataclass(frozen=True)
class _Followed:
    """What follows from papers and weights together."""

    chain: Chain | None = None
    licence: LicenceAnswer = field(default_factory=lambda: LicenceAnswer(""))
    origins: tuple[AncestorOrigin, ...] = ()
    problems: tuple[str, ...] = ()


def write_bom(
    target: str,
    index: Index | None = None,
    effort: str = "standard",
    scan: bool = True,
    on_step: Callable[[str], None] = lambda _: None,
    declaration: str | Path | None = None,
    model: str = "",
    author: str = "",
) -> Bom:
    """The bill of materials of a model.

    Args:
        target: a folder with a model, a weight file, or a saved result (``scan``, ``compare``, ``probe``, ``traffic``).
        index: references; default the one in ``FOREBEAR_HOME``.
        effort: ``quick``, ``standard`` or ``deep``; see :func:`forebear.compare`.
        scan: whether to hold the weights against the index; without it base models are declarations only.
        on_step: told what is being done.
        declaration: a ``forebear-training.yaml``; default the one beside the model.
        model: which model, where a saved result is about several.
        author: the person or organisation that answers for the bill.

    Raises:
        UsageError: the target does not exist, or is a saved file of another kind; the declaration is wrong.
        InputError: there are no weights, or the index cannot be read. Files that are there and cannot be read, also
            weights of an unknown format, are listed in the bill's ``problems`` instead.
    """
    given = Stated(Path(declaration).name, read_declaration(declaration)) if declaration is not None else None
    if is_document(target):
        document = read_document(target)
        if not is_result(document):
            raise UsageError(f"{target}: {_NEEDS}", "give the model's folder")
        stated = given or Stated()
        record = record_of_result(document, stated.file, stated.declaration, model)
        return _by(author, without_paths_of(document, record))
    on_step(f"reading {target}")
    source = open_source(target)
    artifact = read_model(source)
    references = index if index is not None else open_index()
    readable = bool(artifact.weights.tensors)
    result = scan_model(target, references, effort, on_step) if scan and readable else None
    stated = given or beside(source)
    hide = without_paths(source, target, result, references)
    return _by(author, _record(source, artifact, references, result, stated, hide, on_step))


def _by(author: str, record: Record) -> Bom:
    return Bom(Record.model_validate({**dict(record), "author": author}) if author else record)


def _record(
    source: Source,
    artifact: Artifact,
    references: Index,
    result: Scan | None,
    stated: Stated,
    hide: Hide,
    on_step: Callable[[str], None],
) -> Record:
    files, unreadable = describe_files(source, on_step, source.digests if isinstance(source, HubSource) else {})
    card = read_card(artifact.documents.front_matter)
    model, attributions = model_of(source, artifact, card, identity(source, artifact, card), files)
    training = training_of(source, stated)
    bases = joined((*named_bases(artifact, model.name), *bases_of(stated)))
    bases += bases_of_stages(training, bases, model.name)
    answer = with_declared(result or by_papers(source, UNREAD, False), bases, stated)
    followed = _follow(answer, artifact, references)
    measured = [(a.name, a.verdict, a.relation.direction) for a in answer.ancestors]
    judged = [as_billed(claim, measured) for claim in answer.claims]
    relatives = relatives_of(bases, result, judged, followed.chain, hide)
    claims = (*claims_of(judged, bases, result, hide), *_contradictions(training))
    licences = licences_of(followed.licence, declared_licences(stated))
    problems = (*artifact.problems, *unreadable, *altered(source, files), *training.problems, *followed.problems)
    return Record(
        model=model,
        created=created(),
        attributions=attributions,
        files=files_of(files),
        organisations=organisations_of(followed.origins, [r.name for r in relatives], developer_of(stated)),
        licences=licences,
        relatives=relatives,
        stages=(*training.stages, *stages_by_relation(relatives, training.stages)),
        datasets=training.datasets,
        metrics=training.metrics,
        energy=training.energy,
        claims=claims,
        findings=_findings(result, hide),
        gaps=gaps_of(
            model, training, training.datasets, bool(licences), relatives, claims, withheld_in(artifact, stated)
        ),
        verdict=result.verdict if result else None,
        notes=hide(_notes(result)) if result else NOT_SCANNED,
        not_tested=tuple(hide(f"{u.what}: {u.why}") for u in result.coverage.not_tested) if result else (),
        left_out=card.left_out,
        problems=tuple(dict.fromkeys(hide(p) for p in problems)),
    )


def _follow(result: Scan, artifact: Artifact, references: Index) -> _Followed:
    """The chain behind the model, its licences and origin; a damaged overlay of the catalogue costs these alone."""
    try:
        chain = chain_of(result.to_json())
        papers, unreadable = papers_of_ancestors(chain, references)
        answer = licence_answer(
            chain, artifact.documents, detect=detector(), config=artifact.config, ancestors=papers or None
        )
        return _Followed(chain, answer, origin_of(chain).ancestors, unreadable)
    except ForebearError as error:
        return _Followed(problems=(str(error),))


def _contradictions(training: Training) -> tuple[ClaimRecord, ...]:
    why = "files beside the model disagree; nothing here decides between them"
    return tuple(ClaimRecord(claim=line, why=why, said=Said(by=OURS)) for line in training.contradictions)


def _findings(result: Scan | None, hide: Hide) -> tuple[FindingRecord, ...]:
    return tuple(
        FindingRecord(id=f.id, level=f.level, message=hide(f.message), clears=hide(f.clears))
        for f in (result.findings if result else ())
    )


def _notes(result: Scan) -> str:
    compared = f"Comparable references tested: {result.references_tested:,}."
    return (
        f"{result.verdict}: {result.why} {compared} Dependence of weights says nothing about permission, and its "
        "p-value covers dependence only, never the direction."
    )


__all__ = ["write_bom"]
