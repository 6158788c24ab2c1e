"""What follows from evidence that no weights gave: token counts, identifiers, behaviour. Never more than *probable*.

A tokenizer is shared by many models, so that it fits supports nobody in particular. That another one fits contradicts a
claim, as long as the counts are the model's own and not a gateway's; that none fits does not, for whatever alters texts
or counts on the way has that effect. A name that a server sends is somebody's word. Agreement in behaviour is what good
models have in common too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from forebear.catalogue.names import ModelName, decode
from forebear.signals.agreement import Agreement
from forebear.signals.equality import Equality
from forebear.types import Claim

SIGNIFICANT = math.log10(0.01)
"""Of behaviour, corrected for the number of candidates."""


class Outcome(StrEnum):
    """What is concluded about an endpoint and what it claims to serve."""

    CONSISTENT = "consistent"
    CONTRADICTED = "contradicted"
    UNKNOWN = "unknown"
    INCONCLUSIVE = "inconclusive"

    @property
    def expect_exit(self) -> int:
        """Exit code under ``--expect``: 0 met, 1 contradicted, 3 not settled."""
        return {Outcome.CONSISTENT: 0, Outcome.CONTRADICTED: 1}.get(self, 3)


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer of the catalogue or of the user's, as far as conclusions need it.

    Attributes:
        name: of the tokenizer.
        models: base models that use it, by names that the grammar reads.
        gateway: whether gateways count with it, whatever model is behind them.
        estimate: whether it is no tokenizer, but a guess from the length of a text.
    """

    name: str
    models: tuple[str, ...] = ()
    gateway: bool = False
    estimate: bool = False


@dataclass(frozen=True)
class Counted:
    """What token counts have shown.

    Attributes:
        matches: tokenizers that are not rejected, likeliest first; of one class where ``settled``.
        settled: whether that is the answer; else it is only what was left when no more could be asked.
        related: where none fits, the tokenizers that most counts agree with.
        streamed: tokenizers that counts in a stream agree with, where these differ from those without; else None.
        swapped: the tokenizers before and behind a change during the run; None where nothing changed.
        misspelt: tokenizers of which strings of the answer's tokens are no tokens.
        engine: whether an answer that was cut off at n tokens was counted as n; None where that was not found out.
    """

    matches: tuple[str, ...] = ()
    settled: bool = False
    related: tuple[str, ...] = ()
    streamed: tuple[str, ...] | None = None
    swapped: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    engine: bool | None = None
    misspelt: tuple[str, ...] = ()

    @property
    def unknown(self) -> bool:
        """Whether every tokenizer is rejected, by counts that can be believed."""
        return self.settled and not self.matches and self.swapped is None


@dataclass(frozen=True)
class Said:
    """An identifier that the server sent and that was not ours: what it says, and where it stood."""

    name: ModelName
    where: str


@dataclass(frozen=True)
class Candidate:
    """A line of models that may be behind the endpoint.

    Attributes:
        name: family and version as the grammar writes them.
        family, version, developer: of it.
        grade: ``probable`` or ``possible``; nothing without weights is more.
        why: a sentence.
        signals: that support it.
    """

    name: str
    family: str
    version: str | None
    developer: str | None
    grade: str
    why: str
    signals: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """What is concluded.

    Attributes:
        outcome: the verdict, about the first claim.
        why: a sentence on it.
        claims: each with its status.
        candidates: the most probable first.
    """

    outcome: Outcome
    why: str
    claims: tuple[Claim, ...]
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Shown:
    """All that was found out about an endpoint.

    Attributes:
        counted: by token counts; None where there were none.
        said: identifiers from the server.
        behaviour: agreement with enrolled models.
        equality: with a trusted endpoint of the claimed model; None where there was none.
    """

    counted: Counted | None = None
    said: tuple[Said, ...] = ()
    behaviour: tuple[Agreement, ...] = ()
    equality: Equality | None = None


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
    claimed = decode(name, named=True)
    text = f"it serves {name}"
    if claimed is None or claimed.family is None:
        outcome, why = _nobody(shown)
        return Claim(text, source, "unverified", f"the name says no known family; {why}"), outcome
    outcome, why = _tokenizer(claimed, shown.counted, vocabularies)
    if shown.equality is not None and shown.equality.log10_p <= SIGNIFICANT and outcome is not Outcome.CONTRADICTED:
        p = 10**shown.equality.log10_p
        why = f"its answers are not from the distribution of the trusted endpoint's (p = {p:.2g}); {why}"
        outcome = Outcome.CONTRADICTED
    status = "contradicted" if outcome is Outcome.CONTRADICTED else "unverified"
    if outcome is Outcome.CONSISTENT and _nearest(claimed, shown):
        status, why = "confirmed", f"{why}, and it answers more like that model than like any control"
    return Claim(text, source, status, why), outcome


