"""The values of black-box conclusions: what was found out about an endpoint, and what is concluded."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from forebear.catalogue.names import ModelName
from forebear.signals.agreement import Agreement
from forebear.signals.equality import Equality
from forebear.types import Claim


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
        sourced: those of them for which a file that was read says so.
        digest: of its tokens and ids; tokenizers of one digest cut one vocabulary in different ways.
        gateway: whether gateways count with it, whatever model is behind them.
        estimate: whether it is no tokenizer, but a guess from the length of a text.
    """

    name: str
    models: tuple[str, ...] = ()
    sourced: frozenset[str] = frozenset()
    digest: str = ""
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
        spelt: tokenizers of which all strings that could be looked up may be tokens, where there were enough.
        engine: whether an answer that was cut off at n tokens was counted as n; None where that was not found out.
        doubt: a clause that says why nothing may be contradicted by them, though nothing else speaks against it.
    """

    matches: tuple[str, ...] = ()
    settled: bool = False
    related: tuple[str, ...] = ()
    streamed: tuple[str, ...] | None = None
    swapped: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    engine: bool | None = None
    misspelt: tuple[str, ...] = ()
    spelt: tuple[str, ...] = ()
    doubt: str = ""

    @property
    def unknown(self) -> bool:
        """Whether every tokenizer is rejected, by counts that can be believed."""
        return self.settled and not self.matches and self.swapped is None


@dataclass(frozen=True)
class Said:
    """An identifier that the server gave as what answers, in a field or a header, and that was not ours."""

    name: ModelName
    where: str


@dataclass(frozen=True)
class Candidate:
    """A line of models that may be behind the endpoint.

    Attributes:
        name: family and version as the grammar writes them, or the name of an enrolled model of no known family.
        family, version, developer: of it, where known.
        grade: ``probable`` or ``possible``; nothing without weights is more.
        why: a sentence.
        signals: that support it.
    """

    name: str
    family: str | None
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
