"""The command line in a forked process in which something goes wrong: a full disk, a bad sector, a signal."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from forebear.cli import main

Fault = Callable[[], None]
"""Arranges, in the forked process, for something to go wrong."""


class Ran(NamedTuple):
    """How a command ended: its exit code, negative for a signal; what it said; and how many events there were."""

    code: int
    out: str
    err: str
    events: int = 0


def run(
    folder: Path,
    arguments: Sequence[object],
    fault: Fault | None = None,
    stdout: str = "",
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run ``forebear`` on some arguments in a folder, without starting Python anew.

    Args:
        folder: where it works.
        arguments: of the command line.
        fault: called in the new process before the command.
        stdout: a file to write to instead, such as ``/dev/full``.
        environment: more variables.
    """
    pipes = [os.pipe() for _ in ("stdout", "stderr", "events")]  # no pipe is ever full for want of a disk
    child = os.fork()
    if child == 0:
        try:
            _become(folder, [end for _, end in pipes], arguments, fault, stdout, environment or {})
        finally:
            os._exit(70)
    for _, end in pipes:
        os.close(end)
    said = []
    for start, _ in pipes:
        with open(start, encoding="utf-8", errors="replace") as stream:
            said.append(stream.read())
    _, status = os.waitpid(child, 0)
    return Ran(os.waitstatus_to_exitcode(status), said[0], said[1], int(said[2] or 0))


def _become(
    folder: Path,
    ends: Sequence[int],
    arguments: Sequence[object],
    fault: Fault | None,
    stdout: str,
    environment: Mapping[str, str],
) -> None:
    """This process is a command from here on, and ends."""
    import gc
    import traceback

    os.chdir(folder)
    os.dup2(os.open(stdout, os.O_WRONLY) if stdout else ends[0], 1)
    os.dup2(ends[1], 2)
    sys.stdout, sys.stderr = open(1, "w", encoding="utf-8"), open(2, "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    os.environ.update({"NO_COLOR": "1", "FOREBEAR_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1", **environment})
    sys.dont_write_bytecode = (
        True  # Python 3.11 keeps a compiled module that was cut by a full disk, for all who come after
    )
    sys.argv = ["forebear", *map(str, arguments)]
    code: Any = 0
    try:
        gc.collect()
        counted = Counted()
        sys.addaudithook(counted)
        if fault is not None:
            fault()
        main()
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 70
    os.write(ends[2], str(counted.events).encode())
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = 120  # as Python itself would end
    os._exit(code)


class Counted:
    """Counts what the interpreter reports of this process: files opened and renamed, databases, modules."""

    def __init__(self) -> None:
        self.events = 0

    def __call__(self, event: str, given: object) -> None:
        self.events += 1


def signal_at(number: int, what: signal.Signals) -> Fault:
    """A signal at the so-and-so-many-th event: the same place every time."""

    def arrange() -> None:
        seen = 0

        def hook(event: str, given: object) -> None:
            nonlocal seen
            seen += 1
            if seen == number:
                os.kill(os.getpid(), what)

        sys.addaudithook(hook)

    return arrange


def files_of(size: int) -> Fault:
    """No file grows beyond so many bytes, as on a full disk (``EFBIG`` for ``ENOSPC``)."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def memory(more: int) -> Fault:
    """So many bytes of address space more than the process has, and no others."""

    def arrange() -> None:
        with open("/proc/self/statm", encoding="ascii") as stream:
            held = int(stream.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + more, held + more))

    return arrange


def bad_sector(after: int) -> Fault:
    """Every read of a part of a file after so many fails with ``EIO``."""

    def arrange() -> None:
        real, reads = os.pread, 0

        def pread(descriptor: int, count: int, place: int) -> bytes:
            nonlocal reads
            reads += 1
            if reads > after:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return real(descriptor, count, place)

        os.pread = pread

    return arrange
