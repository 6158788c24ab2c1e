"""What it takes to fingerprint a hub: python scale_plan.py [--models 3000000] [--small]

A simulation of a crawl: workers take one model after the other, each costs what docs/benchmarks.md measured for its
size (requests, bytes, seconds of CPU), and all share the hub's quota per window, one line, and the cores. A sample is
simulated event by event and scaled, which is exact but for the start and the end, where less than everything is busy.
What is assumed and what is measured is told apart in scale_plan.toml. Prints the tables of docs/scale.md.
"""

from __future__ import annotations

import argparse
import heapq
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MEASURED = HERE.parent / "docs" / "benchmarks.md"
WINDOWS = 50
RECORD_BYTES = {"code, record and signature": 9_500, "sketches": 25_000}
"""Of one fingerprint, over 28 trained models: 8.0 KB of record and signature, 1 KB of code, and the tables' share."""


@dataclass(frozen=True)
class Cost:
    """What one model costs: requests for files, bytes, of which those of the tokenizer, seconds of CPU."""

    requests: int
    bytes: float
    tokenizer: float
    cpu: float


@dataclass(frozen=True)
class Fleet:
    """What does the work: processes and cores of all machines together, and the line in bytes per second."""

    workers: int
    cores: int
    line: float


@dataclass(frozen=True)
class Outcome:
    """What a crawl of so many models took."""

    seconds: float
    requests: int
    bytes: float
    cpu: float
    waited: Mapping[str, float]
    """Seconds that workers waited, by what for."""


def measured(text: str) -> dict[str, Cost]:
    """The costs of the table of docs/benchmarks.md: the rows of a base on loopback, by their rung.

    Raises:
        ValueError: there is no such table.
    """
    costs = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 13 and cells[1:3] == ["base", "loopback"]:
            rung = re.sub(r" \(.*", "", cells[0])
            requests, headers, tokenizer, slices, cpu = (float(cell) for cell in cells[4:9])
            costs[rung] = Cost(int(requests), (headers + tokenizer + slices) * 1e6, tokenizer * 1e6, cpu)
    if not costs:
        raise ValueError("no table of costs over a network")
    return costs


