"""A training declaration as part of a bill of materials: its bases and claims beside those of the card."""

from __future__ import annotations

from dataclasses import dataclass, replace

from forebear.artifacts import Artifact
from forebear.artifacts.documents import CARD
from forebear.bom.record import LicenceStatement, Organisation
from forebear.bom.stages import Declaration, declaration_beside, training_with
from forebear.bom.training import InputKind, StageKind, Training
from forebear.errors import ForebearError
from forebear.inspect.bom_parties import declared_licence, declared_organisation
from forebear.inspect.bom_relatives import BASE, Named, withheld_bases
from forebear.inspect.judge import claims_of as judged
from forebear.lineage.chains.words import withheld
from forebear.signals.declared import Declared, names_match
from forebear.sources import Source
from forebear.types import Scan

MOST = 50
"""Base models that are taken from stages; a merge of more is told as a stage all the same."""
_RELATIONS = {
    StageKind.MERGE: "merge",
    StageKind.ADAPTER: "adapter",
    StageKind.RL: "rl",
    StageKind.SFT: "finetune",
    StageKind.PREFERENCE: "finetune",
    StageKind.CONTINUED_PRETRAINING: "continued_pretraining",
    StageKind.QUANTIZATION: "quantized",
}


@dataclass(frozen=True)
class Stated:
    """A training declaration, the file that it stands in, and why the one beside the model was not read."""

    file: str = ""
    declaration: Declaration | None = None
    problems: tuple[str, ...] = ()


def beside(source: Source) -> Stated:
    """The declaration beside a model; a damaged one is none, and a problem."""
    try:
        found = declaration_beside(source)
    except ForebearError as error:
        return Stated(problems=(str(error),))
    return Stated(*found) if found is not None else Stated()


def training_of(source: Source, stated: Stated) -> Training:
    """What the declaration and the files beside the model say of its making."""
    given = (stated.file, stated.declaration) if stated.declaration is not None else None
    return training_with(source, given, list(stated.problems))


def bases_of(stated: Stated) -> tuple[Named, ...]:
    """Base models that the declaration names."""
    bases = stated.declaration.base_models if stated.declaration is not None else ()
    return tuple(Named(b.name, stated.file, b.relation, b.revision) for b in bases if not withheld(b.name))


def bases_of_stages(training: Training, named: tuple[Named, ...], own: str) -> tuple[Named, ...]:
    """Models that a stage started from or merged and that nothing names as base model otherwise.

    What comes out of one stage and goes into the next is no model of somebody else's.
    """
    made = {own, *(output for stage in training.stages for output in stage.outputs)}
    found: dict[str, Named] = {}
    for stage in training.stages:
        for used in stage.inputs:
            known = any(names_match(used.name, other.name) for other in (*named, *found.values()))
            if used.kind is InputKind.MODEL and used.name not in made and not known and not withheld(used.name):
                found[used.name] = Named(used.name, stage.file, _RELATIONS.get(stage.kind, ""), used.revision)
    return tuple(found.values())[:MOST]


def joined(bases: tuple[Named, ...]) -> tuple[Named, ...]:
    """Each base model once, as the first file names it, with what later ones add."""
    found: dict[str, Named] = {}
    for base in bases:
        first = found.setdefault(base.name, base)
        more = {"relation": first.relation or base.relation, "revision": first.revision or base.revision}
        found[base.name] = replace(first, **more)
    return tuple(found.values())


def withheld_in(artifact: Artifact, stated: Stated) -> str:
    """The file that states a base model without naming it, "" for none."""
    bases = stated.declaration.base_models if stated.declaration is not None else ()
    if any(withheld(b.name) for b in bases):
        return stated.file
    return CARD if withheld_bases(artifact) else ""


def developer_of(stated: Stated) -> Organisation | None:
    """The developer by its own word, None where it does not say."""
    developer = stated.declaration.developer if stated.declaration is not None else None
    if developer is None:
        return None
    return declared_organisation(developer.name, developer.country, developer.url, stated.file)


def with_declared(result: Scan, bases: tuple[Named, ...], stated: Stated) -> Scan:
    """The scan with the claims that declaration and training files make, judged as those of a card are.

    A base model that is called "withheld" is a gap and no claim.
    """
    named = (c for c in result.claims if not (c.claim.startswith(BASE) and withheld(c.claim.removeprefix(BASE))))
    result = replace(result, claims=tuple(named))
    known = {c.claim for c in result.claims}
    files = {f"{BASE}{b.name}": b.file for b in bases}
    names = tuple(b.name for b in bases if f"{BASE}{b.name}" not in known)
    scratch = stated.declaration is not None and stated.declaration.from_scratch is True
    effort = "standard" if result.ancestors or result.references_tested else "quick"
    more = judged(Declared(base_models=names, from_scratch=scratch), result.ancestors, effort)
    new = tuple(replace(c, source=files.get(c.claim, stated.file)) for c in more if c.claim not in known)
    return replace(result, claims=(*result.claims, *new))


def licences_of(stated: Stated) -> tuple[LicenceStatement, ...]:
    """The licence that the declaration states."""
    licence = stated.declaration.licence if stated.declaration is not None else ""
    return (declared_licence(licence, stated.file),) if licence else ()
