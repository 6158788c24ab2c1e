"""Logs: JSON lines and lines of anything, a line at a time; of a line without an end, pieces of a few megabytes."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from forebear.traffic.base import Broken, Exchange, Message, Report, Side, Wanted
from forebear.traffic.documents import logged, parsed
from forebear.traffic.stream import Stream
from forebear.traffic.structure import cut, unended

PIECE = 1 << 22
"""Bytes of a line that are read at once; a longer one is searched in pieces, as text."""
BATCH = 1 << 20
"""Bytes of lines of which is asked at once whether they have anything to see."""
_QUOTES = re.compile(rb'(?<!\\)"')
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a]")


def handles(head: bytes) -> bool:
    """Everything; so this format comes last."""
    return True


def exchanges(stream: Stream, report: Report, wanted: Wanted) -> Iterator[Exchange]:
    """Every line that may have something to see, numbered as in the file."""
    if looks_binary(stream.head):
        report("it is no format that is known here, and not text; it was searched as text")
    number, broken = 1, Broken()
    for batch in _batches(stream):
        if wanted(batch):
            for k, line in enumerate(io.BytesIO(batch)):  # lines end where a line feed is, and keep it
                if wanted(line):
                    ended = line.endswith(b"\n") or not stream.broken
                    yield _exchange(number + k, line if ended else unended(line), broken)
        number += batch.count(b"\n")
    if broken.count:
        report(f"line {broken}: begins as JSON and is none, or is cut off; searched as text")


def looks_binary(head: bytes) -> bool:
    """Whether a text would hardly have so many control characters."""
    return head[:2] not in (b"\xff\xfe", b"\xfe\xff") and len(_BINARY.findall(head)) > len(head) / 20


def _batches(stream: Stream) -> Iterator[bytes]:
    """Whole lines of about :data:`BATCH` bytes together; a very long line in pieces, each by itself."""
    held: list[bytes] = []
    size = 0
    rest = b""
    while line := rest + stream.readline(PIECE):
        rest = b""
        if len(line) >= PIECE and not line.endswith(b"\n"):
            if held:
                yield b"".join(held)
                held, size = [], 0
            end = cut(line, len(line))
            line, rest = line[:end], line[end:]
            yield line
            continue
        held.append(line)
        size += len(line)
        if size > BATCH:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _exchange(number: int, line: bytes, broken: Broken) -> Exchange:
    start = line[:200].lstrip()[:1]
    if start == b"{":
        value = parsed(line)
        if isinstance(value, dict):
            return Exchange(number, logged(value))
        broken.add(number)
        if len(_QUOTES.findall(line)) % 2:  # it ends inside of a string
            line = unended(line.rstrip())
    return Exchange(number, (Message(Side.LOG, body=line.decode("utf-8", "replace")),))
