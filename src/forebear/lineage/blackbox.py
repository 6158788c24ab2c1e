"""What follows from evidence that no weights gave: token counts, identifiers, behaviour. Never more than *probable*.

A tokenizer is shared by many models, so that it fits supports nobody in particular. That another one fits contradicts a
claim, as long as the counts are the model's own and not a gateway's; that none fits does not, for whatever alters texts
or counts on the way has that effect. A name that a server sends is somebody's word. Agreement in behaviour is what good
models have in common too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from forebear.catalogue.names import ModelName, decode
from forebear.lineage.blackbox_tokenizer import by_tokenizer, counts_are_own, excluded
from forebear.lineage.blackbox_types import Candidate, Counted, Judged, Outcome, Said, Shown, Vocabulary
from forebear.signals.agreement import Agreement
from forebear.types import Claim

__all__ = ["SIGNIFICANT", "Candidate", "Counted", "Judged", "Outcome", "Said", "Shown", "Vocabulary", "judge"]

SIGNIFICANT = math.log10(0.01)
"""Of behaviour, corrected for the number of candidates."""
CONTROLS = 3
"""Enrolled models beside the candidate, at least: a single weak control is beaten by anybody."""
SAME = 0.9
"""Share of texts that have to be continued alike for a claim to be confirmed; a child of the model reaches less."""


def judge(claims: Sequence[tuple[str, str]], shown: Shown, vocabularies: Mapping[str, Vocabulary]) -> Judged:
    """Claims held against what was found out.

    Args:
        claims: a model's name and who says so, the weightiest first.
        shown: the findings.
        vocabularies: by name, all that were tested.
    """
    judged = [_claim(name, source, shown, vocabularies) for name, source in claims]
    outcome, why = (judged[0][1], judged[0][0].why) if judged else (Outcome.INCONCLUSIVE, "nothing was claimed")
    return Judged(outcome, why, tuple(claim for claim, _ in judged), _candidates(shown, vocabularies))


def _claim(name: str, source: str, shown: Shown, vocabularies: Mapping[str, Vocabulary]) -> tuple[Claim, Outcome]:
    """A claim with what became of it: first by the tokenizer, then by behaviour, which can only make it more doubtful.

    Confirmed is a claim only where the endpoint continues nearly all texts as the enrolled model of that name does.
    """
    outcome, why = by_tokenizer(name, shown.counted, vocabularies)
    status = "contradicted" if outcome is Outcome.CONTRADICTED else "unverified"
    own = _agreement_with(name, shown.behaviour)
    best = next((a for a in shown.behaviour if _significant(a)), None)
    if best is not None and own is not None and best is not own and not _significant(own):
        why = f"it continues texts as {best.candidate} does and not as {own.candidate}; {why}"
        outcome = Outcome.INCONCLUSIVE if outcome is Outcome.CONSISTENT else outcome
    elif own is not None and _significant(own) and own.agreed >= SAME * own.prompts:
        why = f"it continues {own.agreed} of {own.prompts} texts as {own.candidate} does, beyond all controls; {why}"
        if outcome is not Outcome.CONTRADICTED:
            outcome, status = Outcome.CONSISTENT, "confirmed"
    if shown.equality is not None and shown.equality.log10_p <= SIGNIFICANT:
        p = 10**shown.equality.log10_p
        why = f"its answers are not from the trusted endpoint's distribution (p = {p:.2g}); {why}"
        if outcome is Outcome.CONSISTENT:
            outcome, status = Outcome.INCONCLUSIVE, "unverified"
    return Claim(f"it serves {name}", source, status, why), outcome


def _significant(agreement: Agreement) -> bool:
    enough = len(agreement.controls) >= CONTROLS
    return enough and agreement.adjusted is not None and agreement.adjusted <= SIGNIFICANT


def _agreement_with(name: str, behaviour: Sequence[Agreement]) -> Agreement | None:
    """The agreement with the enrolled model of that name."""
    plain = name.casefold().rpartition("/")[2]
    return next((a for a in behaviour if a.candidate.casefold().rpartition("/")[2] == plain), None)


def _candidates(shown: Shown, vocabularies: Mapping[str, Vocabulary]) -> tuple[Candidate, ...]:
    """Every line of models for which something speaks and nothing against."""
    votes: dict[tuple[str, str | None], _Votes] = {}

    def vote(text: str, signal: str, why: str, name: ModelName | None = None) -> None:
        name = name or decode(text, named=True)
        known = name is not None and name.family is not None
        key = (name.family or text, name.version) if known and name is not None else (text, None)
        entry = votes.setdefault(key, _Votes(name.developer if name is not None else None, known))
        if signal not in entry.signals:
            entry.signals.append(signal)
            entry.whys.append(why)

    counted = shown.counted
    believed = counted is not None and counts_are_own(counted, vocabularies)
    for match in counted.matches if counted is not None and believed else ():
        for model in vocabularies[match].models if match in vocabularies else ():
            vote(model, "token-counts/1", f"its tokenizer counts as the endpoint does ({match})")
    for said in shown.said:
        if said.name.family is not None:
            vote(said.name.identifier, "identifier", f"the server names it ({said.where})", said.name)
    for agreement in shown.behaviour:
        if _significant(agreement):
            vote(agreement.candidate, "agreement/1", "it continues texts alike, beyond all controls")
    kept = [
        (key, entry)
        for key, entry in votes.items()
        if not (
            believed
            and counted is not None
            and "agreement/1" not in entry.signals
            and excluded(key, counted, vocabularies)
        )
    ]
    order = sorted(kept, key=lambda item: (-item[1].weight, item[0][0], item[0][1] or ""))
    return tuple(_candidate(key, entry) for key, entry in order)


@dataclass
class _Votes:
    developer: str | None
    known: bool
    signals: list[str] = field(default_factory=list)
    whys: list[str] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """By which candidates are ordered: a tokenizer alone is the least, for many share it."""
        return sum(1 if signal.startswith("token-counts") else 2 for signal in self.signals)


def _candidate(key: tuple[str, str | None], entry: _Votes) -> Candidate:
    grade = "probable" if len(entry.signals) > 1 else "possible"
    family, version = key if entry.known else (None, None)
    name = " ".join(filter(None, key))
    return Candidate(name, family, version, entry.developer, grade, "; ".join(entry.whys), tuple(entry.signals))
