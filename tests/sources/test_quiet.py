"""What the HTTP client tells its loggers of our requests, and of others'."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from api import Model, serve
from forebear.endpoints.base import Question
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.live import Live
from forebear.sources.http import Client
from forebear.sources.quiet import LOGGERS, quiet

SECRET = "canary-7d20c1"


@contextmanager
def heard() -> Iterator[list[str]]:
    """All records of all loggers, as a program has them that wants to see everything."""
    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(f"{record.name} {record.getMessage()} {record.args!r} {record.__dict__!r}")

    handler, root = Keep(level=logging.NOTSET), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield records
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


def test_no_key_of_an_endpoint_reaches_a_log_record() -> None:
    served = Model(key=SECRET, headers={"x-echo": f"Bearer {SECRET}h", "set-cookie": f"id={SECRET}c"})
    with serve(served) as url, heard() as records:
        address = url.replace("http://", f"http://user:{SECRET}p@") + f"/v1?api_key={SECRET}q"
        with Live(address, SECRET, model="m") as live:
            for dialect in DIALECTS:
                dialect.ask(live, Question("Hello", "m"))
            live.send("GET", f"/v1/models?key={SECRET}r")
        assert len(url.requests) == len(DIALECTS) + 1
    assert not [record for record in records if "canary" in record]


def test_no_signed_address_of_a_file_reaches_a_log_record(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOREBEAR_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with serve(Model(documents={"/v1/file": "x" * 100})) as url, heard() as records:
        assert Client(url).document(f"{url}/v1/file?signature={SECRET}", "file")[0]
    assert not [record for record in records if "canary" in record]


def test_what_others_ask_is_told_as_before() -> None:
    """The filter is there from now on, and lets pass what is not ours."""
    with serve(Model()) as url, heard() as records:
        with quiet():
            httpx2.get(f"{url}/v1/models?ours=1", trust_env=False)
        assert not records
        httpx2.get(f"{url}/v1/models?theirs=1", trust_env=False)
    assert [record for record in records if "theirs=1" in record]


def test_every_logger_of_the_client_is_known() -> None:
    known = {name for name in logging.root.manager.loggerDict if name.startswith(("httpx2", "httpcore2."))}
    assert "httpcore2.http11" in known
    assert known <= set(LOGGERS)
