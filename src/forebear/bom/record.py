"""Everything that a bill of materials says about a model, in no format's terms.

Every list item carries who says it (:class:`~forebear.bom.values.Said`); what is said of the model itself is attributed
field by field in :attr:`Record.attributions`. What is neither stated nor listed as a gap is absent.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from forebear.bom.training import Dataset, Energy, Stage
from forebear.bom.training import Metric as Metric
from forebear.bom.values import (
    Count,
    Country,
    Digest,
    Gap,
    Hash,
    Link,
    Long,
    Name,
    Observation,
    Path,
    Said,
    Setting,
    Text,
    Value,
)
from forebear.types import Json, Level, Verdict, head
from forebear.version import __version__

SCHEMA = "forebear.bom-record/1"


class Slot(StrEnum):
    """Where a related model stands."""

    ANCESTOR = "ancestor"
    DESCENDANT = "descendant"
    VARIANT = "variant"  # related, and which came first is open


class Status(StrEnum):
    """What became of a claim."""

    CONFIRMED = "confirmed"
    CONTRADICTED = "contradicted"
    UNVERIFIED = "unverified"


class Tool(Value):
    """The program that wrote the record."""

    name: Name = "forebear"
    version: Name = __version__


class Model(Value):
    """The model that the record is about.

    Attributes:
        name: hub id ``owner/name``, or a short name.
        version: commit or release, "" where not known.
        purl: package URL, "" where no public id is known.
        hashes: over the whole model; ``hashes_of`` says over what.
        description, task, library, languages, tags: as its card says.
        released: RFC 3339 date of the release; ``download`` where it can be had.
        family: architecture as recognised in the tensors; ``architecture`` is the class name in the config.
        parameters: number of values in all tensors.
        sizes: of the architecture (``layers``, ``width``, ``context``, ...), numbers as texts.
        inputs, outputs: kinds of data (``text``, ``image``).
        uses, limitations: intended use, and what it is not fit for.
        links: other addresses.
        properties: what else somebody stated about it, by name.
    """

    name: Name
    version: Name = ""
    purl: Text = ""
    hashes: tuple[Hash, ...] = ()
    hashes_of: Text = ""
    description: Text = ""
    task: Name = ""
    library: Name = ""
    languages: tuple[Name, ...] = ()
    tags: tuple[Name, ...] = ()
    released: Name = ""
    download: Text = ""
    family: Name = ""
    architecture: Name = ""
    parameters: Count | None = None
    sizes: tuple[Setting, ...] = ()
    inputs: tuple[Name, ...] = ()
    outputs: tuple[Name, ...] = ()
    uses: tuple[Text, ...] = ()
    limitations: tuple[Text, ...] = ()
    links: tuple[Link, ...] = ()
    properties: tuple[Setting, ...] = ()


class Attribution(Value):
    """Who says certain fields of :class:`Model`; ``fields`` are their names."""

    fields: tuple[Name, ...]
    said: Said


class File(Value):
    """One file: path, bytes, role (see :func:`forebear.bom.files.role_of`), digests.

    ``said`` is measured where the bytes were read, declared by the hub where they were not.
    """

    path: Path
    size: Count = 0
    role: Name = "other"
    hashes: tuple[Hash, ...] = ()
    said: Said = Said()


class Acknowledgement(StrEnum):
    """A licence that somebody declares, or that was concluded from texts and ancestors."""

    DECLARED = "declared"
    CONCLUDED = "concluded"


class LicenceStatement(Value):
    """One licence of the model, or of a file or a part of it.

    Attributes:
        name: its title, or what the card calls it.
        spdx: SPDX identifier or expression, "" where there is none; ``LicenseRef-…`` is allowed.
        acknowledgement: declared or concluded.
        file: where its text stands.
        url: where it can be read.
        inherited_from: the ancestor whose licence it is, "" for the model's own.
        said: who says so.
    """

    name: Name = ""
    spdx: Text = ""
    acknowledgement: Acknowledgement = Acknowledgement.DECLARED
    file: Path = ""
    url: Text = ""
    inherited_from: Name = ""
    said: Said = Said()


class Jurisdiction(Value):
    """A country that a firm is tied to.

    Attributes:
        country: ISO 3166-1 alpha-2.
        tie: ``incorporated_in``, ``engineering_in``, ``controlled_from``, or as stated (``address``).
        said: with its source.
    """

    country: Country
    tie: Name = "address"
    said: Said = Said()


class OrganisationRole(StrEnum):
    """What an organisation or person is to a model."""

    DEVELOPER = "developer"
    SUPPLIER = "supplier"
    MANUFACTURER = "manufacturer"
    PUBLISHER = "publisher"
    AUTHOR = "author"
    PROVIDER = "provider"  # of a service


class Organisation(Value):
    """A firm or person.

    Attributes:
        name: as it calls itself.
        roles: what it is to ``model``.
        model: a relative's name, "" for the model itself.
        url: its address.
        jurisdictions: countries, never merged into one.
        said: who says so.
    """

    name: Name
    roles: tuple[OrganisationRole, ...] = (OrganisationRole.DEVELOPER,)
    model: Name = ""
    url: Text = ""
    jurisdictions: tuple[Jurisdiction, ...] = ()
    said: Said = Said()


class Relative(Value):
    """A related model: measured, declared, or both.

    Attributes:
        name: hub id or the index's name.
        slot: by the measured direction; without one, by what is declared; without that, ``variant``.
        child: the model that it is a relative of: "" for the record's own, else another relative's name.
        component: the part that it concerns, "" for the whole.
        version, purl, licences: of the relative.
        relation, direction: as measured (kinds of :class:`forebear.types.Relation`); ``a_to_b``: it came first.
        verdict: of the scan, None where nothing was measured.
        standing: of the step, as in :class:`forebear.lineage.chain.Standing`, "" where no chain was worked out.
        log10_p, log10_e: of the exact test on dependence.
        observations: what was measured.
        why: the reason in words.
        digest: of what was read of the reference (``slices/2``), "" where nothing was.
        declared_in: the file that names it as base model, "" where none does.
        declared_relation: the kind of derivation that is declared.
        claim, claim_why: what became of that declaration, None where nothing was declared.
        said: who says that it is a relative.
    """

    name: Name
    slot: Slot
    child: Name = ""
    component: Name = ""
    version: Name = ""
    purl: Text = ""
    licences: tuple[Text, ...] = ()
    relation: Name = "unknown"
    direction: Name = "unknown"
    verdict: Verdict | None = None
    standing: Name = ""
    log10_p: float | None = Field(default=None, le=0, allow_inf_nan=False)
    log10_e: float | None = Field(default=None, allow_inf_nan=False)
    observations: tuple[Observation, ...] = ()
    why: Text = ""
    digest: Text = ""
    declared_in: Path = ""
    declared_relation: Name = ""
    claim: Status | None = None
    claim_why: Text = ""
    said: Said = Said()


class Service(Value):
    """An endpoint behind which a model is sold.

    Attributes:
        name: of the product; ``model`` as it is asked for.
        provider: who runs it.
        endpoints: addresses without secrets.
        identifiers: names that leaked from it.
        observations: what a probe measured.
        said: who says so.
    """

    name: Name
    provider: Name = ""
    version: Name = ""
    endpoints: tuple[Text, ...] = ()
    model: Name = ""
    identifiers: tuple[Text, ...] = ()
    observations: tuple[Observation, ...] = ()
    said: Said = Said()


class ClaimRecord(Value):
    """A statement about the model, and what the evidence says to it.

    Attributes:
        claim: in words (``trained from scratch``, ``base model: owner/name``).
        status: confirmed, contradicted, unverified.
        why: the reason.
        evidence: what was measured.
        said: who claims it.
    """

    claim: Text
    status: Status = Status.UNVERIFIED
    why: Text = ""
    evidence: tuple[Observation, ...] = ()
    said: Said = Said()


class FindingRecord(Value):
    """Something that a reader must act on, see :class:`forebear.types.Finding`."""

    id: Name
    level: Level
    message: Text
    clears: Text = ""


class Record(Value):
    """A model and what is known about it.

    Attributes:
        model: the subject; ``created`` RFC 3339; ``tool`` what wrote it.
        author: the person or organisation that answers for the document, "" where none is named; never the tool.
        attributions: who says which field of the model.
        files: every file; ``organisations``, ``licences``, ``relatives`` (best first), ``stages`` (in order),
            ``datasets``, ``services``, ``metrics``, ``energy``: see there.
        claims: with their status; ``findings``: what to act on; ``gaps``: what is withheld or unknown.
        verdict: of the scan, None where the weights were not compared with any reference.
        notes: the answer to "where does it come from", in words.
        not_tested: what the answer does not rest on; ``left_out``: what was too much to list.
        problems: inputs that could not be read.
    """

    model: Model
    created: Name
    tool: Tool = Tool()
    author: Name = ""
    attributions: tuple[Attribution, ...] = ()
    files: tuple[File, ...] = ()
    organisations: tuple[Organisation, ...] = ()
    licences: tuple[LicenceStatement, ...] = ()
    relatives: tuple[Relative, ...] = ()
    stages: tuple[Stage, ...] = ()
    datasets: tuple[Dataset, ...] = ()
    services: tuple[Service, ...] = ()
    metrics: tuple[Metric, ...] = ()
    energy: tuple[Energy, ...] = ()
    claims: tuple[ClaimRecord, ...] = ()
    findings: tuple[FindingRecord, ...] = ()
    gaps: tuple[Gap, ...] = ()
    verdict: Verdict | None = None
    notes: Long = ""
    not_tested: tuple[Text, ...] = ()
    left_out: tuple[Text, ...] = ()
    problems: tuple[Text, ...] = ()

    def to_document(self) -> Json:
        """The record as a document of its own (``forebear.bom-record/1``), every field written out."""
        return {**head(SCHEMA), "created": self.created, **self.model_dump(mode="json", exclude={"created"})}

    def digest_of(self, algorithm: str = "SHA-256") -> Digest | None:
        """The model's digest, None where it has none of that kind."""
        return next((h.value for h in self.model.hashes if h.algorithm == algorithm), None)
