"""Find out which model is behind an endpoint, as far as answers tell: controls, identifiers, tokenizer, behaviour."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from forebear.catalogue.token_strings import filters
from forebear.endpoints import (
    DISCOVERY_REQUESTS,
    Answer,
    Budget,
    Dialect,
    Exhausted,
    Live,
    Offer,
    Question,
    Replay,
    Spent,
    discover,
    tokenize,
)
from forebear.errors import InputError, UsageError
from forebear.index import Behaviour, BlackBoxIndex
from forebear.inspect.probe_behaviour import VERSION, behave, enrolled_controls, prompts
from forebear.inspect.probe_counts import Counts, count_tokens
from forebear.inspect.probe_equality import compared, sampled
from forebear.inspect.probe_names import names_in
from forebear.inspect.probe_plan import FEW, LENGTH, Settings, Trusted
from forebear.inspect.probe_result import Probe, counted_of, findings_of, tokenizer_part
from forebear.inspect.probe_tokenizers import count_table, vocabularies
from forebear.lineage.blackbox import Shown, judge
from forebear.signals.agreement import Agreement, Continuation
from forebear.signals.equality import Equality
from forebear.signals.token_counts import ALPHA
from forebear.signals.token_strings import string_fits
from forebear.types import Cost, Coverage, Untested, to_json

Step = Callable[[str], None]

NONCE = "forebear-no-such-model"
"""A name that no server has: what is asked for once, to see whether names are merely echoed."""
ALTERNATIVES = 5
"""For each token of that answer, where the endpoint tells them."""
STORY = "Tell a long story about a lighthouse in Thai, the next chapter in Hindi, then one in Korean. Begin at once."
"""In scripts that tokenizers cut differently: a gateway that counts the answer itself hardly arrives at as many."""


@dataclass
class _Run:
    """A probe under way; what was found before an error is kept."""

    transport: Live | Replay
    settings: Settings
    index: BlackBoxIndex
    step: Step
    enrolling: bool = False
    offer: Offer | None = None
    counts: Counts | None = None
    engine: bool | None = None
    strings: tuple[str, ...] = ()
    continuations: dict[str, Continuation] = field(default_factory=dict)
    behaviour: tuple[Agreement, ...] = ()
    equality: Equality | None = None
    trusted: Live | Replay | None = None
    trouble: str = ""
    problems: list[str] = field(default_factory=list)
    untested: list[Untested] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)

    def all(self) -> None:
        """Every step, as far as budget and endpoint allow."""
        for work in (self._controls, self._count, self._engine, self._behave, self._compare):
            try:
                work()
            except Exhausted as error:
                if self.offer is None:
                    raise
                self.untested.append(Untested("the rest", error.message))
                return
            except InputError as error:
                if self.offer is None:
                    raise
                self.problems.append(str(error))
                return

    def _controls(self) -> None:
        self.step("asking what it offers")
        requests = DISCOVERY_REQUESTS if self.settings.effort == "deep" else FEW
        self.offer = discover(self.transport, self.settings.model, requests)
        self.step("asking for a model that does not exist")
        self._ask(f"{NONCE}-{self.settings.seed}", "Hello")
        self.tested += ["a name that no server has", "identifiers in headers, bodies and errors"]

    def _count(self) -> None:
        if self.settings.effort == "quick":
            self.untested.append(Untested("the tokenizer", "the effort is quick"))
            return
        self.step("counting tokens")
        self._find_counters()
        table, texts = count_table(self.index)
        longest = table.counts.max(axis=0)
        self.counts = count_tokens(
            table,
            texts,
            self._tokens,
            affords=lambda probe: self.transport.affords(1, int(longest[probe]) + 1),
            alpha=self.settings.alpha,
        )
        why = f"{self.counts.stopped}{f' ({self.trouble})' if self.trouble else ''}"
        if self.counts.baseline is None:
            self.untested.append(Untested("the tokenizer", why))
            return
        self.tested.append("the tokenizer, by token counts")
        if self.counts.stopped:
            self.untested.append(Untested("the tokenizer to the end", why))
        self.untested += [Untested(what, self.trouble or "no counts came") for what in self.counts.unchecked]

    def _find_counters(self) -> None:
        """Where answers come without counts, look for a route that counts or cuts a text."""
        features = self.offer.features.get(self._dialect().name) if self.offer is not None else None
        if features is None or features.usage is not False or self.settings.effort == "deep":
            return
        self.offer = discover(self.transport, self.settings.model)

    def _tokens(self, text: str, stream: bool) -> int | None:
        if self.offer is not None and self.offer.counters and not self._told("usage"):
            said = tokenize(self.transport, self.offer, text) if not stream else None
            return len(said) if isinstance(said, tuple) else said
        answer = self._ask(self.settings.model, text, stream=stream)
        self.trouble = _cause(answer.problem) or self.trouble
        return None if answer.problem else answer.prompt_tokens

    def _engine(self) -> None:
        """A longer answer: whether one cut off at n tokens is counted as n, and whether its strings fit."""
        if self.counts is None or self.counts.baseline is None:
            return
        answer = self._ask(self.settings.model, STORY, max_tokens=LENGTH, logprobs=ALTERNATIVES)
        if answer.problem and answer.status in (400, 422):  # a server that does not know the field
            answer = self._ask(self.settings.model, STORY, max_tokens=LENGTH)
        if answer.problem:
            self.untested.append(Untested("whether the server counts its own tokens", _cause(answer.problem)))
            return
        self.strings = tuple(
            text for token in answer.tokens for text in (token.text, *(t for t, _ in token.alternatives))
        )
        if self.strings:
            self.tested.append("whether the strings of an answer's tokens fit the tokenizer")
        cut_off = answer.finish in ("length", "max_tokens", None) and not answer.reasoning
        if answer.completion_tokens is not None and cut_off:
            self.engine = answer.completion_tokens == LENGTH
            self.tested.append("whether the server counts its own tokens")

    def _behave(self) -> None:
        wanted = self.settings.behaviour and self.settings.effort != "quick"
        enrolled = self.index.behaviours() if wanted else ()
        if not enrolled and not self.enrolling:
            why = "no enrolled model to compare with (--enrol keeps one)" if wanted else "it was not asked for"
            self.untested.append(Untested("behaviour", why))
            return
        self.step("asking for continuations")
        self.continuations = behave(self._say, self.transport.affords)
        self.behaviour = enrolled_controls(self.continuations, enrolled)
        if len(self.continuations) < len(prompts().texts):
            done = f"{len(self.continuations)} of {len(prompts().texts)} texts were answered"
            self.untested.append(Untested("the rest of the behaviour", done))
        if self.continuations and enrolled:
            self.tested.append(f"behaviour, on {len(self.continuations)} texts against {len(enrolled)} enrolled models")

    def _compare(self) -> None:
        """The two-sample test against the trusted endpoint, within what is left of the budget."""
        trusted, other = self.settings.trusted, self.trusted
        if trusted is None or other is None:
            return
        self.step("asking both endpoints the same")
        asked = Question("", trusted.model, temperature=1.0)
        try:
            other.budget = _rest(other.budget, self.transport.spent)
            dialect = discover(other, trusted.model, FEW).dialects[0]
            theirs = sampled(
                lambda text, tokens: dialect.ask(other, replace(asked, text=text, max_tokens=tokens)), other.affords
            )
        except InputError as error:
            self.untested.append(Untested("sameness with the trusted endpoint", f"it cannot be asked: {error.message}"))
            return
        self.transport.budget = _rest(self.transport.budget, other.spent)
        ours = sampled(
            lambda text, tokens: self._ask(self.settings.model, text, max_tokens=tokens, temperature=1.0),
            self.transport.affords,
        )
        self.equality = compared(ours, theirs, self.settings.seed)
        if self.equality is None:
            self.untested.append(Untested("sameness with the trusted endpoint", "too few answers of both"))
        else:
            self.tested.append(f"sameness with {other.url}, on {self.equality.prompts} texts")

    def _say(self, text: str, tokens: int) -> Answer:
        told = bool(self.strings) or self._told("logprobs")
        return self._ask(self.settings.model, text, max_tokens=tokens, logprobs=ALTERNATIVES if told else 0)

    def _told(self, feature: str) -> bool:
        dialect = self._dialect()
        return self.offer is not None and bool(getattr(self.offer.features.get(dialect.name), feature, None))

    def _dialect(self) -> Dialect:
        if self.offer is None or not self.offer.dialects:
            raise InputError("the endpoint answers in no dialect that is known", "check the address")
        return self.offer.dialects[0]

    def _ask(self, model: str, text: str, **changes: Any) -> Answer:
        return self._dialect().ask(self.transport, replace(Question(text, model), **changes))


def _cause(problem: str) -> str:
    """A problem without the server's own words, which are a stranger's and stay in the evidence file."""
    return problem.partition(":")[0]


def probe(
    url: str,
    model: str,
    *,
    expect: str | None = None,
    effort: str = "standard",
    seed: int = 0,
    behaviour: bool = True,
    alpha: float = ALPHA,
    trusted: Trusted | None = None,
    key: str = "",
    budget: Budget | None = None,
    log: Path | None = None,
    replay: Path | None = None,
    enrol: str | None = None,
    rate: float | None = None,
    index: BlackBoxIndex | None = None,
    on_step: Step = lambda _: None,
) -> Probe:
    """Which model is behind an endpoint?

    Args:
        url: of the endpoint.
        model: its name there; this, and the next two, see :class:`Settings`.
        expect: what it should be.
        effort: ``quick``, ``standard`` or ``deep``.
        seed: of everything that is drawn.
        behaviour: whether enrolled models are compared with.
        alpha: error rate of the test of token counts.
        trusted: an endpoint of the claimed model.
        key: of the API; never kept.
        budget: what may be spent.
        log: where every exchange is written; one that is there is gone on with.
        replay: a log to answer from instead of the endpoint.
        enrol: a name under which the index keeps how the endpoint continues texts, after it was probed.
        rate: requests a second at most.
        index: of the user's tokenizers and enrolled models.
        on_step: told what is being done.

    Raises:
        UsageError: the address cannot be used, the network is forbidden, or the name to enrol under is taken.
        InputError: the log cannot be read, or the endpoint denies access or cannot be reached at all.
    """
    settings = Settings(model, expect, effort, seed, behaviour, alpha, trusted)
    if not model.strip() or (expect is not None and not expect.strip()):
        raise UsageError(f"{'--expect' if model.strip() else '--model'} is empty", "name a model")
    began = time.monotonic()
    store = index or BlackBoxIndex()
    kept = {name: getattr(settings, name) for name in ("effort", "expect", "behaviour", "alpha")}
    transport: Live | Replay
    if replay is not None:
        transport = Replay(replay, budget)
    else:
        transport = Live(
            url, key, model=settings.model, seed=settings.seed, settings=kept, budget=budget, log=log, rate=rate
        )
    run = _Run(transport, settings, store, on_step, enrolling=enrol is not None)
    run.trusted = _second(settings.trusted, settings.seed, budget, log, replay, rate)
    try:
        run.all()
    finally:
        transport.close()
        if run.trusted is not None:
            run.trusted.close()
    result = _concluded(run, transport.digest, log or replay, time.monotonic() - began)
    if enrol is not None:
        _keep(run, enrol, result)
    return result


def _second(
    trusted: Trusted | None, seed: int, budget: Budget | None, log: Path | None, replay: Path | None, rate: float | None
) -> Live | Replay | None:
    """The way to the trusted endpoint, with a log of its own beside the first one's; None where there is none."""
    if trusted is None:
        return None
    if replay is not None:
        return Replay(_beside(replay), budget)
    own = _beside(log) if log else None
    return Live(trusted.url, trusted.key, model=trusted.model, seed=seed, budget=budget, log=own, rate=rate)