def _nobody(shown: Shown) -> tuple[Outcome, str]:
    """The outcome where a claim names no known family."""
    counted = shown.counted
    if counted is not None and counted.unknown:
        return Outcome.UNKNOWN, "none of the tokenizers tested fits the token counts"
    return Outcome.INCONCLUSIVE, "so nothing can be held against it"


def expected(claimed: ModelName, vocabularies: Iterable[Vocabulary]) -> tuple[frozenset[str], bool]:
    """The tokenizers that a claimed model may have, and whether they are those of its version and not of its family.

    Of a line of which none is known they are those of the model that it is known to come from.
    """
    family: set[str] = set()
    version: set[str] = set()
    known = tuple(vocabularies)
    for vocabulary in known:
        for model in vocabulary.models:
            member = decode(model, named=True)
            if member is None or member.family != claimed.family:
                continue
            family.add(vocabulary.name)
            if member.version is not None and member.version == claimed.version:
                version.add(vocabulary.name)
    if not family and claimed.base and (base := decode(claimed.base, named=True)) and base.family != claimed.family:
        return expected(base, known)[0], False
    return (frozenset(version), True) if version else (frozenset(family), False)


def _tokenizer(
    claimed: ModelName, counted: Counted | None, vocabularies: Mapping[str, Vocabulary]
) -> tuple[Outcome, str]:
    """What the counts say of a claimed model."""
    wanted, exact = expected(claimed, vocabularies.values())
    who = " ".join(filter(None, (claimed.family, claimed.version)))
    who += f" (which comes from {claimed.base})" if claimed.base else ""
    if counted is None:
        return Outcome.INCONCLUSIVE, "the endpoint reports no token counts that can be used"
    if counted.swapped is not None:
        return Outcome.INCONCLUSIVE, "the token counts changed during the run: it is not one model all the time"
    if not counted.settled:
        return Outcome.INCONCLUSIVE, "too few token counts to tell its tokenizer"
    if not wanted:
        why = f"no tokenizer of {who} is known here" + ("" if counted.matches else "; none of those known fits")
        return (Outcome.INCONCLUSIVE if counted.matches else Outcome.UNKNOWN), why
    fits = f"the token counts are those of {_listed(counted.matches)}"
    if wanted & set(counted.matches) - set(counted.misspelt):
        shared = "" if len(counted.matches) == 1 else ", which count alike"
        return Outcome.CONSISTENT, f"{fits}{shared}: a tokenizer of {who}, and perhaps of others"
    if doubt := _not_its_own(counted, wanted, vocabularies):
        return Outcome.INCONCLUSIVE, doubt
    if not counted.matches:
        near = f"; most agree with {_listed(counted.related)}" if counted.related else ""
        return Outcome.UNKNOWN, f"the token counts fit no known tokenizer, also not that of {who}{near}"
    if not exact:
        return Outcome.INCONCLUSIVE, f"{fits}, none of {claimed.family}; that of {who} itself is not known here"
    return Outcome.CONTRADICTED, f"{fits}, and exclude the tokenizer of {who}"


def _not_its_own(counted: Counted, wanted: frozenset[str], vocabularies: Mapping[str, Vocabulary]) -> str:
    """Why counts that contradict a claim may be a gateway's; empty where nothing speaks for that."""
    if counted.streamed is not None and not _passed_on(counted, vocabularies):
        also = wanted & set(counted.streamed)
        told = "in a stream they are those of the claimed model" if also else "in a stream they are others"
        return f"the token counts are those of {_listed(counted.matches) or 'no known tokenizer'}, but {told}"
    if any(name in vocabularies and vocabularies[name].estimate for name in counted.matches):
        return f"the token counts are no tokenizer's, but estimates by length ({_listed(counted.matches)})"
    if counted.matches and set(counted.matches) <= set(counted.misspelt):
        return (
            f"the token counts are those of {_listed(counted.matches)}, but the tokens of an answer are not in its "
            "vocabulary: somebody else counts"
        )
    if not counted.matches or counted.engine:
        return ""
    if _as_gateways(counted.matches, vocabularies):
        return (
            f"the token counts are those of {_listed(counted.matches)}, with which gateways count for models that they "
            "do not know; nothing shows that the model itself counted"
        )
    if counted.engine is False:
        return (
            f"the token counts are those of {_listed(counted.matches)}, but an answer that was cut off by length was "
            "counted otherwise: not the model counts here"
        )
    return ""


