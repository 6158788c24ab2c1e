"""Who makes models, where, and what they published: sourced facts, never one "country".

Three questions are kept apart, because a company may be incorporated in one place, do its engineering in a second
and be controlled from a third.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebear.catalogue.facts import Basis

EDGES = (
    *("identical", "quantized", "converted", "finetune", "rl", "adapter", "continued_pretraining", "merge", "pruned"),
    *("depth_upscaled", "upcycled", "vocabulary_changed", "component_shared", "same_model", "distilled"),
    *("trained_on_outputs", "architecture", "unknown"),
)
"""Kinds of edges, as :class:`forebear.lineage.chain.EdgeKind` has them; this layer cannot import it."""


@dataclass(frozen=True)
class Seat:
    """A country and what ties a developer to it.

    Attributes:
        country: ISO 3166-1 alpha-2.
        basis: what it rests on.
        entity: the legal person there, "" where it is not known.
        note: in what capacity (``contracting party of the platform's terms``).
    """

    country: str
    basis: Basis
    entity: str = ""
    note: str = ""


@dataclass(frozen=True)
class Developer:
    """Who makes models.

    Attributes:
        id, name: ``moonshot``, ``Moonshot AI``.
        hub_accounts: accounts on the hub under which it publishes.
        also: other names by which names of models and cards call it (``Moonshot``, ``anysphere``).
        incorporated_in, engineering_in, controlled_from: each country with its own basis; empty where not known.
        owners: who owns or leads, in words, with a source each.
        factors: identifiers of :class:`Factor` that concern it.
        note: what a reader should know besides.
    """

    id: str
    name: str
    basis: Basis
    hub_accounts: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    incorporated_in: tuple[Seat, ...] = ()
    engineering_in: tuple[Seat, ...] = ()
    controlled_from: tuple[Seat, ...] = ()
    owners: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Factor:
    """A law, a list or a circumstance that a reader may have to weigh, stated neutrally with its source.

    Attributes:
        id: ``CN-NIL7``.
        title, text: what it is, in neutral words.
        countries: seats that bring it, or empty where it concerns single developers only.
        not_decided: what it does not say.
    """

    id: str
    title: str
    text: str
    basis: Basis
    countries: tuple[str, ...] = ()
    not_decided: str = ""


@dataclass(frozen=True)
class LicenceAt:
    """The licence of a model's repository, which holds for a revision and not for a family.

    Attributes:
        licence: identifier in the catalogue of licences.
        revision: commit or tag; "" where the source says none.
        since, until: ISO days between which the repository had it; "" where not known.
    """

    licence: str
    basis: Basis
    revision: str = ""
    since: str = ""
    until: str = ""
    note: str = ""


@dataclass(frozen=True)
class Parent:
    """What a published model was made from, by a source.

    Attributes:
        name: of the parent, as in :attr:`PublishedModel.name` where it is in the catalogue.
        kind: an edge of :class:`forebear.lineage.chain.EdgeKind`, as its value.
        component: "" for the whole, else the part (``vision encoder``).
        disclosed: whether the developer itself says so.
    """

    name: str
    kind: str
    basis: Basis
    component: str = ""
    disclosed: bool | None = None


UNREAD = "No source was read for "


@dataclass(frozen=True)
class PublishedModel:
    """A model and what is known about it.

    Attributes:
        name: ``Kimi-K2.5``.
        developer: identifier of :class:`Developer`.
        repository: on the hub; "" where there is none.
        family, version, size: what :func:`forebear.catalogue.names.decode` gives for its name; "" where it gives none.
        released: ISO day, month or year; "" where not known.
        model_type, architecture: as in its config; in words (``moe-multimodal``).
        parameters, active: in thousand millions; None where no source says.
        tokenizer: name of a tokenizer, "" where not known.
        licences: by revision, newest last.
        parents: empty where none is known; see ``from_scratch``.
        from_scratch: True where a source says that it has no parent, None where nothing is said.
        api_only: its weights are not published.
        note: what a reader should know; one that begins as :data:`UNREAD` is about this entry and not about the model.
    """

    name: str
    developer: str
    basis: Basis
    repository: str = ""
    family: str = ""
    version: str = ""
    size: str = ""
    released: str = ""
    model_type: str = ""
    architecture: str = ""
    parameters: float | None = None
    active: float | None = None
    tokenizer: str = ""
    licences: tuple[LicenceAt, ...] = ()
    parents: tuple[Parent, ...] = ()
    from_scratch: bool | None = None
    api_only: bool = False
    note: str = ""


def developers() -> Mapping[str, Developer]:
    """Every developer by identifier, those of the user's overlay included.

    Raises:
        FormatError: a data file or the overlay is wrong.
    """
    from forebear.catalogue.collection import current

    return current().developers


def published() -> Mapping[str, PublishedModel]:
    """Every published model by name; raises as :func:`developers`."""
    from forebear.catalogue.collection import current

    return current().models


def factors() -> Mapping[str, Factor]:
    """Every factor by identifier; raises as :func:`developers`."""
    from forebear.catalogue.collection import current

    return current().factors


def developer_of(text: str) -> Developer | None:
    """The developer that a text means: catalogue id, name, another name, hub account, or ``account/name``."""
    from forebear.catalogue import collection, lookup

    return lookup.developer_of(text, collection.current())


def find_models(text: str) -> tuple[PublishedModel, ...]:
    """The models that a repository, a name or an identifier means: every one that its words leave open, or none."""
    from forebear.catalogue import collection, lookup

    return lookup.find_models(text, collection.current())
