"""A probe under way: the questions in their order, and what is kept of the answers, also where they end early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
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
    Refused,
    Replay,
    Spent,
    discover,
    tokenize,
)
from forebear.errors import InputError
from forebear.index import BlackBoxIndex
from forebear.inspect.probe_behaviour import behave, enrolled_controls, prompts
from forebear.inspect.probe_confirm import Pair, doubt_by_script, rivals
from forebear.inspect.probe_counts import STOPPED, Counts, count_tokens, recounted
from forebear.inspect.probe_equality import compared, sampled
from forebear.inspect.probe_plan import FEW, LENGTH, Settings
from forebear.inspect.probe_result import counted_of
from forebear.inspect.probe_tokenizers import count_table
from forebear.lineage.blackbox import Counted
from forebear.signals.agreement import Agreement, Continuation
from forebear.signals.equality import Equality
from forebear.signals.token_counts import CountTable
from forebear.signals.token_strings import StringFit, string_fits
from forebear.types import Untested

Step = Callable[[str], None]

NONCE = "forebear-no-such-model"
"""A name that no server has: what is asked for once, to see whether names are merely echoed."""
ALTERNATIVES = 5
"""For each token of that answer, where the endpoint tells them."""
STORY = "Tell a long story about a lighthouse in Thai, the next chapter in Hindi, then one in Korean. Begin at once."
"""In scripts that tokenizers cut differently: a gateway that counts the answer itself hardly arrives at as many."""
STORY_AGAIN = "请讲一个关于灯塔的长篇故事:第一章用希伯来语,第二章用泰米尔语,然后一章用日语。马上开始。"
"""The same control in another script, for who sends every script to a model of its own."""
LENGTH_AGAIN = 37
_DENIALS = 10
"""Answers with 403 in a row, after which all are taken to be denied: a filter denies some texts, each asked twice."""


@dataclass
class Run:
    """A probe under way; what was found before an error is kept.

    Attributes:
        transport, settings, index, step: what is asked, how, what is known, and who is told of the steps.
        enrolling: whether continuations are wanted in any case.
        offer, counts, engine, strings, continuations, behaviour, equality: what was found, None or empty before.
        doubt: why a claim may not be contradicted though the counts speak against it; empty where it may.
        trusted: the way to the trusted endpoint.
        halted: why no more can be asked; empty while it can.
        problems, untested, tested: for the result.
    """

    transport: Live | Replay
    settings: Settings
    index: BlackBoxIndex
    step: Step
    enrolling: bool = False
    offer: Offer | None = None
    counts: Counts | None = None
    engine: bool | None = None
    strings: tuple[str, ...] = ()
    doubt: str = ""
    continuations: dict[str, Continuation] = field(default_factory=dict)
    behaviour: tuple[Agreement, ...] = ()
    equality: Equality | None = None
    trusted: Live | Replay | None = None
    trouble: str = ""
    halted: str = ""
    problems: list[str] = field(default_factory=list)
    untested: list[Untested] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    _denials: int = 0
    _counted: int = 0

    def all(self) -> None:
        """Every step, as far as budget and endpoint allow."""
        self._offered()
        steps = (self._controls, self._count, self._engine, self._confirm, self._recount)
        for work in (*steps, self._behave, self._compare, self._recount):
            try:
                work()
            except Exhausted as error:
                self.untested.append(Untested("the rest", error.message))
                return
            except InputError as error:
                self.halted = str(error)
            if self.halted:
                self.problems.append(self.halted)
                return

    @property
    def fits(self) -> tuple[StringFit, ...]:
        """How the strings of answers' tokens fit the known vocabularies."""
        return tuple(string_fits(self.strings, filters()))

    @property
    def counted(self) -> Counted | None:
        """What the counts have shown."""
        return counted_of(self.counts, self.engine, self.fits, self.doubt)

    @property
    def _cause_of_halt(self) -> str:
        """Why no more can be asked, without the host before it, the server's own words and the advice behind it."""
        return _cause(self.halted.partition(": ")[2].partition("; ")[0]) or self.halted

    def _offered(self) -> None:
        self.step("asking what it offers")
        requests = DISCOVERY_REQUESTS if self.settings.effort == "deep" else FEW
        self.offer = discover(self.transport, self.settings.model, requests)

    def _controls(self) -> None:
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
        counts = count_tokens(table, texts, self._tokens, affords=self._affords(table), alpha=self.settings.alpha)
        if self.halted:
            counts = replace(counts, stopped=self._cause_of_halt)
        self.counts = counts
        why = f"{counts.stopped}{f' ({self.trouble})' if self.trouble and not self.halted else ''}"
        if counts.baseline is None:
            self.untested.append(Untested("the tokenizer", why))
            return
        self.tested.append("the tokenizer, by token counts")
        if counts.stopped:
            self.untested.append(Untested("the tokenizer to the end", why))
        if counts.stopped == STOPPED and not self.halted:
            self.problems.append(f"{self.transport.url}: {why}")
        self.untested += [Untested(what, self.trouble or "no counts came") for what in counts.unchecked]

    def _affords(self, table: CountTable) -> Callable[[int], bool]:
        longest = table.counts.max(axis=0)
        return lambda probe: not self.halted and self.transport.affords(1, int(longest[probe]) + 1)

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
        answer = self._cut_off(STORY, LENGTH)
        if answer.problem:
            self.untested.append(Untested("whether the server counts its own tokens", _cause(answer.problem)))
            return
        if self.strings:
            self.tested.append("whether the strings of an answer's tokens fit the tokenizer")
        self.engine = _counts_itself(answer, LENGTH)
        if self.engine is not None:
            self.tested.append("whether the server counts its own tokens")

    def _cut_off(self, text: str, length: int) -> Answer:
        """An answer that is cut off at a length; the strings of its tokens are kept."""
        answer = self._ask(self.settings.model, text, max_tokens=length, logprobs=ALTERNATIVES)
        if answer.problem and answer.status in (400, 422):  # a server that does not know the field
            answer = self._ask(self.settings.model, text, max_tokens=length)
        if not answer.problem:
            self.strings += tuple(
                text for token in answer.tokens for text in (token.text, *(t for t, _ in token.alternatives))
            )
        return answer

    def _confirm(self) -> None:
        """Before anybody is accused: the controls once more, in another script than the first time."""
        if self.counts is None or (against := rivals(self.settings, self.counted, self.index, self.counts)) is None:
            return
        self.step("asking the controls again before a claim is contradicted")
        self.doubt = "the budget had no room for the controls that come before a contradiction"
        affords = self._affords(self.counts.test.table)
        _, texts = count_table(self.index)
        pair = Pair(self.counts.test, *against)
        doubt = doubt_by_script(pair, texts, self.counts.seen, self._tokens, affords)
        if not doubt and self.engine is not None and self.transport.affords(1, len(STORY_AGAIN) * 4 + LENGTH_AGAIN):
            again = self._cut_off(STORY_AGAIN, LENGTH_AGAIN)
            self.engine = self.engine if not again.problem and _counts_itself(again, LENGTH_AGAIN) else None
        elif not doubt:
            return
        self.doubt = doubt
        self.tested.append("the controls again, in Latin script and in Chinese, Japanese and Korean")

    def _recount(self) -> None:
        """Whether the counts are still the same, where anything else was asked since."""
        known, asked = self.counts, self.transport.spent.requests
        if known is None or known.baseline is None or known.changed or asked == self._counted:
            return
        _, texts = count_table(self.index)
        self.counts = recounted(known, texts, self._tokens, self._affords(known.test.table))
        self._counted = self.transport.spent.requests
        fresh = [what for what in self.counts.unchecked if what not in known.unchecked]
        self.untested += [Untested(what, self.trouble or "no counts came") for what in fresh]

    def _behave(self) -> None:
        wanted = self.settings.behaviour and self.settings.effort != "quick"
        enrolled = self.index.behaviours() if wanted else ()
        if not enrolled and not self.enrolling:
            why = "no enrolled model to compare with (--enrol keeps one)" if wanted else "it was not asked for"
            self.untested.append(Untested("behaviour", why))
            return
        self.step("asking for continuations")
        self.continuations = behave(self._say, lambda n, tokens: not self.halted and self.transport.affords(n, tokens))
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
            other.budget = rest(other.budget, self.transport.spent)
            dialect = discover(other, trusted.model, FEW).dialects[0]
            theirs = sampled(
                lambda text, tokens: dialect.ask(other, replace(asked, text=text, max_tokens=tokens)), other.affords
            )
        except InputError as error:
            self.untested.append(Untested("sameness with the trusted endpoint", f"it cannot be asked: {error.message}"))
            return
        self.transport.budget = rest(self.transport.budget, other.spent)
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
        """An answer; one that was denied is one with a problem: a filter denies a text, a gateway a model's name."""
        if self.halted:
            return Answer(0, problem=self._cause_of_halt)
        try:
            answer = self._dialect().ask(self.transport, replace(Question(text, model), **changes))
        except Exhausted:
            raise
        except Refused as refusal:
            own = model == self.settings.model
            self._denials += own
            if own and (refusal.status == 401 or self._denials >= _DENIALS):
                self.halted = str(refusal)
            return Answer(refusal.status, problem=f"denies access ({refusal.status})")
        except InputError as error:
            self.halted = str(error)
            return Answer(0, problem=self._cause_of_halt)
        self._denials = 0
        return answer


def rest(budget: Budget, spent: Spent) -> Budget:
    """What another endpoint's share leaves of a budget."""
    requests, tokens = budget.max_requests - spent.requests, budget.max_tokens - spent.tokens
    return replace(budget, max_requests=max(0, requests), max_tokens=max(0, tokens))


def _counts_itself(answer: Answer, length: int) -> bool | None:
    """Whether an answer that was cut off at a length was counted as that; None where it was not cut off."""
    cut_off = answer.finish in ("length", "max_tokens", "MAX_TOKENS", None) and not answer.reasoning
    if answer.completion_tokens is None or not cut_off:
        return None
    return answer.completion_tokens == length


def _cause(problem: str) -> str:
    """A problem without the server's own words, which are a stranger's and stay in the evidence file."""
    return problem.partition(":")[0]
