"""Models of a million to a trillion parameters, identified over HTTP: python remote.py [--small]

A hub on loopback computes every byte of a base, of a child that drifted from it by half of its weights' size, and of an
independent twin, all with the true shapes of published models. ``forebear`` runs as a process of its own; what it asked
for is taken from the hub's log, and plain clients then ask for the same again and do nothing with it: one request after
the other, and eight at a time. The child is also looked for through a slow link: every request waits a round trip, a
connection two more, and all answers share one line.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import httpx2
from giant.shapes import LADDER, Shape
from giant.weights import Seeds, checkpoint, parameters

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from hub import Content, Hub, Link, Request

DRIFT = 0.5
FAMILY = {
    "base": Seeds(1),
    "child": Seeds(2, parent=1, drift=DRIFT),
    "twin": Seeds(3),
}


AT_ONCE = 8
"""Connections of the quicker of the two plain clients, as many as forebear opens."""
NETWORKS = {"loopback": Link(), "50 ms, 100 Mbit/s": Link(0.05, 100e6 / 8)}


@dataclass(frozen=True)
class Cost:
    """What one command cost: seconds of forebear, of its CPU, of both plain clients; megabytes of memory; bytes."""

    seconds: float
    cpu: float
    plain: float
    together: float
    memory: int
    requests: int
    headers: int
    tokenizer: int
    slices: int

    def row(self, *labels: str) -> str:
        """A line of the table."""
        megabytes = [f"{n / 1e6:.1f}" for n in (self.headers, self.tokenizer, self.slices)]
        seconds = [f"{s:.1f}" for s in (self.cpu, self.seconds, self.plain, self.together)]
        cells = [*labels, str(self.requests), *megabytes, *seconds, str(self.memory or "")]  # adding does not say
        return "| " + " | ".join(cells) + " |"


def tokenizer(vocabulary: int) -> bytes:
    """A byte-level vocabulary in tiktoken's format: 256 bytes, then made-up strings."""
    tokens = [bytes([k]) for k in range(256)] + [f"token{k}".encode() for k in range(256, vocabulary)]
    return b"".join(base64.b64encode(t) + b" %d\n" % k for k, t in enumerate(tokens))


def publish(hub: Hub, name: str, shape: Shape, seeds: Seeds, vocabulary: bytes) -> dict[str, int]:
    """Put a model on the hub; returns the length of the header of each of its shards."""
    shards, index = checkpoint(shape, seeds)
    files: dict[str, bytes | Content] = {
        "config.json": json.dumps(shape.config()).encode(),
        "tiktoken.model": vocabulary,
        "README.md": b"---\nlicense: other\n---\nA model.\n",
        **shards,
    }
    if index:
        files["model.safetensors.index.json"] = index
    hub.add(name, files)
    return {path: shard.size - shard.data for path, shard in shards.items()}


