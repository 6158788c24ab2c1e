"""A crawl against what the bytes allow: python crawl.py [--small] [--models N] [--rounds N] [--ray]

A hub on loopback, in a process of its own, computes small models that all differ. The ceiling is a bare loop of
``fingerprint()`` over the same models, with as many processes: nothing is listed, written down or added. The crawl
does all of that. Both begin with an empty cache, and take turns, so that a busy machine slows both; the best round of
each counts. Seconds of CPU (of the readers, not of the hub) say the same with less noise: what the crawl takes more is
what it costs.

Last, the loop alone: an engine that has all answers at once, sent through a pickle as between processes, gives what
listing, adding and writing down take of CPU.

``--ray`` compares one Ray worker with two, over a link with a round trip, where a worker waits more than it computes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from forebear import fingerprint
from forebear.crawl import Asked, Jobs, Rules, Run, State
from forebear.crawl.base import Outcome, Task, Wanted
from forebear.crawl.engines.base import Crew, Take
from forebear.index import Listing, LocalIndex
from hub import Content, Hub, Link, folder_files
from models import tiny_llama

PERIOD = 65_536


class Flipped:
    """A file of bfloat16 weights whose signs are drawn anew: another model of the same size, computed as it is read."""

    def __init__(self, base: bytes, seed: int) -> None:
        self._base = base
        self._head = 8 + int.from_bytes(base[:8], "little")
        signs = np.random.default_rng(seed).integers(0, 2, PERIOD // 2, dtype=np.uint16) << 15
        self._signs = signs.view(np.uint8)

    @property
    def size(self) -> int:
        """See :attr:`hub.Content.size`."""
        return len(self._base)

    def read(self, start: int, stop: int) -> bytes:
        """See :meth:`hub.Content.read`."""
        data = np.frombuffer(self._base[start:stop], dtype=np.uint8).copy()
        first = max(0, self._head - start)
        places = (np.arange(start + first, stop) - self._head) % PERIOD
        data[first:] ^= self._signs[places]
        return data.tobytes()


def serve(pipe: Connection[object, object], models: int, latency: float) -> None:
    """A hub with so many models, until the other end says enough."""
    with Hub() as hub, tempfile.TemporaryDirectory() as folder:
        hub.link = Link(latency)
        files = folder_files(tiny_llama(Path(folder) / "m", seed=1))
        for k in range(models):
            own: dict[str, bytes | Content] = {**files, "model.safetensors": Flipped(files["model.safetensors"], k)}
            hub.add(f"org/m{k:05}", own)
        pipe.send(hub.endpoint)
        pipe.recv()


@dataclass(frozen=True)
class Cost:
    """Of one round: models per second of wall time, and CPU seconds per model of the readers."""

    rate: float
    cpu: float


def bare(targets: Sequence[str]) -> None:
    """The ceiling's loop; runs in a process of its own."""
    for target in targets:
        fingerprint(target)


def ceiling(models: int, workers: int) -> None:
    """So many processes, each with its share of the models."""
    context = multiprocessing.get_context("spawn")
    names = [f"hf:org/m{k:05}" for k in range(models)]
    crew = [context.Process(target=bare, args=(names[k::workers],)) for k in range(workers)]
    for process in crew:
        process.start()
    for process in crew:
        process.join()
        if process.exitcode:
            raise SystemExit("the bare loop failed")


