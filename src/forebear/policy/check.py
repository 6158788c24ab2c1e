"""The decision: every rule asked about the input, waivers applied, and what it adds up to in one sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Any

from forebear.catalogue.countries import in_words
from forebear.catalogue.instruments import Instrument, instruments
from forebear.catalogue.licences import title_of
from forebear.errors import one_line
from forebear.policy.answer import Decision, PolicyAnswer, PolicyFinding, Severity, Waived, subject_line
from forebear.policy.evaluate import FALSE, Truth, evaluate, value_of
from forebear.policy.expression import paths_of
from forebear.policy.fields import ITEM, Field, field
from forebear.policy.firm import CAPPED, firm
from forebear.policy.load import FILLED
from forebear.policy.rules import Policy, Rule
from forebear.policy.unknown import listed
from forebear.policy.waivers import Waiver, apply
from forebear.types import counted

MOST_FINDINGS = 50
"""Findings of one rule that are listed."""
ANCESTRY = "ancestors"
"""Name of the finding that ancestors are not known, and of the list that is open then."""
ABOUT_ANCESTORS = (ANCESTRY, "duties", "conflicts")
ORDER = tuple(Severity)


@dataclass(frozen=True)
class Outcome:
    """What one rule says of the model or of one entry.

    Attributes:
        truth: whether it holds.
        item: the entry, None for the model.
        severity: the rule's, or less where it holds only with what is not firm.
    """

    truth: Truth
    item: Mapping[str, Any] | None
    severity: Severity


def outcomes(rule: Rule, given: Mapping[str, Any], solid: Mapping[str, Any] | None = None) -> tuple[Outcome, ...]:
    """What a rule says: one outcome for the model, or one for each entry of its list.

    Args:
        rule: which.
        given: the input.
        solid: what of it is firm for this rule, where the caller has it.
    """
    solid = solid if solid is not None else firm(given, rule.standing)
    if not rule.each:
        truth = evaluate(rule.when, given)
        return (Outcome(truth, None, _severity(rule, truth, evaluate(rule.when, solid))),)
    entries = given.get(rule.each)
    if entries is None:
        return (Outcome(Truth(None, (rule.each,)), None, rule.severity),)
    found = []
    for entry, kept in zip(entries, solid[rule.each], strict=True):
        truth = evaluate(rule.when, given, entry)
        certain = evaluate(rule.when, solid, kept) if kept is not None else FALSE
        found.append(Outcome(truth, entry, _severity(rule, truth, certain)))
    return tuple(found)


def _severity(rule: Rule, truth: Truth, certain: Truth) -> Severity:
    if truth.value is True and certain.value is not True:
        return CAPPED.get(rule.severity, rule.severity)
    return rule.severity


def verdict_on(rule: Rule, given: Mapping[str, Any]) -> bool | None:
    """Whether a rule holds of a model at all: for any entry, else unknown for any, else not."""
    values = {o.truth.value for o in outcomes(rule, given)}
    return True if True in values else None if None in values else False


def check(
    policy: Policy, given: Mapping[str, Any], waivers: Sequence[Waiver] = (), today: date | None = None
) -> PolicyAnswer:
    """Decide on a model.

    Args:
        policy: a policy with at least one rule.
        given: ``forebear.policy-input/1``.
        waivers: findings that somebody answers for.
        today: the day on which waivers have to be valid; None: today.
    """
    found: list[PolicyFinding] = []
    undecided: list[str] = []
    open_rules: list[Rule] = []
    solid = {least: firm(given, least) for least in {rule.standing for rule in policy.rules}}
    cited = instruments()
    for rule in policy.rules:
        own = outcomes(rule, given, solid[rule.standing])
        held = [o for o in own if o.truth.value is True]
        found += [_finding(rule, o, given, cited) for o in held]
        missing = tuple(dict.fromkeys(f for o in own if o.truth.value is None for f in o.truth.unknown))
        if missing and rule.severity in (Severity.ERROR, Severity.REVIEW):
            found.append(_unknown(rule, missing, [o for o in own if o.truth.value is None], cited))
        elif missing:
            undecided.append(f"{rule.id} ({rule.title}) is not decided, because this is not known: {listed(missing)}.")
        if not held and not missing and _about_ancestors(rule):
            open_rules.append(rule)
    if given.get("lineage_known") is not True and open_rules:
        found.append(_ancestry(open_rules))
    no_waivers = {r.id for r in policy.rules if not r.waivable}
    if any(not r.waivable for r in open_rules):
        no_waivers.add(ANCESTRY)  # else a waiver of what is not known would cover a rule that nobody can waive
    rules = {ANCESTRY, *(r.id for r in (*policy.rules, *policy.off))}
    kept, waived, said = apply([w for w in waivers if w.rule in rules], found, given["model"], no_waivers, today)
    said = (*said, *_stray(waivers, rules, policy))
    decision = decide(kept)
    kept = tuple(_listed(sorted(kept, key=_urgency)))
    asks = {r.id: r.asks for r in policy.rules}
    asked = dict.fromkeys(
        q for f in kept for q in asks.get(f.rule, ("Q-BASE", "Q-CHAIN") if f.rule == ANCESTRY else ())
    )
    return PolicyAnswer(
        given["model"]["name"], decision, reason(decision, kept, waived), policy.ref, kept, waived, given,
        (*said, *undecided), tuple(asked),
    )  # fmt: skip


def _stray(waivers: Sequence[Waiver], rules: AbstractSet[str], policy: Policy) -> Iterator[str]:
    """What is to be said about waivers of rules that the policy does not have; a slip would stay unseen."""
    for name in sorted({w.rule for w in waivers} - rules)[:20]:
        yield f"A waiver names {name}, which is no rule of {policy.ref.name}."


def decide(findings: Sequence[PolicyFinding]) -> Decision:
    """Deny where an error holds; inconclusive where a person has to decide or facts are missing; else pass."""
    if any(f.severity is Severity.ERROR and not f.unknown for f in findings):
        return Decision.DENY
    if any(f.severity in (Severity.ERROR, Severity.REVIEW) for f in findings):
        return Decision.INCONCLUSIVE
    return Decision.PASS


def _listed(findings: Sequence[PolicyFinding]) -> Iterator[PolicyFinding]:
    """The first findings of every rule; all of them have been decided on before."""
    seen: Counter[str] = Counter()
    for finding in findings:
        seen[finding.rule] += 1
        if seen[finding.rule] <= MOST_FINDINGS:
            yield finding


def _urgency(finding: PolicyFinding) -> float:
    """What denies, what a person decides, what is open, then the rest."""
    return 1.5 if finding.unknown else ORDER.index(finding.severity)


def _about_ancestors(rule: Rule) -> bool:
    """Whether an ancestor that nobody named could make a rule hold that matters."""
    matters = rule.severity in (Severity.ERROR, Severity.REVIEW)
    looked_at = {rule.each, *paths_of(rule.when)}
    return matters and not looked_at.isdisjoint(ABOUT_ANCESTORS)


def _ancestry(rules: Sequence[Rule]) -> PolicyFinding:
    listed = ", ".join(r.id for r in rules[:20]) + (" and others" if rules[20:] else "")
    return PolicyFinding(
        ANCESTRY,
        Severity.REVIEW,
        f"No ancestor is established and none is named, so that rules about ancestors are not decided: {listed}.",
        "Ancestors are not known",
        unknown=(ANCESTRY,),
        clears="A base model named by the vendor and borne out by evidence, or a scan of the weights.",
    )


def _finding(rule: Rule, outcome: Outcome, given: Mapping[str, Any], cited: Mapping[str, Instrument]) -> PolicyFinding:
    evidence = list(_evidence(rule, outcome))
    return PolicyFinding(
        rule.id,
        outcome.severity,
        filled(rule.message, rule.each, given, outcome.item),
        rule.title,
        _subject(outcome.item),
        (),
        tuple(evidence),
        rule.clears,
        _cites(rule, cited),
        rule.not_decided,
        rule.policy,
    )


def _unknown(
    rule: Rule, missing: tuple[str, ...], open_: Sequence[Outcome], cited: Mapping[str, Instrument]
) -> PolicyFinding:
    about = [name for o in open_ if (name := _subject(o.item))]
    of = f" of {', '.join(about[:5])}{' and others' if about[5:] else ''}" if about else ""
    return PolicyFinding(
        rule.id,
        rule.severity,
        f"Not decided, because this is not known{of}: {listed(missing)}.",
        rule.title,
        subject_line("; ".join(sorted(set(about)))),
        missing,
        (),
        rule.clears,
        _cites(rule, cited),
        rule.not_decided,
        rule.policy,
    )


def _evidence(rule: Rule, outcome: Outcome) -> Iterator[str]:
    item = outcome.item or {}
    if outcome.severity is not rule.severity:
        yield (
            f"Severity {outcome.severity.value} and not {rule.severity.value}: it rests on a descent that is not "
            "established, or on a fact that was not retrieved."
        )
    if item.get("standing"):
        yield f"Standing: {item['standing']}."
    if item.get("why"):
        yield str(item["why"])


def _subject(item: Mapping[str, Any] | None) -> str:
    """What an entry is about, in one word where it has one."""
    if item is None:
        return ""
    if item.get("ancestor"):  # a duty: of one ancestor there are many
        return subject_line(f"{item['ancestor']}: {item['kind']}")
    found = item.get("name") or item.get("claim") or item.get("kind") or item.get("id") or ""
    component = f" ({item['component']})" if item.get("component") else ""
    return subject_line(f"{found}{component}")


def _cites(rule: Rule, cited: Mapping[str, Instrument]) -> tuple[str, ...]:
    return tuple(f"{i.title} ({i.status})" if i.status else i.title for i in (cited[c] for c in rule.cites))


def filled(message: str, each: str, given: Mapping[str, Any], item: Mapping[str, Any] | None) -> str:
    """A message with its fields filled in, one line, without control characters."""

    def value(match: re.Match[str]) -> str:
        path = match[1]
        about = field(path, each)
        own = path.startswith(f"{ITEM}.")
        found = value_of(path.partition(".")[2] if own else path, (item or {}) if own else given)
        return _words(found, about)

    return one_line(FILLED.sub(value, message))


def _words(found: Any, about: Field) -> str:
    if found is None:
        return "not known"
    if isinstance(found, bool):
        return "yes" if found else "no"
    several = found[:10] if isinstance(found, list) else [found]
    if not several:
        return "none"
    if about.countries:
        return in_words(found if isinstance(found, list) else several)
    return ", ".join(_licence(str(x)) if about.licences else str(x) for x in several)


def _licence(said: str) -> str:
    """``mit``, or ``acme/base: mit``, by the licence's title."""
    whose, colon, identifier = said.rpartition(": ")
    return f"{whose}{colon}{title_of(identifier)}"


def reason(decision: Decision, findings: Sequence[PolicyFinding], waived: Sequence[Waived]) -> str:
    """A decision in one sentence."""
    covered = f" {len(waived)} finding{'s are' if len(waived) > 1 else ' is'} waived." if waived else ""
    if decision is Decision.DENY:
        ids = dict.fromkeys(f.rule for f in findings if f.severity is Severity.ERROR and not f.unknown)
        return f"{counted(len(ids), 'rule')} of severity error {_holds(len(ids))}: {', '.join(ids)}.{covered}"
    if decision is Decision.INCONCLUSIVE:
        human = dict.fromkeys(f.rule for f in findings if f.severity is Severity.REVIEW and not f.unknown)
        missing = dict.fromkeys(f.rule for f in findings if f.unknown)
        parts = [f"a person has to decide on {', '.join(human)}"] if human else []
        parts += [f"facts are missing for {', '.join(missing)}"] if missing else []
        said = " and ".join(parts)
        return f"{said[0].upper()}{said[1:]}.{covered}"
    return f"No rule that denies holds, and none is open.{covered}"


def _holds(n: int) -> str:
    return "hold" if n != 1 else "holds"
