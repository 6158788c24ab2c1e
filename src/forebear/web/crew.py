"""Who runs the jobs: a thread for every worker process takes jobs from the store, one after the other.

Nothing is remembered but the store and the secrets of jobs that wait. A worker that dies costs its job one attempt.
While a server lives it says so (``beat``); one that has not for a while is dead, and others take up its jobs. The
result and the end of a job are one transaction.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from forebear.errors import ForebearError, IndexError_, UsageError
from forebear.inspect.crew import context_of
from forebear.web import worker
from forebear.web.settings import Settings
from forebear.web.store import Job, State, Store
from forebear.web.targets import prepare
from forebear.web.work import WORK

IDLE_SECONDS = 1.0
"""Between two looks for a job that nobody announced, as one that another thread put back."""
LOOK_SECONDS = 0.1
"""Between two looks whether a job was cancelled."""
START_SECONDS = 120.0
"""For a worker to come up."""
BEATS = 6
"""Beats in the time after which a server that has not given one is dead."""
SWEEP_SECONDS = 600.0
FORM = "form"
"""In the name of a note about an upload that a form makes: SERVER-form-UPLOAD."""
MOST_LOOKED_AT = 1_000
"""Jobs of an owner, the newest, that are looked at for one that names an upload."""
MOST_STARTS = 10
"""Of a job, whoever died: one that takes the server down with it is given up in the end."""
_log = logging.getLogger("forebear.web")


class Crew:
    """Workers on a store. Where the store is not shared, one server has a home at a time: it holds a lock.

    Args:
        settings: see there.
        store: where jobs are.
        writable: folders that jobs may write: index and cache.

    Raises:
        UsageError: another server runs on this home, and the store is not shared; or it is, and another server keeps
            its uploads elsewhere.
    """

    def __init__(self, settings: Settings, store: Store, writable: tuple[str, ...] = ()) -> None:
        self._settings, self._store = settings, store
        own = (str(settings.home),)
        self._bounds = worker.Bounds(
            settings.networks, settings.paths, settings.offline, settings.job_bytes, writable, own
        )
        self.name = secrets.token_hex(8)
        self._secrets: dict[str, str] = {}
        self._held: set[tuple[str, int]] = set()
        self._claiming = threading.Lock()
        self._more = threading.Condition()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        for folder in (settings.uploaded, settings.runs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._home = _marked(settings.home / "mark")
        self._lock = os.open(settings.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if not store.shared:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise UsageError(f"{settings.home}: another server runs on it", "stop it, or set FOREBEAR_HOME") from None
        self._again = self._enter()

    def _enter(self) -> int:
        """Take up what dead servers left; how many jobs."""
        store = self._store
        again = 0 if store.shared else sum(store.leave(dead) for dead in store.servers())  # the lock says: all are dead
        again += self.beat()
        if set(store.servers().values()) - {self._home}:
            store.leave(self.name)
            os.close(self._lock)
            raise UsageError(
                f"{self._settings.home}: another server of {store.where} keeps its uploads elsewhere",
                "servers of one database share this folder, or have a schema each: …?schema=NAME",
            )
        self.clean()
        return again

    def start(self) -> None:
        """Begin."""
        fields = {"server": self.name, "workers": self._settings.workers, "jobs_again": self._again}
        _log.info("started", extra={"fields": fields})
        tasks = [*[self._work] * self._settings.workers, self._live, self._sweep]
        self._threads = [threading.Thread(target=task, daemon=True) for task in tasks]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Kill the workers; their jobs wait for the next server, or another one."""
        self._stopping.set()
        with self._more:
            self._more.notify_all()
        for thread in self._threads:
            thread.join(10)
        with suppress(ForebearError):  # it is then found dead
            self._store.leave(self.name)
            self.clean()
        os.close(self._lock)

    @property
    def alive(self) -> bool:
        """Whether every thread still runs."""
        return bool(self._threads) and all(t.is_alive() for t in self._threads) and not self._stopping.is_set()

    def submit(self, job: Job, secret: str = "") -> None:
        """Keep a job and run it when its turn comes; the secret stays in memory until then."""
        if secret:
            self._secrets[job.id] = secret
        try:
            self._store.add_job(job, self.name if secret else "")
        except BaseException:
            self._secrets.pop(job.id, None)
            raise
        with self._more:
            self._more.notify()

    def cancel(self, id: str) -> bool:
        """End a job that waits or runs; its worker is killed within a moment."""
        self._secrets.pop(id, None)
        return self._store.cancel(id)

    def _work(self) -> None:
        process: _Process | None = None
        try:
            while not self._stopping.is_set():
                try:
                    if process is None or not process.alive:
                        process = _Process(self._bounds, self._settings.workers)
                        process.wait_until_ready()
                    with self._claiming:  # a beat between the two would put the job back
                        job = self._store.claim(self.name)
                        if job is not None:
                            self._held.add((job.id, job.attempts))
                    if job is None:
                        with self._more:
                            self._more.wait(IDLE_SECONDS)
                        continue
                    usable = False
                    try:
                        usable = self._run(job, process)
                    finally:
                        with self._claiming:
                            self._held.discard((job.id, job.attempts))
                        if not usable:
                            process.kill()
                            process = None
                        shutil.rmtree(self._folder(job), ignore_errors=True)  # once nobody writes there any more
                except Exception:  # a full disk must not end the thread; the next beat puts the job back
                    _log.exception("a worker's thread", extra={"fields": {}})
                    self._stopping.wait(IDLE_SECONDS)
        finally:
            if process is not None:
                process.kill()

    def _run(self, job: Job, process: _Process) -> bool:
        """Run one job to its end; False where the process is not to be used again."""
        folder = self._folder(job)
        secret = self._secrets.pop(job.id, "")
        try:
            if job.attempts > MOST_STARTS:
                raise UsageError(f"it was started {MOST_STARTS} times and never ended", "ask for less")
            if WORK[job.kind].secret and job.request.get("keyed") and not secret:
                raise UsageError("its key was not kept when the server stopped", "ask again")
            request = prepare(job, folder, self._store, self._settings)
        except IndexError_:  # of the store; the job is not to blame
            raise
        except ForebearError as error:
            return self._end(job, State.FAILED, None, worker.told(error.message, error.hint, error.exit_code))
        else:
            return self._follow(job, process, worker.Task(job.kind, request, secret, str(folder.resolve())))

    def _folder(self, job: Job) -> Path:
        return self._settings.runs / f"{self.name}-{job.id}-{job.attempts}"

    def _follow(self, job: Job, process: _Process, task: worker.Task) -> bool:
        until = time.monotonic() + self._settings.job_seconds
        try:
            process.send(task)
            while True:
                if process.pipe.poll(LOOK_SECONDS):
                    kind, value = process.pipe.recv()
                    if kind == "step":
                        self._store.tell(job, value)
                    elif kind == "done":
                        return self._end(job, State.DONE, value, None)
                    elif kind == "failed":
                        return self._end(job, State.FAILED, None, value)
                if self._stopping.is_set() or self._gone(job):
                    return False
                if time.monotonic() > until:
                    said = worker.told(f"not done after {self._settings.job_seconds:,.0f} seconds", "ask for less")
                    self._end(job, State.FAILED, None, said)
                    return False
        except (EOFError, OSError):
            if job.attempts >= self._settings.attempts:
                said = worker.told(f"its worker died {job.attempts} times", "is it too large for this machine?")
                self._end(job, State.FAILED, None, said)
            else:
                if task.secret:
                    self._secrets[job.id] = task.secret
                if not self._store.again(job, self.name if task.secret else ""):
                    self._secrets.pop(job.id, None)
            return False

    def _gone(self, job: Job) -> bool:
        now = self._store.job(job.id)
        return now is None or now.state is not State.RUNNING or now.attempts != job.attempts

    def _end(self, job: Job, state: State, result: bytes | None, error: dict[str, object] | None) -> bool:
        kept = self._store.finish(job, state, result, error)
        fields = {"job": job.id, "kind": job.kind, "owner": job.owner, "state": state.value if kept else "cancelled"}
        _log.info("job", extra={"fields": fields})
        return True

    def beat(self) -> int:
        """Say that this server lives, and put back what nobody alive runs; how many jobs."""
        with self._claiming:
            held = {id for id, _ in self._held}
            again = self._store.beat(self.name, self._settings.lease_seconds, held, self._home)
        if again:
            with self._more:
                self._more.notify_all()
        return again

    def _live(self) -> None:
        """Beat, now and then."""
        while not self._stopping.wait(self._settings.lease_seconds / BEATS):
            try:
                if again := self.beat():
                    _log.info("taken up", extra={"fields": {"server": self.name, "jobs_again": again}})
                for id in [*self._secrets]:  # of a job that another server has cancelled
                    if (job := self._store.job(id)) is None or job.state.final:
                        self._secrets.pop(id, None)
            except Exception:  # without beats others would take the jobs of a server that works
                _log.exception("not heard", extra={"fields": {"server": self.name}})

    def clean(self) -> None:
        """Remove what dead servers had in hand: files of jobs, files that came halfway, uploads that led to no job."""
        living = self._store.servers()
        for left in self._settings.runs.iterdir():
            server, _, what = left.name.partition("-")
            if server in living:
                continue
            if what.startswith(f"{FORM}-"):
                self._unmake(what.removeprefix(f"{FORM}-"))
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def _unmake(self, id: str) -> None:
        """Remove an upload whose form was not heard of again, unless its job was kept."""
        upload = self._store.upload(id)
        jobs = self._store.jobs(upload.owner, MOST_LOOKED_AT) if upload else []
        if not any(f"upload:{id}" in json.dumps(job.request) for job in jobs):
            self._store.drop_upload(id)
            shutil.rmtree(self._settings.uploaded / id, ignore_errors=True)

    def _sweep(self) -> None:
        """Remove what has expired, now and then."""
        while not self._stopping.is_set():
            try:
                self.expire()
                self.clean()
            except (ForebearError, OSError):
                _log.exception("sweeping", extra={"fields": {}})
            self._stopping.wait(SWEEP_SECONDS)

    def expire(self) -> None:
        """Remove uploads and finished jobs whose time is over, and folders that no row knows."""
        before = datetime.now(UTC) - timedelta(days=self._settings.result_days)
        self._store.expire(before.replace(microsecond=0).isoformat().replace("+00:00", "Z"))
        old = time.time() - self._settings.upload_hours * 3_600
        for upload in self._store.uploads():
            if upload.made < old:
                self._store.drop_upload(upload.id)
        known = {upload.id for upload in self._store.uploads()}
        for folder in self._settings.uploaded.iterdir():
            if folder.name not in known and folder.stat().st_mtime < time.time() - 60:
                shutil.rmtree(folder, ignore_errors=True)


