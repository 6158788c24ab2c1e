"""The store as one SQLite file. Commits are durable (``synchronous=FULL``) before a method returns."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forebear.errors import IndexError_, UsageError, one_line
from forebear.index.migrations import statements
from forebear.types import created
from forebear.web.store.base import MOST_EVENTS, Event, Job, Session, State, Token, Upload
from forebear.web.store.sqlite_tables import STEPS

VERSION = len(STEPS)
JOB = "id, owner, kind, request, state, attempts, created, started, ended, error"
CLAIMED = "id = ? AND attempts = ? AND state = 'running'"
CLAIM = f"""
    UPDATE jobs SET state = 'running', attempts = attempts + 1, started = :now, server = :server
    WHERE number = (
        WITH RECURSIVE owners (owner) AS (
            SELECT min(owner) FROM jobs WHERE state = 'queued'
            UNION ALL
            SELECT (SELECT min(owner) FROM jobs WHERE state = 'queued' AND owner > o.owner)
            FROM owners AS o WHERE o.owner IS NOT NULL
        ), firsts (owner, number) AS (
            SELECT owner, (
                SELECT number FROM jobs WHERE state = 'queued' AND owner = o.owner AND server IN ('', :server)
                ORDER BY number LIMIT 1
            ) FROM owners AS o WHERE owner IS NOT NULL
        )
        SELECT number FROM firsts WHERE number IS NOT NULL
        ORDER BY (SELECT count(*) FROM jobs AS r WHERE r.state = 'running' AND r.owner = firsts.owner), number LIMIT 1
    ) RETURNING {JOB}
