"""Ray actors, on the cluster that this machine belongs to (``RAY_ADDRESS``), else on a Ray of our own on this machine.

Workers read models and nothing else: index and job table are written where the command runs. What the workers need to
reach a hub (``HF_TOKEN``) is set on the nodes; it is not sent through the cluster, which shows environments to users.
"""

from __future__ import annotations

import logging
import os
import time
from collections import deque
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any

from forebear.crawl.base import Outcome, Task
from forebear.crawl.engines.base import AHEAD, TICK, Crew, Take, died
from forebear.crawl.limits import Buckets
from forebear.crawl.work import measure
from forebear.errors import MissingExtra
from forebear.sources.pace import set_pace

SENT = ("HF_ENDPOINT", "FOREBEAR_OFFLINE", "HF_HUB_OFFLINE", "FOREBEAR_LOG_LEVEL")
"""What of the environment goes to the workers: nothing secret, nothing that is a place on this machine."""
ASK_AGAIN = 1.0
"""Seconds for which a worker remembers that a host without a rate is not held."""


class RayEngine:
    """Engine on a Ray cluster.

    Raises:
        MissingExtra: the extra ``[ray]`` is not installed.
    """

    def __init__(self) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would report to its makers
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError:
            raise MissingExtra("ray", "--engine ray") from None
        self._ray: Any = ray

    def run(self, crew: Crew, take: Take) -> Generator[list[Outcome], None, None]:
        """See :meth:`Engine.run <forebear.crawl.engines.base.Engine.run>`."""
        ray, ours = self._ray, self._join(crew)
        pace = ray.remote(num_cpus=0)(PaceActor).remote(dict(crew.rates))
        kind = ray.remote(num_cpus=1, max_restarts=0)(WorkActor)
        environment = {name: os.environ[name] for name in SENT if name in os.environ}
        actors = [kind.remote(pace, environment) for _ in range(crew.workers)]
        hands: list[deque[tuple[Task, Any]]] = [deque() for _ in actors]
        since = [0.0] * len(actors)
        spare: deque[Task] = deque()
        try:
            while True:
                for round_ in range(AHEAD):
                    for k, (actor, hand) in enumerate(zip(actors, hands, strict=True)):
                        if len(hand) > round_:
                            continue
                        task = spare.popleft() if spare else next(iter(take(1)), None)
                        if task is not None:
                            since[k] = since[k] if hand else time.monotonic()
                            hand.append((task, actor.measure.remote(task)))
                first = {hand[0][1]: k for k, hand in enumerate(hands) if hand}
                if not first:
                    time.sleep(TICK)
                ready = ray.wait(list(first), num_returns=len(first), timeout=0)[0] if first else []
                if first and not ready:
                    ready = ray.wait(list(first), num_returns=1, timeout=TICK)[0]
                outcomes: list[Outcome] = []
                for reference, k in first.items():
                    late = reference not in ready and time.monotonic() - since[k] > crew.longest
                    if reference not in ready and not late:
                        continue
                    task = hands[k].popleft()[0]
                    try:
                        if late:
                            ray.kill(actors[k])
                        outcomes.append(ray.get(reference))
                    except ray.exceptions.RayError:
                        outcomes.append(died(task, crew.longest if late else 0.0))
                        spare.extend(task for task, _ in hands[k])  # these it had not begun
                        hands[k].clear()
                        actors[k] = kind.remote(pace, environment)
                    since[k] = time.monotonic()
                yield outcomes
        finally:
            for actor in (*actors, pace):
                with suppress(Exception):
                    ray.kill(actor)
            if ours:
                ray.shutdown()

    def _join(self, crew: Crew) -> bool:
        """Join the cluster; whether it is one that was started here and ends with the run."""
        ray = self._ray
        if ray.is_initialized():
            return False
        quiet = {"log_to_driver": False, "logging_level": logging.WARNING}
        try:
            ray.init(address="auto", **quiet)
            return False
        except ConnectionError:
            ray.init(num_cpus=crew.workers, include_dashboard=False, **quiet)
            return True


class WorkActor:
    """One worker: an actor, because what it has imported stays."""

    def __init__(self, pace: Any, environment: Mapping[str, str]) -> None:
        os.environ.update(environment)
        set_pace(RayPace(pace))

    def measure(self, task: Task) -> Outcome:
        """See :func:`forebear.crawl.work.measure`."""
        return measure(task)


class PaceActor:
    """The token buckets of the whole cluster."""

    def __init__(self, rates: Mapping[str, float]) -> None:
        self._buckets = Buckets(rates)

    def turn(self, host: str) -> tuple[float, bool]:
        """Seconds to wait, and whether every request has to ask."""
        now = time.time()
        self._buckets.forget(now)
        return self._buckets.turn(host, now), host in self._buckets.rates

    def hold(self, host: str, seconds: float) -> None:
        """See :meth:`Pace.hold <forebear.sources.pace.Pace.hold>`."""
        self._buckets.hold(host, seconds, time.time())


class RayPace:
    """A :class:`~forebear.sources.pace.Pace` that asks the cluster's actor."""

    def __init__(self, actor: Any) -> None:
        import ray

        self._ray: Any = ray
        self._actor = actor
        self._free: dict[str, float] = {}

    def turn(self, host: str) -> float:
        """See :meth:`Pace.turn <forebear.sources.pace.Pace.turn>`."""
        host = host.lower()
        if self._free.get(host, 0.0) > time.monotonic():
            return 0.0
        wait, counted = self._ray.get(self._actor.turn.remote(host))
        if not counted and wait == 0:
            self._free[host] = time.monotonic() + ASK_AGAIN
        return float(wait)

    def hold(self, host: str, seconds: float) -> None:
        """See :meth:`Pace.hold <forebear.sources.pace.Pace.hold>`."""
        self._free.pop(host.lower(), None)
        self._actor.hold.remote(host.lower(), seconds)