def _marked(file: Path) -> str:
    """What is written in a file, so that servers that see the same folder say so; made where it is not there."""
    part = file.with_name(f".{secrets.token_hex(8)}.part")
    part.write_text(secrets.token_hex(8), "ascii")
    with suppress(FileExistsError):
        os.link(part, file)  # whole, and of several at once one
    part.unlink()
    return file.read_text("ascii")[:40]


class _Process:
    """A worker process and the pipe to it."""

    def __init__(self, bounds: worker.Bounds, workers: int) -> None:
        context: Any = context_of("spawn", workers)  # a fork would copy locks, and other workers' pipes
        self.pipe, theirs = context.Pipe()
        self._process: BaseProcess = context.Process(target=worker.main, args=(theirs, bounds), daemon=True)
        self._process.start()
        theirs.close()
        self._ready = False

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def send(self, task: worker.Task) -> None:
        """Hand over a task; ``OSError`` where the process is dead or does not come up."""
        self.wait_until_ready()
        self.pipe.send(task)

    def wait_until_ready(self) -> None:
        """Return once the process waits for tasks; ``OSError`` where it is dead or does not come up."""
        if not self._ready:
            if not self.pipe.poll(START_SECONDS):
                raise OSError("a worker does not come up")
            self.pipe.recv()
            self._ready = True

    def kill(self) -> None:
        with suppress(OSError, ValueError):
            self._process.kill()
            self._process.join(10)
            self._process.close()
        self._close(self.pipe)

    @staticmethod
    def _close(pipe: Connection) -> None:
        with suppress(OSError):
            pipe.close()
