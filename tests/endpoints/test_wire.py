from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from api import Address, Fault, Model, serve
from forebear.endpoints.wire import MAX_BODY, Patience, Reply, Wire, unpacker

QUICK = Patience(connect=2, silence=0.5, total=1.0)
PATH = "/v1/models"


@contextmanager
def wired(*faults: Fault, patience: Patience = QUICK) -> Iterator[tuple[Address, Wire]]:
    with serve(Model(), *faults) as url, closing(Wire(patience, direct=True)) as wire:
        yield url, wire


def ask(url: str) -> Reply:
    """One request on connections of its own, which are closed again: an open one is an error when it is collected."""
    with closing(Wire(QUICK, direct=True)) as wire:
        return wire.request("GET", url, None, {})


def get(kind: str) -> Reply:
    with wired(Fault(kind)) as (url, wire):
        return wire.request("GET", url + PATH, None, {})


def test_an_answer_arrives_whole() -> None:
    with wired() as (url, wire):
        reply = wire.request("GET", url + PATH, None, {"X-Own": "1"})
        asked = url.requests[0]
    assert (reply.status, reply.problem) == (200, "")
    assert b'"toy-1"' in reply.body
    assert reply.headers["content-type"] == "application/json"
    assert (asked.headers["X-Own"], asked.headers["Accept-Encoding"]) == ("1", "identity")


@pytest.mark.parametrize("kind", ["gzip", "deflate", "raw-deflate"])
def test_an_answer_that_is_compressed_all_the_same_is_read(kind: str) -> None:
    reply = get(kind)
    assert (reply.status, reply.problem) == (200, "")
    assert b'"toy-1"' in reply.body


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("hang", "no answer within 0.5 seconds"),
        ("drip", "not at its end after 1 seconds"),
        ("drip-headers", "not at its end after 1 seconds"),
        ("bomb", "more than 8,000,000 bytes"),
        ("huge", "more than 8,000,000 bytes"),
        ("br", "sent as br, though asked not to"),
        ("cut", "the connection broke off"),
        ("drop", "the connection broke off"),
    ],
)
def test_what_does_not_arrive_is_said_in_a_clause(kind: str, problem: str) -> None:
    reply = get(kind)
    assert problem in reply.problem
    assert len(reply.body) <= MAX_BODY


def test_half_an_answer_is_kept() -> None:
    reply = get("cut")
    assert reply.broken
    assert reply.status == 200
    assert reply.body.startswith(b'{"object"')


def test_the_next_request_goes_well_after_a_broken_one() -> None:
    with wired(Fault("drop", times=1)) as (url, wire):
        assert wire.request("GET", url + PATH, None, {}).broken
        assert wire.request("GET", url + PATH, None, {}).status == 200


def test_cookies_are_not_given_back() -> None:
    with serve(Model(headers={"Set-Cookie": "session=abcdef; Path=/"})) as url:
        with closing(Wire(QUICK, direct=True)) as wire:
            assert wire.request("GET", url + PATH, None, {}).cookies == ("abcdef",)
            wire.request("GET", url + PATH, None, {})
        assert "Cookie" not in url.requests[1].headers


def test_redirects_are_not_followed_here() -> None:
    reply = get("loop")
    assert reply.status == 307
    assert reply.headers["location"] == PATH


def test_where_nobody_listens_there_is_no_connection() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        reply = ask(f"http://127.0.0.1:{port}/")
    assert reply.unconnected
    assert reply.problem.startswith("no connection (")


def test_a_server_without_tls_is_told_from_one_with_a_bad_certificate() -> None:
    with serve(Model()) as url:
        reply = ask(url.replace("http", "https") + PATH)
    assert reply.unconnected
    assert "http instead of https?" in reply.problem


def test_an_address_that_is_none_is_a_clause() -> None:
    assert "not usable" in ask("http://h:abc/").problem


def test_a_bomb_is_stopped_while_it_is_decompressed() -> None:
    import gzip

    unpack = unpacker("gzip")
    assert unpack is not None
    assert len(unpack(gzip.compress(b"0" * 50_000_000), 1_000)) == 1_000
    assert unpacker("zstd") is None


def test_damaged_compression_is_a_clause() -> None:
    with _raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello") as url:
        assert ask(url).problem == "its compression is damaged"


def test_what_is_no_http_is_a_clause() -> None:
    with _raw(b"SSH-2.0-OpenSSH\r\n\r\n") as url:
        assert "broke off" in ask(url).problem


def test_many_and_long_headers_are_bounded() -> None:
    lines = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 20) for i in range(90)) + b"X-0: again\r\n"
    with _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + lines + b"\r\n{}") as url:
        reply = ask(url)
    assert reply.headers["x-0"] == "v" * 20 + ", again"
    assert reply.body == b"{}"


@contextmanager
def _raw(answer: bytes) -> Iterator[str]:
    """A server that says these bytes to whoever connects."""
    server = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    finally:
        server.close()
        thread.join(5)


def test_errors_of_tls_are_in_plain_words() -> None:
    from forebear.endpoints.wire import _unconnected

    error = ssl.SSLError(
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1)"
    )
    assert _unconnected(error) == "its certificate does not prove who it is (self-signed certificate)"