def _rest(budget: Budget, spent: Spent) -> Budget:
    """What another endpoint's share leaves of a budget."""
    requests, tokens = budget.max_requests - spent.requests, budget.max_tokens - spent.tokens
    return replace(budget, max_requests=max(0, requests), max_tokens=max(0, tokens))


def _beside(log: Path) -> Path:
    return log.with_name(f"{log.name}.trusted")


def _together(a: Spent, b: Spent) -> Spent:
    """What was spent at both endpoints."""
    return Spent(*(getattr(a, f.name) + getattr(b, f.name) for f in fields(Spent)))


def _keep(run: _Run, name: str, result: Probe) -> None:
    """Enrol the endpoint, if it answered."""
    if not run.continuations:
        raise InputError(f"{run.transport.url}: continued no text, so nothing was enrolled", "allow more requests")
    matches = tuple(result.tokenizer["matches"]) if result.tokenizer else ()
    run.index.add_behaviour(Behaviour(name, VERSION, run.continuations, run.transport.url, matches))


def _concluded(run: _Run, digest: str, log: Path | None, seconds: float) -> Probe:
    transport, settings = run.transport, run.settings
    spent = _together(transport.spent, run.trusted.spent if run.trusted is not None else Spent())
    known = vocabularies(run.index)
    named = names_in(transport.exchanges, {settings.model, f"{NONCE}-{settings.seed}"})
    fits = string_fits(run.strings, filters())
    counted = counted_of(run.counts, run.engine, fits)
    telling = (n.said for n in named if n.served and not n.echo)
    shown = Shown(counted, tuple(telling), run.behaviour, run.equality)
    claims = [(settings.expect, "--expect")] if settings.expect else []
    judged = judge([*claims, (settings.model, "the name of the model")], shown, known)
    findings = findings_of(judged, counted, named, run.equality)
    offered = to_json(replace(run.offer, dialects=())) if run.offer else {}
    offered["dialects"] = [dialect.name for dialect in run.offer.dialects] if run.offer else []
    return Probe(
        endpoint={"url": transport.url, **offered},
        model=settings.model,
        verdict=judged.outcome,
        why=judged.why,
        identifiers=named,
        tokenizer=tokenizer_part(run.counts, counted, settings.alpha, fits),
        behaviour=run.behaviour,
        equality=run.equality,
        judged=judged,
        findings=findings,
        coverage=Coverage(tuple(run.tested), tuple(run.untested)),
        cost=Cost(spent.bytes_read, spent.requests, seconds),
        spent={
            "prompt_tokens": spent.prompt_tokens,
            "completion_tokens": spent.completion_tokens,
            "price": spent.price(transport.budget),
        },
        log={"path": str(log), "digest": digest} if log else None,
        problems=tuple(run.problems),
    )
