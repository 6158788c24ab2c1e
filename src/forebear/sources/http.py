"""HTTP as a reader of strangers' files needs it: exact ranges, bounded patience, no secret where it does not belong.

Ranges, validators and ``Retry-After`` are those of RFC 9110. Nothing is asked for twice that has arrived: a body that
breaks off goes on from the byte that was reached.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from forebear.errors import UsageError, one_line
from forebear.sources.answers import (
    FORBIDDEN,
    Refused,
    changed,
    host,
    offline,
    origin,
    patience,
    redirected,
    validator,
)
from forebear.sources.base import Traffic
from forebear.sources.pace import pace
from forebear.sources.quiet import quiet
from forebear.version import __version__

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

PARALLEL = 8
"""Requests at once."""
SILENCE_SECONDS = 20.0
"""For a connection, and between two pieces of a body."""
PATIENCE_SECONDS = 120.0
"""For one range with all its attempts, and more for as many bytes as ``SLOWEST`` takes for them."""
SLOWEST = 50_000
"""Bytes per second: a server that sends less is given up."""
ATTEMPTS = 6
"""In a row without a single byte; half as many where there is no connection at all."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 60.0
"""Seconds; pauses double, and a server that wants a longer one is not waited for."""
MAX_REDIRECTS = 5
WHOLE_BODY = 16_000_000
"""As many bytes are read from the start of a file for a range in it, where a server ignores ``Range``."""
MAX_DOCUMENT = 32_000_000
_LEFT_OVER = 65_536
"""Body of an answer without use that is read, so that its connection can go on."""
_MOVED = (301, 302, 303, 307, 308)
_GONE = (400, 401, 403, 404, 410)
"""Answers of a place that a redirect once named, and that may have expired."""
_LATER = (408, 425, 429, 500, 502, 503, 504)
_CONTENT_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)\Z")
_log = logging.getLogger(__name__)


class _Again(Exception):
    """What may go better next time; ``wait`` in seconds where the server (``host``) says, ``weight`` in attempts."""

    def __init__(
        self, trouble: str, wait: float | None = None, status: int = 0, weight: int = 1, host: str = ""
    ) -> None:
        super().__init__(trouble)
        self.wait, self.status, self.weight, self.host = wait, status, weight, host


