"""The range client: every fault between it and a hub loses nothing, or ends in one line."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forebear.errors import InputError
from forebear.sources import http
from forebear.sources.answers import redirected, retry_after
from forebear.sources.http import Client
from hub import Fault, Hub
from models import refused

DATA = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
FILE = "model.safetensors"


@pytest.fixture
def url(hub: Hub) -> str:
    commit = hub.add("org/m", {FILE: DATA, "small.json": DATA[:1_000]}).commit
    return f"{hub.endpoint}/org/m/resolve/{commit}/{FILE}"


@pytest.fixture
def client(hub: Hub) -> Client:
    return Client(hub.endpoint, hub.token)


def read(client: Client, url: str, start: int, stop: int, size: int = len(DATA)) -> bytes:
    return client.read(url, start, stop, FILE, size)


# what is asked


def test_exact_ranges_over_kept_connections(client: Client, hub: Hub, url: str) -> None:
    for start, stop in ((0, 1), (1_000, 201_000), (len(DATA) - 1, len(DATA)), (5, 10)):
        assert read(client, url, start, stop) == DATA[start:stop]
    asked = [(r.host, r.range, r.status) for r in hub.log]
    assert asked[0] == ("hub", "bytes=0-0", 302)  # the redirect is followed once and remembered
    ranges = ["bytes=0-0", "bytes=1000-200999", "bytes=299999-299999", "bytes=5-9"]
    assert asked[1:] == [("lfs", r, 206) for r in ranges]
    assert len({r.connection for r in hub.log}) == 2
    assert client.traffic.requests == len(hub.log)
    assert client.traffic.bytes_read == sum(r.sent for r in hub.log)


def test_the_token_is_shown_to_the_endpoint_only(client: Client, hub: Hub, url: str) -> None:
    read(client, url, 0, 10)
    assert [r.authorization for r in hub.log] == [f"Bearer {hub.token}", ""]
    assert hub.token not in repr(client) + repr(vars(client.traffic))


def test_relative_redirects_are_followed(client: Client, hub: Hub, url: str) -> None:
    small = url.replace(FILE, "small.json")
    assert client.read(small, 0, 1_000, "small.json", 1_000) == DATA[:1_000]
    assert [r.status for r in hub.log] == [307, 206]
    assert client.size(url, FILE)[0] == len(DATA)


def test_an_expired_signature_is_renewed(client: Client, hub: Hub, url: str) -> None:
    read(client, url, 0, 10)
    hub.signature = "signed-2"
    assert read(client, url, 10, 20) == DATA[10:20]
    assert [(r.host, r.status) for r in hub.log[2:]] == [("lfs", 403), ("hub", 302), ("lfs", 206)]


def test_threads_share_what_the_first_has_found(client: Client, hub: Hub, url: str) -> None:
    found: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda k=k: found.update({k: read(client, url, k * 1_000, k * 1_000 + 500)}))
        for k in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {k: DATA[k * 1_000 : k * 1_000 + 500] for k in range(8)}
    assert sum(r.host == "hub" for r in hub.log) == 1


# what breaks


@pytest.mark.parametrize("reset", [False, True])
def test_a_broken_read_goes_on_from_the_byte_it_reached(client: Client, hub: Hub, url: str, reset: bool) -> None:
    hub.fault(Fault("lfs/store", after=100_000, times=1, reset=reset))
    hub.fault(Fault("lfs/store", after=50_000, skip=1, times=1, reset=reset))
    assert read(client, url, 7, 290_000) == DATA[7:290_000]
    starts = [int(r.range.removeprefix("bytes=").split("-")[0]) for r in hub.log if r.host == "lfs"]
    assert starts[0] == 7 and starts == sorted(starts)
    if not reset:  # what a reset discards on its way is the system's affair
        assert starts == [7, 100_007, 150_007]
        assert client.traffic.bytes_read <= 290_000 + 1_000


@pytest.mark.parametrize("fault", [{"status": s} for s in (500, 502, 503, 504, 408)] + [{"after": 0, "reset": True}])
@pytest.mark.parametrize("part", ["hub/org", "lfs/store"])
def test_what_passes_is_tried_again(client: Client, hub: Hub, url: str, part: str, fault: dict[str, int]) -> None:
    hub.fault(Fault(part, times=3, **fault))  # type: ignore[arg-type]
    assert read(client, url, 3, 100) == DATA[3:100]
    assert client.traffic.requests >= 5


def test_a_server_that_stays_down_is_given_up(client: Client, hub: Hub, url: str) -> None:
    hub.fault(Fault("lfs/store", status=503, times=None))
    with refused(FILE, "127.0.0.1", "answers 503", "try again later"):
        read(client, url, 0, 10)
    assert sum(r.host == "lfs" for r in hub.log) == http.ATTEMPTS


def test_no_connection_is_said_soon(hub: Hub, deadline: None) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with refused("f: 127.0.0.1: no connection"):
        Client(address).read(f"{address}/f", 0, 10, "f", 10)


def test_too_many_requests_are_waited_for(client: Client, hub: Hub, url: str) -> None:
    hub.fault(Fault("lfs/store", status=429, headers={"Retry-After": "0"}, times=2))
    hub.fault(Fault("lfs/store", status=429, headers={"Retry-After": "soon"}, skip=2))
    assert read(client, url, 0, 10) == DATA[:10]


def test_a_long_wait_is_not_waited_for(client: Client, hub: Hub, url: str, deadline: None) -> None:
    hub.fault(Fault("lfs/store", status=429, headers={"Retry-After": "3600"}))
    with refused("too many requests (429)", "try again in 3,600 seconds"):
        read(client, url, 0, 10)


def test_waits_are_seconds_or_dates() -> None:
    assert retry_after("7") == 7
    assert 25 < (retry_after(format_datetime(datetime.now(UTC) + timedelta(seconds=30))) or 0) <= 30
    assert retry_after("Mon, 01 Jan 2001 00:00:00 GMT") == 0
    far = f"Mon, 01 Jan 2001 00:00:00 +{'9' * 20}", f"Mon, {'9' * 20} Jan 2001 00:00:00 GMT"
    for text in ("", "soon", "-1", "1e9", "Mon, 01 Jan 2001 00:00:00", "٣", *far):
        assert not retry_after(text)
    assert retry_after("9" * 4_000) == 999_999_999


def test_a_server_that_trickles_is_given_up(
    client: Client, hub: Hub, url: str, deadline: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(http, "SLOWEST", 10**9)
    hub.fault(Fault("lfs/store", pause=0.2, times=None))
    with refused(FILE, "too slow"):
        read(client, url, 0, 300_000)


def test_a_silent_server_is_given_up(hub: Hub, url: str, deadline: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SILENCE_SECONDS", 0.1)
    monkeypatch.setattr(http, "ATTEMPTS", 2)
    hub.fault(Fault("lfs/store", pause=1.0, times=None))
    with refused(FILE, "no answer within"):
        read(Client(hub.endpoint), url, 0, 10)


def test_a_halted_client_stops(client: Client, hub: Hub, url: str, deadline: None) -> None:
    client.halt()
    with refused("interrupted"):
        read(client, url, 0, 10)


# what lies


@pytest.mark.parametrize("value", ["bytes 1-10/300000", "bytes 0-10/300000", "items 0-9/300000", ""])
def test_other_bytes_than_asked_for_are_never_taken(client: Client, hub: Hub, url: str, value: str) -> None:
    hub.fault(Fault("lfs/store", headers={"Content-Range": value}, times=2))
    assert read(client, url, 0, 10) == DATA[:10]
    hub.fault(Fault("lfs/store", headers={"Content-Range": value}, times=None))
    with refused(FILE, "asked for bytes 0 to 9, it sends others"):
        read(client, url, 0, 10)


def test_a_shorter_range_than_asked_for_is_completed(client: Client, hub: Hub, url: str) -> None:
    hub.fault(Fault("lfs/store", headers={"Content-Range": "bytes 0-3/300000"}))
    assert read(client, url, 0, 10) == DATA[:10]
    assert [r.range for r in hub.log if r.host == "lfs"] == ["bytes=0-9", "bytes=4-9"]


def test_ranges_that_are_ignored_are_read_from_the_start(
    client: Client, hub: Hub, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    hub.fault(Fault("lfs/store", whole=True, times=None))
    with caplog.at_level(logging.WARNING):
        assert read(client, url, 100_000, 100_010) == DATA[100_000:100_010]
        assert read(client, url, 5, 9) == DATA[5:9]
    assert caplog.text.count("127.0.0.1 ignores byte ranges") == 1 and "X-Signature" not in caplog.text
    hub.fault(Fault("lfs/store", after=250_000))
    assert read(client, url, 200_000, 290_000) == DATA[200_000:290_000]


def test_ranges_that_are_ignored_are_refused_where_that_is_much(
    client: Client, hub: Hub, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "WHOLE_BODY", 1_000)
    hub.fault(Fault("lfs/store", whole=True, times=None))
    assert read(client, url, 990, 1_000) == DATA[990:1_000]
    with refused(FILE, "ignores byte ranges", "1,001 bytes would have to be read", "download it"):
        read(client, url, 991, 1_001)


@pytest.mark.parametrize("other", [DATA[::-1], DATA[:-1], DATA + b"x"])
def test_a_file_that_changes_is_refused(client: Client, hub: Hub, url: str, other: bytes) -> None:
    read(client, url, 0, 10)
    hub.fault(Fault("lfs/store", content=other))
    with refused(f"{FILE}: changed while it was being read"):
        read(client, url, 10, 20)


def test_a_file_that_changes_while_a_read_is_broken_is_refused(client: Client, hub: Hub, url: str) -> None:
    hub.fault(Fault("lfs/store", after=1_000))
    hub.fault(Fault("lfs/store", content=DATA[::-1], skip=1))
    with refused(f"{FILE}: changed while it was being read"):
        read(client, url, 0, 2_000)


def test_another_commit_or_hash_is_refused(client: Client, hub: Hub, url: str) -> None:
    for mark in ({"X-Repo-Commit": "0" * 40}, {"X-Linked-ETag": "0" * 64}):
        with refused("changed while it was being read"):
            client.read(url, 0, 10, FILE, len(DATA), mark)


def test_a_file_that_ends_earlier_is_refused(client: Client, hub: Hub, url: str) -> None:
    with refused("ends earlier (416)"):
        read(client, url, len(DATA), len(DATA) + 10, len(DATA) + 10)


@pytest.mark.parametrize(
    ("status", "words"), [(403, "denies access (403)"), (404, "not found"), (410, "not found"), (418, "answers 418")]
)
def test_a_no_is_a_no(client: Client, hub: Hub, url: str, status: int, words: str) -> None:
    hub.fault(Fault("hub/org", status=status))
    with refused(f"{FILE}: ", "127.0.0.1", words):
        read(client, url, 0, 10)
    assert len(hub.log) == 1


def test_a_compressed_body_is_refused(client: Client, hub: Hub, url: str) -> None:
    hub.fault(Fault("lfs/store", headers={"Content-Encoding": "gzip"}))
    with refused("compressed"):
        read(client, url, 0, 10)


def test_redirects_end(client: Client, hub: Hub, url: str) -> None:
    hub.fault(Fault("hub/org", status=302, headers={"Location": "?again"}, times=None))
    with refused("redirects more than 5 times"):
        read(client, url, 0, 10)
    assert len(hub.log) == 6


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "ftp://x/y", "http://[::1", "javascript:alert(1)"])
def test_redirects_to_other_places_than_the_web_are_refused(
    client: Client, hub: Hub, url: str, location: str, deadline: None
) -> None:
    hub.fault(Fault("hub/org", status=302, headers={"Location": location}))
    with refused("redirects to nowhere"):
        read(client, url, 0, 10)


def test_https_never_becomes_http() -> None:
    assert redirected("https://a/x/y", "z?s=1", "f") == "https://a/x/z?s=1"
    assert redirected("http://a/x", "https://b/", "f") == "https://b/"
    assert redirected("http://a/x", "//b/y", "f") == "http://b/y"
    with refused("f: a redirects from https to http", "not followed"):
        redirected("https://a/x", "http://a/y?secret=1", "f")


def test_documents_are_bounded(client: Client, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.add("org/m", {"a": b"1"})
    info = f"{hub.endpoint}/api/models/org/m"
    assert client.document(info, "m")[0].startswith(b"{")
    monkeypatch.setattr(http, "MAX_DOCUMENT", 100)
    with refused("sends more than 100 bytes"):
        client.document(info, "m")


@contextmanager
def raw_server(answer: bytes) -> Iterator[str]:
    """Answers every connection with these bytes, the last 1,000 of them again and again."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65_536)
                    try:
                        connection.sendall(answer)
                        while answer:
                            connection.sendall(answer[-1_000:])
                    except OSError:
                        continue
        except OSError:  # the listener was shut down
            return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_a_body_without_end_is_cut_off(hub: Hub, deadline: None) -> None:
    head = b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-99/100\r\n\r\n"
    with raw_server(head + b"x" * 2_000) as address:
        client = Client(address)
        assert client.read(address, 0, 100, "f", 100) == b"x" * 100
        assert client.traffic.bytes_read < 1_000_000


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-hello\r\n", b"HTTP/1.1 200", b"HTTP/1.1 206 x\r\nContent-Length: many\r\n\r\n" + b"x" * 99],
)
def test_what_is_no_http_is_given_up(hub: Hub, answer: bytes, deadline: None) -> None:
    with raw_server(answer) as address, refused("f: 127.0.0.1"):
        Client(address).read(address, 0, 10, "f", 10)


