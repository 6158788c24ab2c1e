"""The numbers of the README, rerunnable: python benchmarks/run.py [--small] [--output FILE.md]

Every command is timed as a whole process (start-up included), five times after one warm-up; medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from generate import write

RUNS = 5


def measure(*command: str, environment: dict[str, str] | None = None) -> tuple[float, float, str]:
    """Median wall seconds, largest peak memory (MB) and last stdout of a command run several times."""
    # what users have: modules that were compiled when they were first imported
    given = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    seconds: list[float] = []
    memory = 0.0
    out = ""
    for turn in range(RUNS + 1):
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**given, **(environment or {})},
        )
        assert process.stdout is not None
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1, 3):
            raise SystemExit(f"{' '.join(command)} exited with {process.returncode}")
        if turn:
            seconds.append(time.perf_counter() - start)
            memory = max(memory, usage.ru_maxrss / 1000)
    return statistics.median(seconds), memory, out


def models(folder: Path, small: bool) -> list[tuple[str, str, str, str]]:
    """Scan and compare on generated models: a child of an indexed base among unrelated references."""
    keys = ("width", "layers", "heads", "kv_heads", "intermediate", "vocabulary")
    sizes = {"1B": (2048, 18, 32, 8, 8192, 32_000)}
    if not small:
        sizes["8B"] = (4096, 32, 32, 8, 14336, 128_000)
    rows = []
    for label, numbers in sizes.items():
        shape = dict(zip(keys, numbers, strict=True))
        home = folder / f"home-{label}"
        environment = {"FOREBEAR_HOME": str(home)}
        for number in range(3):
            write(folder / label / f"base{number}", seed=number, **shape)
        count = write(folder / label / "child", seed=77, parent=0, drift=0.3, **shape)
        names = [str(folder / label / f"base{n}") for n in range(3)]
        subprocess.run(
            ["forebear", "index", "add", *names],
            env={**os.environ, **environment},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        child = str(folder / label / "child")
        for title, command in (
            ("scan", ("forebear", "scan", child, "--format", "json", "--fail-on", "never")),
            ("compare", ("forebear", "compare", names[0], child, "--format", "json")),
        ):
            wall, memory, out = measure(*command, environment=environment)
            answer = json.loads(out)
            assert answer["related"] is True, answer["verdict"]
            read = answer["cost"]["bytes_read"] / 1e6
            rows.append(
                (
                    f"{title}, {count / 1e9:.2f} B parameters",
                    f"{wall:.2f} s",
                    f"{memory:.0f} MB",
                    f"{read:.1f} MB read",
                )
            )
    return rows


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="only the 1B model")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wall, memory, _ = measure("forebear", "--help")
        rows = [("start-up of --help", f"{wall:.2f} s", f"{memory:.0f} MB", "")]
        rows += models(folder, arguments.small)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    machine = (
        f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    )
    lines = [
        f"Medians of {RUNS} runs after a warm-up; {machine}.",
        "",
        "| what | time | memory | |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if arguments.output:
        arguments.output.write_text(text)
    assert peak > 0


if __name__ == "__main__":
    main()
