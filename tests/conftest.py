"""For all tests: property tests with the same examples every time and no clock; a deadline for what may block."""

from __future__ import annotations

import hashlib
import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import settings

from forebear.sources import http
from hub import Hub

os.environ["FOREBEAR_OFFLINE"] = "1"  # a test that needs a network brings its own, and says so

settings.register_profile("forebear", deadline=None, derandomize=True)
settings.load_profile("forebear")


LEFT_OUT = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--whole", action="store_true", help="run all cases of sweeps, not one in so many, and what is marked whole"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of a test marked ``sweep(n)`` one case in ``n`` is run, the same ones every time; all with ``--whole``.

    A sweep repeats one property over many models; so do the tests on the shared collection, of which every third of
    a file is run. What is marked ``whole`` proves at length what others prove in short, and is run with ``--whole``
    alone. Cases that are asked for by name are always run.
    """
    if config.getoption("--whole") or any("::" in argument for argument in config.args):
        return
    cases: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if (mark := item.get_closest_marker("sweep")) is not None:
            cases[item.nodeid.partition("[")[0], int(mark.args[0])].append(item)
        elif item.get_closest_marker("shared") is not None:
            cases[item.nodeid.partition("::")[0], 3].append(item)
    left = {item for (_, share), sweep in cases.items() for item in _left_out(sweep, share)}
    left |= {item for item in items if item.get_closest_marker("whole") is not None}
    items[:] = [item for item in items if item not in left]
    config.stash[LEFT_OUT] = len(left)
    config.hook.pytest_deselected(items=list(left))
    if hasattr(config, "workeroutput"):
        config.workeroutput["left_out"] = len(left)


def _left_out(sweep: list[pytest.Item], share: int) -> list[pytest.Item]:
    """All cases of a sweep but one in so many, and at least one; chosen by their names, so evenly over parameters."""
    by_lot = sorted(sweep, key=lambda item: hashlib.sha256(item.nodeid.encode()).digest())
    return by_lot[-(-len(sweep) // share) :]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Where tests are dealt out to processes, each has left out the same."""
    output = getattr(node, "workeroutput", {})
    node.config.stash[LEFT_OUT] = output.get("left_out", 0)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if left := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(f"left out: {left:,} cases (pytest --whole runs them)")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub, and an environment in which it is the only one: no token, an empty cache, short pauses."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HUB_OFFLINE", "FOREBEAR_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "FIRST_PAUSE", 0.01)
    with Hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.endpoint)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
        monkeypatch.setenv("FOREBEAR_CACHE", str(tmp_path / "cache"))
        yield hub


@pytest.fixture
def deadline() -> Iterator[None]:
    """Fail, rather than wait for ever, when something blocks."""

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError("blocked")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def server() -> Iterator[object]:
    """A PostgreSQL server, None where there are no programs for one."""
    try:
        from index.servers import running
    except ImportError:
        yield None
        return
    with running() as started:
        yield started
