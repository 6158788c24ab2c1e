"""What is in the books of every transport: a budget, what was spent of it, and the exchanges so far.

An exchange that is in a log already is not sent again: the n-th time that a request is made, the n-th recorded answer
to it is given. So a run that was interrupted goes on where it was, and a replay is the same program without a network.
"""

from __future__ import annotations

import json
from collections import deque

from forebear.endpoints.base import Budget, Exchange, Exhausted, Json, Spent

MAX_RECEIVED = 100_000_000
"""Bytes of all answers together: the log holds them."""


class Ledger:
    """What every transport has: a budget, what was spent of it, and the exchanges so far."""

    def __init__(self, url: str, budget: Budget) -> None:
        self.url, self.budget = url, budget
        self.spent = Spent()
        self.exchanges: list[Exchange] = []
        self._bounds: dict[int, tuple[int, int]] = {}
        self._overhead = 0

    def affords(self, requests: int, tokens: int = 0) -> bool:
        """See :meth:`Transport.affords`; every prompt is taken to have the largest overhead that was seen so far."""
        tokens += requests * self._overhead if tokens else 0
        return (
            self.spent.requests + requests <= self.budget.max_requests
            and self.spent.tokens + tokens <= self.budget.max_tokens
            and self.spent.bytes_read < MAX_RECEIVED
        )

    def settle(self, exchange: Exchange, prompt_tokens: int | None, completion_tokens: int | None) -> None:
        """See :meth:`Transport.settle`."""
        bounds = self._bounds.pop(exchange.number, None)
        if bounds is None:
            return
        if prompt_tokens is not None:
            self.spent.prompt_tokens += max(0, prompt_tokens) - bounds[0]
            self._overhead = max(self._overhead, prompt_tokens - bounds[0])
        if completion_tokens is not None:
            self.spent.completion_tokens += max(0, completion_tokens) - bounds[1]
        if prompt_tokens is not None and completion_tokens is not None:
            self.spent.estimated -= 1

    def _require(self, tokens: tuple[int, int]) -> None:
        if not self.affords(1, sum(tokens)):
            spent, budget = self.spent, self.budget
            raise Exhausted(
                f"the budget is spent ({spent.requests:,} of {budget.max_requests:,} requests, "
                f"{spent.tokens:,} of {budget.max_tokens:,} tokens; the next could need {sum(tokens):,})",
                "allow more with --max-requests and --max-tokens; with the same --log nothing is asked twice",
            )

    def _enter(self, exchange: Exchange, tokens: tuple[int, int]) -> None:
        """Take an exchange into the books."""
        self.exchanges.append(exchange)
        self.spent.requests += 1
        self.spent.bytes_read += len(exchange.body)
        if exchange.final and any(tokens):
            self._bounds[exchange.number] = tokens
            self.spent.prompt_tokens += tokens[0]
            self.spent.completion_tokens += tokens[1]
            self.spent.estimated += 1


class Recordings:
    """Exchanges of a log by what was asked; a request comes with the attempts and redirects before its answer.

    Attributes:
        left: answers that nobody has asked for.
        unused: exchanges that were paid for and answer nothing: attempts at the end of a log that was cut off, and
            failures that a later run has replaced.
    """

    def __init__(self, exchanges: tuple[Exchange, ...]) -> None:
        self._groups: dict[str, deque[list[Exchange]]] = {}
        self._order: deque[list[Exchange]] = deque()
        self.left = 0
        self.unused: list[Exchange] = []
        replaced = {exchange.replaces for exchange in exchanges}
        group: list[Exchange] = []
        for exchange in exchanges:
            group.append(exchange)
            if exchange.number in replaced:
                self.unused += group
                group = []
            elif exchange.final:
                self._groups.setdefault(_asked(group[0]), deque()).append(group)
                self._order.append(group)
                self.left += 1
                group = []
        self.cut = bool(group)
        self.unused += group

    def take(self, method: str, path: str, body: Json | None) -> list[Exchange]:
        """The next recorded answer to a request, after the attempts before it; empty if there is none."""
        waiting = self._groups.get(_asked_key(method, path, body))
        if not waiting:
            return []
        self.left -= 1
        group = waiting.popleft()
        self._order.remove(group)
        return group

    def next(self) -> Exchange | None:
        """The first exchange that nobody has asked for yet."""
        return self._order[0][0] if self._order else None


def worth_again(exchange: Exchange) -> bool:
    """Whether a later run may get another answer: no connection, no key, no patience the first time."""
    return bool(exchange.problem) or exchange.status in (0, 401, 403, 408, 425, 429, 502, 503, 504, 529)


def _asked(exchange: Exchange) -> str:
    return _asked_key(exchange.method, exchange.path, exchange.request)


def _asked_key(method: str, path: str, body: Json | None) -> str:
    return json.dumps([method, path, body], sort_keys=True)
