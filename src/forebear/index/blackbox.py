"""What models behind an API are compared with, beside the references: tokenizers of the user's, enrolled behaviour.

Both live in the index's database, as records that are small and read whole.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebear.errors import IndexError_, UsageError
from forebear.index.local import home
from forebear.index.migrations import START_OVER
from forebear.index.records import check_name
from forebear.index.storage import Storage
from forebear.signals.agreement import Continuation
from forebear.types import created


@dataclass(frozen=True)
class UserTokenizer:
    """A tokenizer that the user has added.

    Attributes:
        name: what it is called.
        battery: version of the texts that were counted.
        counts: tokens of each, in the battery's order.
        digest: of its pairs of string and id.
        size: number of its tokens.
        models: names of models that use it, as the user says.
        location: where it was read.
        added: RFC 3339.
    """

    name: str
    battery: str
    counts: tuple[int, ...]
    digest: str
    size: int
    models: tuple[str, ...] = ()
    location: str = ""
    added: str = ""


@dataclass(frozen=True)
class Behaviour:
    """How an enrolled model continues texts.

    Attributes:
        name: of the model.
        prompts: version of the texts.
        continuations: prompt to what it says next.
        location: the endpoint, without secrets.
        tokenizers: that its token counts agreed with, empty where they were not tested.
        added: RFC 3339.
    """

    name: str
    prompts: str
    continuations: Mapping[str, Continuation]
    location: str = ""
    tokenizers: tuple[str, ...] = ()
    added: str = ""


class BlackBoxIndex:
    """Tokenizers and behaviours of this machine's index. One that does not exist yet is empty.

    Args:
        folder: default :func:`~forebear.index.local.home`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home()
        self._files = Storage(self.folder)

    def add_tokenizer(self, tokenizer: UserTokenizer, replace: bool = False) -> bool:
        """Keep a tokenizer; False where the same one is there under that name.

        Raises:
            UsageError: the name is another tokenizer's and ``replace`` is not set, or cannot be one.
            IndexError_: the index cannot be written.
        """
        check_name(tokenizer.name)
        record = {
            "counts": list(tokenizer.counts),
            "digest": tokenizer.digest,
            "size": tokenizer.size,
            "models": list(tokenizer.models),
            "location": tokenizer.location,
        }
        return self._put("tokenizers", "battery", tokenizer.name, tokenizer.battery, record, replace)

    def add_behaviour(self, behaviour: Behaviour, replace: bool = False) -> bool:
        """Keep how a model continues texts; see :meth:`add_tokenizer`."""
        check_name(behaviour.name)
        record = {
            "continuations": {
                prompt: {"word": c.word, "shares": dict(c.shares) if c.shares else None}
                for prompt, c in behaviour.continuations.items()
            },
            "location": behaviour.location,
            "tokenizers": list(behaviour.tokenizers),
        }
        return self._put("behaviours", "prompts", behaviour.name, behaviour.prompts, record, replace)

    def tokenizers(self) -> tuple[UserTokenizer, ...]:
        """All, by name.

        Raises:
            IndexError_: the index cannot be read.
        """
        return tuple(
            self._read(
                name,
                lambda r=record, n=name, b=battery, a=added: UserTokenizer(
                    n,
                    b,
                    tuple(int(c) for c in r["counts"]),
                    str(r["digest"]),
                    int(r["size"]),
                    tuple(str(m) for m in r["models"]),
                    str(r["location"]),
                    a,
                ),
            )
            for name, battery, added, record in self._rows("tokenizers", "battery")
        )

    def behaviours(self) -> tuple[Behaviour, ...]:
        """All, by name; see :meth:`tokenizers`."""
        return tuple(
            self._read(
                name,
                lambda r=record, n=name, p=prompts, a=added: Behaviour(
                    n,
                    p,
                    {str(key): _continuation(value) for key, value in r["continuations"].items()},
                    str(r["location"]),
                    tuple(str(t) for t in r["tokenizers"]),
                    a,
                ),
            )
            for name, prompts, added, record in self._rows("behaviours", "prompts")
        )

    def remove(self, name: str) -> bool:
        """Take out a tokenizer and a behaviour of that name; whether there was one."""
        if self._files.absent():
            return False
        with self._files.open(write=True) as db:
            tables = ("tokenizers", "behaviours")
            gone = [db.execute(f"DELETE FROM {table} WHERE name = ?", (name,)).rowcount for table in tables]
        return any(gone)

    def _put(self, table: str, kind: str, name: str, version: str, record: Mapping[str, Any], replace: bool) -> bool:
        text = json.dumps(record, sort_keys=True)
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

    def _rows(self, table: str, kind: str) -> list[tuple[str, str, str, Any]]:
        if self._files.absent():
            return []
        with self._files.open() as db:
            rows: list[sqlite3.Row] = db.execute(
                f"SELECT name, {kind}, added, record FROM {table} ORDER BY name"
            ).fetchall()
        return [
            (row["name"], row[kind], row["added"], self._read(row["name"], lambda r=row: json.loads(r["record"])))
            for row in rows
        ]

    def _read(self, name: str, value: Any) -> Any:
        try:
            return value()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise IndexError_(f"{self._files.database}: the record of {name} is damaged", START_OVER) from None


def _continuation(value: Mapping[str, Any]) -> Continuation:
    shares = value["shares"]
    return Continuation(str(value["word"]), {str(k): float(v) for k, v in shares.items()} if shares else None)
