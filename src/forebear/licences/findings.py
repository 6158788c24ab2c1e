"""What a reader has to act on: duties and conflicts as findings of the registry, one for each licence and ancestor.

Facts that nobody retrieved raise no more than a note. Missing notices are a warning on somebody else's model and an
error on a release of one's own: of the models on hubs, most lack them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from forebear.catalogue import raise_finding
from forebear.catalogue.facts import Confidence
from forebear.catalogue.licences import DutyKind, title_of
from forebear.licences.answer import Conflict, Duty, DutyStatus
from forebear.licences.limits import KINDS, RELICENSING, TERRITORY, USES
from forebear.licences.organisation import Organisation
from forebear.types import Finding, Level

NOTICES = frozenset({DutyKind.INCLUDE_LICENCE.value, DutyKind.RETAIN_COPYRIGHT.value, DutyKind.NOTICE_FILE.value})
"""Duties whose absence is a missing notice."""
OF_THE_FILES = frozenset(
    {*NOTICES, *(k.value for k in (DutyKind.STATE_CHANGES, DutyKind.USE_POLICY, DutyKind.NAME_PREFIX))}
    | {DutyKind.DISPLAY_DOCS.value, DutyKind.PUBLIC_STATEMENT.value, DutyKind.SOURCE.value}
)
"""Duties of whoever publishes the model; all others are of whoever uses it. That of the source is of both, and open
for whatever reason as long as nobody says what the source of weights is: no more than a note."""


def findings_of(
    duties: tuple[Duty, ...], conflicts: tuple[Conflict, ...], organisation: Organisation | None
) -> tuple[Finding, ...]:
    """The findings of an analysis, gravest first."""
    own = bool(organisation and (organisation.own_release or organisation.distributes))
    found = [*_unmet(duties, own, bool(organisation and organisation.own_release)), *_relabelled(conflicts)]
    found += _conditional(duties)
    return tuple(sorted(found, key=lambda f: -f.level.rank))


def _unmet(duties: tuple[Duty, ...], own: bool, own_release: bool) -> Iterator[Finding]:
    unmet = [d for d in duties if d.status is DutyStatus.UNMET]
    for group in _grouped(unmet, lambda d: d.kind in NOTICES):
        yield _about(group, "licence-notice-missing", Level.ERROR if own_release else Level.WARNING)
    for group in _grouped(unmet, lambda d: d.kind == TERRITORY):
        yield _about(group, "territory-excluded", Level.ERROR)
    for group in _grouped(unmet, lambda d: d.kind in USES):
        yield _about(group, "use-restricted", Level.WARNING)
    rest = OF_THE_FILES - NOTICES
    for group in _grouped(unmet, lambda d: d.kind in rest):
        yield _about(group, "licence-duty-unmet", Level.ERROR if own else Level.WARNING)
    beside = OF_THE_FILES | {*KINDS}
    for group in _grouped(unmet, lambda d: d.kind not in beside):
        yield _about(group, "licence-duty-unmet", Level.ERROR)


def _conditional(duties: tuple[Duty, ...]) -> Iterator[Finding]:
    """What depends on facts: a warning where they are the reader's own and the descent is established, else a note."""
    open_ones = [d for d in duties if d.status is DutyStatus.CONDITIONAL]
    asked = [d for d in open_ones if d.kind not in OF_THE_FILES and d.standing.established]
    asked = [d for d in asked if d.kind not in (RELICENSING, *USES)]
    for group in _grouped(asked, lambda d: True):
        yield _about(group, "licence-duty-conditional", Level.WARNING)
    limits = [d for d in open_ones if d.kind in USES]
    for group in _grouped(limits, lambda d: True):
        yield _about(group, "use-restricted", Level.NOTE)
    rest = [d for d in open_ones if d not in asked and d not in limits]
    for group in _grouped(rest, lambda d: True):
        yield _about(group, "licence-duty-conditional", Level.NOTE)


def _relabelled(conflicts: tuple[Conflict, ...]) -> Iterator[Finding]:
    """A label over an ancestor's licence; other conflicts are told among the conflicts."""
    for conflict in conflicts:
        if conflict.kind != "relabelled":
            continue
        level = Level.WARNING if conflict.standing.established else Level.NOTE
        yield raise_finding("licence-relabelled", conflict.why, conflict.between, level)


def _about(group: tuple[Duty, ...], identifier: str, level: Level) -> Finding:
    """One finding about duties of one licence and one ancestor."""
    first = group[0]
    named = Confidence(first.confidence).retrieved if first.confidence else False
    whose = f"{title_of(first.licence)} of {first.ancestor}" + (
        f", for its {first.component}" if first.component else ""
    )
    message = f"{whose}: {' '.join(dict.fromkeys(d.why for d in group))}"
    depends = tuple(dict.fromkeys(on for d in group for on in d.on))
    if depends:
        message += f" It depends on {_listed(depends)}."
    evidence = tuple(dict.fromkeys(e for d in group for e in (*d.evidence, *_cited(d))))
    clears = " ".join(dict.fromkeys(d.clears for d in group if d.clears))
    return raise_finding(identifier, message, evidence[:20], level if named else Level.NOTE, clears or None)


def _cited(duty: Duty) -> Iterator[str]:
    if duty.clause:
        yield f"{title_of(duty.licence)}, clause {duty.clause}"
    for source in duty.sources:
        yield f"source: {source}"


def _listed(items: tuple[str, ...], most: int = 4) -> str:
    shown = "; ".join(items[:most])
    return f"{shown}; and {len(items) - most} more" if len(items) > most else shown


def _grouped(duties: Iterable[Duty], wanted: Callable[[Duty], bool]) -> list[tuple[Duty, ...]]:
    """The wanted duties by licence, ancestor and component, in their order."""
    groups: dict[tuple[str, str, str], list[Duty]] = {}
    for duty in duties:
        if wanted(duty):
            groups.setdefault((duty.licence, duty.ancestor, duty.component), []).append(duty)
    return [tuple(group) for group in groups.values()]
