"""Which licences bear on a model, and how: its own, and those along every route from an ancestor.

A *ground* is a licence together with how it comes to bear on the model.

Of several routes to one ancestor the strongest counts: one along which weights came before one along which only
outputs did, then the one with the highest standing. Code or shape alone brings no duty of a licence on weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from forebear.catalogue.developers import Developer, PublishedModel
from forebear.catalogue.licences import KnownLicence, Permission
from forebear.licences.answer import Inherited
from forebear.licences.papers import Papers
from forebear.lineage.chain import Chain, EdgeKind, Node, Route, Standing

_RICH = ("multimodal", "vision", "vlm", "omni", "audio", "image", "video")


@dataclass(frozen=True)
class Ground:
    """A licence that bears on the model.

    Attributes:
        licence: which.
        ancestor: whose it is; the subject's own name where it is its own.
        standing: of the route; of the statement where it is the subject's own.
        own: it is the subject's own.
        weights: weights came along the route; else only outputs of the ancestor did.
        kinds: edges along the route.
        component: the part of the subject that it concerns, "" for the whole.
        undecided: models among which the ancestor's name does not decide, and which differ in this licence.
        revision_known: the licence of the ancestor's very revision is known.
        makers: names of the ancestor's developer and of the licensor, as copyright lines may have them.
        multimodal: whether the ancestor takes more than text; None where that is not known.
        papers: the ancestor's own, None where they cannot be read here.
        line: the subject also has weights of this licence's line.
        stated_own: the subject's name has an account of the ancestor's developer in it, and no catalogue knows it.
        contested: the licence file that is this licence, where the model's labels say another one; "" elsewhere.
    """

    licence: KnownLicence
    ancestor: str
    standing: Standing
    own: bool = False
    weights: bool = True
    kinds: tuple[EdgeKind, ...] = ()
    component: str = ""
    undecided: tuple[str, ...] = ()
    revision_known: bool = False
    makers: tuple[str, ...] = ()
    multimodal: bool | None = None
    papers: Papers | None = None
    line: bool = False
    stated_own: bool = False
    contested: str = ""

    @property
    def whose(self) -> str:
        """``the licence of X (Llama 3.1 Community License)``."""
        return f"{self.licence.name} of {self.ancestor}"


@dataclass(frozen=True)
class Facts:
    """The catalogue, as grounds need it.

    Attributes:
        licences, models, developers: by identifier, name, identifier.
    """

    licences: Mapping[str, KnownLicence] = field(default_factory=dict)
    models: Mapping[str, PublishedModel] = field(default_factory=dict)
    developers: Mapping[str, Developer] = field(default_factory=dict)


def routes_of(chain: Chain) -> tuple[Route, ...]:
    """The route that counts for every ancestor and component, in the order of the chain."""
    best: dict[tuple[str, str], Route] = {}
    for route in chain.routes():
        if any(edge.kind is EdgeKind.ARCHITECTURE for edge in route.edges):
            continue
        key = (route.ancestor.name, route.component)
        if key not in best or _strength(route) > _strength(best[key]):
            best[key] = route
    return tuple(best.values())


def inherited(chain: Chain, facts: Facts) -> tuple[Inherited, ...]:
    """Every licence that an ancestor brings, one that is not known included."""
    out = []
    for route in routes_of(chain):
        names = (*(edge.parent for edge in reversed(route.edges)), chain.subject.name)
        kinds = tuple(edge.kind.value for edge in route.edges)
        for licence_id in route.ancestor.licences or (None,):
            licence = facts.licences.get(licence_id or "")
            basis = licence.basis if licence else None
            out.append(
                Inherited(
                    route.ancestor.name,
                    licence_id,
                    names,
                    kinds,
                    route.standing,
                    route.component,
                    basis.sources if basis else (),
                    basis.confidence.value if basis else "",
                    _said_by(route.ancestor, facts) if licence_id else "",
                )
            )
    return tuple(out)


def _said_by(node: Node, facts: Facts) -> str:
    """Whose word the licences of an ancestor are: the catalogue's where it knows the model, else its own papers'."""
    return "catalogue" if any(name in facts.models for name in (node.model, *node.candidates)) else "papers"


def grounds(
    chain: Chain,
    own: tuple[KnownLicence, ...],
    papers: Mapping[str, Papers],
    facts: Facts,
    beside: Mapping[str, KnownLicence] | None = None,
) -> tuple[Ground, ...]:
    """Every ground: first the model's own licences, then those of its ancestors.

    Args:
        chain: of the model.
        own: its own licences.
        papers: those of ancestors that could be read, by name in the chain.
        facts: the catalogue.
        beside: licences that files of the model are, against what it declares, by file; those of ancestors are theirs.
    """
    subject = chain.subject
    others = ((licence, file) for file, licence in (beside or {}).items())
    mine = [
        Ground(
            licence,
            subject.name,
            Standing.DECLARED,
            own=True,
            makers=_makers(subject, licence, facts),
            multimodal=_multimodal(subject, facts),
            contested=file,
        )
        for licence, file in (*((licence, "") for licence in own), *others)
    ]
    routes = (route for route in routes_of(chain) if not _licensed_anew(route, chain, facts))
    theirs = [g for route in routes for g in _along(route, papers, facts, subject.name)]
    weighed = {g.licence.series or g.licence.id for g in theirs if g.weights and g.standing.established}
    kept = {g.licence.id for g in theirs}  # an ancestor's text that was kept is no text of the model's own
    mine = [g for g in mine if not (g.contested and g.licence.id in kept)]
    return (*mine, *(replace(g, line=(g.licence.series or g.licence.id) in weighed) for g in theirs))


def _licensed_anew(route: Route, chain: Chain, facts: Facts) -> bool:
    """Whether the ancestor's own maker offers a later model of the route under terms of its own, by the catalogue.

    Who owns both may license the later one as it likes: Kimi K2.5 asks for "Kimi K2.5" and no longer for "Kimi K2".
    """
    first = facts.models.get(route.ancestor.model)
    later = (chain.node(edge.parent) for edge in route.edges[:-1])
    models = ((facts.models.get(node.model), node.licences) for node in later)
    return first is not None and any(m and m.developer == first.developer and own for m, own in models)


def _along(route: Route, papers: Mapping[str, Papers], facts: Facts, subject: str) -> Iterator[Ground]:
    """The grounds of one route."""
    node = route.ancestor
    for licence in (facts.licences[i] for i in node.licences if i in facts.licences):
        yield Ground(
            licence,
            node.name,
            route.standing,
            weights=route.weights,
            kinds=tuple(edge.kind for edge in route.edges),
            component=route.component,
            undecided=_undecided(node, licence, facts),
            revision_known=_revision_known(node, licence, facts),
            makers=_makers(node, licence, facts),
            multimodal=_multimodal(node, facts),
            papers=papers.get(node.name),
            stated_own=_in_account(subject, facts.developers.get(node.developer)),
        )


def _in_account(name: str, developer: Developer | None) -> bool:
    """Whether a name is that of a repository in an account of a developer."""
    account, slash, _ = name.lower().rpartition("/")
    return bool(slash) and developer is not None and account in {a.lower() for a in developer.hub_accounts}


def reaches_students(licence: KnownLicence) -> bool | None:
    """Whether a licence's duties reach a model that was trained on outputs; None where that is unclear and matters."""
    if licence.outputs_are_derivatives is not None:
        return licence.outputs_are_derivatives
    return False if licence.permissive or licence.outputs is Permission.YES else None


