"""What models behind an API are compared with, beside the references: tokenizers of the user's, enrolled behaviour.

Both live in the index's database, as records that are small and read whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from forebear.errors import IndexError_
from forebear.index.records import check_name
from forebear.signals.agreement import Continuation


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


class RecordStore(Protocol):
    """Two tables of records, ``tokenizers`` and ``behaviours``, in an index that need not exist yet."""

    mend: str
    """What to do about a damaged record."""

    @property
    def where(self) -> str:
        """For people."""
        ...

    def put(self, table: str, name: str, version: str, text: str, replace: bool) -> bool:
        """Keep a record; False where the same one is there, ``UsageError`` where another one is and has to stay."""
        ...

    def rows(self, table: str) -> list[tuple[str, str, str, str]]:
        """Name, version, when it was added, and record: all, by name."""
        ...

    def remove(self, name: str) -> bool:
        """Take a name out of both tables; whether it was in one."""
        ...


class BlackBoxIndex:
    """Tokenizers and behaviours beside the references of an index. One that does not exist yet is empty.

    Args:
        folder: of a local index; default the index that :func:`~forebear.index.open_index` opens.
    """

    def __init__(self, folder: Path | None = None) -> None:
        from forebear.index.local_records import LocalRecords
        from forebear.index.open import open_records

        self._store: RecordStore = open_records() if folder is None else LocalRecords(folder)

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
        return self._put("tokenizers", tokenizer.name, tokenizer.battery, record, replace)

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
        return self._put("behaviours", behaviour.name, behaviour.prompts, record, replace)

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
            for name, battery, added, record in self._rows("tokenizers")
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
            for name, prompts, added, record in self._rows("behaviours")
        )

    def remove(self, name: str) -> bool:
        """Take out a tokenizer and a behaviour of that name; whether there was one."""
        return self._store.remove(name)

    def _put(self, table: str, name: str, version: str, record: Mapping[str, Any], replace: bool) -> bool:
        return self._store.put(table, name, version, json.dumps(record, sort_keys=True), replace)

    def _rows(self, table: str) -> list[tuple[str, str, str, Any]]:
        return [
            (name, version, added, self._read(name, lambda r=record: json.loads(r)))
            for name, version, added, record in self._store.rows(table)
        ]

    def _read(self, name: str, value: Any) -> Any:
        try:
            return value()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            raise IndexError_(f"{self._store.where}: the record of {name} is damaged", self._store.mend) from None


def _continuation(value: Mapping[str, Any]) -> Continuation:
    shares = value["shares"]
    return Continuation(str(value["word"]), {str(k): float(v) for k, v in shares.items()} if shares else None)
