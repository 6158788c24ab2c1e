"""One function over many inputs on every core: in order, a few at a time, and whatever happens to a worker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing.context import BaseContext
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

SAFE_PATH = "PYTHONSAFEPATH"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
"""Settings of the libraries that numpy computes with. Each process would have a thread for every core, and threads that
wait turn round: with two processes on two cores scans took five times as long."""
AHEAD = 2
"""Inputs in hand per worker: enough that none waits, few enough that little is lost when the run is killed."""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    function: Callable[[T], R], inputs: Iterable[T], workers: int, died: Callable[[T], R]
) -> Generator[R, None, None]:
    """The results in the order of the inputs, each as soon as it and all before it are there.

    Processes and not threads: what takes time is Python as often as numpy, and an input that kills its process costs
    one answer. With one worker everything happens in this process.

    Args:
        function: what to do; it must be importable, and must not raise.
        inputs: read no further ahead than needed.
        workers: number of processes.
        died: the result for an input whose process was killed, as by the system for want of memory.
    """
    if workers <= 1:
        yield from map(function, inputs)
        return
    rest = iter(inputs)
    hand: deque[T] = deque()
    while True:
        with _pool(workers) as pool, suppress(BrokenProcessPool):
            futures: deque[Future[R]] = deque()
            while True:
                for x in islice(rest, AHEAD * workers - len(hand)):
                    hand.append(x)
                    futures.append(pool.submit(function, x))
                if not hand:
                    return
                result = futures.popleft().result()
                hand.popleft()
                yield result
        while hand:  # all that were in hand went down with the one that did it; one by one, that one shows
            with _pool(1) as alone:
                try:
                    while hand:
                        result = alone.submit(function, hand[0]).result()
                        hand.popleft()
                        yield result
                except BrokenProcessPool:
                    result = died(hand.popleft())
                    yield result


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that end with the block: at once where it is left by an error or an interrupt."""
    others, before = set(multiprocessing.active_children()), {n: os.environ.get(n) for n in (SAFE_PATH, *THREADS)}
    context = context_of("spawn", workers)  # a fork would copy locks of threads
    pool = ProcessPoolExecutor(workers, context, initializer=enlist)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    else:
        pool.shutdown()
    finally:
        for name in (n for n, value in before.items() if value is None):
            os.environ.pop(name, None)  # what a caller of the library starts later is his affair


def context_of(start: str, processes: int) -> BaseContext:
    """Where processes come from; they share the cores, and import nothing from the folder that this one is in.

    A fresh interpreter looks for modules in the working directory first, which may be a stranger's repository with a
    ``multiprocessing.py`` of its own.

    Args:
        start: how they are made (``spawn``).
        processes: how many work at once; what the environment says of :data:`THREADS` stays.
    """
    os.environ[SAFE_PATH] = "1"
    for name in THREADS:
        os.environ.setdefault(name, str(max(1, cores() // processes)))
    return multiprocessing.get_context(start)


def enlist() -> None:
    """A worker leaves Ctrl-C to its parent, and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
