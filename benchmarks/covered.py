"""Lines and branches that the tests of each package run: python covered.py [PACKAGE ...] [--least 95]

Each package by its own tests alone (``tests/PACKAGE``), in one process and those that it starts: what other packages'
tests run of it by the way does not count, so this is less than ``.ci/run full`` measures over the whole suite.
Shows every module below ``--least``. Settings are in ``pyproject.toml``. Needs: pip install 'forebear[test]'.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def packages() -> list[str]:
    """Packages that have tests of their own."""
    inside = sorted(p.name for p in (ROOT / "src" / "forebear").iterdir() if (p / "__init__.py").exists())
    return [name for name in inside if (ROOT / "tests" / name).is_dir()]


def measured(package: str) -> dict[str, Any]:
    """Coverage's report in JSON of a package under its own tests. ``SystemExit`` where they fail."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        coverage = [sys.executable, "-m", "coverage"]
        environ = {**os.environ, "COVERAGE_FILE": str(Path(folder) / "data")}
        tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(ROOT / "tests" / package)]
        run = [*coverage, "run", *tests]
        done = subprocess.run(run, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{package}: its tests fail\n{done.stdout[-4_000:]}{done.stderr[-2_000:]}")
        for step in (["combine", "-q"], ["json", "-q", "-o", str(report), f"--include=*/forebear/{package}/*"]):
            subprocess.run([*coverage, *step], cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
        found: dict[str, Any] = json.loads(report.read_text())
        return found


def below(report: dict[str, Any], least: float) -> list[tuple[float, str, list[int]]]:
    """Modules below a share, the worst first: per cent, name, and lines that nothing runs."""
    rows = [
        (each["summary"]["percent_covered"], str(Path(name).relative_to("src/forebear")), each["missing_lines"])
        for name, each in report["files"].items()
    ]
    return sorted(row for row in rows if row[0] < least)


def main() -> None:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(packages()))
    parser.add_argument("--least", type=float, default=95.0)
    arguments = parser.parse_args()
    for package in arguments.packages or packages():
        report = measured(package)
        print(f"{package}: {report['totals']['percent_covered']:.1f} % of lines and branches", flush=True)
        for percent, name, lines in below(report, arguments.least):
            told = ", ".join(map(str, lines[:20])) + (" …" if lines[20:] else "")
            print(f"  {percent:5.1f} %  {name}  {told}", flush=True)


if __name__ == "__main__":
    main()