"""
"""The first job of each owner is looked at, found by the index: not every job that waits, for each that is claimed."""
LIVING = "(SELECT name FROM servers)"


class SqliteStore:
    """A :class:`~forebear.web.store.base.Store` in one file, for one server at a time.

    Args:
        path: of the file; it and its folder are made, readable by this user alone.

    Raises:
        UsageError: it cannot be written.
        IndexError_: it is damaged, another program's, or of a newer version.
    """

    shared = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror})", "set FOREBEAR_HOME") from None
        with self._damage():
            self._db = sqlite3.connect(path, isolation_level=None, timeout=30, check_same_thread=False)
            weakref.finalize(self, self._db.close)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute("PRAGMA foreign_keys = ON")
            with self._change() as db:
                version = int(db.execute("PRAGMA user_version").fetchone()[0])
                tables = int(db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
                if version > VERSION:
                    raise IndexError_(f"{path}: written by a newer Forebear", "upgrade Forebear")
                if version == 0 and tables:
                    raise IndexError_(f"{path}: not the database of a service", "move it away")
                for step in STEPS[version:]:
                    for statement in statements(step):
                        db.execute(statement)
                db.execute(f"PRAGMA user_version = {VERSION}")

    @property
    def where(self) -> str:
        """See :class:`Store`."""
        return str(self.path)

    def add_job(self, job: Job, server: str = "") -> None:
        """See :class:`Store`."""
        row = (job.id, job.owner, job.kind, json.dumps(job.request), job.state, job.attempts, job.created or created())
        with self._change() as db:
            db.execute(
                "INSERT INTO jobs (id, owner, kind, request, state, attempts, created, started, ended, server)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, '', '', ?)",
                (*row, server),
            )
            _note(db, job.id, "state", job.state)

    def job(self, id: str) -> Job | None:
        """See :class:`Store`."""
        found = self._rows(f"SELECT {JOB} FROM jobs WHERE id = ?", (id,))
        return _job(found[0]) if found else None

    def jobs(self, owner: str | None, limit: int, before: str = "") -> list[Job]:
        """See :class:`Store`."""
        terms, values = ["1"], []
        if owner is not None:
            terms.append("owner = ?")
            values.append(owner)
        if before:
            terms.append("number < (SELECT number FROM jobs WHERE id = ?)")
            values.append(before)
        query = f"SELECT {JOB} FROM jobs WHERE {' AND '.join(terms)} ORDER BY number DESC LIMIT ?"
        return [_job(row) for row in self._rows(query, (*values, limit))]

    def unfinished(self, owner: str) -> int:
        """See :class:`Store`."""
        query = "SELECT count(*) FROM jobs WHERE owner = ? AND state IN ('queued', 'running')"
        return int(self._rows(query, (owner,))[0][0])

    def kept(self, owner: str) -> int:
        """See :class:`Store`."""
        found = self._rows("SELECT bytes FROM kept WHERE owner = ?", (owner,))
        return int(found[0][0]) if found else 0

    def claim(self, server: str) -> Job | None:
        """See :class:`Store`."""
        with self._change() as db:
            row = db.execute(CLAIM, {"now": created(), "server": server}).fetchone()
            if row is None:
                return None
            _note(db, row[0], "state", State.RUNNING)
        return _job(row)

    def tell(self, job: Job, text: str) -> None:
        """See :class:`Store`."""
        with self._change() as db:
            if db.execute(f"SELECT 1 FROM jobs WHERE {CLAIMED}", (job.id, job.attempts)).fetchone():
                _note(db, job.id, "step", one_line(text, 300))

    def finish(self, job: Job, state: State, result: bytes | None, error: Mapping[str, Any] | None) -> bool:
        """See :class:`Store`."""
        told = None if error is None else json.dumps(error)
        values = (state, created(), result, told, job.id, job.attempts)
        change = f"UPDATE jobs SET state = ?, ended = ?, result = ?, error = ? WHERE {CLAIMED}"
        return self._turn(job.id, state, change, values)

    def again(self, job: Job, server: str = "") -> bool:
        """See :class:`Store`."""
        change = f"UPDATE jobs SET state = 'queued', started = '', server = ? WHERE {CLAIMED}"
        return self._turn(job.id, State.QUEUED, change, (server, job.id, job.attempts))

    def cancel(self, id: str) -> bool:
        """See :class:`Store`."""
        change = "UPDATE jobs SET state = 'cancelled', ended = ? WHERE id = ? AND state IN ('queued', 'running')"
        return self._turn(id, State.CANCELLED, change, (created(), id))

    def _turn(self, id: str, state: State, change: str, values: tuple[Any, ...]) -> bool:
        with self._change() as db:
            changed = db.execute(change, values).rowcount == 1
            if changed:
                _note(db, id, "state", state)
        return changed

    def remove(self, id: str) -> bool:
        """See :class:`Store`."""
        with self._change() as db:
            query = "DELETE FROM jobs WHERE id = ? AND state NOT IN ('queued', 'running')"
            changed = db.execute(query, (id,)).rowcount == 1
            if changed:
                db.execute("DELETE FROM events WHERE job = ?", (id,))
        return changed

    def result(self, id: str) -> bytes | None:
        """See :class:`Store`."""
        found = self._rows("SELECT result FROM jobs WHERE id = ? AND state = 'done'", (id,))
        return bytes(found[0][0]) if found and found[0][0] is not None else None

    def events(self, id: str, after: int = 0) -> list[Event]:
        """See :class:`Store`."""
        query = "SELECT seq, at, kind, text FROM events WHERE job = ? AND seq > ? ORDER BY seq"
        return [Event(*row) for row in self._rows(query, (id, min(after, 1 << 62)))]

    def beat(self, server: str, seconds: float, held: Iterable[str], home: str) -> int:
        """See :class:`Store`."""
        now = time.time()
        with self._change() as db:
            db.execute("DELETE FROM servers WHERE until < ?", (now,))
            db.execute("REPLACE INTO servers VALUES (?, ?, ?)", (server, now + seconds, home))
            return _put_back(db, server, frozenset(held))

    def leave(self, server: str) -> int:
        """See :class:`Store`."""
        with self._change() as db:
            db.execute("DELETE FROM servers WHERE name = ?", (server,))
            return _put_back(db)

    def servers(self) -> dict[str, str]:
        """See :class:`Store`."""
        return dict(self._rows("SELECT name, home FROM servers WHERE until >= ?", (time.time(),)))

    def expire(self, before: str) -> int:
        """See :class:`Store`."""
        query = "SELECT id FROM jobs WHERE ended <> '' AND ended < ? AND state NOT IN ('queued', 'running')"
        return sum(self.remove(row[0]) for row in self._rows(query, (before,)))

    def add_token(self, token: Token) -> None:
        """See :class:`Store`."""
        scopes = " ".join(sorted(token.scopes))
        row = (token.id, token.name, scopes, token.salt, token.digest, token.created or created(), token.expires)
        with self._change() as db:
            db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, '')", row)

    def token(self, id: str) -> Token | None:
        """See :class:`Store`."""
        found = self._rows("SELECT * FROM tokens WHERE id = ?", (id,))
        return _token(found[0]) if found else None

    def tokens(self) -> list[Token]:
        """See :class:`Store`."""
        return [_token(row) for row in self._rows("SELECT * FROM tokens ORDER BY rowid", ())]

    def revoke(self, id: str) -> bool:
        """See :class:`Store`."""
        with self._change() as db:
            query = "UPDATE tokens SET revoked = ? WHERE id = ? AND revoked = ''"
            return db.execute(query, (created(), id)).rowcount == 1

    def add_session(self, session: Session, most_of_token: int, most: int) -> None:
        """See :class:`Store`."""
        with self._change() as db:
            db.execute("DELETE FROM sessions WHERE ends <= ?", (time.time(),))
            older = "DELETE FROM sessions WHERE number IN (SELECT number FROM sessions {} ORDER BY number DESC {})"
            db.execute(older.format("WHERE token = ?", "LIMIT -1 OFFSET ?"), (session.token, most_of_token - 1))
            db.execute(older.format("", "LIMIT -1 OFFSET ?"), (most - 1,))
            values = (session.id, session.token, session.ends)
            db.execute("INSERT INTO sessions (id, token, ends) VALUES (?, ?, ?)", values)

    def session(self, id: str) -> Session | None:
        """See :class:`Store`."""
        found = self._rows("SELECT id, token, ends FROM sessions WHERE id = ?", (id,))
        return Session(*found[0]) if found else None

    def end_session(self, id: str) -> None:
        """See :class:`Store`."""
        with self._change() as db:
            db.execute("DELETE FROM sessions WHERE id = ?", (id,))

    def take_form(self, session: str, once: str, most: int) -> str | None:
        """See :class:`Store`."""
        with self._change() as db:
            if db.execute("SELECT 1 FROM sessions WHERE id = ?", (session,)).fetchone() is None:
                return ""
            found = db.execute("SELECT led FROM forms WHERE session = ? AND once = ?", (session, once)).fetchone()
            if found is not None:
                return str(found[0])
            db.execute("INSERT INTO forms (session, once, led) VALUES (?, ?, '')", (session, once))
            db.execute(
                "DELETE FROM forms WHERE number IN"
                " (SELECT number FROM forms WHERE session = ? ORDER BY number DESC LIMIT -1 OFFSET ?)",
                (session, most),
            )
        return None

    def lead_form(self, session: str, once: str, address: str) -> None:
        """See :class:`Store`."""
        change = "UPDATE forms SET led = ?" if address else "DELETE FROM forms"
        with self._change() as db:
            db.execute(f"{change} WHERE session = ? AND once = ?", (*([address] if address else []), session, once))

    def add_upload(self, upload: Upload) -> None:
        """See :class:`Store`."""
        row = (upload.id, upload.owner, upload.name, upload.made, upload.bytes, upload.files)
        with self._change() as db:
            db.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?)", row)

    def upload(self, id: str) -> Upload | None:
        """See :class:`Store`."""
        found = self._rows("SELECT * FROM uploads WHERE id = ?", (id,))
        return Upload(*found[0]) if found else None

    def uploads(self, owner: str | None = None) -> list[Upload]:
        """See :class:`Store`."""
        where, values = ("", ()) if owner is None else ("WHERE owner = ?", (owner,))
        return [Upload(*row) for row in self._rows(f"SELECT * FROM uploads {where} ORDER BY made", values)]

    def grow(self, id: str, size: int) -> None:
        """See :class:`Store`."""
        with self._change() as db:
            db.execute("UPDATE uploads SET bytes = bytes + ?, files = files + 1 WHERE id = ?", (size, id))

    def drop_upload(self, id: str) -> None:
        """See :class:`Store`."""
        with self._change() as db:
            db.execute("DELETE FROM uploads WHERE id = ?", (id,))

    def close(self) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._db.close()

    def _rows(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock, self._damage():
            return self._db.execute(query, values).fetchall()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One transaction, whole or not at all."""
        with self._lock, self._damage():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # what SQLite says of a damaged file quotes it
            said = "damaged" if isinstance(error, UnicodeDecodeError) else one_line(str(error), 120)
            raise IndexError_(f"{self.path}: {said}", "is the disk full, or the file damaged?") from None


