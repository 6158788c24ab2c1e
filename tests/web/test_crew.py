"""What happens to jobs when processes die."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from forebear.web import crew, worker
from services import Served, served


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("FOREBEAR_HOME", str(tmp_path))
    monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
    with served(tmp_path / "own", attempts=2) as found:
        yield found


def test_a_worker_that_is_killed_costs_an_attempt_and_no_job(
    service: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed once, the job is done by the next worker; a job that kills each is given up."""
    deaths = [1]
    send = crew._Process.send

    def dying(self: crew._Process, task: worker.Task) -> None:
        if deaths:  # stopped before it is given the job: a quick one would else be done before the signal comes
            self.wait_until_ready()
            os.kill(self.pid, signal.SIGSTOP)
        send(self, task)
        if deaths:
            deaths.pop()
            os.kill(self.pid, signal.SIGKILL)

    monkeypatch.setattr(crew._Process, "send", dying)
    who = service.token()
    (tmp_path / "c.jsonl").write_text('{"model": "qwen2.5-7b"}\n')
    capture = f"upload:{service.upload(who, 'c', tmp_path / 'c.jsonl')}/c.jsonl"
    job = service.ended(who, service.start(who, "traffic", files=[capture]))
    assert (job["state"], job["attempts"]) == ("done", 2)
    deaths += [1, 1]
    job = service.ended(who, service.start(who, "traffic", files=[capture]))
    assert job["state"] == "failed" and job["attempts"] == 2 and "died 2 times" in job["error"]["message"]
    store = service.client.app.state.service.store  # type: ignore[attr-defined]
    assert [j.state.final for j in store.jobs(None, 9)] == [True, True]
