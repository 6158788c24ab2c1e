"""Codes as PostgreSQL keeps them: one ``bit(8192)``, 4,096 bits that say where a coin is +, then 4,096 where it is -.

So a position without a coin is 0 in both halves, and counting needs no third plane: of a query with its halves as they
are (``same``) and exchanged (``opposite``), ``bit_count(code & same)`` positions agree and
``bit_count(code & opposite)`` do not. Hamming distance folds validity in as well: it is twice the disagreements plus
the positions that only one of the two has.
"""

from __future__ import annotations

import struct
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Dumper, Loader
from psycopg.pq import Format

from forebear.index.search import ROW_BYTES
from forebear.signals.sign_code import CODE_BYTES

BIT = 1560
"""The oid of ``bit``."""
BITS = 8 * ROW_BYTES


class Bits(bytes):
    """Bits, packed, the first one highest: what goes into a column of type ``bit``."""


class _BitsDumper(Dumper):
    format = Format.BINARY
    oid = BIT

    def dump(self, obj: bytes) -> bytes:
        return struct.pack("!i", 8 * len(obj)) + obj


class _BitsLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Bits:
        return Bits(bytes(data)[4:])


def register(connection: psycopg.Connection[Any]) -> None:
    """Teach a connection about :class:`Bits`."""
    connection.adapters.register_dumper(Bits, _BitsDumper)
    connection.adapters.register_loader(BIT, _BitsLoader)


def bits_of(row: bytes) -> Bits:
    """A packed row (:func:`~forebear.index.search.row_of`) as it is kept."""
    ones, valid = int.from_bytes(row[:CODE_BYTES]), int.from_bytes(row[CODE_BYTES:])
    return Bits(row[:CODE_BYTES] + (valid & ~ones).to_bytes(CODE_BYTES))


def row_from(bits: bytes) -> bytes:
    """The packed row of what is kept; ``ValueError`` where it is not one."""
    if len(bits) != ROW_BYTES:
        raise ValueError("a code of another length")
    ones, zeros = int.from_bytes(bits[:CODE_BYTES]), int.from_bytes(bits[CODE_BYTES:])
    return bits[:CODE_BYTES] + (ones | zeros).to_bytes(CODE_BYTES)


def opposite(bits: Bits) -> Bits:
    """The code with every coin turned."""
    return Bits(bits[CODE_BYTES:] + bits[:CODE_BYTES])
