"""Exact search over a million codes against one plain pass over the same memory, every kernel, interleaved.

    python benchmarks/search.py [--small] [--rounds 9]        (1 GB of disk and page cache; --small: a tenth)

A plain pass reads every byte once: an XOR over all words, split over as many threads as the search uses. Kernels have
to give identical counts. The last column is one search in a fresh process, imports and compiling included.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from forebear.index import kernels
from forebear.index.search import ROW_BYTES, ROW_WORDS, agreements, best, cores

FRESH = """
import sys, time, numpy as np
start = time.perf_counter()
from forebear.index.search import agreements, best
rows = np.memmap(sys.argv[1], dtype=np.uint64, mode="r").reshape(-1, 128)
best(*agreements(rows, rows[7].copy(), kernel=sys.argv[2]), 20)
print(time.perf_counter() - start)
"""


def write(path: Path, count: int) -> kernels.Words:
    """Random rows with random validity, memory-mapped."""
    rng = np.random.default_rng(0)
    with path.open("wb") as stream:
        for _ in range(0, count, 50_000):
            block = rng.integers(0, 2**64, (50_000, ROW_WORDS), dtype=np.uint64)
            block[:, ROW_WORDS // 2 :] |= rng.integers(0, 2**64, (50_000, ROW_WORDS // 2), dtype=np.uint64)
            stream.write(block.tobytes())
    return np.memmap(path, dtype=np.uint64, mode="r", shape=(count, ROW_WORDS))


def plain_pass(rows: kernels.Words, threads: int) -> None:
    """Every byte of the rows once."""
    edges = [len(rows) * k // threads for k in range(threads + 1)]

    def read(k: int) -> None:
        np.bitwise_xor.reduce(rows[edges[k] : edges[k + 1]].reshape(-1))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(read, range(threads)))


def measure(rows: kernels.Words, rounds: int) -> dict[str, list[float]]:
    """Seconds of every round, by what was done; the first round of each is a warm-up and not among them."""
    query = rows[len(rows) // 2].copy()
    tasks: dict[str, Callable[[], object]] = {"plain pass": lambda: plain_pass(rows, cores())}
    expected = agreements(rows, query, kernel="numpy")
    assert int(best(*expected, 20)[0]) == len(rows) // 2

    def search(kernel: str) -> None:
        best(*agreements(rows, query, kernel=kernel), 20)

    tasks["plain pass, one thread"] = lambda: plain_pass(rows, 1)
    for kernel in kernels.available():
        found = agreements(rows, query, kernel=kernel)
        assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True)), kernel
    for kernel in kernels.available():
        tasks[kernel] = partial(search, kernel)
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(rounds + 1):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            if turn:
                times[name].append(time.perf_counter() - start)
    return times


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="a tenth of the codes")
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    count = 100_000 if arguments.small else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "codes.bin"
        rows = write(path, count)
        times = measure(rows, arguments.rounds)
        fresh = {}
        for kernel in kernels.available():
            runs = [
                subprocess.run([sys.executable, "-c", FRESH, path, kernel], capture_output=True, check=True, text=True)
                for _ in range(3)
            ]
            fresh[kernel] = statistics.median(float(done.stdout) for done in runs)
    floor = min(times["plain pass"])
    size = count * ROW_BYTES / 1e9
    print(f"{count:,} codes, {size:.2f} GB, {cores()} threads, {arguments.rounds} rounds\n")
    print("| | fastest | median | fastest against a plain pass | fresh process |")
    print("| --- | --- | --- | --- | --- |")
    for name, seconds in times.items():
        alone = f"{fresh[name]:.2f} s" if name in fresh else ""
        ratio = min(seconds) / floor
        print(f"| {name} | {min(seconds):.3f} s | {statistics.median(seconds):.3f} s | {ratio:.1f} | {alone} |")


if __name__ == "__main__":
    main()
