"""Engines: every task comes back once, whatever happens to its worker."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from crawls import sleep
from forebear.crawl.base import Outcome, State, Task
from forebear.crawl.engines import ENGINES, Crew, Engine, engine_of, processes
from forebear.crawl.engines.base import DIED
from forebear.crawl.engines.processes import ProcessEngine
from forebear.errors import MissingExtra, UsageError
from models import tiny_llama


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("engines") / "m", seed=1, hidden=32, intermediate=64, vocabulary=128)


def tasks(folder: Path, count: int) -> list[Task]:
    return [Task(str(folder), f"m{k}", "") for k in range(count)]


def work(engine: Engine, crew: Crew, given: list[Task]) -> Iterator[tuple[list[Outcome], int]]:
    """Outcomes as they come, and how many tasks have been taken by then."""
    rest = list(given)
    back = 0

    def take(room: int) -> list[Task]:
        taken, rest[:] = rest[:room], rest[room:]
        return taken

    steps = engine.run(crew, take)
    try:
        for outcomes in steps:
            back += len(outcomes)
            yield outcomes, len(given) - len(rest)
            if back == len(given):
                return
    finally:
        steps.close()


def test_processes_that_are_killed_lose_and_double_nothing(folder: Path, tmp_path: Path) -> None:
    given = tasks(folder, 24)
    crew = Crew(2, {}, tmp_path / "pace")
    seen: Counter[str] = Counter()
    died, killed = 0, 0
    for outcomes, _ in work(ProcessEngine(), crew, given):
        for outcome in outcomes:
            seen[outcome.task.name] += 1
            died += outcome.reason == DIED
            assert outcome.reason == DIED or (outcome.mark is not None and outcome.mark.name == outcome.task.name)
        if outcomes and killed < 3 and sum(seen.values()) >= 5 * (killed + 1):
            os.kill(children()[0], signal.SIGKILL)
            killed += 1
    assert seen == Counter(t.name for t in given) and 1 <= died <= killed == 3
    assert not children()


def children() -> list[int]:
    """Workers of this process."""
    import multiprocessing

    return [p.pid for p in multiprocessing.active_children() if p.pid and p.name == "forebear-crawl"]


def test_a_model_that_takes_for_ever_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named pipe in a worker's way would be no model; a worker that sleeps stands for one that computes for ever."""
    monkeypatch.setattr(processes, "_work", sleep)
    given = [Task("/somewhere", "m", "")]
    outcomes = [o for step, _ in work(ProcessEngine(), Crew(1, {}, tmp_path / "pace", 0.2), given) for o in step]
    assert [(o.state, o.reason) for o in outcomes] == [(State.PENDING, "it took longer than 0 seconds")]
    assert not children()


def test_nothing_to_do_gives_control_back(tmp_path: Path) -> None:
    steps = ProcessEngine().run(Crew(1, {}, tmp_path / "pace"), lambda _: [])
    before = time.monotonic()
    assert next(steps) == [] and time.monotonic() - before < 30
    steps.close()
    assert not children()


def test_what_an_engine_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"forebear\[ray\]"):
        engine_of("ray")
    with pytest.raises(UsageError, match="use processes or ray"):
        engine_of("spark\x1b")
    assert set(ENGINES) == {"processes", "ray"}


class RayError(Exception):
    pass


class Actor:
    """An actor of the pretended Ray: it works where it is called, and dies of the tasks that it is told to die of."""

    deadly: ClassVar[set[str]] = set()
    made = 0

    def __init__(self, kind: type, arguments: tuple[Any, ...]) -> None:
        self.inner = kind(*arguments) if kind.__name__ == "PaceActor" else None
        self.dead = False
        Actor.made += 1

    def __getattr__(self, name: str) -> Any:
        if name == "measure":
            return SimpleNamespace(remote=self._measure)
        return SimpleNamespace(remote=lambda *a: ("value", getattr(self.inner, name)(*a)))

    def _measure(self, task: Task) -> tuple[str, Any, object]:
        from forebear.crawl.work import measure

        if task.name in Actor.deadly:
            Actor.deadly.discard(task.name)
            self.dead = True
        return ("died", task, object()) if self.dead else ("value", measure(task), object())


class PretendedRay:
    """The parts of Ray that the engine uses, in this process."""

    exceptions = SimpleNamespace(RayError=RayError)

    def is_initialized(self) -> bool:
        return True

    def remote(self, **_: object) -> Any:
        return lambda kind: SimpleNamespace(remote=lambda *a: Actor(kind, a))

    def wait(self, references: list[Any], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        return references[:1], references[1:]

    def get(self, reference: Any) -> Any:
        if reference[0] == "died":
            raise RayError("the actor died")
        return reference[1]

    def kill(self, actor: Actor) -> None:
        actor.dead = True


def test_actors_that_die_lose_and_double_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", PretendedRay())
    Actor.deadly, Actor.made = {"m1", "m4"}, 0
    given = tasks(folder, 8)
    outcomes = [o for step, _ in work(engine_of("ray"), Crew(2, {}, tmp_path / "pace"), given) for o in step]
    assert Counter(o.task.name for o in outcomes) == Counter(t.name for t in given)
    assert {o.task.name for o in outcomes if o.reason == DIED} == {"m1", "m4"} and Actor.made == 1 + 2 + 2
    assert all(o.state is State.DONE for o in outcomes if o.reason != DIED)


def test_the_cluster_shares_one_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", PretendedRay())
    from forebear.crawl.engines.ray import PaceActor, RayPace

    actor = Actor(PaceActor, ({"h": 1.0},))
    first, second = RayPace(actor), RayPace(actor)
    assert [p.turn("H") for p in (first, second) * 4] == [0.0] * 8
    assert 0.9 < first.turn("h") <= 1.0 and 1.9 < second.turn("h") <= 2.0
    assert first.turn("free") == 0.0
    second.hold("free", 30)
    assert second.turn("free") > 29 and first.turn("free") == 0.0  # asked a moment ago; it asks again in a second
    monkeypatch.setattr("forebear.crawl.engines.ray.ASK_AGAIN", 0.0)
    assert RayPace(actor).turn("free") > 29


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="needs the [ray] extra")
@pytest.mark.filterwarnings("ignore")
def test_a_real_ray_on_this_machine(folder: Path, tmp_path: Path) -> None:
    """Two real actors, one of which is killed at work."""
    given = tasks(folder, 8)
    outcomes: list[Outcome] = []
    killed = False
    for step, _ in work(engine_of("ray"), Crew(2, {}, tmp_path / "pace"), given):
        outcomes += step
        if outcomes and not killed:
            killed = _kill_one()
    assert killed and Counter(o.task.name for o in outcomes) == Counter(t.name for t in given)
    assert sum(o.reason == DIED for o in outcomes) <= 1 and {o.state for o in outcomes if not o.reason} == {State.DONE}


def _kill_one() -> bool:
    """Kill a process below this one that holds an actor of ours."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"ray::WorkActor" in (entry / "cmdline").read_bytes():
                above = [int(entry.name)]
                while above[-1] > 1:
                    above.append(int(Path(f"/proc/{above[-1]}/stat").read_text().rpartition(")")[2].split()[1]))
                if os.getpid() in above:
                    os.kill(above[0], signal.SIGKILL)
                    return True
        except OSError:
            continue
    return False