def _put_back(db: sqlite3.Connection, server: str = "", held: frozenset[str] = frozenset()) -> int:
    """Let jobs wait again that no living server runs; how many. Those that waited for a dead one wait for any."""
    db.execute(f"UPDATE jobs SET server = '' WHERE state = 'queued' AND server <> '' AND server NOT IN {LIVING}")
    running = db.execute(f"SELECT id, server NOT IN {LIVING}, server FROM jobs WHERE state = 'running'").fetchall()
    lost = [id for id, dead, whose in running if dead or (whose == server and id not in held)]
    for id in lost:
        db.execute("UPDATE jobs SET state = 'queued', started = '', server = '' WHERE id = ?", (id,))
        _note(db, id, "state", State.QUEUED)
    return len(lost)


def _note(db: sqlite3.Connection, job: str, kind: str, text: str) -> None:
    """Append an event; there is always room for a state."""
    last = db.execute("SELECT coalesce(max(seq), 0) FROM events WHERE job = ?", (job,)).fetchone()[0]
    if kind == "state" or last < MOST_EVENTS:
        db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", (job, last + 1, created(), kind, str(text)))


def _job(row: tuple[Any, ...]) -> Job:
    id, owner, kind, request, state, attempts, made, started, ended, error = row
    told = None if error is None else json.loads(error)
    return Job(id, owner, kind, json.loads(request), State(state), attempts, made, started, ended, told)


def _token(row: tuple[Any, ...]) -> Token:
    id, name, scopes, salt, digest, made, expires, revoked = row
    return Token(id, name, frozenset(scopes.split()), bytes(salt), bytes(digest), made, expires, revoked)
