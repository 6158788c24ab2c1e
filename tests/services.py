"""A service in this process, asked without a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from forebear.web.app import create_app
from forebear.web.listener import bound, server
from forebear.web.settings import Settings
from forebear.web.tokens import make_token


@dataclass
class Served:
    """A running service with a client of it; ``token`` makes a header of a new token."""

    client: TestClient
    settings: Settings

    def token(self, *scopes: str) -> dict[str, str]:
        token, text = make_token("test", scopes or ("read", "submit"))
        self.client.app.state.service.store.add_token(token)  # type: ignore[attr-defined]
        return {"Authorization": f"Bearer {text}"}

    def upload(self, who: dict[str, str], name: str, *files: Path) -> str:
        made = self.client.post("/api/v1/uploads", json={"name": name}, headers=who)
        assert made.status_code == 201, made.text
        for file in files:
            sent = self.client.put(
                f"/api/v1/uploads/{made.json()['id']}/{file.name}", content=file.read_bytes(), headers=who
            )
            assert sent.status_code == 201, sent.text
        return str(made.json()["id"])

    def start(self, who: dict[str, str], kind: str, **asked: Any) -> str:
        started = self.client.post(f"/api/v1/jobs/{kind}", json=asked, headers=who)
        assert started.status_code == 202, started.text
        return str(started.json()["id"])

    def ended(self, who: dict[str, str], id: str, seconds: float = 120.0) -> dict[str, Any]:
        until = time.monotonic() + seconds
        while True:
            job: dict[str, Any] = self.client.get(f"/api/v1/jobs/{id}", headers=who).json()
            if job["state"] not in ("queued", "running"):
                return job
            assert time.monotonic() < until, job
            time.sleep(0.05)


@contextmanager
def listening(settings: Settings) -> Iterator[tuple[FastAPI, tuple[str, int]]]:
    """A service on a port of this machine, as the command has it; the application and the address."""
    app = create_app(settings)
    with bound("127.0.0.1", 0) as place:
        running = server(app, settings)
        thread = threading.Thread(target=running.run, args=([place],))
        thread.start()
        try:
            while not running.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield app, place.getsockname()
        finally:
            running.should_exit = True
            thread.join()


@contextmanager
def served(home: Path, **settings: Any) -> Iterator[Served]:
    """A service on a home of its own."""
    chosen = Settings(home, hosts=("testserver",), **{"workers": 1, "rate": 1e6, "burst": 10**6, **settings})
    with TestClient(create_app(chosen)) as client:
        yield Served(client, chosen)
