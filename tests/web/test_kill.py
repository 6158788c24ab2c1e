"""The command itself, as a user without rights: its server and a worker are killed while jobs run."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from serving import Command, capture, patient, send, without_rights

JOBS = 4


def ended(url: str, who: dict[str, str], ids: list[str], seconds: float = 150.0) -> dict[str, dict[str, Any]]:
    """The jobs, once all have ended."""
    until = time.monotonic() + seconds
    while True:
        found = {id: _job(url, who, id) for id in ids}
        if all(job["ended"] for job in found.values()):
            return found
        assert time.monotonic() < until, found
        time.sleep(0.1)


def _job(url: str, who: dict[str, str], id: str) -> dict[str, Any]:
    job: dict[str, Any] = patient(lambda: httpx2.get(f"{url}/api/v1/jobs/{id}", headers=who)).json()
    return job


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def test_kills_lose_no_job_and_double_none(tmp_path: Path) -> None:
    try:
        without_rights()
    except LookupError as why:
        pytest.skip(str(why))
    server = Command(tmp_path, free_port(), ("--workers", "1", "--max-file", "3MB", "--rate", "1000"))
    who = server.token()
    server.start()
    try:
        server.ready()
        assert Path(f"/proc/{server.process.pid}").stat().st_uid != 0  # type: ignore[union-attr]
        files = {f"c{k}.jsonl": capture(k, 3_000) for k in range(JOBS)}
        upload = send(server.url, who, "captures", files)
        too_large = f"{server.url}/api/v1/uploads/{upload}/large"
        assert httpx2.put(too_large, headers=who, content=b"x" * 3_000_001).status_code == 413
        ids = []
        for name in files:
            asked = {"files": [f"upload:{upload}/{name}"]}
            ids.append(httpx2.post(f"{server.url}/api/v1/jobs/traffic", headers=who, json=asked).json()["id"])
        first = ended(server.url, who, ids[:1])
        workers = server.workers()
        assert workers
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
        assert server.kill() == -signal.SIGKILL
        server.start()
        server.ready()
        found = ended(server.url, who, ids)
        assert {job["state"] for job in found.values()} == {"done"} and found[ids[0]] == first[ids[0]]
        for k, id in enumerate(ids):
            result = httpx2.get(f"{server.url}/api/v1/jobs/{id}/result", headers=who).json()
            assert f"qwen2.5-{k}b" in json.dumps(result)
            events = httpx2.get(f"{server.url}/api/v1/jobs/{id}/events", headers=who).text
            assert events.count('"state": "done"') == 1
        assert list((tmp_path / "service" / "runs").iterdir()) == []
        assert server.kill(signal.SIGTERM) in (0, -signal.SIGTERM)
        lines = [json.loads(line) for line in server.log.read_text().splitlines()]
        assert {line["event"] for line in lines} >= {"started", "request", "job"}
    finally:
        if server.process is not None and server.process.poll() is None:
            server.kill()
