"""What a stranger may do to a connection: nothing, slowly, without end, or noise."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import pytest

from forebear.errors import UsageError
from forebear.web import listener
from forebear.web.crew import Crew
from forebear.web.listener import bound
from forebear.web.settings import Settings
from forebear.web.tokens import make_token
from services import listening

HEAD = 1.0
BODY = 1.0
MOST_FILE = 1 << 20


class Line:
    """A service that listens, and raw connections to it."""

    def __init__(self, address: tuple[str, int], token: str, uploads: Path) -> None:
        self.address, self.uploads = address, uploads
        self.head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"

    def connect(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=60)

    def ask(self, request: str, headers: str = "", body: bytes = b"") -> tuple[int, bytes]:
        with self.connect() as there:
            there.sendall(f"{request} HTTP/1.1\r\n{self.head}Connection: close\r\n{headers}\r\n".encode() + body)
            return answer(there)

    def upload(self) -> str:
        body = b'{"name": "m"}'
        headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return str(json.loads(self.ask("POST /api/v1/uploads", headers, body)[1])["id"])

    def well(self, seconds: float = 30.0) -> bool:
        until = time.monotonic() + seconds
        while self.ask("GET /healthz")[0] != 200:
            if time.monotonic() > until:
                return False
        return True


def answer(there: socket.socket) -> tuple[int, bytes]:
    """Status and body of what comes until the end; 0 where nothing comes."""
    raw = b""
    with suppress(ConnectionError):
        while piece := there.recv(1 << 16):
            raw += piece
    head, _, body = raw.partition(b"\r\n\r\n")
    return (int(head.split()[1]) if head else 0), body


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())
        patch.setattr(listener, "patient", lambda seconds, stalled=0.5, made=listener.patient: made(seconds, stalled))
        settings = Settings(
            home / "own",
            head_seconds=HEAD,
            body_seconds=BODY,
            upload_seconds=BODY,
            file_bytes=MOST_FILE,
            connections=24,
            rate=1e4,
            burst=10**5,
        )
        with listening(settings) as (app, address):
            token, text = make_token("test", ("read", "submit"))
            app.state.service.store.add_token(token)
            yield Line(address, text, settings.uploaded)


def test_who_says_nothing_or_sends_headers_slowly_is_hung_up_on(line: Line) -> None:
    began = time.monotonic()
    with line.connect() as silent, line.connect() as slow:
        slow.settimeout(0.05)
        gone = False
        for byte in b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"x" * 1_000:
            with suppress(TimeoutError):
                try:
                    slow.sendall(bytes([byte]))
                    gone = slow.recv(1) == b""
                except ConnectionError:
                    gone = True
            if gone:
                break
        assert gone and answer(silent) == (0, b"")
        assert HEAD <= time.monotonic() - began < HEAD + 60
    assert line.well()


def test_headers_that_have_no_end_are_refused(line: Line) -> None:
    with line.connect() as there:
        with suppress(ConnectionError):
            there.sendall(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 200_000)
        assert answer(there)[0] in (0, 400)
    assert line.well()


def test_a_body_that_comes_slowly_is_given_up(line: Line) -> None:
    upload = line.upload()
    for request in ("POST /api/v1/jobs/scan", f"PUT /api/v1/uploads/{upload}/a"):
        with line.connect() as there:
            head = f"{request} HTTP/1.1\r\n{line.head}Content-Type: application/json\r\nContent-Length: 100\r\n\r\n"
            there.sendall(head.encode() + b"{")
            status, body = answer(there)
        assert status == 408 and b"took too long" in body, request
    assert list((line.uploads / upload).iterdir()) == []


def test_ten_gigabytes_are_refused_at_once_and_an_endless_stream_soon(line: Line) -> None:
    upload = line.upload()
    for request in ("POST /api/v1/jobs/scan", f"PUT /api/v1/uploads/{upload}/model.safetensors"):
        status, _ = line.ask(request, f"Content-Length: {10 << 30}\r\n", b"x" * 1000)
        assert status == 413
        sent = 0
        with line.connect() as there:
            there.sendall(f"{request} HTTP/1.1\r\n{line.head}Transfer-Encoding: chunked\r\n\r\n".encode())
            with suppress(ConnectionError):
                while sent < 10 << 30:  # the server hangs up long before
                    there.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    sent += 0x10000
            assert sent < MOST_FILE + (16 << 20)  # and what the system's buffers hold
    assert list((line.uploads / upload).iterdir()) == [] and line.well()


def test_more_connections_than_there_may_be_are_told_so(line: Line) -> None:
    with ExitStack() as stack:
        for _ in range(30):
            stack.enter_context(closing(line.connect()))
        assert line.ask("GET /healthz")[0] == 503
    assert line.well()


def test_who_takes_no_answer_is_hung_up_on(line: Line) -> None:
    there = socket.socket()
    there.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    there.settimeout(10)
    with there:
        there.connect(line.address)
        ask = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        began, broken = time.monotonic(), False
        while not broken and time.monotonic() - began < 10:
            try:
                there.sendall(ask * 20)
                time.sleep(0.02)
            except (ConnectionError, TimeoutError):
                broken = True
        assert broken
    assert line.well()


def test_noise_is_answered_or_dropped_and_breaks_nothing(line: Line) -> None:
    """Requests with parts replaced, cut, doubled and made of any bytes; the same ones every time."""
    chance = random.Random(0)
    seeds = [
        f"GET /api/v1/jobs?limit=3 HTTP/1.1\r\n{line.head}\r\n".encode(),
        f"POST /api/v1/jobs/scan HTTP/1.1\r\n{line.head}Content-Type: application/json\r\n"
        'Content-Length: 18\r\n\r\n{"target": "a/bc"}'.encode(),
        f"PUT /api/v1/uploads/{'0' * 32}/a HTTP/1.1\r\n{line.head}Transfer-Encoding: chunked\r\n\r\n".encode()
        + b"1\r\nx\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\n{line.head}Upgrade: websocket\r\nConnection: upgrade\r\n\r\n".encode(),
    ]
    statuses = set()
    for number in range(120):
        raw = bytearray(seeds[number % len(seeds)])
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(raw))
            match chance.randrange(4):
                case 0:
                    raw[at : at + chance.randint(1, 8)] = chance.randbytes(chance.randint(0, 8))
                case 1:
                    del raw[at:]
                case 2:
                    raw[at:at] = raw[: chance.randint(1, 60)]
                case _:
                    raw[at:at] = chance.choice((b"\0", b"\r\n", b"%00", b"../", b"\xff" * 9, b"Content-Length: 9\r\n"))
            raw = raw or bytearray(b"x")
        with line.connect() as there, suppress(ConnectionError):
            there.sendall(bytes(raw))
            there.shutdown(socket.SHUT_WR)
            statuses.add(answer(there)[0])
    assert statuses & {200, 202} and statuses & {400, 404, 422} and 500 not in statuses
    assert line.well()


def test_the_end_of_an_answer_does_not_wait_for_an_acknowledgement() -> None:
    async def accepted() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = bound("127.0.0.1", 0)
        async with await asyncio.start_server(serve, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            try:
                return await found
            finally:
                writer.close()
                await writer.wait_closed()

    assert asyncio.run(accepted()) != 0


def test_a_port_that_is_taken_is_told() -> None:
    with bound("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(UsageError, match=r"cannot listen on 127\.0\.0\.1 port"):
            bound("127.0.0.1", first.getsockname()[1])
    with pytest.raises(UsageError, match=r"cannot listen on none\.invalid"):
        bound("none.invalid", 8080)
