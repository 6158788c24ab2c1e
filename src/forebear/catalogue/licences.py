"""What licences of models demand: facts by clause, with sources. Not legal advice, and no text of a licence.

The words are those of the texts where a duty is to show exact words, and ours elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from forebear.catalogue.facts import Basis


class DutyKind(StrEnum):
    """What an obligation asks for."""

    INCLUDE_LICENCE = "include_licence_copy"
    RETAIN_COPYRIGHT = "retain_copyright"
    NOTICE_FILE = "notice_file"
    STATE_CHANGES = "state_changes"
    SOURCE = "provide_source"
    DISPLAY_UI = "display_ui"
    DISPLAY_DOCS = "display_docs"
    NAME_PREFIX = "name_prefix"
    PUBLIC_STATEMENT = "name_public_statement"
    USE_POLICY = "aup_passthrough"
    REGISTRATION = "registration"
    AGREEMENT = "separate_agreement"


class Permission(StrEnum):
    """Whether something is allowed."""

    YES = "yes"
    NO = "no"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Condition:
    """When an obligation begins to hold: a figure of the organisation reaches a threshold, or a statement is true.

    Attributes:
        metric: ``monthly_active_users``, ``daily_active_users``, ``revenue``, or a statement of the organisation's
            facts (``model_as_a_service``, ``commercial``, ``distributes``, ``trains_models``).
        above: the figure, in persons or units of ``currency``; None for a statement.
        inclusive: whether the figure itself counts.
        currency, period: ``USD``; ``month`` or ``year``; "" where the metric has none.
        tested: when the figure is looked at (``on the version's release date``), "" where the text does not say.
        group: the figure is that of licensee and affiliates together.
        product: it is that of the product or service alone.
        note: what else the text says.
    """

    metric: str
    above: float | None = None
    inclusive: bool = False
    currency: str = ""
    period: str = ""
    tested: str = ""
    group: bool = False
    product: bool = False
    note: str = ""


@dataclass(frozen=True)
class Obligation:
    """One duty of a licence.

    Attributes:
        kind: what it asks for.
        text: the words to show or keep, or the prefix of a name; "" where it asks for none.
        clause: where it stands (``2``, ``1.b.i``); "" where the text has no numbers.
        any_of, all_of: when it holds; both empty: always.
        flows: it travels with derivatives.
        note: in our words what is asked for.
        alternatives: other words that do as well as ``text``.
        source: of ``provide_source``, what the licence itself counts as source; "" where it does not say.
    """

    kind: DutyKind
    text: str = ""
    clause: str = ""
    any_of: tuple[Condition, ...] = ()
    all_of: tuple[Condition, ...] = ()
    flows: bool = True
    note: str = ""
    alternatives: tuple[str, ...] = ()
    source: str = ""

    @property
    def any_words(self) -> str:
        """All words of which one does, divided by ``|``."""
        return "|".join((self.text, *self.alternatives)) if self.text else ""


@dataclass(frozen=True)
class KnownLicence:
    """What is known of a licence.

    Attributes:
        id: ``kimi-k2.5-modified-mit``, ``llama3.1``, ``apache-2.0``.
        name, licensor: as its title has it, and who grants it ("" where anybody can).
        spdx: identifier of the SPDX list, or ``LicenseRef-…``; "" where there is none.
        hub_ids: values of ``license`` on the hub that mean it; ``license_names`` those of ``license_name``.
        series: licences of one line share it (``llama``); "" where there is no line.
        permissive: neither conditions on use or size nor on the licence of derivatives, beyond notices.
        commercial, outputs: whether commercial use and training other models on outputs are allowed.
        outputs_note: in our words.
        outputs_are_derivatives: a model that was trained on outputs counts as a derivative; None where unclear.
        military, public_administration: such use is allowed.
        use_note: what else the field of use is limited to.
        territory_excluded: ISO countries and ``EU`` where nothing is granted.
        territory_modality: the exclusion holds for this modality only (``multimodal``), "" for all.
        relicensing: whether derivatives may have other terms, ``conditional`` with ``relicensing_note``.
        obligations: duties.
        governing_law: in words.
        texts: identifiers of sketches (``data/licences/texts``) that are texts of this licence.
        note: traps.
    """

    id: str
    name: str
    basis: Basis
    licensor: str = ""
    spdx: str = ""
    hub_ids: tuple[str, ...] = ()
    license_names: tuple[str, ...] = ()
    series: str = ""
    permissive: bool = False
    commercial: Permission = Permission.UNKNOWN
    outputs: Permission = Permission.UNKNOWN
    outputs_note: str = ""
    outputs_are_derivatives: bool | None = None
    military: Permission = Permission.UNKNOWN
    public_administration: Permission = Permission.UNKNOWN
    use_note: str = ""
    territory_excluded: tuple[str, ...] = ()
    territory_modality: str = ""
    relicensing: Permission = Permission.UNKNOWN
    relicensing_note: str = ""
    obligations: tuple[Obligation, ...] = ()
    governing_law: str = ""
    texts: tuple[str, ...] = ()
    note: str = ""


def licences() -> Mapping[str, KnownLicence]:
    """Every licence by identifier, those of the user's overlay included.

    Raises:
        FormatError: a data file or the overlay is wrong.
    """
    from forebear.catalogue.collection import current

    return current().licences


def title_of(identifier: str) -> str:
    """A licence as its title has it; what is no identifier of the catalogue stays as it is."""
    found = licences().get(identifier)
    return found.name if found is not None else identifier


def licence_named(value: str, license_name: str = "") -> KnownLicence | None:
    """The licence that a value means, None where it means none that is known or more than one.

    Args:
        value: identifier of the catalogue, SPDX identifier, title, or ``license`` on the hub.
        license_name: ``license_name`` on the hub, which goes with ``license: other``.
    """
    from forebear.catalogue import collection, lookup

    return lookup.licence_named(value, license_name, collection.current())
