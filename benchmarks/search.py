"""Exact search over codes against one plain pass over the same memory, from a thousand models to ten million.

    python benchmarks/search.py [--small] [--models 1000 10000 100000 1000000] [--rounds 7] [--folder /tmp]
                                [--json FILE] [--output FILE.md] [--plot FILE.svg]

A plain pass reads every byte once: an XOR over all words, split over as many threads as the search uses. What is
compared runs interleaved, and kernels have to give identical answers. A million codes are 1 GB of disk and page cache;
``--models 10000000`` needs ten. A cold pass starts after the file was dropped from the page cache. Records are added to
a real index and asked for, up to a hundred thousand of them. ``--append`` goes on from an earlier JSON file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from forebear.index import Addition, LocalIndex, kernels
from forebear.index.layers import smallest_tails
from forebear.index.search import ROW_BYTES, ROW_WORDS, cores, tops
from index.fingerprints import SHAPE, make_code, make_fingerprint

LIMIT = 50
"""Rows that a scan asks for."""
BATCH = 32
MOST_RECORDS = 100_000
BLOCK = 50_000
MANY = 10_000_000
"""Models from which on only the fastest kernel is measured, and slow tasks once."""
FRESH = """
import sys, time, numpy as np
start = time.perf_counter()
from forebear.index.search import tops
rows = np.memmap(sys.argv[1], dtype=np.uint64, mode="r").reshape(-1, 128)
tops(rows, [rows[7].copy()], 50)
print(time.perf_counter() - start)
"""


def write(path: Path, count: int) -> kernels.Words:
    """Random rows with random validity, memory-mapped."""
    rng = np.random.default_rng(0)
    block = rng.integers(0, 2**64, (BLOCK, ROW_WORDS), dtype=np.uint64)
    block[:, ROW_WORDS // 2 :] |= rng.integers(0, 2**64, (BLOCK, ROW_WORDS // 2), dtype=np.uint64)
    with path.open("wb") as stream:
        for first in range(0, count, BLOCK):
            block[:, : ROW_WORDS // 2] ^= rng.integers(0, 2**64, ROW_WORDS // 2, dtype=np.uint64)
            stream.write(block[: count - first].tobytes())
        stream.flush()
        os.fsync(stream.fileno())
    return opened(path)


def opened(path: Path) -> kernels.Words:
    """The rows of a file, memory-mapped."""
    return np.memmap(path, dtype=np.uint64, mode="r").reshape(-1, ROW_WORDS)


def plain_pass(rows: kernels.Words, threads: int) -> None:
    """Every byte of the rows once."""
    edges = [len(rows) * k // threads for k in range(threads + 1)]

    def read(k: int) -> None:
        np.bitwise_xor.reduce(rows[edges[k] : edges[k + 1]].reshape(-1))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, range(threads)))


def forget(path: Path) -> None:
    """Drop a file from the page cache; nobody may have mapped it."""
    descriptor = os.open(path, os.O_RDONLY)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def seconds(task: Callable[[], object]) -> float:
    """How long it takes, once."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def warm(path: Path, count: int, rounds: int) -> dict[str, Any]:
    """Seconds of every task at one size: the fastest and the median round; the first round is a warm-up."""
    rows = write(path, count)
    some = [rows[k].copy() for k in np.linspace(0, count - 1, BATCH).astype(int)]
    query = some[BATCH // 2]
    which = kernels.available() if count < MANY else kernels.available()[:1]
    found = {kernel: tops(rows, [query], LIMIT, kernel=kernel)[0] for kernel in which}
    first = next(iter(found.values()))
    assert int(first.rows[0]) == int(np.linspace(0, count - 1, BATCH).astype(int)[BATCH // 2])
    assert all(np.array_equal(first.rows, other.rows) for other in found.values())
    tasks: dict[str, Callable[[], object]] = {"plain pass": lambda: plain_pass(rows, cores())}
    for kernel in found:
        tasks[kernel] = lambda k=kernel: tops(rows, [query], LIMIT, kernel=k)  # type: ignore[misc]
    fastest = next(iter(found))
    if count < MANY:
        tasks["batch"] = lambda: tops(rows, some, LIMIT, kernel=fastest)
    tasks["layers"] = lambda: smallest_tails(rows, query, kernel=fastest)
    slow = {"batch", "layers"}
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(rounds + 1):
        for name, task in tasks.items():
            if turn == 0 or name not in slow or turn <= (2 if count < MANY else 0):
                took = seconds(task)
                if turn or (name in slow and count >= MANY):
                    times[name].append(took)
    told: dict[str, Any] = {name: {"fastest": min(t), "median": statistics.median(t)} for name, t in times.items()}
    if "batch" in told:
        told["batch"] = {key: value / BATCH for key, value in told["batch"].items()}
    return told


def cold(path: Path) -> dict[str, Any]:
    """The same from a fresh process, and with nothing of the file in memory."""
    done = subprocess.run([sys.executable, "-c", FRESH, path], capture_output=True, check=True, text=True)
    told: dict[str, Any] = {"fresh process": {"fastest": float(done.stdout)}}
    query = np.array(opened(path)[7])
    forget(path)
    told["cold plain pass"] = {"fastest": seconds(lambda: plain_pass(opened(path), cores()))}
    forget(path)
    told["cold search"] = {"fastest": seconds(lambda: tops(opened(path), [query], LIMIT))}
    return told


def records(folder: Path, count: int) -> dict[str, float]:
    """Adding records to a real index, and asking it: seconds each, and additions per second of clock and of CPU."""
    index = LocalIndex(folder)
    marks = [make_fingerprint("m", k) for k in range(min(count, 2_000))]
    clock = used = 0.0
    for first in range(0, count, len(marks)):
        some = [Addition(replace(m, name=f"org/m{first + k}"), "/m") for k, m in enumerate(marks)][: count - first]
        start, cpu = time.perf_counter(), time.process_time()
        index.add_many(some)
        clock, used = clock + time.perf_counter() - start, used + time.process_time() - cpu
    asked: dict[str, Callable[[], object]] = {
        "search": lambda: index.search(make_code(1), LIMIT),
        "count": index.count,
        "state": index.state,
        "comparable": lambda: index.comparable(SHAPE),
        "get": lambda: index.get("org/m7"),
    }
    found = {name: min(seconds(ask) for _ in range(5)) for name, ask in asked.items()}
    return {**found, "added per second": count / clock, "added per second of CPU": count / used}


def table(results: dict[str, Any]) -> str:
    """Both tables, in Markdown."""
    names = [k for k in kernels.KERNELS if any(k in r["codes"] for r in results.values())]
    columns = ["plain pass", *names, "batch", "layers", "cold plain pass", "cold search", "fresh process"]
    lines = [
        "| models | codes | " + " | ".join(columns) + " | best against a plain pass |",
        "| --- " * (len(columns) + 3) + "|",
    ]
    for count, result in results.items():
        codes = result["codes"]
        cells = [f"{codes[c]['fastest'] * 1e3:,.1f} ms" if c in codes else "" for c in columns]
        ratio = min(codes[k]["fastest"] for k in names if k in codes) / codes["plain pass"]["fastest"]
        lines.append(f"| {int(count):,} | {int(count) * ROW_BYTES / 1e6:,.0f} MB | {' | '.join(cells)} | {ratio:.1f} |")
    asked = ("search", "count", "state", "comparable", "get")
    rates = ("added per second", "added per second of CPU")
    lines += ["", "| models | " + " | ".join((*asked, *rates)) + " |", "| --- " * (len(asked) + len(rates) + 1) + "|"]
    for count, result in results.items():
        if known := result.get("records"):
            cells = [f"{known[k] * 1e3:,.1f} ms" for k in asked] + [f"{known[k]:,.0f}" for k in rates]
            lines.append(f"| {int(count):,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(results: dict[str, Any], path: Path) -> None:
    """Seconds against models, both in decades."""
    import_module("matplotlib").use("svg")
    pyplot = import_module("matplotlib.pyplot")
    pyplot.rcParams["svg.hashsalt"] = "forebear"
    figure, axes = pyplot.subplots(figsize=(6, 3.6), layout="constrained")
    lines = {
        "plain pass": ("k--", "a plain pass over the codes"),
        "numba": ("o-", "search, compiled kernel"),
        "numpy": ("s-", "search, numpy kernel"),
        "batch": (".-", f"search, each of {BATCH} at once"),
        "layers": ("^-", "search by layers"),
        "cold search": ("x:", "search, nothing in memory"),
    }
    for name, (style, label) in lines.items():
        known = {int(c): r["codes"][name]["fastest"] for c, r in results.items() if name in r["codes"]}
        if known:
            axes.plot(list(known), list(known.values()), style, label=label)
    axes.set(xlabel="models", ylabel="seconds", xscale="log", yscale="log")
    axes.legend(frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="up to a hundred thousand codes, two thousand records")
    parser.add_argument("--models", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where the codes are written; default the place for such files")
    parser.add_argument("--append", type=Path, help="a JSON file of before, whose sizes are kept")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--output", type=Path, help="also write the tables to this file")
    parser.add_argument("--plot", type=Path, help="write a plot to this SVG file")
    arguments = parser.parse_args()
    results: dict[str, Any] = json.loads(arguments.append.read_text()) if arguments.append else {}
    for count in [1_000, 100_000] if arguments.small else arguments.models:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            results[str(count)] = {
                "codes": warm(path := Path(folder) / "codes.bin", count, arguments.rounds) | cold(path)
            }
            if count <= (2_000 if arguments.small else MOST_RECORDS):
                results[str(count)]["records"] = records(Path(folder) / "index", count)
        print(f"{count:,} models measured", file=sys.stderr, flush=True)
    results = dict(sorted(results.items(), key=lambda item: int(item[0])))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    text = table(results)
    print(
        f"{cores()} threads, {arguments.rounds} rounds; at most {peak:.1f} GB resident, mapped codes included\n\n{text}"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    if arguments.output:
        arguments.output.write_text(text + "\n")
    if arguments.plot:
        plot(results, arguments.plot)


if __name__ == "__main__":
    main()