FAULTS = st.one_of(
    st.builds(lambda after, reset: {"after": after, "reset": reset}, st.integers(0, 40_000), st.booleans()),
    st.builds(lambda status: {"status": status}, st.sampled_from([301, 400, 403, 404, 416, 429, 500, 503, 299])),
    st.builds(
        lambda a, b, size: {"headers": {"Content-Range": f"bytes {a}-{b}/{size}"}},
        *(st.integers(0, 40_000), st.integers(0, 40_000), st.sampled_from(["300000", "*", "299999", "x"])),
    ),
    st.builds(lambda value: {"headers": {"Content-Encoding": value}}, st.sampled_from(["gzip", "identity", "br"])),
    st.builds(lambda size: {"content": DATA[::-1][:size]}, st.integers(0, len(DATA))),
    st.just({"whole": True}),
)


@settings(max_examples=60)
@given(
    faults=st.lists(st.tuples(st.sampled_from(["hub/org", "lfs/store"]), FAULTS), max_size=5),
    start=st.integers(0, 30_000),
    length=st.integers(1, 60_000),
)
def test_whatever_goes_wrong_the_bytes_are_right_or_refused(
    faults: list[tuple[str, dict[str, Any]]], start: int, length: int
) -> None:
    with pytest.MonkeyPatch.context() as patch, Hub() as hub:
        patch.setattr(http, "FIRST_PAUSE", 0.0)
        patch.delenv("FOREBEAR_OFFLINE", raising=False)
        commit = hub.add("org/m", {FILE: DATA}).commit
        client = Client(hub.endpoint)
        url = f"{hub.endpoint}/org/m/resolve/{commit}/{FILE}"
        assert read(client, url, 0, 1) == DATA[:1]  # which version it is
        for part, fault in faults:
            hub.fault(Fault(part, **fault))
        try:
            assert read(client, url, start, start + length) == DATA[start : start + length]
        except InputError as error:
            assert str(error).isprintable() and FILE in str(error)
        assert client.traffic.requests == len(hub.log) < 40


# offline


@pytest.mark.parametrize("name", ["FOREBEAR_OFFLINE", "HF_HUB_OFFLINE"])
@pytest.mark.parametrize(
    ("value", "forbidden"), [("1", 1), ("yes", 1), ("ON", 1), ("maybe", 1), ("0", 0), ("", 0), ("no", 0)]
)
def test_the_environment_forbids_the_network(
    hub: Hub, name: str, value: str, forbidden: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    if not forbidden:
        Client(hub.endpoint)
        return
    with refused("127.0.0.1", "--offline", code=2):
        Client(hub.endpoint)
