"""Lines and branches that the tests of each package run: python covered.py [PACKAGE ...] [--least 95] [--floors]

Each package by its own tests alone (``tests/PACKAGE``), in one process and those that it starts (``coverage``'s patch
for subprocesses): what other packages' tests run of it by the way does not count. Shows every module below ``--least``.
``--floors`` ends with exit code 1 where a package is below its floor in ``covered/floors.toml``; a floor is a share
that was measured, rounded down, and is raised when the tests are better.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FLOORS = Path(__file__).parent / "covered" / "floors.toml"
SETTINGS = """[run]
branch = true
parallel = true
source = {source}
data_file = {data}
patch = subprocess
disable_warnings = no-data-collected, module-not-imported, couldnt-parse
[report]
exclude_also =
    if TYPE_CHECKING:
    @overload
    ^\\s*\\.\\.\\.$
"""


def packages() -> list[str]:
    """Packages that have tests of their own."""
    inside = sorted(p.name for p in (ROOT / "src" / "forebear").iterdir() if (p / "__init__.py").exists())
    return [name for name in inside if (ROOT / "tests" / name).is_dir()]


def measured(package: str) -> dict[str, Any]:
    """Coverage's report in JSON of a package under its own tests. ``SystemExit`` where they fail."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = folder / "settings"
        source = ROOT / "src" / "forebear" / package
        settings.write_text(SETTINGS.format(source=source, data=folder / "data"))
        call = [sys.executable, "-m", "coverage"]
        rc = f"--rcfile={settings}"
        tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(ROOT / "tests" / package)]
        done = subprocess.run([*call, "run", rc, *tests], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{package}: its tests fail\n{done.stdout[-4_000:]}{done.stderr[-2_000:]}")
        subprocess.run([*call, "combine", rc, "-q"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        report = folder / "report.json"
        subprocess.run([*call, "json", rc, "-q", "-o", str(report)], cwd=ROOT, check=True, env={**os.environ})
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
    """Measure, show, and hold against the floors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(packages()))
    parser.add_argument("--least", type=float, default=95.0)
    parser.add_argument("--floors", action="store_true", help="fail below a floor")
    arguments = parser.parse_args()
    floors = tomllib.loads(FLOORS.read_text())["floors"]
    failed = []
    for package in arguments.packages or packages():
        report = measured(package)
        share = report["totals"]["percent_covered"]
        print(f"{package}: {share:.1f} % of lines and branches", flush=True)
        for percent, name, lines in below(report, arguments.least):
            told = ", ".join(map(str, lines[:20])) + (" …" if lines[20:] else "")
            print(f"  {percent:5.1f} %  {name}  {told}", flush=True)
        if share < floors.get(package, 0.0):
            failed.append(f"{package}: {share:.1f} %, below its floor of {floors[package]} %")
    if failed and arguments.floors:
        raise SystemExit("\n".join(failed))


if __name__ == "__main__":
    main()
