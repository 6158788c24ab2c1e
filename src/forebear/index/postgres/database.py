"""One connection to PostgreSQL, transactions on it, and every error of the server's in one line without secrets."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import psycopg
from psycopg import errors
from psycopg.rows import DictRow, dict_row

from forebear.errors import ForebearError, IndexError_, UsageError
from forebear.index.postgres.address import Address
from forebear.index.postgres.bits import register
from forebear.index.postgres.migrations import INDEX, Tables, migrate, version_in

Cursor = psycopg.Cursor[DictRow]
Connection = psycopg.Connection[DictRow]
T = TypeVar("T")

OLDEST = 140_000
"""PostgreSQL 14 brought ``bit_count``."""
LOCK_SECONDS = 60
ATTEMPTS = 5
"""At a transaction that the server ended for the sake of another one."""
BATCH = 512
"""Rows that a stream fetches at a time."""


class Database:
    """The database of an index. It is connected to on first use; not safe to pickle, safe to use from threads.

    Args:
        address: where.
        tables: what is kept there, if it is no index.
    """

    def __init__(self, address: Address, tables: Tables = INDEX) -> None:
        self.address, self._tables = address, tables
        self._connection: Connection | None = None
        self._owner = 0
        self._migrated = False
        self._lock = threading.RLock()

    def absent(self) -> bool:
        """Whether there is no index yet.

        Raises:
            IndexError_: the server cannot be reached, or the index is of another version.
        """
        if self._migrated:
            return False
        version = self._run("READ ONLY", lambda cursor: version_in(cursor, self.address.schema, self._tables))
        if version is not None:
            self._check(version)
        return version is None

    def read(self, work: Callable[[Cursor], T]) -> T:
        """What some work gives, in one snapshot in which nothing can be written.

        Raises:
            IndexError_: the server cannot be reached, refuses, or does not answer in time.
        """
        return self._run("ISOLATION LEVEL REPEATABLE READ READ ONLY", work)

    def write(self, work: Callable[[Cursor], T]) -> T:
        """What some work gives, in one transaction; the work is done again where the server asks for that.

        Raises:
            IndexError_: as :meth:`read`, or this account may not write.
        """
        if self.absent():
            self._migrate()
        return self._run("READ WRITE", work)

    def stream(self, sql: str, values: tuple[Any, ...] = ()) -> Iterator[dict[str, Any]]:
        """The rows of a query as they are asked for, all of one snapshot, on a connection of their own.

        Raises:
            IndexError_: as :meth:`read`.
        """
        with self._told(), self._connect() as connection:
            connection.execute(self._begin("ISOLATION LEVEL REPEATABLE READ READ ONLY"))
            with connection.cursor("rows", binary=True) as cursor:
                cursor.itersize = BATCH
                yield from cursor.execute(sql, values)

    def close(self) -> None:
        """Give the connection back; the next use makes another one."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def _check(self, version: int) -> None:
        what, newest = self._tables.what, self._tables.newest
        if version > newest:
            raise IndexError_(
                f"{self.address.where}: the {what} has version {version}, this Forebear knows up to {newest}",
                "upgrade Forebear",
            )
        if version < newest:
            self._migrate()
        self._migrated = True

    def _migrate(self) -> None:
        def work(cursor: Cursor) -> None:
            migrate(cursor, self.address.schema, self._tables)

        try:
            self._run("READ WRITE", work)
        except _MayNotError:
            raise IndexError_(
                f"{self.address.where}: this account may not make the tables of the {self._tables.what}"
                f" (version {self._tables.newest}) there",
                "its owner does, by any command that writes",
            ) from None
        self._migrated = True

    def _run(self, mode: str, work: Callable[[Cursor], T]) -> T:
        with self._lock, self._told():
            for attempt in range(ATTEMPTS):
                connection = self._connected(fresh=attempt > 0)
                try:
                    with connection.cursor(binary=True) as cursor:
                        connection.execute(self._begin(mode))
                        done = work(cursor)
                        cursor.execute("COMMIT")
                        return done
                except BaseException as error:
                    with suppress(psycopg.Error):
                        connection.execute("ROLLBACK")
                    last = attempt == ATTEMPTS - 1
                    if last or not isinstance(error, errors.DeadlockDetected | errors.SerializationFailure):
                        raise
                time.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    def _begin(self, mode: str) -> bytes:
        limits = f"SET LOCAL statement_timeout = '{self.address.seconds}s'; SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"
        path = f'SET LOCAL search_path = "{self.address.schema}", pg_catalog'
        return f"BEGIN {mode}; {limits}; SET LOCAL jit = off; {path}".encode()  # jit costs more than it saves here

    def _connected(self, fresh: bool) -> Connection:
        """The connection of this process: one of before a fork is the parent's, a broken one is made again."""
        old = self._connection
        if old is not None and self._owner == os.getpid() and not old.closed:
            if fresh:
                return old
            try:
                old.execute("SELECT 1")  # a server that was started again since, or a firewall that forgot us
                return old
            except psycopg.OperationalError:
                old.close()
        self._connection = self._connect()
        self._owner = os.getpid()
        weakref.finalize(self, _leave, self._connection, self._owner)
        return self._connection

    def _connect(self) -> Connection:
        try:
            connection: Connection = psycopg.connect(
                self.address.libpq,
                autocommit=True,
                prepare_threshold=None,  # poolers between us and the server do not keep prepared statements
                row_factory=dict_row,
                client_encoding="UTF8",
                fallback_application_name="forebear",
                connect_timeout=self.address.connect_seconds,
            )
        except psycopg.Error as error:
            hint = "is the address right, the server running, the account allowed?"
            raise IndexError_(f"{self.address.where}: {self._said(error)}", hint) from None
        except UnicodeError:
            raise UsageError(
                "the address of the database cannot be read", "write postgresql://user@host/database"
            ) from None
        register(connection)
        problem = ""
        if connection.info.server_version < OLDEST:
            problem = f"PostgreSQL {connection.info.server_version // 10_000} is too old, it takes 14"
        elif (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            problem = f"the database keeps text as {encoding}, it has to be UTF8"
        if problem:
            connection.close()
            raise IndexError_(f"{self.address.where}: {problem}")
        return connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors of the server's as ours."""
        try:
            yield
        except psycopg.Error as error:
            raise self._as_ours(error) from None
        except UnicodeEncodeError:
            raise IndexError_(f"{self.address.where}: PostgreSQL cannot keep text with lone surrogates there") from None

    def _as_ours(self, error: psycopg.Error) -> ForebearError:
        where = self.address.where
        match error:
            case errors.InsufficientPrivilege() | errors.ReadOnlySqlTransaction():
                return _MayNotError(
                    f"{where}: this account may not do that: {self._said(error)}",
                    "ask for the role forebear_writer (to read: forebear_reader)",
                )
            case errors.LockNotAvailable():
                return IndexError_(
                    f"{where}: locked for {LOCK_SECONDS} s", "another process is writing to it; try again"
                )
            case errors.QueryCanceled():
                return IndexError_(
                    f"{where}: {self._said(error)}", "timeout=SECONDS in the address says how long it may take"
                )
            case errors.UndefinedTable() | errors.UndefinedColumn() | errors.UndefinedFunction():
                return IndexError_(f"{where}: is no {self._tables.what} any more, or damaged: {self._said(error)}")
            case psycopg.OperationalError():
                return IndexError_(f"{where}: {self._said(error)}", "try again")
            case _:
                return IndexError_(f"{where}: {self._said(error)}")

    def _said(self, error: psycopg.Error) -> str:
        """The server's own words; whatever they are, without the password."""
        text = error.diag.message_primary or str(error) or type(error).__name__
        for secret in self.secrets():
            text = text.replace(secret, "…")
        return text

    def secrets(self) -> tuple[str, ...]:
        """What no message may hold."""
        found = psycopg.conninfo.conninfo_to_dict(self.address.libpq)
        return tuple(str(found[key]) for key in ("password", "sslpassword", "passfile") if found.get(key))


class _MayNotError(IndexError_):
    """The account has no right to do that."""


def _leave(connection: Connection, owner: int) -> None:
    if owner == os.getpid():
        connection.close()
