"""Whatever fails while a command runs: one clear line, the right exit code, and nothing half-written."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("cryptography", reason="signing needs the [sign] extra")

import forebear
import forebear.report.terminal
from crawls import Here
from faults import Fault, Ran, bad_sector, files_of, memory, run, signal_at
from forebear.crawl.engines import processes
from forebear.index import LocalIndex
from forebear.inspect.enrol import enrol
from models import tiny_llama
from signers import key_files

COMMANDS = {
    "scan": ("scan", "model", "--effort", "quick", "-f", "json", "-o", "out"),
    "scan -r": ("scan", "-r", "models", "--effort", "quick", "-j", "1", "-f", "json", "-o", "out"),
    "bom": ("bom", "model", "--effort", "quick", "-f", "cyclonedx", "-o", "out"),
    "sign": ("sign", "model", "--key", "key.pem", "-o", "out"),
    "export": ("index", "export", "out"),
    "add": ("index", "add", "models/other", "--effort", "quick"),
    "crawl": ("crawl", "models", "--effort", "quick", "--free-space", "0", "-f", "json", "-o", "out"),
}
"""Commands that write, in a folder that :func:`made` has filled."""
WRITERS = [name for name in COMMANDS if "out" in COMMANDS[name]]
DONE = (0, 1, 3)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two references, one of them indexed, a model, and a key."""
    folder = tmp_path_factory.mktemp("made")
    for name, seed in (("models/base", 1), ("models/other", 2), ("model", 3)):
        tiny_llama(folder / name, seed=seed, layers=2, hidden=32, intermediate=64, vocabulary=128)
    key_files(folder)
    index = LocalIndex(folder / "home")
    enrol(str(folder / "models" / "base"), index, "base", "quick")
    # here and not in what is forked: what is imported lazily costs time, and memory that a test takes away
    forebear.scan(str(folder / "model"), index, "quick").to_json()
    forebear.write_bom(str(folder / "model"), index, "quick").to_json()
    return folder


@pytest.fixture(autouse=True)
def crawls_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the process that the fault is in; what becomes of workers is in ``tests/crawl``."""
    monkeypatch.setattr(processes, "ProcessEngine", Here)


@pytest.fixture
def work(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "work"))


def at(folder: Path) -> dict[str, str]:
    return {"FOREBEAR_HOME": str(folder / "home"), "FOREBEAR_CACHE": str(folder / "cache")}


def ran(work: Path, name: str, fault: Fault | None = None, stdout: str = "") -> Ran:
    return run(work, COMMANDS[name], fault, stdout, at(work))


def whole(work: Path, name: str) -> None:
    """What a command wrote is there, and can be read to its end."""
    raw = (work / "out").read_bytes()
    assert raw
    if name != "export":
        json.loads(raw)


def told(done: Ran, *codes: int, most: int = 1) -> None:
    """One line that says what is wrong (of each file), and no traceback."""
    assert done.code in codes, (done.code, done.err)
    assert "Traceback" not in done.err and "Exception ignored" not in done.err, done.err
    said = [line for line in done.err.splitlines() if line.startswith("forebear: ")]
    assert 1 <= len(said) <= most, done.err


def left_over(work: Path) -> list[str]:
    """Files that only stand for others while these are written."""
    return [str(p) for p in work.rglob("*") if p.name.endswith(".part") or p.name.startswith(".repair-")]


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", COMMANDS)
def test_without_a_fault_it_is_done(name: str, work: Path) -> None:
    done = ran(work, name)
    assert done.code in DONE, done.err
    assert done.events > 50
    if name in WRITERS:
        whole(work, name)
    assert not left_over(work)


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", COMMANDS)
def test_a_full_disk(name: str, work: Path) -> None:
    (work / "out").write_text("{}")
    for room in (0, 200):
        done = ran(work, name, files_of(room))
        told(done, 2, 4)
        assert (work / "out").read_text() == "{}" and not left_over(work)  # what was there before stays
    assert ran(work, name).code in DONE  # and with room again it works


def test_a_disk_that_is_really_full(work: Path, tmp_path: Path) -> None:
    """A file system of 16 kB, of which the document has less than it needs."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(disk)]
    if os.getuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs to be root")
    try:
        (disk / "filler").write_bytes(b"x" * 12_288)
        done = run(work, ("scan", "-r", "models", "-j", "1", "-f", "json", "-o", disk / "out"), environment=at(work))
        told(done, 2)
        assert "No space left on device" in done.err and sorted(p.name for p in disk.iterdir()) == ["filler"]
        full = run(work, ("index", "add", "model"), environment={**at(work), "FOREBEAR_HOME": str(disk / "home")})
        told(full, 4)
        assert str(disk) in full.err
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize("arguments", [("--version",), (), ("scan", "model"), ("catalogue", "list", "-f", "json")])
def test_a_full_disk_behind_standard_output(arguments: tuple[str, ...], work: Path) -> None:
    done = run(work, arguments, stdout="/dev/full", environment=at(work))
    told(done, 4)
    assert "standard output: No space left on device" in done.err


@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", ["scan", "bom", "add"])
def test_a_bad_sector(name: str, after: int, work: Path) -> None:
    done = ran(work, name, bad_sector(after))
    if done.code not in DONE:
        told(done, 4, most=6)
        assert "Input/output error" in done.err or "damaged" in done.err
    elif name in WRITERS:  # what could be read was; what could not be is told in the document
        assert "Input/output error" in (work / "out").read_text()
    assert not left_over(work)
    assert ran(work, name).code in DONE


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", ["scan", "scan -r", "bom", "add"])
def test_too_little_memory(name: str, work: Path) -> None:
    ends = [ran(work, name, memory(more << 10)) for more in (0, 512, 4_096)]
    for done in ends:
        assert done.code in (*DONE, 4) and "Traceback" not in done.err, done.err
        if done.code == 4:
            told(done, 4)
    assert not left_over(work)


def points(work: Path, name: str, count: int) -> Iterator[tuple[int, Path]]:
    """Events of a command at random, each with a fresh copy of the folder."""
    trial = Path(shutil.copytree(work, work.with_name("trial")))
    events = ran(trial, name).events
    for number in sorted(random.Random(name).sample(range(1, events), count)):
        shutil.rmtree(trial)
        yield number, Path(shutil.copytree(work, trial))


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", COMMANDS)
def test_ended_by_a_scheduler_at_any_moment(name: str, work: Path) -> None:
    for number, trial in points(work, name, 3):
        done = ran(trial, name, signal_at(number, signal.SIGTERM))
        if done.code not in DONE:  # the very last events are those of the end
            told(done, 4)
            assert "interrupted; what was finished is kept" in done.err
        if (trial / "out").exists():
            whole(trial, name)
        assert not left_over(trial), number
        assert ran(trial, name).code in DONE, number


@pytest.mark.sweep(5)
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_any_moment(name: str, work: Path) -> None:
    for number, trial in points(work, name, 2):
        done = ran(trial, name, signal_at(number, signal.SIGKILL))
        assert done.code == -signal.SIGKILL
        if (trial / "out").exists():
            whole(trial, name)
        again = ran(trial, name)
        assert again.code in DONE, (number, again.err)
        if name in WRITERS:
            whole(trial, name)
