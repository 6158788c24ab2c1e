"""The facts about an organisation that licences and policies ask for (``org.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Money:
    """An amount in whole units of a currency (ISO 4217) per period (``month`` or ``year``)."""

    amount: float
    currency: str
    period: str


@dataclass(frozen=True)
class Organisation:
    """What is known of the organisation that uses or ships a model. None: not said, which is never taken for "no".

    Attributes:
        name: as it calls itself.
        country: where it is established, ISO 3166-1 alpha-2; ``territories``: where it uses or offers the model.
        public_body, defence, intelligence: what it is.
        uses: what the model is used for: ``commercial``, ``research``, ``internal``, ``military``, ``administration``.
        distributes: it passes the model (not only its answers) on to others.
        own_release: the model is its own release, so that missing notices are its own fault.
        model_as_a_service: it or an affiliate sells access to models.
        trains_models: it trains other models on the model's outputs.
        used_over_a_network: others use the model over a network, as a product or an interface of its own.
        monthly_active_users, daily_active_users: of the product, with affiliates.
        revenue: of the group, by period as given; thresholds of another period are converted and said to be.
        product_revenue: of the product that the model is in, which some licences count; None: the group's is taken.
        displays: strings shown prominently in the product's interface; ``documents``: those on its web site or in
            its documentation; ``agreements``: licences (catalogue ids) for which it holds an agreement of its own;
            ``registered``: licences for which it is registered.
        attested: who states these facts, and when.
    """

    name: str = ""
    country: str = ""
    territories: tuple[str, ...] = ()
    public_body: bool | None = None
    defence: bool | None = None
    intelligence: bool | None = None
    uses: tuple[str, ...] | None = None
    distributes: bool | None = None
    own_release: bool | None = None
    model_as_a_service: bool | None = None
    trains_models: bool | None = None
    used_over_a_network: bool | None = None
    monthly_active_users: float | None = None
    daily_active_users: float | None = None
    revenue: Money | None = None
    product_revenue: Money | None = None
    displays: tuple[str, ...] | None = None
    documents: tuple[str, ...] | None = None
    agreements: tuple[str, ...] | None = None
    registered: tuple[str, ...] | None = None
    attested: str = ""
    exchange_rates: Mapping[str, float] = field(default_factory=dict)
    """Units of US dollars for one unit of a currency, as the organisation states them; no rate is looked up."""
