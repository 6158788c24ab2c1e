"""What an answer cost: bytes, reads, wall time, peak memory of the process."""

from __future__ import annotations

import sys
import time

from forebear.artifacts import Artifact
from forebear.artifacts.kinds import tally
from forebear.sources import Metered
from forebear.types import Cost

LIGHT_FROM = 64_000_000
"""Bytes of a distant model from which on a light look is cheaper."""


class Meter:
    """Starts when it is made; :meth:`cost` can be asked at any time."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._sources: list[Metered] = []

    def watch(self, source: Metered) -> None:
        """Count what is read from this source."""
        self._sources.append(source)

    def cost(self) -> Cost:
        """Everything since the start."""
        return Cost(
            sum(s.bytes_read for s in self._sources),
            sum(s.requests for s in self._sources),
            round(time.perf_counter() - self._start, 4),
            peak_memory(),
        )


def light_first(artifact: Artifact, effort: str) -> bool:
    """Whether the first look at a model is a light one: it is far away, large, and not to be read deeply."""
    if artifact.source.traffic is None or effort == "deep":
        return False
    return weight_bytes(artifact) > LIGHT_FROM


def weight_bytes(artifact: Artifact) -> int:
    """Bytes of all weights as stored; tensors of a kind are counted and not made."""
    return sum(tensor.nbytes * count for tensor, count in tally(artifact.weights.tensors))


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes; 0 where the platform does not say.

    Linux's own counter is asked first: ``ru_maxrss`` survives ``exec``, so it would show the size of whatever large
    program started this one.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024)
