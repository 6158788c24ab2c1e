"""Everything that a bill of materials says about a model, in no format's terms."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from forebear.bom.card import Card, Licence
from forebear.bom.files import FileRecord, manifest_digests
from forebear.types import Json, Test, Verdict, head, to_json

__all__ = ["Bom", "Card", "Licence", "Observation", "Record", "Relative", "Slot"]

CONFIDENCE_CAP = 1 - 1e-6
"""One minus the E-value at which dependence counts as established: no more is claimed, however small p is."""


class Slot(StrEnum):
    """Where a related model stands."""

    ANCESTOR = "ancestor"
    DESCENDANT = "descendant"
    VARIANT = "variant"


@dataclass(frozen=True)
class Observation:
    """One measurement that ties the model to a related one.

    Attributes:
        signal, summary, null, n, log10_p: those of :class:`forebear.types.Evidence`.
        test: what stands behind the p-value.
        log10_e: p-value times the number of references looked at (log10), None where there is no exact test.
        equal: every value is equal, by full hashes.
    """

    signal: str
    summary: str
    test: Test
    null: str | None = None
    n: int = 0
    log10_p: float | None = None
    log10_e: float | None = None
    equal: bool = False

    @property
    def confidence(self) -> float:
        """Confidence, 0 to 1, *that the weights are not independent* (never that one descends from the other).

        1 for equal hashes of every value. For an exact test 1 − E, where E is the p-value times the number of
        references that were tried, and at most :data:`CONFIDENCE_CAP`: a level of significance, not the probability
        of a hypothesis. 0 for everything else: no probability is claimed for it.
        """
        if self.equal:
            return 1.0
        if self.test is not Test.EXACT or self.log10_e is None:
            return 0.0
        return round(min(CONFIDENCE_CAP, max(0.0, 1 - 10 ** min(0.0, self.log10_e))), 6)


@dataclass(frozen=True)
class Relative:
    """A related model: measured, declared, or both.

    Attributes:
        name: hub id or the index's name.
        slot: by the measured direction; without one, by what is declared; without that, ``variant``.
        verdict: of the scan, None where nothing was measured.
        relation, direction: as measured; the direction is ``a_to_b`` where the model comes from this one.
        observations: what was measured on the weights.
        why: the scan's reason in words.
        digest: digest of what was read of the reference (``slices/2``), or None.
        declared_in: the file that names it as base model, empty where none does.
        declared_relation: the kind of derivation that the card states.
        claim: ``confirmed``, ``unverified`` or ``contradicted`` and why, empty where nothing was declared.
        purl: package URL, empty where no public id is known.
    """

    name: str
    slot: Slot
    verdict: Verdict | None = None
    relation: str = "unknown"
    direction: str = "unknown"
    log10_p: float | None = None
    log10_e: float | None = None
    observations: tuple[Observation, ...] = ()
    why: str = ""
    digest: str | None = None
    declared_in: str = ""
    declared_relation: str = ""
    claim: str = ""
    purl: str = ""


@dataclass(frozen=True)
class Record:
    """A model and what is known about it.

    Attributes:
        name: hub id ``owner/name``, or a short name.
        named_by: where the name comes from, in words.
        version: commit, empty where it is not known.
        purl: package URL, empty where no public id is known.
        files: every file.
        card: what the card says.
        family: architecture as recognised in the tensors, empty where unknown.
        architecture: class name of the config, empty where it is not stated.
        parameters: number of values in all tensors, None where the weights could not be read.
        shape: sizes of the architecture by name, None where unknown.
        relatives: related models, best first.
        claims: other claims (``trained from scratch``) with their status, in words.
        findings: what a reader must act on, in words.
        notes: the answer to "where does it come from", in words.
        not_tested: what the answer does not rest on.
        problems: inputs that could not be read.
        created: RFC 3339.
    """

    name: str
    files: tuple[FileRecord, ...]
    card: Card
    parameters: int | None
    created: str
    named_by: str = "its folder"
    version: str = ""
    purl: str = ""
    family: str = ""
    architecture: str = ""
    shape: Mapping[str, int | None] = field(default_factory=dict)
    relatives: tuple[Relative, ...] = ()
    claims: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    notes: str = ""
    not_tested: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def digests(self) -> dict[str, str]:
        """See :func:`~forebear.bom.files.manifest_digests`."""
        return manifest_digests(self.files)

    @property
    def unknown(self) -> tuple[str, ...]:
        """What a reader of a bill of materials expects and this one cannot say (CISA: known unknowns)."""
        wanted = {
            "licence": self.card.licences,
            "training data": self.card.datasets,
            "version": self.version,
            "public identifier": self.purl,
            "base model": any(r.slot is Slot.ANCESTOR for r in self.relatives),
        }
        return tuple(what for what, known in wanted.items() if not known)


@dataclass(frozen=True)
class Bom:
    """The answer of ``bom``."""

    record: Record

    @property
    def problems(self) -> tuple[str, ...]:
        """Inputs that could not be read; the rest is in the bill."""
        return self.record.problems

    def to_json(self) -> Json:
        """The CycloneDX 1.7 document."""
        from forebear.bom.old_cyclonedx import cyclonedx

        return cyclonedx(self.record)

    def to_record(self) -> dict[str, Any]:
        """The record itself, format-neutral; bytes of file names that are no UTF-8 are escaped."""
        body = to_json(self.record)
        for file in body["files"]:
            file["path"] = os.fsencode(file["path"]).decode("utf-8", "backslashreplace")
        return {**head("forebear.bom-record/1"), **body, "digests": self.record.digests}