class Quota:
    """Requests in fixed windows: who finds a window used up waits for the next one."""

    def __init__(self, limit: int, window: float) -> None:
        self._limit, self._window = limit, window
        self._start, self._used = 0.0, 0

    def take(self, now: float, requests: int) -> float:
        """When so many requests may have been sent, the first of them not before now."""
        at = max(now, self._start)
        if at >= self._start + self._window:
            self._start += self._window * ((at - self._start) // self._window)
            self._used = 0
        while requests > self._limit - self._used:
            requests -= self._limit - self._used
            self._start += self._window
            self._used, at = 0, self._start
        self._used += requests
        return at


def shortened(limit: int, window: float, requests: float) -> Quota:
    """The same quota in windows so short that a sample of so many requests fills at least fifty, where it fills any."""
    parts = max(1, min(limit // 1_000, int(limit * WINDOWS / requests)))
    return Quota(limit // parts, window / parts)


def simulate(
    models: int,
    mix: Mapping[str, float],
    costs: Mapping[str, Cost],
    fleet: Fleet,
    quotas: Mapping[str, int],
    facts: Mapping[str, Any],
    seed: int,
) -> Outcome:
    """A crawl of so many models, event by event.

    Args:
        models: how many.
        mix: share of each rung.
        costs: of each rung.
        fleet: what does the work.
        quotas: ``api`` and ``files``, requests per window.
        facts: the table ``crawl`` of the assumptions, and ``window_seconds``.
        seed: of the lot that says which model comes when.
    """
    rng = random.Random(seed)
    per_model = sum(share * costs[rung].requests for rung, share in mix.items())
    api, files = (
        shortened(quotas[kind], facts["window_seconds"], models * each)
        for kind, each in (("api", facts["api_requests"]), ("files", per_model))
    )
    rungs, shares = list(mix), list(mix.values())
    line = 0.0
    cores = [0.0] * fleet.cores
    ready = [(0.0, worker) for worker in range(fleet.workers)]
    done, requests, moved, cpu = 0.0, 0, 0.0, 0.0
    waited: dict[str, float] = defaultdict(float)
    listed = 1 / facts["listed_per_request"]
    owed = 0.0
    for _ in range(models):
        now, worker = heapq.heappop(ready)
        cost = costs[rng.choices(rungs, shares)[0]]
        tries = 1 + (rng.random() < facts["failing"])
        size = (cost.bytes - (cost.tokenizer if rng.random() < facts["known_tokenizer"] else 0.0)) * tries
        owed += listed
        asked = int(facts["api_requests"]) * tries + (owed >= 1)
        owed -= owed >= 1
        start = max(api.take(now, asked), files.take(now, cost.requests * tries))
        waited["quota"] += start - now
        rounds = -(-cost.requests // facts["at_once"]) + facts["api_requests"]
        sent = start + rounds * tries * facts["round_trip_seconds"] + (tries - 1) * facts["pause_seconds"]
        line = max(line, start) + size / fleet.line
        arrived = max(sent, line)
        waited["line"] += max(0.0, line - sent)
        waited["round trips"] += sent - start
        free = heapq.heappop(cores)
        computed = max(free, arrived) + cost.cpu
        waited["cores"] += max(0.0, free - arrived)
        heapq.heappush(cores, computed)
        heapq.heappush(ready, (computed, worker))
        done = max(done, computed)
        requests += asked + cost.requests * tries
        moved += size
        cpu += cost.cpu
    return Outcome(done, requests, moved, cpu, waited)


def table(
    models: int, sample: int, seeds: Sequence[int], facts: Mapping[str, Any], costs: Mapping[str, Cost]
) -> list[str]:
    """Rows of Markdown: every quota by every mix, on a fleet that is fixed."""
    scale = models / sample
    crawl = {**facts["crawl"], "window_seconds": facts["hub"]["window_seconds"]}
    rows = [
        "| quota | mix | machines | days | requests, millions | TB | core-hours | cost | waits most for |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    fleets = {
        "1 of 2 cores, 100 Mbit/s": Fleet(16, 2, 12.5e6),
        "1 of 16 cores, 1 Gbit/s": Fleet(128, 16, 125e6),
        "16 of 16 cores, 10 Gbit/s": Fleet(2048, 256, 1250e6),
    }
    for quota, limits in facts["hub"]["quotas"].items():
        for name, mix in facts["mixes"].items():
            for machines, fleet in fleets.items():
                if (name != "middle" and machines != "1 of 16 cores, 1 Gbit/s") or sample < 20 * fleet.workers:
                    continue
                runs = [simulate(sample, mix, costs, fleet, limits, crawl, seed) for seed in seeds]
                days = [run.seconds * scale / 86_400 for run in runs]
                run = runs[0]
                spread = (
                    f"{min(days):,.1f} to {max(days):,.1f}"
                    if f"{min(days):.1f}" != f"{max(days):.1f}"
                    else f"{days[0]:,.1f}"
                )
                hours = run.cpu * scale / 3600
                most = max(run.waited, key=lambda key: run.waited[key])
                rows.append(
                    f"| {quota} | {name} | {machines} | {spread} | {run.requests * scale / 1e6:,.0f}"
                    f" | {run.bytes * scale / 1e12:,.1f} | {hours:,.0f} | {hours * crawl['core_hour']:,.0f} | {most} |"
                )
    return rows


def main() -> None:
    """Print the table for the models asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=3_000_000, help="how many the hub holds")
    parser.add_argument("--sample", type=int, default=60_000, help="how many are simulated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--small", action="store_true", help="a tenth of the sample, one seed")
    arguments = parser.parse_args()
    facts = tomllib.loads((HERE / "scale_plan.toml").read_text("utf-8"))
    costs = measured(MEASURED.read_text("utf-8"))
    crawl = facts["crawl"]
    costs["unread"] = Cost(crawl["unread_requests"], crawl["unread_megabytes"] * 1e6, 0.0, crawl["unread_cpu_seconds"])
    sample, seeds = (6_000, 1) if arguments.small else (arguments.sample, arguments.seeds)
    print("\n".join(table(arguments.models, sample, range(seeds), facts, costs)))
    for what, size in RECORD_BYTES.items():
        print(f"{what}: {size * arguments.models / 1e9:,.0f} GB in the index, where all are measured")


if __name__ == "__main__":
    main()
