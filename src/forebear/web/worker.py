"""The process that runs jobs: one at a time, confined, killed by whoever started it."""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from forebear.errors import ForebearError, one_line
from forebear.index import open_index
from forebear.inspect.crew import enlist
from forebear.web.confine import confinement, forget_secrets
from forebear.web.places import Places
from forebear.web.work import WORK

MOST_RESULT = 64_000_000
"""Bytes of a document."""
NICE = 5
"""Added to the niceness of a worker: who looks at a page does not wait for jobs."""
STEP_SECONDS = 0.2
"""Between two steps that are told."""


@dataclass(frozen=True)
class Bounds:
    """What a worker is started with; see :class:`~forebear.web.settings.Settings`."""

    networks: tuple[str, ...]
    paths: tuple[str, ...]
    offline: bool
    memory: int
    writable: tuple[str, ...]
    closed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One job for a worker: its kind, the request with paths of its folder, the secret that goes with it."""

    kind: str
    request: Mapping[str, Any]
    secret: str
    folder: str


def main(pipe: Connection, bounds: Bounds) -> None:
    """Answer tasks until the pipe is closed: ``("step", text)``…, then ``("done", bytes)`` or ``("failed", error)``."""
    enlist()
    import forebear.inspect.scan  # noqa: F401  so that the first job does not wait for it

    os.nice(NICE)
    forget_secrets()
    if bounds.offline:
        os.environ["FOREBEAR_OFFLINE"] = "1"
    _limit(bounds.memory)
    sys.path[:] = [p for p in sys.path if os.path.isabs(p)]  # never import what was uploaded
    logging.disable(logging.CRITICAL)  # a library's warning may quote what a stranger sent
    confined = confinement(bounds.networks, bounds.offline, bounds.paths, bounds.writable, bounds.closed)
    sys.addaudithook(confined.watch)
    places = places_of(bounds)
    home = os.getcwd()
    with suppress(EOFError, OSError):
        pipe.send(("ready", None))
        while True:
            task: Task = pipe.recv()
            confined.run = os.path.realpath(task.folder)
            os.chdir(confined.run)
            tempfile.tempdir = confined.run  # the one place that a job may write to
            answer = run(task, pipe, places)
            os.chdir(home)
            confined.run = ""
            pipe.send(answer)


def places_of(bounds: Bounds) -> Places:
    """What no job may tell: the folders of the service, of its index and cache, and of the installation."""
    index = []
    with suppress(ForebearError):  # whoever asks for a reference is told
        index.append(open_index().where)
    package = Path(__file__).resolve().parent.parent
    return Places((*bounds.writable, *bounds.closed, *bounds.paths, *index, str(package)))


def run(task: Task, pipe: Connection, places: Places) -> tuple[str, Any]:
    """What came of a task."""
    last = 0.0

    def public(text: str) -> str:
        return one_line(places.hidden(text, task.folder))

    def step(text: str) -> None:
        nonlocal last
        if (now := time.monotonic()) - last >= STEP_SECONDS:
            last = now
            pipe.send(("step", public(text)))

    try:
        document = places.hidden(WORK[task.kind].run(task.request, task.secret, step), task.folder)
        text = json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
        if len(text) > MOST_RESULT:
            return "failed", told(f"its result is larger than {MOST_RESULT:,} bytes")
        return "done", text
    except ForebearError as error:
        return "failed", told(public(error.message), public(error.hint), error.exit_code)
    except MemoryError:
        return "failed", told("not enough memory for this input")
    except Exception as error:  # of a kind that nobody expected; what it quotes stays here
        return "failed", told(f"an error of Forebear's own ({type(error).__name__})", "report it")


def told(message: str, hint: str = "", exit_code: int = 4) -> dict[str, Any]:
    """An error as a job keeps it."""
    return {"message": message, "hint": hint, "exit_code": exit_code}


def _limit(memory: int) -> None:
    """Bound the memory of this process, and turn core dumps off: they would hold secrets."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory and Path("/proc/self").exists():  # on Linux alone it bounds what is allocated
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
