"""The job table: what has become of every model that was ever listed. SQLite, one row per model and revision.

A run holds the file's lock, so what it has in hand need not be written down: what no commit says is done is pending,
and a run that was killed has claimed nothing. Commits are durable (``synchronous=FULL``), and are made after those of
the index: a crash between the two measures some models again and adds none twice.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.crawl.base import AGAIN, State, Wanted
from forebear.errors import IndexError_, UsageError, one_line
from forebear.types import created

VERSION = 1
BROKE_OFF = "the listing broke off"
SCHEMA = """
    CREATE TABLE about (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
    CREATE TABLE runs (
        run INTEGER PRIMARY KEY, source TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, listed INTEGER, why TEXT
    ) STRICT;
    CREATE TABLE jobs (
        target TEXT NOT NULL,
        revision TEXT NOT NULL,
        name TEXT NOT NULL,
        run INTEGER NOT NULL,
        state TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        due REAL NOT NULL,
        reason TEXT NOT NULL,
        read TEXT NOT NULL,
        digest TEXT NOT NULL,
        same_as TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        seconds REAL NOT NULL,
        changed TEXT NOT NULL,
        PRIMARY KEY (target, revision)
    ) STRICT;
    CREATE INDEX jobs_due ON jobs (run, state, due);
    CREATE INDEX jobs_same ON jobs (same_as) WHERE same_as <> '';
    CREATE INDEX jobs_name ON jobs (name);
"""
PUT = (
    "INSERT INTO jobs VALUES (CAST(? AS TEXT), ?, CAST(? AS TEXT), ?, ?, 0, 0, ?, '', '', '', 0, 0, 0, ?)"
    " ON CONFLICT (target, revision) DO UPDATE SET run = excluded.run, name = excluded.name, due = 0,"
    " reason = CASE WHEN state IN ('skipped', 'pending') THEN excluded.reason ELSE reason END,"
    " state = CASE WHEN state IN ('skipped', 'pending') THEN excluded.state"
    " WHEN length(revision) <> 40 AND state IN ('done', 'same', 'unfit') THEN 'pending' ELSE state END"
)
"""A model that is known at its revision keeps what has become of it. One without a revision, or at one that is no
commit and no digest (both have 40 characters) but a branch, which moves, is looked at again."""
SETTLE = (
    "UPDATE jobs SET state = ?, attempts = ?, due = ?, reason = ?, read = ?, digest = ?,"
    " same_as = CAST(? AS TEXT), name = CAST(? AS TEXT),"
    " bytes = bytes + ?, requests = requests + ?, seconds = seconds + ?, changed = ?"
    " WHERE target = CAST(? AS TEXT) AND revision = ?"
)


@dataclass(frozen=True)
class Job:
    """One row.

    Attributes:
        target: what is opened, without a revision.
        revision: as it was listed; "" where the listing does not say.
        name: in the index.
        state: what has become of it.
        attempts: that have failed.
        due: seconds since the epoch, before which it is not tried again.
        reason: of the last failure, or why it was not read.
        read: the revision that was read.
        digest: of the fingerprint.
        same_as: the reference with the same content, of ``same``.
        bytes: read in all attempts.
        requests: made in all attempts.
        seconds: of all attempts.
        changed: RFC 3339, when the row last changed.
    """

    target: str
    revision: str
    name: str
    state: State
    attempts: int = 0
    due: float = 0.0
    reason: str = ""
    read: str = ""
    digest: str = ""
    same_as: str = ""
    bytes: int = 0
    requests: int = 0
    seconds: float = 0.0
    changed: str = ""


COLUMNS = (
    "target, revision, name, state, attempts, due, reason, read, digest, same_as, bytes, requests, seconds, changed"
)


class Jobs:
    """A job file, open and locked.

    Args:
        path: of the file, made where it is not there.
        index: which index the jobs are about, as people see it; "" to only look, without lock.

    Raises:
        UsageError: another crawl is at work on it, or it is about another index, or it cannot be written.
        IndexError_: it is damaged, or no job file.
    """

    def __init__(self, path: Path, index: str = "") -> None:
        self.path = path
        self._lock = -1
        try:
            if index:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            elif not path.is_file():
                raise UsageError(f"{path}: no job file", "forebear crawl SOURCE makes one")
        except BlockingIOError:
            self.close()
            raise UsageError(f"{path}: another crawl is at work on it", "wait for it, or give another --job") from None
        except OSError as error:
            self.close()
            raise UsageError(f"{path}: cannot be written ({error.strerror})", "give another --job") from None
        try:
            with self._damage():
                self._open(index)
        except BaseException:
            self.close()
            raise

    def _open(self, index: str) -> None:
        self._db = sqlite3.connect(self.path, isolation_level=None, timeout=30)
        self._db.text_factory = lambda raw: raw.decode("utf-8", "surrogatepass")
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        tables = int(self._db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
        if version > VERSION:
            raise IndexError_(f"{self.path}: written by a newer Forebear", "upgrade Forebear")
        if version == 0 and tables:
            raise IndexError_(f"{self.path}: no job file", "give another --job")
        if version == 0 and index:
            self._db.execute("PRAGMA journal_mode = WAL")
            with self._change():
                for statement in SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute("INSERT INTO about VALUES ('index', ?)", (index,))
                self._db.execute(f"PRAGMA user_version = {VERSION}")
        self._db.execute("PRAGMA synchronous = FULL")
        self.index = str(self._db.execute("SELECT value FROM about WHERE key = 'index'").fetchone()[0])
        if index and self.index != index:
            raise UsageError(f"{self.path}: its jobs are about the index {self.index}", "give another --job")

    def begin(self, source: str) -> int:
        """A new run; its number."""
        with self._change():
            done = self._db.execute("INSERT INTO runs (source, started) VALUES (?, ?)", (one_line(source), created()))
            return int(done.lastrowid or 0)

    def end(self, run: int, listed: int, why: str) -> None:
        """A run is over, and why before its end; "" where it came to it."""
        with self._change():
            self._db.execute(
                "UPDATE runs SET ended = ?, listed = ?, why = ? WHERE run = ?", (created(), listed, why, run)
            )

    def vanished(self, run: int, source: str, place: str) -> list[str]:
        """Hub repositories that this run, whose list is complete, does not name and an earlier one of it did.

        Only where the last complete list of this source came from the same place: another hub has other models.

        Args:
            run: number of the run.
            source: ``hf:`` or ``hf:org``.
            place: address of the hub.
        """
        owned = source if source == "hf:" else f"{source}/"
        query = (
            "SELECT DISTINCT name FROM jobs AS old WHERE run IN (SELECT run FROM runs WHERE source = ? AND run < ?"
            " AND why <> ?) AND substr(target, 1, ?) = ?"
            " AND instr(name, '@') = 0 AND NOT EXISTS (SELECT 1 FROM jobs WHERE name = old.name AND run = ?)"
            " ORDER BY name"
        )
        with self._change():
            key = f"whole {source}"
            last = self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()
            self._db.execute("INSERT OR REPLACE INTO about VALUES (?, ?)", (key, place))
            if last is None or last[0] != place:
                return []
            found = self._db.execute(query, (source, run, BROKE_OFF, len(owned), owned, run)).fetchall()
        return [row[0] for row in found]

    def put(self, run: int, wanted: Iterable[Wanted]) -> None:
        """What a listing named now belongs to this run; what is known at this revision keeps its state."""
        rows = [
            (
                _text(w.target),
                w.revision,
                _text(w.name),
                run,
                State.SKIPPED if w.skip else State.PENDING,
                w.skip,
                created(),
            )
            for w in wanted
        ]
        with self._change():
            self._db.executemany(PUT, rows)

    def again(self, run: int, states: Collection[State] = AGAIN) -> int:
        """Try these once more in this run; how many there are."""
        marks = ", ".join("?" for _ in states)
        with self._change():
            return self._db.execute(
                f"UPDATE jobs SET state = 'pending', attempts = 0, due = 0 WHERE run = ? AND state IN ({marks})",
                (run, *states),
            ).rowcount

    def reopen(self, targets: Iterable[tuple[str, str]]) -> None:
        """These are pending again (target and revision as listed): what they gave is no longer in the index."""
        with self._change():
            self._db.executemany(
                "UPDATE jobs SET state = 'pending', attempts = 0, due = 0, same_as = '', digest = ''"
                " WHERE target = CAST(? AS TEXT) AND revision = ?",
                ((_text(target), revision) for target, revision in targets),
            )

    def at(self, target: str, revision: str) -> Job | None:
        """The job of a target at a revision as listed."""
        found = self._jobs("WHERE target = CAST(? AS TEXT) AND revision = ?", (_text(target), revision))
        return found[0] if found else None

    def due(self, run: int, now: float, limit: int) -> list[Job]:
        """Pending jobs of a run whose time has come, first those that have waited the longest."""
        return self._jobs("WHERE run = ? AND state = 'pending' AND due <= ? ORDER BY due LIMIT ?", (run, now, limit))

    def next_due(self, run: int) -> float | None:
        """When the next pending job of a run is due, seconds since the epoch; None where none is pending."""
        with self._damage():
            found = self._db.execute("SELECT min(due) FROM jobs WHERE run = ? AND state = 'pending'", (run,)).fetchone()
        return None if found[0] is None else float(found[0])

    def settle(self, jobs: Iterable[Job]) -> None:
        """What has become of jobs, in one transaction; bytes, requests and seconds are of the last attempt.

        Whoever was ``same`` as a name that now stands for other content is pending again.
        """
        now = created()
        with self._change():
            for j in jobs:
                if j.state is State.DONE:
                    self._db.execute(
                        "UPDATE jobs SET state = 'pending', attempts = 0, due = 0, same_as = '', digest = ''"
                        " WHERE same_as = CAST(? AS TEXT) AND same_as <> '' AND digest <> ?",  # the index asks for it
                        (_text(j.name), j.digest),
                    )
                about = (j.state, j.attempts, j.due, j.reason, j.read, j.digest, _text(j.same_as), _text(j.name))
                cost = (j.bytes, j.requests, j.seconds)
                self._db.execute(SETTLE, (*about, *cost, now, _text(j.target), j.revision))

    def ours(self, name: str, target: str) -> bool:
        """Whether a crawl with this file has put a reference of this name, read from this target, into the index."""
        query = (
            "SELECT 1 FROM jobs WHERE name = CAST(? AS TEXT) AND target = CAST(? AS TEXT) AND digest <> ''"
            " AND same_as = '' LIMIT 1"
        )
        with self._damage():
            return self._db.execute(query, (_text(name), _text(target))).fetchone() is not None

    def states(self, run: int | None = None) -> dict[State, int]:
        """How many jobs are in which state, of a run or of all; every state is there."""
        where, values = ("", ()) if run is None else ("WHERE run = ?", (run,))
        with self._damage():
            found = dict(
                self._db.execute(f"SELECT state, count(*) FROM jobs {where} GROUP BY state", values).fetchall()
            )
        return {state: int(found.get(state.value, 0)) for state in State}

    def all(self, run: int | None = None, states: Collection[State] = tuple(State), limit: int = -1) -> Iterator[Job]:
        """Jobs in some states, by name; of a run or of all."""
        marks = ", ".join("?" for _ in states)
        where, values = ("", ()) if run is None else ("AND run = ?", (run,))
        yield from self._jobs(
            f"WHERE state IN ({marks}) {where} ORDER BY name, revision LIMIT ?", (*states, *values, limit)
        )

    def runs(self, limit: int = 20) -> list[dict[str, Any]]:
        """The latest runs: number, source, times, how many models were listed, and why it ended early."""
        with self._damage():
            rows = self._db.execute(
                "SELECT run, source, started, ended, listed, why FROM runs ORDER BY run DESC LIMIT ?", (limit,)
            ).fetchall()
        return [dict(zip(("run", "source", "started", "ended", "listed", "why"), row, strict=True)) for row in rows]

    def close(self) -> None:
        """Let go of the file and its lock."""
        with suppress(AttributeError, sqlite3.Error):
            self._db.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _jobs(self, rest: str, values: tuple[Any, ...]) -> list[Job]:
        try:
            with self._damage(), closing(self._db.execute(f"SELECT {COLUMNS} FROM jobs {rest}", values)) as rows:
                return [_job(row) for row in rows]
        except ValueError:
            raise IndexError_(f"{self.path}: a job in an unknown state", "give another --job") from None

    @contextmanager
    def _change(self) -> Iterator[None]:
        with self._damage():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            hint = "free some space and run it again" if "full" in str(error) else "move it away, or give another --job"
            raise IndexError_(f"{self.path}: {error}", hint) from None
        except UnicodeDecodeError:  # what SQLite says of a damaged file quotes it
            raise IndexError_(f"{self.path}: damaged", "move it away, or give another --job") from None


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    return Job(**{**values, "state": State(values["state"])})


def _text(text: str) -> bytes:
    """Text as SQLite keeps it, also what is no UTF-8 in a path."""
    return text.encode("utf-8", "surrogatepass")


def due_after(attempts: int, first: float, wait: float | None, share: float) -> float:
    """When to try again: the pause doubles from ``first`` seconds to an hour, or is what the server asks for.

    Args:
        attempts: that have failed, at least 1.
        first: seconds.
        wait: seconds that the server asks for.
        share: of the pause, between 0.5 and 1, so that not all come back at once.
    """
    pause = min(3_600.0, first * 2.0 ** min(attempts - 1, 20)) * share
    return time.time() + max(pause, wait or 0.0)
