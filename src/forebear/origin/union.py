"""The union of the countries along a chain, and what each ancestor brings.

Only steps on which weights went, and that are more than possible, count towards the unions and factors; everything
else stands in the list of ancestors with its standing, for a reader to weigh. Facts that nobody retrieved do likewise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from forebear.catalogue.countries import in_words
from forebear.catalogue.developers import Developer, Factor, developers, factors
from forebear.catalogue.facts import Confidence
from forebear.lineage.chain import Chain, Node, Route
from forebear.lineage.chains.base import sentences
from forebear.origin.answer import AncestorOrigin, BroughtFactor, Countries, Origin, Role, Tie
from forebear.origin.undisclosed import undisclosed

_KNOWN_AS = {
    Role.INCORPORATED: "{name} is incorporated in {countries}",
    Role.ENGINEERING: "its engineering is in {countries}",
    Role.CONTROLLED: "it is controlled from {countries}",
}


def origin_of(chain: Chain) -> Origin:
    """Where a model and everything that it is known to come from were made.

    Args:
        chain: with names looked up, as :func:`forebear.lineage.chains.chain_of` gives it.
    """
    known = developers()
    routes = chain.best_routes()
    ancestors = [_origin(chain.subject, None, known)]
    ancestors += [_origin(route.ancestor, route, known) for route in routes.values()]
    counted = [a for a, route in _with_routes(ancestors, routes) if counts(route)]
    unsure = [
        a
        for a, route in _with_routes(ancestors, routes)
        if route is not None and route.weights and not route.standing.established
    ]
    unions = {role: _union(counted, role) for role in Role}
    more = {role: tuple(c for c in _union(unsure, role) if c not in unions[role]) for role in Role}
    return Origin(
        tuple(ancestors),
        unions[Role.INCORPORATED],
        unions[Role.ENGINEERING],
        unions[Role.CONTROLLED],
        possible=Countries(more[Role.INCORPORATED], more[Role.ENGINEERING], more[Role.CONTROLLED]),
        factors=tuple(_brought(counted, known)),
        findings=tuple(undisclosed(chain, ancestors, routes)),
        unknown=tuple(a.model for a in ancestors if not a.developer_id),
    )


def counts(route: Route | None) -> bool:
    """Whether what an ancestor brings is part of the unions: the subject itself, or weights by a settled way."""
    return route is None or (route.standing.established and route.weights)


def _with_routes(
    ancestors: Iterable[AncestorOrigin], routes: Mapping[str, Route]
) -> Iterator[tuple[AncestorOrigin, Route | None]]:
    for ancestor in ancestors:
        yield ancestor, routes.get(ancestor.model) if ancestor.route else None


def _origin(node: Node, route: Route | None, known: Mapping[str, Developer]) -> AncestorOrigin:
    developer = known.get(node.developer)
    ties = tuple(_ties(developer)) if developer is not None else ()
    said = _apart(developer, ties) if developer is not None else ""
    edges = route.edges if route is not None else ()
    return AncestorOrigin(
        node.name,
        developer.name if developer is not None else "",
        developer.id if developer is not None else "",
        ties,
        (*(edge.parent for edge in reversed(edges)), edges[0].child) if edges else (),
        tuple(edge.kind.value for edge in reversed(edges)),
        route.standing if route is not None else None,
        route.disclosed if route is not None else True,
        route.component if route is not None else "",
        sentences((said, *(s for edge in edges for s in edge.evidence[:3]))),
    )


def _ties(developer: Developer) -> Iterator[Tie]:
    for role, seats in zip(
        Role, (developer.incorporated_in, developer.engineering_in, developer.controlled_from), strict=True
    ):
        for seat in seats:
            basis = seat.basis
            yield Tie(seat.country, role, seat.entity, seat.note, basis.sources, basis.as_of, basis.confidence.value)


def _apart(developer: Developer, ties: tuple[Tie, ...]) -> str:
    """One sentence where the three answers are not the same, "" where they are or one is not known."""
    by_role = {role: {t.country for t in ties if t.role is role and retrieved(t)} for role in Role}
    told = {role: countries for role, countries in by_role.items() if countries}
    if len({frozenset(countries) for countries in told.values()}) < 2:
        return ""
    parts = [_KNOWN_AS[role].format(name=developer.name, countries=in_words(c)) for role, c in told.items()]
    sentence = "; ".join(parts)
    return (sentence if Role.INCORPORATED in told else f"{developer.name}: {sentence}") + "."


def retrieved(tie: Tie) -> bool:
    """Whether a tie was read somewhere."""
    return Confidence(tie.confidence).retrieved


def _union(ancestors: Iterable[AncestorOrigin], role: Role) -> tuple[str, ...]:
    return tuple(sorted({t.country for a in ancestors for t in a.ties if t.role is role and retrieved(t)}))


def _brought(ancestors: Iterable[AncestorOrigin], known: Mapping[str, Developer]) -> Iterator[BroughtFactor]:
    """Factors that concern a developer by name, or by a country where it has a retrieved seat."""
    own = {a.developer_id: a for a in ancestors if a.developer_id}
    for factor in factors().values():
        names = [a.developer for d, a in own.items() if _concerns(factor, known[d], a)]
        if names:
            yield BroughtFactor(
                factor.id,
                factor.title,
                factor.text,
                tuple(names),
                factor.basis.sources,
                factor.basis.confidence.value,
                factor.not_decided,
            )


def _concerns(factor: Factor, developer: Developer, ancestor: AncestorOrigin) -> bool:
    seats = {t.country for t in ancestor.ties if retrieved(t)}
    return factor.id in developer.factors or bool(seats & set(factor.countries))
