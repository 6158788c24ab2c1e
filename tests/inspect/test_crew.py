"""Workers: order, bounded reading ahead, killed workers, interrupts, orphans."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from crew_tasks import died, slow, square, threads
from forebear.inspect.crew import AHEAD, THREADS, cores, in_order


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_inputs(workers: int) -> None:
    assert list(in_order(square, range(10), workers, died)) == [x * x for x in range(10)]
    assert list(in_order(square, [], workers, died)) == []


def test_a_killed_worker_costs_one_result() -> None:
    assert list(in_order(square, range(10, 18), 2, died)) == [-x if x == 13 else x * x for x in range(10, 18)]


def test_several_killed_workers_cost_their_own_results() -> None:
    assert list(in_order(square, [13, 1, 13], 2, died)) == [-13, 1, -13]


@pytest.mark.parametrize("workers", [1, 2])
def test_inputs_are_read_no_further_ahead_than_needed(workers: int) -> None:
    taken: list[int] = []

    def inputs() -> Iterator[int]:
        for x in range(1000):
            taken.append(x)
            yield x

    with closing(in_order(square, inputs(), workers, died)) as results:
        next(results)
        assert len(taken) <= AHEAD * workers + 1


def test_leaving_early_ends_the_workers_at_once() -> None:
    before = set(multiprocessing.active_children())
    start = time.monotonic()
    results = in_order(slow, range(4), 2, died)
    with pytest.raises(TimeoutError):
        signal.signal(signal.SIGALRM, _alarm)
        signal.setitimer(signal.ITIMER_REAL, 2)
        next(results)
    results.close()
    while set(multiprocessing.active_children()) - before and time.monotonic() < start + 20:
        time.sleep(0.05)
    assert set(multiprocessing.active_children()) <= before
    assert time.monotonic() < start + 20


def _alarm(number: int, frame: object) -> None:
    raise TimeoutError


PROGRAM = """
import sys
sys.path[:0] = {path!r}
import crew_tasks
from forebear.inspect.crew import in_order
if __name__ == "__main__":
    print("started", flush=True)
    list(in_order(crew_tasks.slow, range(4), 2, crew_tasks.died))
"""


def test_workers_do_not_outlive_a_killed_parent(tmp_path: object) -> None:
    here = os.path.dirname(__file__)
    script = os.path.join(str(tmp_path), "run.py")
    with open(script, "w") as stream:
        stream.write(PROGRAM.format(path=[here, *sys.path]))
    end = time.monotonic() + 60
    with subprocess.Popen(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "started\n"
        while len(_members(process.pid)) < 4 and time.monotonic() < end:  # it, two workers, the tracker of semaphores
            time.sleep(0.05)
        assert len(_members(process.pid)) >= 4
        time.sleep(1)  # the workers are at their first input
        process.kill()
    while _members(process.pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert _members(process.pid) == []


def _members(session: int) -> list[int]:
    """Living processes of a session."""
    found: list[int] = []
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except (OSError, ValueError):
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(entry))
    return found


def test_there_is_a_core() -> None:
    assert cores() >= 1


def test_workers_import_nothing_from_the_folder_they_are_started_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be a stranger's repository; a fresh interpreter would take its modules before those of Python."""
    for name in ("multiprocessing", "json", "numpy", "forebear"):
        (tmp_path / f"{name}.py").write_text("open('ran', 'w')\nraise SystemExit(7)\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
    assert list(in_order(square, range(4), 2, died)) == [0, 1, 4, 9]
    assert not (tmp_path / "ran").exists() and "PYTHONSAFEPATH" not in os.environ


def test_processes_share_the_cores_for_linear_algebra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(THREADS[1], "7")
    share = str(max(1, cores() // 2))
    assert list(in_order(threads, [1, 2], 2, threads)) == [[share, "7", share, share]] * 2
    assert threads(0) == [None, "7", None, None], "what is started later has what the caller set"
