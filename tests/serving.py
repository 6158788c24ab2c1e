"""The command ``forebear serve`` in a process of its own, as a user without rights; calls that a kill does not mind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from forebear.web.store import open_store
from forebear.web.tokens import make_token

NOBODY = 65534


def without_rights() -> list[str]:
    """What makes a command run as nobody who may read what root may, where this is root; ``LookupError``: nothing."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise LookupError("no setpriv to run a server as a user without rights")
    rights = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]  # this installation may be root's
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *rights]


@dataclass
class Command:
    """A server that is started, killed, and started again.

    Attributes:
        home: its ``FOREBEAR_HOME``.
        port: where it listens.
        options: of the command.
        database: its ``FOREBEAR_DATABASE``.
    """

    home: Path
    port: int
    options: tuple[str, ...] = ()
    database: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.home / f"log-{self.port}"

    def start(self) -> None:
        """Start it; it comes up meanwhile."""
        self.home.mkdir(parents=True, exist_ok=True)
        command = [
            *without_rights(),
            sys.executable,
            "-m",
            "forebear",
            "serve",
            "--port",
            str(self.port),
            *self.options,
        ]
        env = {**os.environ, "FOREBEAR_HOME": str(self.home), "FOREBEAR_CACHE": str(self.home / "cache")}
        env |= {"FOREBEAR_DATABASE": self.database, "FOREBEAR_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        env.pop("COVERAGE_PROCESS_CONFIG", None)  # who has no rights cannot write what ran, and says so in the log
        with self.log.open("ab") as log:
            if os.geteuid() == 0:
                for path in (self.home, *self.home.rglob("*")):
                    os.chown(path, NOBODY, NOBODY)
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=env, cwd="/")

    def ready(self, seconds: float = 120.0) -> None:
        """Wait until it answers."""
        until = time.monotonic() + seconds
        while True:
            with suppress(httpx2.HTTPError):
                if httpx2.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return
            assert self.process is not None and self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """End it; how it ended."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(60)

    def workers(self) -> list[int]:
        """Processes that run jobs."""
        assert self.process is not None
        found: list[int] = []
        for thread in Path(f"/proc/{self.process.pid}/task").glob("*"):  # each is a child of the thread that made it
            with suppress(OSError):
                children = (thread / "children").read_text().split()
                found += [int(p) for p in children if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
        return found

    def token(self) -> dict[str, str]:
        """Headers with a new token, made as the operator makes one; the server may be dead."""
        store = open_store(self.home / "service", self.database)
        token, text = make_token("test", ("read", "submit"))
        store.add_token(token)
        store.close()
        return {"Authorization": f"Bearer {text}"}


def patient(call: Any, seconds: float = 120.0) -> httpx2.Response:
    """The answer to a call, which is made again while no server listens."""
    until = time.monotonic() + seconds
    while True:
        try:
            answer: httpx2.Response = call()
            return answer
        except httpx2.TransportError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def send(url: str, who: Mapping[str, str], name: str, files: Mapping[str, bytes]) -> str:
    """Upload some files; the identifier."""
    made = httpx2.post(f"{url}/api/v1/uploads", headers=who, json={"name": name}, timeout=60)
    assert made.status_code == 201, made.text
    id = str(made.json()["id"])
    for file, content in files.items():
        sent = httpx2.put(f"{url}/api/v1/uploads/{id}/{file}", headers=who, content=content, timeout=60)
        assert sent.status_code == 201, sent.text
    return id


def capture(number: int, lines: int) -> bytes:
    """Traffic that names a model of its own number."""
    other = json.dumps({"request": {"url": "https://host.example/v1/chat"}, "body": "x" * 200})
    return (json.dumps({"model": f"qwen2.5-{number}b"}) + "\n" + (other + "\n") * lines).encode()