def run(hub: Hub, headers: Mapping[str, int], home: Path, *command: str) -> tuple[Cost, dict[str, object]]:
    """Run forebear once with a cold cache, and a plain client after it on the same requests."""
    hub.log.clear()
    with tempfile.TemporaryDirectory() as cache:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.endswith("OFFLINE")},
            "HF_ENDPOINT": hub.endpoint,
            "FOREBEAR_HOME": str(home),
            "FOREBEAR_CACHE": cache,
        }
        start = time.perf_counter()
        process = subprocess.Popen(
            ["forebear", *command, "--format", "json", "--no-progress"],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    code = process.returncode = os.waitstatus_to_exitcode(status)
    if code not in (0, 1, 3):
        raise SystemExit(f"forebear {' '.join(command)} exited with {code}")
    log = list(hub.log)
    stored = {e.oid: path for r in hub.repositories.values() for path, e in r.commits[r.commit].items()}
    split = {"headers": 0, "tokenizer": 0, "slices": 0}
    for request in log:
        name = request.path.partition("?")[0].rpartition("/")[2]
        name = stored.get(name, name)
        first = request.range.removeprefix("bytes=").partition("-")[0]
        kind = "headers"
        if name in headers and first.isdigit() and int(first) >= headers[name]:
            kind = "slices"
        elif name == "tiktoken.model":
            kind = "tokenizer"
        split[kind] += request.sent
    plain, together = (fetch(hub, log, connections) for connections in (1, AT_ONCE))
    answer = json.loads(out)
    cpu, memory = usage.ru_utime + usage.ru_stime, answer.get("cost", {}).get("peak_memory_bytes", 0) // 1_000_000
    cost = Cost(seconds, cpu, plain, together, memory, len(log), split["headers"], split["tokenizer"], split["slices"])
    return cost, answer


def fetch(hub: Hub, log: Sequence[Request], connections: int) -> float:
    """Seconds that a client needs which asks for the same and throws it away, so many requests at a time."""

    def get(request: Request) -> None:
        host = hub.endpoint if request.host == "hub" else hub.storage
        ranged = {"Range": request.range} if request.range else {}
        with client.stream("GET", host + request.path, headers=ranged) as answer:
            for _ in answer.iter_raw():
                pass

    start = time.perf_counter()
    with httpx2.Client(follow_redirects=False) as client, ThreadPoolExecutor(connections) as threads:
        list(threads.map(get, log))
    return time.perf_counter() - start


def measure(label: str, shape: Shape, folder: Path) -> tuple[list[str], Cost]:
    """The rows of one size, and what the child cost on the link: the base is indexed, the child found, the twin not."""
    rows: list[str] = []
    size = f"{parameters(shape):.3g}"
    with Hub() as hub:
        words = tokenizer(shape.vocabulary)
        headers = {role: publish(hub, f"org/{role}", shape, seeds, words) for role, seeds in FAMILY.items()}
        for role, network in [*((role, "loopback") for role in FAMILY), ("child", "50 ms, 100 Mbit/s")]:
            hub.link = NETWORKS[network]
            command = ("index", "add", "hf:org/base") if role == "base" else ("scan", f"hf:org/{role}", "--no-fetch")
            found, answer = run(hub, headers[role], folder, *command)
            said = "indexed"
            if role != "base":
                said = str(answer["verdict"])
                ancestors = [a["name"] for a in answer["ancestors"]]  # type: ignore[attr-defined]
                assert ancestors == (["org/base"] if role == "child" else []), f"{label} {role}: {said} {ancestors}"
            rows.append(found.row(f"{label} ({size})", role, network, said))
            print(rows[-1], flush=True)
    return rows, found


def plot(points: dict[int, Cost], path: Path) -> None:
    """Seconds and megabytes against parameters, of the child on the slow link."""
    import_module("matplotlib").use("svg")
    pyplot = import_module("matplotlib.pyplot")  # by name, so that types can be checked where it is not installed
    pyplot.rcParams["svg.hashsalt"] = "forebear"
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    sizes = list(points)
    left.plot(sizes, [c.seconds for c in points.values()], "o-", label="forebear scan, a process of its own")
    left.plot(sizes, [c.plain for c in points.values()], "o--", label="a plain client, one request at a time")
    left.plot(sizes, [c.together for c in points.values()], "o:", label=f"a plain client, {AT_ONCE} at a time")
    left.plot(sizes, [c.cpu for c in points.values()], ".-", label="forebear, CPU")
    left.set(xlabel="parameters", ylabel="seconds", xscale="log", ylim=(0, None))
    right.plot(sizes, [c.memory for c in points.values()], "o-", label="peak memory")
    right.plot(sizes, [(c.headers + c.slices + c.tokenizer) / 1e6 for c in points.values()], "o--", label="received")
    right.set(xlabel="parameters", ylabel="MB", xscale="log", ylim=(0, None))
    for axes in (left, right):
        axes.legend(frameon=False, fontsize="small")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="up to a billion parameters")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    parser.add_argument("--plot", type=Path, help="write a plot of time and memory to this SVG file")
    arguments = parser.parse_args()
    lines = [
        "| parameters | model | network | verdict | requests | headers MB | tokenizer MB | slices MB "
        f"| s of CPU | s | s, plain | s, plain, {AT_ONCE} at a time | MB |",
        "| " + " | ".join(["---"] * 13) + " |",
    ]
    print("\n".join(lines))
    points: dict[int, Cost] = {}
    for label, shape in LADDER.items():
        if arguments.small and "1 M" not in label and "1 B" not in label:
            continue
        with tempfile.TemporaryDirectory() as folder:
            rows, points[parameters(shape)] = measure(label, shape, Path(folder))
            lines += rows
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")
    if arguments.plot:
        plot(points, arguments.plot)


if __name__ == "__main__":
    main()
