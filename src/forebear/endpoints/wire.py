"""One HTTP request to a server that may do anything: bounded in bytes and time, and never further than its origin.

``Accept-Encoding: identity`` is asked for (RFC 9110); a server that compresses all the same is understood, and its
body is measured while it is decompressed.
"""

from __future__ import annotations

import socket
import threading
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from forebear.errors import one_line
from forebear.sources.answers import host
from forebear.sources.quiet import quiet
from forebear.version import __version__

if TYPE_CHECKING:
    import httpx2

MAX_BODY = 8_000_000
"""Bytes after decompression."""
MAX_PIECES = 4_096
MAX_HEADERS, MAX_VALUE = 200, 4_096
_BLOCK = 65_536
_END_OF_STREAM = b"data: [DONE]"


@dataclass(frozen=True)
class Patience:
    """Seconds that a server is waited for.

    Attributes:
        connect: for a connection.
        silence: between two pieces of an answer, and for the first: models think.
        document: the same for what needs no thought, a ``GET``.
        total: for one answer.
        pause: the longest that a server may ask us to wait before another attempt.
        vain: for nothing, in all: silence, and the pauses that a server asks for. Then no more is asked of it.
    """

    connect: float = 20.0
    silence: float = 60.0
    document: float = 15.0
    total: float = 300.0
    pause: float = 60.0
    vain: float = 180.0


@dataclass
class Reply:
    """What arrived: as :class:`~forebear.endpoints.base.Exchange`, but with whatever secrets are in it.

    Attributes:
        cookies: their values, which are secrets.
        received: bytes of the body as they came.
        broken: whether the connection broke off: it may have been an idle one that the server had given up.
        unconnected: whether there was no connection at all.
        silent: whether it was given up for want of an answer, so that the time was lost.
    """

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    body: bytes = b""
    pieces: tuple[tuple[int, int], ...] = ()
    milliseconds: int = 0
    received: int = 0
    problem: str = ""
    broken: bool = False
    unconnected: bool = False
    silent: bool = False


