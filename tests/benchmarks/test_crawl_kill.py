"""A few rounds of the crawls that are killed; the script does a hundred."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_killed_crawls_lose_and_double_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "crawl_kill.py", "--rounds", "3", "--models", "10", "--seed", "1"],
        cwd=BENCHMARKS,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 rounds of 10 models: ") and "nothing lost, nothing doubled" in done.stdout