class Client:
    """Reads from one endpoint and from wherever it sends us; safe to use from several threads.

    Args:
        endpoint: the only origin that is shown the token.
        token: a bearer token, or empty.

    Raises:
        UsageError: the environment forbids the network.
    """

    def __init__(self, endpoint: str, token: str = "") -> None:
        if offline():
            raise UsageError(f"{host(endpoint)}: {FORBIDDEN}", "name a local folder")
        import httpx2

        self.traffic = Traffic()
        self._endpoint, self._token = origin(endpoint), token
        self._http = httpx2.Client(
            timeout=SILENCE_SECONDS,
            limits=httpx2.Limits(max_connections=2 * PARALLEL, max_keepalive_connections=2 * PARALLEL),
            headers={"User-Agent": f"forebear/{__version__}", "Accept-Encoding": "identity"},
        )
        self._places: dict[str, str] = {}
        self._validators: dict[str, str] = {}
        self._rangeless: set[str] = set()
        self._finding: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._halted = threading.Event()
        weakref.finalize(self, self._http.close)

    def halt(self) -> None:
        """End every read under way in other threads, for good: the user has interrupted us."""
        self._halted.set()

    def document(self, url: str, name: str) -> tuple[bytes, Mapping[str, str]]:
        """The whole of a small document and its headers; ``name`` is what errors call it.

        Raises:
            InputError: it cannot be had, or is larger than such a document is.
        """

        def once(deadline: float) -> tuple[bytes, Mapping[str, str]]:
            with self._answer(url, name, {}) as response:
                have = bytearray()
                self._drain(response, have, MAX_DOCUMENT, deadline)
                if len(have) == MAX_DOCUMENT:
                    raise Refused(f"{name}: {host(url)} sends more than {MAX_DOCUMENT:,} bytes")
                return bytes(have), response.headers

        return self._persist(url, name, once, lambda: 0, PATIENCE_SECONDS)

    def size(self, url: str, name: str) -> tuple[int, str]:
        """Length of a file in bytes, and what tells its versions apart (empty where the server says nothing)."""

        def once(deadline: float) -> tuple[int, str]:
            with self._answer(url, name, {"Range": "bytes=0-0"}) as response:
                self._same(response, name)
                total = response.headers.get("Content-Range", "").rpartition("/")[2]
                if response.status_code == 200:
                    total = response.headers.get("Content-Length", "")
                if not total.isascii() or not total.isdigit() or len(total) > 19:
                    raise Refused(f"{name}: {host(url)} does not say how large it is", "download it and scan the copy")
                return int(total), validator(response.headers)

        return self._persist(url, name, once, lambda: 0, PATIENCE_SECONDS)

    def read(
        self,
        url: str,
        start: int,
        stop: int,
        name: str,
        size: int,
        mark: Mapping[str, str] | None = None,
        version: str = "",
    ) -> bytes:
        """Bytes ``[start, stop)`` of a file that has ``size`` bytes.

        Args:
            url: of the file.
            start: first byte.
            stop: behind the last, at most ``size``.
            name: what errors call the file.
            size: its length; another one means that the file has changed.
            mark: headers that every answer on the way that has them must have with this value.
            version: what :meth:`size` gave with the length.

        Raises:
            InputError: they cannot be had, or the file has changed since it was first read.
        """
        have = bytearray()

        def once(deadline: float) -> bytes:
            at = start + len(have)
            with self._answer(url, name, {"Range": f"bytes={at}-{stop - 1}"}, mark or {}) as response:
                self._same(response, name)
                if version and validator(response.headers) not in ("", version):
                    raise changed(name)
                skip, end = self._span(response, at, stop, name, size)
                self._drain(response, have, end - start, deadline, skip)
            if len(have) < stop - start:
                raise _Again(f"the connection ended at byte {start + len(have):,}")
            return bytes(have)

        return self._persist(url, name, once, lambda: len(have), PATIENCE_SECONDS + (stop - start) / SLOWEST)

    def _persist(
        self, url: str, name: str, once: Callable[[float], T], progress: Callable[[], int], seconds: float
    ) -> T:
        """What ``once`` returns, after as many attempts as are sensible."""
        import httpx2

        deadline = time.monotonic() + seconds
        failures, reached = 0, progress()
        while True:
            try:
                return once(deadline)
            except _Again as again:
                trouble = again
            except httpx2.TransportError as error:
                trouble = _broken(error)
            failures = 1 if progress() > reached else failures + trouble.weight
            reached = progress()
            pause = trouble.wait
            if pause is not None:
                pace().hold(trouble.host or host(url), pause)
            else:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * random.uniform(0.5, 1)
            over = time.monotonic() + pause > deadline
            if failures >= ATTEMPTS or pause > LONGEST_PAUSE or over:
                hint = "try again later" if pause <= LONGEST_PAUSE else f"try again in {pause:,.0f} seconds"
                raise Refused(f"{name}: {host(url)}: {trouble}", hint, trouble.status, wait=trouble.wait)
            _log.info("%s: %s; next attempt in %.1f s", name, trouble, pause)
            if self._halted.wait(pause):
                raise Refused(f"{name}: interrupted")

    @contextmanager
    def _answer(
        self, url: str, name: str, headers: Mapping[str, str], mark: Mapping[str, str] | None = None
    ) -> Iterator[httpx2.Response]:
        """The answer from where the file really is: 200 or 206, as it is stored."""
        response = self._find(url, name, headers, mark or {})
        try:
            if response.status_code not in (200, 206):
                raise self._refusal(response, url, name)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise Refused(f"{name}: {host(url)} sends it compressed, though asked not to")
            yield response
        finally:
            response.close()

    def _find(self, url: str, name: str, headers: Mapping[str, str], mark: Mapping[str, str]) -> httpx2.Response:
        """Ask where a redirect led before; where that has expired, or for the first time, follow redirects.

        Threads that read other parts of the same file wait for the first to find its place.
        """
        stale = self._places.get(url)
        if stale is not None:
            response = self._send(stale, headers)
            if response.status_code not in _GONE:
                return response
            self._discard(response)
        with self._lock:
            finding = self._finding.setdefault(url, threading.Lock())
        with finding:
            place = self._places.get(url, url)
            here = url if place == stale else place
            for _ in range(MAX_REDIRECTS + 1):
                response = self._send(here, headers)
                for key, value in mark.items():
                    if response.headers.get(key, value).strip('"') != value:
                        response.close()
                        raise changed(name)
                if response.status_code not in _MOVED:
                    if response.status_code in (200, 206):
                        self._places[url] = here
                    return response
                self._discard(response)
                here = redirected(here, response.headers.get("Location", ""), name)
        raise Refused(f"{name}: {host(url)} redirects more than {MAX_REDIRECTS} times")

    def _send(self, url: str, headers: Mapping[str, str]) -> httpx2.Response:
        import httpx2

        own = {"Authorization": f"Bearer {self._token}"} if self._token and origin(url) == self._endpoint else {}
        if (wait := pace().turn(host(url))) > LONGEST_PAUSE:
            hint = f"try again in {wait:,.0f} seconds"
            raise Refused(f"{host(url)} does not want to be asked yet", hint, 429, wait=wait)
        if wait > 0 and self._halted.wait(wait):
            raise Refused("interrupted")
        with self._lock:
            self.traffic.requests += 1
        try:
            request = self._http.build_request("GET", url, headers={**headers, **own})
        except (httpx2.InvalidURL, ValueError):
            raise Refused(f"{host(url)}: not a usable address") from None
        with quiet():
            return self._http.send(request, stream=True)

    def _discard(self, response: httpx2.Response) -> None:
        """Read a body that nobody needs, where it is short; the connection can then be used again."""
        try:
            self._drain(response, bytearray(), _LEFT_OVER, time.monotonic() + SILENCE_SECONDS)
        finally:
            response.close()

    def _drain(self, response: httpx2.Response, have: bytearray, wanted: int, deadline: float, skip: int = 0) -> None:
        """Append the body behind its first ``skip`` bytes to ``have``, which grows to ``wanted`` bytes at most."""
        for chunk in response.iter_raw():
            with self._lock:
                self.traffic.bytes_read += len(chunk)
            if self._halted.is_set():
                raise Refused("interrupted")
            fresh = chunk[skip:]
            skip = max(0, skip - len(chunk))
            room = wanted - len(have)
            have += fresh[:room]
            if len(fresh) > room or (fresh and len(have) == wanted and response.status_code == 200):
                return  # anything else is read to its end, so that the connection can be used again
            if time.monotonic() > deadline:
                raise _Again(f"too slow, {len(have):,} of {wanted:,} bytes so far")

    def _span(self, response: httpx2.Response, at: int, stop: int, name: str, size: int) -> tuple[int, int]:
        """How many bytes of the body lie before ``at``, and where in the file it ends.

        None do in a proper answer, which may be shorter than was asked for; all of them where ``Range`` is ignored.
        """
        if response.status_code == 206:
            found = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            if found and found[3] not in ("*", str(size)):
                raise changed(name)
            if not found or not int(found[1]) == at <= int(found[2]) < stop:
                raise _Again(f"asked for bytes {at:,} to {stop - 1:,}, it sends others")
            return 0, int(found[2]) + 1
        if response.headers.get("Content-Length", str(size)) != str(size):
            raise changed(name)
        if stop < size or at > 0:
            server = host(str(response.url))
            if stop > WHOLE_BODY:
                raise Refused(
                    f"{name}: {server} ignores byte ranges, and {stop:,} bytes would have to be read",
                    "download it and scan the copy",
                )
            if server not in self._rangeless:
                self._rangeless.add(server)
                _log.warning("%s ignores byte ranges; files are read from their start", server)
        return at, stop

    def _same(self, response: httpx2.Response, name: str) -> None:
        """Raise unless this is the version of the file that the first answer from this address was."""
        key, mark = str(response.url).partition("?")[0], validator(response.headers)
        if mark and self._validators.setdefault(key, mark) != mark:
            raise changed(name)

    def _refusal(self, response: httpx2.Response, url: str, name: str) -> Exception:
        """What an answer that is no file says, and whether to ask again."""
        status, server = response.status_code, host(str(response.url))
        code = one_line(response.headers.get("X-Error-Code", ""), 40)
        self._discard(response)
        if status in _LATER:
            words = "too many requests (429)" if status == 429 else f"answers {status}"
            return _Again(words, patience(response.headers), status, host=server)
        if status in (401, 403):
            return Refused(
                f"{name}: {server} denies access ({status})", "check the address and your rights", status, code
            )
        if status in (404, 410):
            return Refused(f"{name}: not found at {server}", "check the address", status, code)
        if status == 416:
            hint = "it is empty, or changed while it was being read"
            return Refused(f"{name}: {server} says that it ends earlier (416)", hint, status, code)
        return Refused(f"{name}: {server} answers {status}", "try again later", status, code)


def _broken(error: httpx2.TransportError) -> _Again:
    import httpx2

    if isinstance(error, httpx2.TimeoutException):
        return _Again(f"no answer within {SILENCE_SECONDS:.0f} seconds")
    if isinstance(error, httpx2.ConnectError):
        return _Again(f"no connection ({one_line(str(error), 120)})", weight=2)
    return _Again("the connection broke off")