def _strength(route: Route) -> tuple[bool, int, int]:
    return route.weights, route.standing.rank, -len(route.edges)


def _undecided(node: Node, licence: KnownLicence, facts: Facts) -> tuple[str, ...]:
    """The models among which a name does not decide, unless all of them have this licence now."""
    models = [facts.models[name] for name in node.candidates if name in facts.models]
    if node.model or len(node.candidates) < 2:
        return ()
    same = len(models) == len(node.candidates) and all(
        m.licences and m.licences[-1].licence == licence.id for m in models
    )
    return () if same else node.candidates[:6]


def _revision_known(node: Node, licence: KnownLicence, facts: Facts) -> bool:
    model = facts.models.get(node.model)
    stated = model.licences if model else ()
    return bool(node.revision) and any(
        at.licence == licence.id and at.revision and node.revision.startswith(at.revision) for at in stated
    )


def _makers(node: Node, licence: KnownLicence, facts: Facts) -> tuple[str, ...]:
    """Who may stand in a copyright line."""
    developer = facts.developers.get(node.developer)
    names = (developer.name, *developer.also, developer.id) if developer else ()
    return tuple(dict.fromkeys(n for n in (licence.licensor, *names) if n))


def _multimodal(node: Node, facts: Facts) -> bool | None:
    model = facts.models.get(node.model)
    if model is None or not model.architecture:
        return None
    return any(word in model.architecture.lower() for word in _RICH)


def binding(found: tuple[Ground, ...], chain: Chain, facts: Facts) -> tuple[Ground, ...]:
    """The grounds without those that bind their own licensor: a known model, made from an older one of its maker."""
    subject = facts.models.get(chain.subject.model)
    makers = {n.name: facts.models[n.model].developer for n in chain.nodes if n.model in facts.models}
    if subject is None or not chain.subject.licences:
        return found
    return tuple(g for g in found if g.own or makers.get(g.ancestor) != subject.developer)