def _passed_on(counted: Counted, vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether a gateway recounts streams only: those are counted as gateways do, the others as none does."""
    gateways = _as_gateways(counted.streamed or (), vocabularies)
    return gateways and bool(counted.matches) and not _as_gateways(counted.matches, vocabularies)


def _as_gateways(names: Sequence[str], vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether gateways count as these do."""
    return bool(names) and all(name in vocabularies and vocabularies[name].gateway for name in names)


def _nearest(claimed: ModelName, shown: Shown) -> bool:
    """Whether an enrolled model of the claimed family is significantly nearer than every control."""
    for agreement in shown.behaviour:
        candidate = decode(agreement.candidate, named=True)
        if candidate and candidate.family == claimed.family and candidate.version == claimed.version:
            return agreement.adjusted is not None and agreement.adjusted <= SIGNIFICANT
    return False


def _candidates(shown: Shown, vocabularies: Mapping[str, Vocabulary]) -> tuple[Candidate, ...]:
    """Every line of models for which something speaks and nothing against."""
    votes: dict[tuple[str, str | None], _Votes] = {}

    def vote(name: ModelName | None, signal: str, why: str) -> None:
        if name is not None and name.family is not None:
            entry = votes.setdefault((name.family, name.version), _Votes(name.developer))
            if signal not in entry.signals:
                entry.signals.append(signal)
                entry.whys.append(why)

    counted = shown.counted
    believed = counted is not None and counted.settled and counted.swapped is None
    if counted is not None and counted.matches:
        believed = believed and not set(counted.matches) <= set(counted.misspelt)
    if counted is not None and counted.streamed is not None:
        believed = believed and _passed_on(counted, vocabularies)
    for match in counted.matches if counted is not None and believed else ():
        for model in vocabularies[match].models if match in vocabularies else ():
            vote(decode(model, named=True), "token-counts/1", f"its tokenizer counts as the endpoint does ({match})")
    for said in shown.said:
        vote(said.name, "identifier", f"the server names it ({said.where})")
    for agreement in shown.behaviour:
        if agreement.adjusted is not None and agreement.adjusted <= SIGNIFICANT:
            vote(
                decode(agreement.candidate, named=True), "agreement/1", "it continues texts alike, beyond all controls"
            )
    kept = [
        (key, entry)
        for key, entry in votes.items()
        if not (believed and counted is not None and _excluded(key, counted, vocabularies))
    ]
    order = sorted(kept, key=lambda item: (-len(item[1].signals), item[0][0], item[0][1] or ""))
    return tuple(_candidate(key, entry) for key, entry in order)


@dataclass
class _Votes:
    developer: str | None
    signals: list[str] = field(default_factory=list)
    whys: list[str] = field(default_factory=list)


def _candidate(key: tuple[str, str | None], entry: _Votes) -> Candidate:
    family, version = key
    grade = "probable" if len(entry.signals) > 1 else "possible"
    why = "; ".join(entry.whys)
    return Candidate(" ".join(filter(None, key)), family, version, entry.developer, grade, why, tuple(entry.signals))


def _excluded(key: tuple[str, str | None], counted: Counted, vocabularies: Mapping[str, Vocabulary]) -> bool:
    """Whether the counts exclude a line whose tokenizer is known."""
    wanted, exact = expected(ModelName("", family=key[0], version=key[1]), vocabularies.values())
    return exact and not wanted & set(counted.matches)


def _listed(names: Sequence[str], most: int = 4) -> str:
    """Names in words, the first few."""
    shown = list(names[:most])
    more = len(names) - len(shown)
    if more:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 2 else shown)
