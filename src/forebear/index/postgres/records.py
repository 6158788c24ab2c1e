"""Tokenizers and behaviours in PostgreSQL, for :class:`~forebear.index.blackbox.BlackBoxIndex`."""

from __future__ import annotations

from forebear.errors import UsageError
from forebear.index.postgres.address import address_of
from forebear.index.postgres.database import Cursor, Database
from forebear.types import created


class PostgresRecords:
    """See :class:`~forebear.index.blackbox.RecordStore`.

    Args:
        address: of the index.
    """

    mend = "add it again with --replace"

    def __init__(self, address: str) -> None:
        self._db = Database(address_of(address))

    @property
    def where(self) -> str:
        """See :attr:`RecordStore.where`."""
        return self._db.address.where

    def put(self, table: str, name: str, version: str, text: str, replace: bool) -> bool:
        """See :meth:`RecordStore.put`."""

        def work(cursor: Cursor) -> bool:
            fresh = cursor.execute(
                f"INSERT INTO {table} VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO NOTHING",
                (name, version, created(), text),
            ).rowcount
            if fresh:
                return True
            old = cursor.execute(f"SELECT version, record FROM {table} WHERE name = %s FOR UPDATE", (name,)).fetchone()
            if old is not None and (old["version"], old["record"]) == (version, text):
                return False
            if old is not None and not replace:
                raise UsageError(
                    f"{name} is already among the {table}, and differs", "choose another name, or replace it"
                )
            cursor.execute(
                f"INSERT INTO {table} VALUES (%s, %s, %s, %s) ON CONFLICT (name) DO UPDATE"
                " SET version = excluded.version, added = excluded.added, record = excluded.record",
                (name, version, created(), text),
            )
            return True

        return self._db.write(work)

    def rows(self, table: str) -> list[tuple[str, str, str, str]]:
        """See :meth:`RecordStore.rows`."""
        if self._db.absent():
            return []
        sql = f"SELECT name, version, added, record FROM {table} ORDER BY name"
        found = self._db.read(lambda cursor: cursor.execute(sql).fetchall())
        return [(row["name"], row["version"], row["added"], row["record"]) for row in found]

    def remove(self, name: str) -> bool:
        """See :meth:`RecordStore.remove`."""
        if not name.isprintable() or self._db.absent():
            return False
        tables = ("tokenizers", "behaviours")
        return self._db.write(
            lambda cursor: (
                sum(cursor.execute(f"DELETE FROM {table} WHERE name = %s", (name,)).rowcount for table in tables) > 0
            )
        )
