"""Tokenizers and behaviours in the local index's database, for :class:`~forebear.index.blackbox.BlackBoxIndex`."""

from __future__ import annotations

from pathlib import Path

from forebear.errors import UsageError
from forebear.index.local import home
from forebear.index.migrations import START_OVER
from forebear.index.storage import Storage
from forebear.types import created

KINDS = {"tokenizers": "battery", "behaviours": "prompts"}
"""Tables, and what each calls the version of its texts."""


class LocalRecords:
    """See :class:`~forebear.index.blackbox.RecordStore`.

    Args:
        folder: default :func:`~forebear.index.local.home`.
    """

    mend = START_OVER

    def __init__(self, folder: Path | None = None) -> None:
        self._files = Storage(folder or home())

    @property
    def where(self) -> str:
        """See :attr:`RecordStore.where`."""
        return str(self._files.database)

    def put(self, table: str, name: str, version: str, text: str, replace: bool) -> bool:
        """See :meth:`RecordStore.put`."""
        kind = KINDS[table]
        with self._files.open(write=True) as db:
            old = db.execute(f"SELECT {kind}, record FROM {table} WHERE name = ?", (name,)).fetchone()
            if old is not None and (old[kind], old["record"]) == (version, text):
                return False
            if old is not None and not replace:
                raise UsageError(
                    f"{name} is already among the {table}, and differs", "choose another name, or replace it"
                )
            db.execute(
                f"INSERT OR REPLACE INTO {table} (name, {kind}, added, record) VALUES (?, ?, ?, ?)",
                (name, version, created(), text),
            )
        return True

    def rows(self, table: str) -> list[tuple[str, str, str, str]]:
        """See :meth:`RecordStore.rows`."""
        if self._files.absent():
            return []
        with self._files.open() as db:
            sql = f"SELECT name, {KINDS[table]}, added, record FROM {table} ORDER BY name"
            return [tuple(row) for row in db.execute(sql)]

    def remove(self, name: str) -> bool:
        """See :meth:`RecordStore.remove`."""
        if self._files.absent():
            return False
        with self._files.open(write=True) as db:
            gone = [db.execute(f"DELETE FROM {table} WHERE name = ?", (name,)).rowcount for table in KINDS]
        return any(gone)
