"""Answers from an evidence log, without a connection."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from forebear.endpoints.base import Budget, Exchange, Json
from forebear.endpoints.ledger import Ledger, Recordings
from forebear.endpoints.log import Recorded, read_log
from forebear.errors import InputError


class Replay(Ledger):
    """Answers from a log, and never opens a connection.

    Args:
        log: the file.
        budget: what the run may spend; by default what the recorded run could.

    Attributes:
        header: whose log it is.
        digest: of its last line.

    Raises:
        InputError: it cannot be read, or is damaged.
    """

    def __init__(self, log: Path, budget: Budget | None = None) -> None:
        self._recorded: Recorded = read_log(log)
        self.header, self.digest = self._recorded.header, self._recorded.digest
        super().__init__(self.header.url, budget or self._recorded.budget)
        self._recordings = Recordings(self._recorded.exchanges)
        for exchange in self._recordings.unused:
            self._enter(exchange, (0, 0))

    @property
    def left(self) -> int:
        """Recorded answers that nobody has asked for."""
        return self._recordings.left

    def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        tokens: tuple[int, int] = (0, 0),
    ) -> Exchange:
        """See :meth:`Transport.send`."""
        self._require(tokens)
        group = self._recordings.take(method, path, body)
        for exchange in group:
            self._enter(exchange, tokens)
        if group:
            return group[-1]
        following = self._recordings.next()
        if following is None:
            cut = " (it was cut off there)" if self._recorded.cut or self._recordings.cut else ""
            raise InputError(
                f"{self._recorded.path}: ends after exchange {len(self._recorded.exchanges)}{cut}, "
                f"and {method} {path} is asked next",
                "go on with the same --log against the endpoint",
            )
        raise InputError(
            f"{self._recorded.path}: does not have the question that is asked now ({method} {path}); "
            f"its next is exchange {following.number}, {following.method} {following.path}",
            "replay it with the settings and the version of Forebear that its first line names",
        )

    def close(self) -> None:
        """Nothing is open."""
