"""Talks to a server: attempts, redirects, pace, and every exchange in the log."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from forebear.endpoints.addresses import (
    LOCAL,
    address_secrets,
    basic,
    endpoint,
    public_url,
    redirected_path,
    request_url,
)
from forebear.endpoints.base import Budget, Exchange, Json
from forebear.endpoints.ledger import Ledger, Recordings, worth_again
from forebear.endpoints.log import Header, LogWriter
from forebear.endpoints.redaction import REDACTED, Redactor
from forebear.endpoints.wire import Patience, Reply, Wire
from forebear.errors import InputError, UsageError
from forebear.sources.answers import FORBIDDEN, Refused, host, offline, retry_after

ATTEMPTS = 4
"""For one request, the first included."""
FIRST_PAUSE = 1.0
"""Seconds before the second attempt, where the server names none; pauses double."""
MAX_REDIRECTS = 5
_SLOW_DOWN, _RECOVER = 2.0, 0.9
"""What the pause between requests is multiplied by after a 429, and after a success."""
_LATER = (408, 425, 429, 502, 503, 504, 529)
_MOVED = (301, 302, 303, 307, 308)
_KEY = "{key}"
_log = logging.getLogger(__name__)


class Impatient(InputError):
    """A request was not sent, because the server had been waited for long enough."""


class Live(Ledger):
    """Talks to a server.

    Args:
        url: its address, with or without the usual ends (``/v1``, ``/v1/chat/completions``); user and password, and
            keys in the query, are used and never shown.
        key: of the API; sent to this origin only.
        model: the name that will be asked for; for the log.
        seed: for the log.
        settings: for the log: what decides which questions are asked.
        budget: what may be spent.
        log: file to which exchanges are written, and from which those that are there are taken first; those that
            failed for want of a connection, a key or patience are made again.
        rate: requests per second at most; None for as fast as the server answers.
        patience: how long it is waited for.
        key_header: the header for the key where it is not the usual one.

    Raises:
        UsageError: the address is unusable, the environment forbids the network, or the log is another probe's.
        Impatient: from :meth:`send`, once the server was waited for long enough.
        InputError: the log cannot be read or written.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        model: str = "",
        seed: int = 0,
        settings: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        log: Path | None = None,
        rate: float | None = None,
        patience: Patience | None = None,
        key_header: str = "",
    ) -> None:
        self._address = endpoint(url)
        local = (urlsplit(self._address).hostname or "") in LOCAL
        if offline() and not local:
            raise UsageError(f"{host(url)}: {FORBIDDEN}", "probe a server on this machine, or replay a log")
        super().__init__(public_url(self._address), budget or Budget())
        if not key.isprintable() or not key.isascii():
            raise UsageError("the key has characters that no key has", "check the variable that --key-env names")
        self._key, self._key_header = key.strip(), key_header
        self._redactor = Redactor([self._key, *address_secrets(self._address)])
        self._patience = patience or Patience()
        self._wire = Wire(self._patience, direct=local)
        self._base_pause = self._pause = 1 / rate if rate else 0.0
        self._not_before = 0.0
        self._vain, self._put_off = 0.0, False
        header = Header(self.url, model, seed, dict(settings or {}))
        self._writer = LogWriter(log, header, self.budget) if log else None
        self._number = len(self._writer.recorded) if self._writer else 0
        self._recordings = Recordings(self._writer.recorded if self._writer else ())
        for exchange in self._recordings.unused:
            self._enter(exchange, (0, 0))

    @property
    def digest(self) -> str:
        """Of the log's last line; empty without a log."""
        return self._writer.digest if self._writer else ""

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
        recorded = self._recordings.take(method, path, self._redactor.json(body))
        again = bool(recorded) and worth_again(recorded[-1])
        for exchange in recorded:
            self._enter(exchange, (0, 0) if again else tokens)
        if recorded and not again:
            return recorded[-1]
        self._require(tokens)
        return self._persist(method, path, body, headers or {}, tokens, recorded[-1].number if recorded else 0)

    def close(self) -> None:
        """End connections and the log."""
        self._wire.close()
        if self._writer:
            self._writer.close()

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _persist(
        self,
        method: str,
        path: str,
        body: Json | None,
        headers: Mapping[str, str],
        tokens: tuple[int, int],
        replaces: int,
    ) -> Exchange:
        """The answer after as many attempts and redirects as are sensible and paid for."""
        attempts, redirects, pause = 1, 0, FIRST_PAUSE
        while True:
            self._require_patience()
            self._wait()
            asked, sent, reply = self._once(method, path, body, headers)
            self._vain += reply.milliseconds / 1000 if reply.silent else 0.0
            self._adapt(reply)
            there, wait = "", -1.0
            if reply.status in _MOVED and not reply.problem:
                there = self._redirect(path, reply, redirects)
            elif attempts < ATTEMPTS:
                wait = self._worth(reply, pause, attempts)
            again = (bool(there) or wait >= 0) and self.affords(2, sum(tokens))
            exchange = self._keep(method, path, asked, sent, reply, not again, 0 if again else replaces)
            self._enter(exchange, tokens)
            if not again:
                return exchange
            if there:
                path, redirects = there, redirects + 1
                if reply.status == 303:
                    method, body = "GET", None
            else:
                _log.info("%s: %s; next attempt in %.1f s", host(self.url), exchange.problem or reply.status, wait)
                attempts, pause = attempts + 1, pause * 2
                self._pause_for(wait)

    def _once(
        self, method: str, path: str, body: Json | None, headers: Mapping[str, str]
    ) -> tuple[Json | None, dict[str, str], Reply]:
        """One request; what was sent (as the log may hold it), and the reply."""
        own = {k: v.replace(_KEY, self._key) for k, v in headers.items() if self._key or _KEY not in v}
        if self._key and self._key_header:
            own = {k: v for k, v in own.items() if _KEY not in headers[k]} | {self._key_header: self._key}
        elif self._key and not any(_KEY in v for v in headers.values()):
            own["Authorization"] = f"Bearer {self._key}"
        if (basically := basic(self._address)) and not any(k.lower() == "authorization" for k in own):
            own["Authorization"] = basically
        try:
            data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        except (UnicodeEncodeError, ValueError):
            raise UsageError("a question has half a character (a lone surrogate)", "write it as UTF-8") from None
        if data is not None:
            own["Content-Type"] = "application/json"
        reply = self._wire.request(method, request_url(self._address, path), data, own)
        hidden = {k: v if self._key not in v or not self._key else REDACTED for k, v in own.items()}
        return self._redactor.json(body), self._redactor.headers(hidden), reply

    def _redirect(self, path: str, reply: Reply, redirects: int) -> str:
        """The path to go on at, or empty: then the problem says why not."""
        try:
            if redirects >= MAX_REDIRECTS:
                raise Refused(f"redirects more than {MAX_REDIRECTS} times")
            return redirected_path(self._address, path, reply.headers.get("location", ""))
        except Refused as refusal:
            reply.problem = refusal.message.removeprefix("the request: ")
            return ""

    def _worth(self, reply: Reply, pause: float, attempts: int) -> float:
        """Seconds after which another attempt is worth making; negative where none is."""
        if reply.broken or reply.unconnected:
            self._wire.close()
            if attempts > 1:
                return -1
            return 0 if reply.broken else pause  # some servers give a connection up after an error without saying so
        if reply.problem or reply.status not in _LATER:
            return -1
        wanted = retry_after(reply.headers.get("retry-after", ""))
        if wanted is not None and wanted > self._patience.pause:
            reply.problem = f"answers {reply.status} and wants {wanted:,.0f} seconds"
            return -1
        wait = pause if wanted is None else wanted
        self._put_off = self._vain + wait > self._patience.vain
        return -1 if self._put_off else wait

    def _keep(
        self,
        method: str,
        path: str,
        asked: Json | None,
        sent: dict[str, str],
        reply: Reply,
        final: bool,
        replaces: int,
    ) -> Exchange:
        """An exchange without secrets, in the log."""
        redactor = self._redactor.also(reply.cookies) if reply.cookies else self._redactor
        body = redactor.data(reply.body)
        self._number += 1
        exchange = Exchange(
            number=self._number,
            method=method,
            path=redactor.text(path),
            request=asked,
            request_headers=sent,
            status=reply.status,
            headers=redactor.headers(reply.headers),
            body=body,
            pieces=reply.pieces if body is reply.body else (),
            milliseconds=reply.milliseconds,
            problem=redactor.text(reply.problem),
            final=final,
            replaces=replaces,
        )
        if self._writer:
            self._writer.append(exchange)
        return exchange

    def _require_patience(self) -> None:
        """A server that hangs, or puts us off again and again, is not asked for ever."""
        if not self._put_off and self._vain < self._patience.vain:
            return
        raise Impatient(
            f"{host(self.url)}: gave up after {self._vain:,.0f} seconds of waiting for nothing",
            "ask it more slowly with --rate; with the same --log what is there is not asked again",
        )

    def _wait(self) -> None:
        """Until the next request may be sent; the pace that the user wishes is no waiting for nothing."""
        pause = max(0.0, self._not_before - time.monotonic())
        self._pause_for(pause, max(0.0, pause - self._base_pause))
        self._not_before = time.monotonic() + self._pause

    def _pause_for(self, seconds: float, vain: float | None = None) -> None:
        time.sleep(seconds)
        self._vain += seconds if vain is None else vain

    def _adapt(self, reply: Reply) -> None:
        """Slow down after a 429, and get faster again, step by step."""
        if reply.status == 429:
            self._pause = min(self._patience.pause, max(self._pause, FIRST_PAUSE / 4) * _SLOW_DOWN)
        elif reply.status and self._pause > self._base_pause:
            self._pause = max(self._base_pause, self._pause * _RECOVER if self._pause > FIRST_PAUSE / 20 else 0.0)