class Wire:
    """Connections to one server; not for several threads at once.

    Args:
        patience: how long it is waited for.
        direct: whether proxies and other settings of the environment are ignored: for servers on this machine.
    """

    def __init__(self, patience: Patience, direct: bool = False) -> None:
        self._patience, self._direct = patience, direct
        self._client: httpx2.Client | None = None
        self._secure = True
        self._socket: socket.socket | None = None

    def request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        """Send one request and read the answer; redirects are not followed.

        Whatever goes wrong is in the reply: nothing is raised.
        """
        with quiet():
            return self._request(method, url, body, headers)

    def _request(self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        import httpx2

        reply = Reply()
        started = time.monotonic()
        silence = min(self._patience.silence, self._patience.document) if method == "GET" else self._patience.silence
        watch = threading.Timer(self._patience.total, self._hang_up)
        watch.daemon = True
        watch.start()
        try:
            client = self._open(secure=not url.startswith("http://"))
            client.cookies.clear()  # a server is not to recognise us, and a log is not to hold its cookies
            request = client.build_request(
                method,
                url,
                content=body,
                headers=headers,
                timeout=httpx2.Timeout(silence, connect=self._patience.connect),
                extensions={"trace": self._remember},
            )
            response = client.send(request, stream=True)
            try:
                self._receive(response, reply, started)
            finally:
                response.close()
        except httpx2.TimeoutException as error:
            waited = self._patience.connect if isinstance(error, httpx2.ConnectTimeout) else silence
            self._fail(reply, f"no answer within {waited:g} seconds")
            reply.silent = True
            reply.unconnected = isinstance(error, httpx2.ConnectTimeout)
        except httpx2.ConnectError as error:
            self._fail(reply, _unconnected(error))
            reply.unconnected = True
        except (httpx2.TransportError, OSError) as error:
            late = time.monotonic() - started >= self._patience.total
            what = one_line(str(error), 120) or type(error).__name__
            self._fail(reply, self._too_slow() if late else f"the connection broke off ({what})")
            reply.broken, reply.silent = not late, late
        except (httpx2.InvalidURL, httpx2.DecodingError, ValueError) as error:
            self._fail(reply, f"{host(url)}: not usable ({one_line(str(error), 120)})")
        finally:
            watch.cancel()
            reply.milliseconds = round(1000 * (time.monotonic() - started))
        return reply

    def close(self) -> None:
        """End all connections."""
        if self._client is not None:
            self._client.close()
        self._client = self._socket = None

    def _open(self, secure: bool) -> httpx2.Client:
        if self._client is None or secure != self._secure:
            import httpx2

            self.close()
            self._secure = secure
            self._client = httpx2.Client(
                limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1),
                headers={"User-Agent": f"forebear/{__version__}", "Accept-Encoding": "identity"},
                follow_redirects=False,
                verify=secure,  # certificates take a while to load, and are of no use without TLS
                trust_env=not self._direct,
            )
        return self._client

    def _remember(self, event: str, info: Mapping[str, Any]) -> None:
        """Keep the socket: a server that drips its headers is stopped by nothing else."""
        if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")

    def _hang_up(self) -> None:
        try:
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is closed already

    def _fail(self, reply: Reply, problem: str) -> None:
        reply.problem = problem
        self.close()

    def _too_slow(self) -> str:
        return f"not at its end after {self._patience.total:g} seconds"

    def _receive(self, response: httpx2.Response, reply: Reply, started: float) -> None:
        reply.status = response.status_code
        reply.headers = _joined(response.headers.multi_items())
        cookies = (v for k, v in response.headers.multi_items() if k.lower() == "set-cookie")
        reply.cookies = tuple(c.partition(";")[0].partition("=")[2] for c in cookies)
        unpack = unpacker(response.headers.get("content-encoding", ""))
        if unpack is None:
            self._fail(reply, f"sent as {one_line(response.headers['content-encoding'], 40)}, though asked not to")
            return
        streams = "event-stream" in reply.headers.get("content-type", "")
        body = bytearray()
        pieces: list[tuple[int, int]] = []
        try:
            for raw in response.iter_raw():
                reply.received += len(raw)
                body += unpack(raw, MAX_BODY + 1 - len(body))
                now = time.monotonic() - started
                if len(pieces) < MAX_PIECES:
                    pieces.append((len(body), round(1000 * now)))
                if len(body) > MAX_BODY or reply.received > MAX_BODY:
                    self._fail(reply, f"more than {MAX_BODY:,} bytes")
                    return
                if now > self._patience.total:
                    self._fail(reply, self._too_slow())
                    return
                if streams and _END_OF_STREAM in body[-64:]:
                    return  # some servers leave the connection open behind it
            if time.monotonic() - started >= self._patience.total:
                self._fail(reply, self._too_slow())  # we hung up, and a body without a length ends like that
        except zlib.error:
            self._fail(reply, "its compression is damaged")
        finally:
            reply.body, reply.pieces = bytes(body[:MAX_BODY]), tuple(pieces) if streams or len(pieces) > 1 else ()


class _Unpacked:
    """Decompression of a body piece by piece, never further than there is room for."""

    def __init__(self, bits: int, otherwise: int | None = None) -> None:
        self._stream, self._otherwise = zlib.decompressobj(bits), otherwise

    def __call__(self, data: bytes, room: int) -> bytes:
        otherwise, self._otherwise = self._otherwise, None
        try:
            return self._stream.decompress(data, room)
        except zlib.error:
            if otherwise is None:
                raise
            self._stream = zlib.decompressobj(otherwise)
            return self._stream.decompress(data, room)


def unpacker(encoding: str) -> Callable[[bytes, int], bytes] | None:
    """What turns a piece of a body, and how many bytes there is room for, into content; None if it is not known."""
    match encoding.strip().lower():
        case "" | "identity":
            return lambda data, room: data[:room]
        case "gzip" | "x-gzip":
            return _Unpacked(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Unpacked(zlib.MAX_WBITS, otherwise=-zlib.MAX_WBITS)  # many servers leave zlib's header out
        case _:
            return None


def _joined(items: list[tuple[str, str]]) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, value in items[:MAX_HEADERS]:
        key, value = name.lower()[:200], value[:MAX_VALUE]
        out[key] = f"{out[key]}, {value}"[:MAX_VALUE] if key in out else value
    return out


def _unconnected(error: Exception) -> str:
    """Why there is no connection, TLS in plain words."""
    text = one_line(str(error), 160)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "its certificate does not prove who it is (" + text.partition("failed:")[2].rpartition("(")[0].strip() + ")"
        )
    if "WRONG_VERSION_NUMBER" in text or "RECORD_LAYER_FAILURE" in text:
        return "it does not speak TLS there; http instead of https?"
    if "SSL" in text:
        return f"no secure connection ({text})"
    return f"no connection ({text})"