def timed(command: Sequence[str], models: int, endpoint: str) -> Cost:
    """Run a command with an index and a cache of its own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HF_ENDPOINT": endpoint, "OPENBLAS_NUM_THREADS": "1"}
        environment |= {"FOREBEAR_HOME": f"{folder}/home", "FOREBEAR_CACHE": f"{folder}/cache", "HF_HOME": folder}
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            raise SystemExit(done.stderr)
        if done.stdout:
            document = json.loads(done.stdout)
            if document["states"]["done"] != models or document["added"] != models:
                raise SystemExit(f"not all models were added: {document['states']}")
            if "ray" in command:  # starting Ray is no work on models
                return Cost(document["cost"]["models_per_second"], 0.0)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return Cost(models / seconds, cpu / models)


def crawled(*more: str) -> list[str]:
    """The command line of a crawl of everything."""
    return [sys.executable, "-m", "forebear", "crawl", "hf:", "--format", "json", "--free-space", "0", *more]


def overhead(models: int) -> float:
    """CPU seconds per model of everything but measuring it."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        base = tiny_llama(place / "m", seed=1)
        mark = fingerprint(str(base))
        commit = "c" * 40

        class Known:
            """An engine that has measured everything before."""

            def run(self, crew: Crew, take: Take) -> Generator[list[Outcome], None, None]:
                """See :meth:`Engine.run`."""
                while True:
                    yield [pickle.loads(pickle.dumps(self.outcome(task))) for task in take(1)]  # our own bytes

            def outcome(self, task: Task) -> Outcome:
                """A fingerprint that no other task has."""
                own = replace(mark, name=task.name, digest=f"{mark.digest}-{task.name}")
                return Outcome(task, State.DONE, mark=own, location=f"{task.target}@{commit}", revision=commit)

        names = [f"org/m{k:05}" for k in range(models)]
        wanted = (Wanted(f"hf:{n}", n, commit, listing=Listing(n, commit, seen="now")) for n in names)
        index = LocalIndex(place / "home")
        with closing(Jobs(place / "home" / "crawl.db", index.where)) as jobs:
            begun = time.process_time()
            Run(Asked("hf:", rules=Rules(free=0)), jobs, index).crawl(wanted, Known())
            seconds = time.process_time() - begun
        if index.count() != models:
            raise SystemExit("not all models were added")
        return seconds / models


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="60 models, one round")
    parser.add_argument("--models", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds of a round trip with --ray")
    parser.add_argument("--ray", action="store_true", help="one Ray worker against two")
    parser.add_argument("--ceiling", nargs=2, type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ceiling:
        ceiling(*asked.ceiling)
        return
    models, rounds = (60, 1) if asked.small else (asked.models, asked.rounds)
    context = multiprocessing.get_context("spawn")
    pipe, theirs = context.Pipe()
    hub = context.Process(target=serve, args=(theirs, models, asked.latency if asked.ray else 0.0), daemon=True)
    hub.start()
    endpoint = str(pipe.recv())
    if asked.ray:
        ways = {f"Ray, {n} worker{'s' * (n > 1)}": crawled("--engine", "ray", "--workers", str(n)) for n in (1, 2)}
    else:
        bare_loop = [sys.executable, __file__, "--ceiling", str(models), str(asked.workers)]
        ways = {"bare loop": bare_loop, "crawl": crawled("--workers", str(asked.workers))}
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, command in ways.items():
            costs[name].append(timed(command, models, endpoint))
            print(name, costs[name][-1], file=sys.stderr, flush=True)
    pipe.send("enough")
    hub.join()
    print(f"{models:,} models, best of {rounds}\n\n| | models/s | CPU ms a model |\n| --- | --- | --- |")
    best = {name: Cost(max(c.rate for c in found), min(c.cpu for c in found)) for name, found in costs.items()}
    for name, cost in best.items():
        print(f"| {name} | {cost.rate:.2f} | {f'{1e3 * cost.cpu:.1f}' if cost.cpu else '–'} |")
    first, second = best.values()
    print(f"\nthroughput {second.rate / first.rate:.3f}", end="")
    print(f", CPU {first.cpu / second.cpu:.3f} of the first" if second.cpu else " times the first")
    if not asked.ray:
        alone = overhead(asked.models)
        share = first.cpu / (first.cpu + alone)
        print(f"the loop alone: {1e3 * alone:.2f} ms a model over {asked.models:,} models, so {share:.3f} of the first")


if __name__ == "__main__":
    main()
