"""Crawls that are killed at random points: python crawl_kill.py [--rounds N] [--models N] [--seed N]

A round crawls a folder of small models with two workers into an empty index. One to three times SIGKILL hits the run
itself or one of its workers, at a moment drawn at random (in CPU time, so that a busy machine does not matter); a run
that was killed is started again. At the end index and
job table must hold what an undisturbed crawl gives: every model once, under its own name, with its own fingerprint, and
no worker may have outlived its run.

Processes are forked, which takes a hundredth of the time of a fresh start; ``--spawn`` starts them as the command does.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from forebear.crawl import Asked, Jobs, Rules, State, crawl
from forebear.crawl import run as run_module
from forebear.crawl.engines import processes
from forebear.index import LocalIndex
from models import tiny_llama

MOST_SECONDS = 300.0


def start(folder: Path, home: Path) -> int:
    """A crawl in a process of its own; its number."""
    if pid := os.fork():
        return pid
    try:
        asked = Asked(str(folder), workers=2, rules=Rules(free=0), places=())
        result = crawl(asked, index=LocalIndex(home), job=home / "crawl.db")
        os._exit(0 if result.complete and not result.unreadable else 4)
    finally:
        os._exit(5)


def children(pid: int) -> list[int]:
    """Processes that a process has started."""
    with suppress(OSError):
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def alive(pid: int) -> bool:
    """Whether a process runs: one that has ended and waits to be collected does not."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def ended(pid: int) -> int | None:
    """How a process has ended; None while it runs."""
    found, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if found else None


def await_end(pid: int) -> int:
    """How a process ends."""
    give_up = time.monotonic() + MOST_SECONDS
    while (code := ended(pid)) is None:
        if time.monotonic() > give_up:
            raise SystemExit("a crawl does not end")
        time.sleep(0.005)
    return code


def spent(pid: int) -> float:
    """CPU seconds of a process and of those that it has started, as far as they still run."""
    ticks = 0
    for each in (pid, *children(pid)):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def disturbed(folder: Path, home: Path, seconds: float, chance: random.Random) -> Counter[str]:
    """Crawl, with kills; what was killed."""
    killed: Counter[str] = Counter()
    pid = start(folder, home)
    for _ in range(chance.randint(1, 3)):
        moment = chance.uniform(0, seconds)
        code = None
        while code is None and spent(pid) < moment:
            time.sleep(0.003)
            code = ended(pid)
        if code is None:
            time.sleep(chance.uniform(0, 0.02))  # the system counts in hundredths
            code = ended(pid)
        if code is not None:
            return _checked(code, killed)
        workers = children(pid)
        if workers and chance.random() < 0.5:
            with suppress(ProcessLookupError):
                os.kill(chance.choice(workers), signal.SIGKILL)
            killed["worker"] += 1
            continue
        os.kill(pid, signal.SIGKILL)
        await_end(pid)
        killed["run"] += 1
        _gone(workers)
        pid = start(folder, home)
    return _checked(await_end(pid), killed)


def _checked(code: int, killed: Counter[str]) -> Counter[str]:
    if code:
        raise SystemExit(f"a crawl ended with {code}")
    return killed


def _gone(workers: list[int]) -> None:
    """Workers end with their run."""
    give_up = time.monotonic() + MOST_SECONDS
    while any(map(alive, workers)):
        if time.monotonic() > give_up:
            raise SystemExit("a worker has outlived its run")
        time.sleep(0.005)


def check(home: Path, expected: Mapping[str, str]) -> None:
    """Hold index and job table against what an undisturbed crawl gave: digests by name."""
    index = LocalIndex(home)
    entries = list(index.entries())
    if {e.name: e.fingerprint.digest for e in entries} != expected or len(entries) != index.count():
        raise SystemExit("the index is not that of an undisturbed crawl")
    if any(index.holding(digest) != (name,) for name, digest in expected.items()):
        raise SystemExit("content stands in the index twice")
    with closing(Jobs(home / "crawl.db")) as jobs:
        if {job.name: job.digest for job in jobs.all(states=(State.DONE,))} != expected:
            raise SystemExit("the job table is not that of an undisturbed crawl")
        if sum(jobs.states().values()) != len(expected):
            raise SystemExit("the job table has other jobs")
    for name in ("index.db", "crawl.db"):
        with closing(sqlite3.connect(home / name)) as db:
            if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                raise SystemExit(f"{name} is damaged")
    for entry in entries:  # the codes too: every record finds its own row
        if index.search(entry.fingerprint.code, 1)[0].name != entry.name:
            raise SystemExit(f"{entry.name} is not found by its own code")


def _cpu() -> float:
    """CPU seconds of all processes that have been started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--models", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--spawn", action="store_true", help="start workers as the command does")
    asked = parser.parse_args()
    processes.START = "spawn" if asked.spawn else "fork"
    run_module.BATCH = 3  # several batches in a crawl this small
    chance = random.Random(asked.seed)
    killed: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "models")
        for k in range(asked.models):
            tiny_llama(folder / f"m{k:02}", seed=k, hidden=32, intermediate=64, vocabulary=128)
        quiet = Path(place, "quiet")
        _checked(await_end(start(folder, Path(place, "first"))), killed)  # compiles and loads what later ones find
        before = _cpu()
        _checked(await_end(start(folder, quiet)), killed)
        seconds = _cpu() - before
        expected = {e.name: e.fingerprint.digest for e in LocalIndex(quiet).entries()}
        if len(expected) != asked.models:
            raise SystemExit("the undisturbed crawl is not complete")
        check(quiet, expected)
        for number in range(asked.rounds):
            home = Path(place, f"home{number}")
            killed += disturbed(folder, home, seconds, chance)
            check(home, expected)
    if not killed:
        raise SystemExit("nothing was killed: every crawl was over before, and nothing was tried")
    print(
        f"{asked.rounds} rounds of {asked.models} models: {killed['run']} runs and {killed['worker']} workers killed,"
        " nothing lost, nothing doubled"
    )


if __name__ == "__main__":
    main()
