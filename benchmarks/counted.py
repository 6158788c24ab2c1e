"""Work that is counted, not timed, beside what it was before: python counted.py [--update WHY] [--output FILE.md]

Bytes and requests or reads as the results state them, calls of Python functions (``sys.setprofile``), and the largest
memory that was allocated at once (``tracemalloc``). They do not depend on what else the machine does, so a table of
them can fail a build: exit code 1 where one has grown by more than its tolerance since the last entry of
``counted/history.json``. Who makes something cost more on purpose, or cheaper, writes an entry with ``--update`` and
says why; earlier entries stay.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from generate import write

import captures
import forebear
from forebear.index import LocalIndex
from forebear.inspect.enrol import enrol
from hub import Hub, folder_files
from models import tiny_llama

HISTORY = Path(__file__).parent / "counted" / "history.json"
TOLERANCE = {"bytes": 0.0, "requests": 0.0, "calls": 0.05, "memory": 0.15}
"""By how much each may grow. What is read is the same every time; calls and memory change with versions of Python."""
SHAPE = {"width": 256, "layers": 4, "heads": 4, "kv_heads": 2, "intermediate": 704, "vocabulary": 2_000}
LARGE = {"width": 1_024, "layers": 4, "heads": 16, "kv_heads": 4, "intermediate": 4_096, "vocabulary": 32_000}
"""Above the size up to which models are read whole: of this one rows are."""
Counts = dict[str, int]
Case = Callable[[], Mapping[str, Any]]
"""Does something, and returns the cost that the result states; nothing where it states none."""


@dataclass(frozen=True)
class Change:
    """A number that is not what it was."""

    case: str
    counter: str
    before: int
    now: int

    @property
    def share(self) -> float:
        """How much it grew, of what it was."""
        return (self.now - self.before) / max(1, self.before)

    @property
    def regression(self) -> bool:
        """Whether it grew by more than its tolerance."""
        return self.share > TOLERANCE[self.counter]


class Reads:
    """Counts reads of local files while it is entered, for results that do not state their cost."""

    def __init__(self) -> None:
        self.cost = {"bytes_read": 0, "requests": 0}

    def __enter__(self) -> None:
        self._real = real = os.pread

        def pread(descriptor: int, size: int, place: int) -> bytes:
            data = real(descriptor, size, place)
            self.cost["bytes_read"] += len(data)
            self.cost["requests"] += 1
            return data

        os.pread = pread

    def __exit__(self, *error: object) -> None:
        os.pread = self._real


def counted(case: Case) -> Counts:
    """What a case costs once everything that is done only once in a process was done."""
    case()
    calls = 0

    def count(frame: object, event: str, given: object) -> None:
        nonlocal calls
        calls += event == "call"

    read = Reads()
    gc.collect()
    gc.disable()  # when it runs depends on what ran before
    try:
        sys.setprofile(count)
        try:
            with read:
                cost = case() or read.cost
        finally:
            sys.setprofile(None)
        tracemalloc.start()
        try:
            case()
            memory = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    finally:
        gc.enable()
    return {"bytes": cost["bytes_read"], "requests": cost["requests"], "calls": calls, "memory": memory}


def cases(folder: Path, hub: Hub) -> dict[str, Case]:
    """Everything that is counted: local models, a model on a hub, a capture, a search."""
    for number in range(3):
        write(folder / f"base{number}", seed=number, **SHAPE)
    write(folder / "child", seed=77, parent=0, drift=0.3, **SHAPE)
    large, grown = str(folder / "large"), str(folder / "large-child")
    write(Path(large), seed=5, **LARGE)
    write(Path(grown), seed=78, parent=5, drift=0.3, **LARGE)
    index = LocalIndex(folder / "home")
    for number in range(3):
        enrol(str(folder / f"base{number}"), index, f"org/base{number}")
    hub.add("org/child", folder_files(tiny_llama(folder / "far", seed=5, layers=4)))
    talks = [captures.chat(captures.KIMI, "kimi-k2.5"), captures.chat("m", "qwen3-8b")] * 200
    capture = captures.saved(folder, captures.FORMATS["har"](talks))
    child, base = str(folder / "child"), str(folder / "base0")
    turn = 0

    def far() -> Mapping[str, Any]:
        nonlocal turn
        turn += 1
        os.environ["FOREBEAR_CACHE"] = str(folder / f"cache{turn}")  # nothing of it is here yet
        cost: Mapping[str, Any] = forebear.scan("hf:org/child", index, fetch=False).to_json()["cost"]
        return cost

    def add() -> Mapping[str, Any]:
        nonlocal turn
        turn += 1
        enrol(base, LocalIndex(folder / f"home{turn}"), "org/base")
        return {}

    def bill() -> Mapping[str, Any]:
        forebear.write_bom(child, index)
        return {}

    return {
        "scan": lambda: forebear.scan(child, index).to_json()["cost"],
        "scan, quick": lambda: forebear.scan(child, index, effort="quick").to_json()["cost"],
        "scan of a hub's model": far,
        "compare": lambda: forebear.compare(base, child).to_json()["cost"],
        "compare, large models": lambda: forebear.compare(large, grown).to_json()["cost"],
        "index add": add,
        "bom": bill,
        "traffic": lambda: forebear.read_traffic([capture]).to_json()["cost"],
    }


def measured() -> dict[str, Counts]:
    """All cases, in a folder and beside a hub of their own."""
    with tempfile.TemporaryDirectory() as name, Hub() as hub:
        for variable in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "FOREBEAR_OFFLINE", "FOREBEAR_HOME"):
            os.environ.pop(variable, None)
        os.environ |= {"HF_ENDPOINT": hub.endpoint, "HF_HOME": f"{name}/hf", "FOREBEAR_CACHE": f"{name}/cache"}
        return {what: counted(case) for what, case in cases(Path(name), hub).items()}


def changes(before: Mapping[str, Counts], now: Mapping[str, Counts]) -> list[Change]:
    """What is not as it was, of the cases that both have."""
    return [
        Change(case, counter, before[case][counter], value)
        for case, counts in now.items()
        if case in before
        for counter, value in counts.items()
        if counter in before[case] and value != before[case][counter]
    ]


def missing(before: Mapping[str, Counts], now: Mapping[str, Counts]) -> list[str]:
    """Cases that are on one side only: one that is gone cannot fail, and nothing is known of a new one."""
    return sorted(before.keys() ^ now.keys())


def table(history: list[dict[str, Any]], now: Mapping[str, Counts]) -> str:
    """Every case and counter: the last entries of the history, what is counted now, and the change."""
    last = history[-3:]
    heads = ["what", "counter", *(f"{e['version']}, {e['date']}" for e in last), "now", "change"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    for case, counts in now.items():
        for counter, value in counts.items():
            past = [e["counts"].get(case, {}).get(counter) for e in last]
            change = Change(case, counter, past[-1], value) if past and past[-1] is not None else None
            said = "" if change is None else f"{change.share:+.1%}{' **too much**' if change.regression else ''}"
            cells = [case, counter, *("" if p is None else f"{p:,}" for p in past), f"{value:,}", said]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def judged(history: list[dict[str, Any]], now: Mapping[str, Counts]) -> list[str]:
    """Why a build has to fail, one line each; nothing where it may pass."""
    if not history:
        return ["there is no history: --update writes its first entry"]
    before = history[-1]["counts"]
    lines = [f"{case}: not on both sides; --update" for case in missing(before, now)]
    for change in changes(before, now):
        if change.regression:
            limit = f"{TOLERANCE[change.counter]:.0%} are tolerated"
            lines.append(
                f"{change.case}: {change.counter} {change.before:,} -> {change.now:,} ({change.share:+.1%}; {limit})"
            )
    return lines


def main() -> None:
    """Count, show, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", metavar="WHY", help="write an entry of the history, and why its numbers changed")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    arguments = parser.parse_args()
    history: list[dict[str, Any]] = json.loads(HISTORY.read_text()) if HISTORY.exists() else []
    now = measured()
    text = table(history, now)
    sys.stdout.write(text)
    if arguments.output:
        arguments.output.write_text(text)
    if arguments.update:
        from datetime import UTC, datetime

        made = datetime.now(UTC).strftime("%Y-%m-%d")
        entry = {"version": forebear.__version__, "date": made, "why": arguments.update, "counts": now}
        HISTORY.parent.mkdir(exist_ok=True)
        HISTORY.write_text(json.dumps([*history, entry], indent=1) + "\n")
        return
    if lines := judged(history, now):
        sys.stderr.write("".join(f"counted: {line}\n" for line in lines))
        raise SystemExit(1)


if __name__ == "__main__":
    main()
