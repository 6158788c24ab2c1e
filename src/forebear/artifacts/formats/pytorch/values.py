"""What a pickle speaks of, as the machine holds it: names of globals, storages, tensors, and things not made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from forebear.errors import one_line


@dataclass(frozen=True)
class Global:
    """A function or class that a pickle names. It is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return one_line(f"{self.module}.{self.name}", 120)


@dataclass(frozen=True, eq=False)
class Opaque:
    """An object that was not made.

    Attributes:
        of: the class or function that would have made it.
        state: what it would have been given as its attributes.
    """

    of: Global | str
    state: list[Any] = field(default_factory=list, repr=False)


@dataclass(frozen=True, eq=False)
class Storage:
    """A run of values in the file, by its key.

    Attributes:
        key: ``N`` of ``data/N``, or the key in a legacy file.
        dtype: a key of :data:`~forebear.artifacts.dtypes.DTYPES`; ``U8`` for storages without a type.
        size: values.
        offset: values of a legacy root storage that come before this view of it.
    """

    key: str
    dtype: str
    size: int
    offset: int = 0


@dataclass(frozen=True, eq=False)
class Strided:
    """A tensor as pickled: a shape laid over a storage. Offset and strides count values of ``dtype``."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass
class Log:
    """What a pickle would do and what was passed over, collected while it is interpreted.

    Attributes:
        dangers: what would be called to a clause with the place where that happens first.
        unknown: classes on no list of which it would make bare objects.
        passed: harmless classes whose objects were not made.
        storages: every storage by its key.
        inner: bytes that torch would take for checkpoints of their own, by identity.
        steps: opcodes so far, of all pickles that share this log.
        copied: items of containers that were made from others; bounded, as a few bytes can ask for a large copy.
    """

    dangers: dict[Global | str, str] = field(default_factory=dict)
    unknown: dict[Global, None] = field(default_factory=dict)
    passed: dict[Global, None] = field(default_factory=dict)
    storages: dict[str, Storage] = field(default_factory=dict)
    inner: dict[int, bytes] = field(default_factory=dict)
    steps: int = 0
    copied: int = 0
