"""Tasks for workers. In a module of their own, because a spawned process has to import them by name."""

from __future__ import annotations

import os
import signal
import time


def square(x: int) -> int:
    time.sleep(0.05 if x % 3 == 0 else 0)
    if x == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return x * x


def slow(x: int) -> int:
    time.sleep(60)
    return x


def died(x: int) -> int:
    return -x
