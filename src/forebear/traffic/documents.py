"""JSON files as objects of one depth: archives, arrays, lists of models, lines that are no lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from forebear.traffic.base import Broken, Exchange, Message, Report, Side, Wanted
from forebear.traffic.stream import Stream
from forebear.traffic.structure import Ending, elements, unended

_HEAD = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*[\"}]|\[\s*[{\[\]])")


def handles(head: bytes) -> bool:
    """Whether a file begins as JSON does, and its first line is not a whole object as those of a log are."""
    if _HEAD.match(head) is None:
        return False
    return not isinstance(parsed(head.lstrip().split(b"\n", 1)[0]), dict)


def exchanges(stream: Stream, report: Report, wanted: Wanted) -> Iterator[Exchange]:
    """The objects of an array, or those that follow each other."""
    depth = 2 if stream.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"[" else 1
    for number, value in objects(stream, depth, report):
        yield Exchange(number, logged(value))


def objects(
    stream: Stream, depth: int, report: Report, counts: Wanted = lambda raw: True
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Objects that begin at a depth, with their numbers; the text of what is cut off, too large or no JSON.

    They are all parsed: that takes a fraction of the time of asking their bytes for literals.

    Args:
        stream: the file.
        depth: brackets that are open behind the first of an object.
        report: told what is broken.
        counts: whether an object is one of those that are numbered, if it is whole.
    """
    ending = Ending()
    torn = Broken()
    other = 0
    for element in elements(stream, depth, ending, depth <= 2):
        if element.whole and not counts(element.raw):
            other += 1
            continue
        number = max(1, element.number - other)
        value = parsed(element.raw) if element.whole else None
        if isinstance(value, dict):
            yield number, value
            continue
        if element.whole or not ending.why:
            torn.add(number)
        left = element.raw if element.whole or not ending.why else unended(element.raw)
        yield number, left.decode("utf-8", "replace")
    for number in torn.first:
        report(f"at record {number:,} something is no JSON, nested too deeply or larger than 64 MB; searched as text")
    if torn.count > 3:
        report(f"and {torn.count - 3:,} more records like it")
    if ending.why:
        number = ending.number - other
        report(f"{ending.why} at byte {ending.at:,}, {f'in record {number:,}' if number > 0 else 'before any record'}")


def parsed(raw: bytes) -> Any:
    """JSON as a tree, bytes that are no UTF-8 replaced; None where it is none."""
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def logged(value: dict[str, Any] | str) -> tuple[Message, ...]:
    """An object of a log as a message; one with method, address and body is a request of a batch."""
    if isinstance(value, dict) and {"method", "url", "body"} <= set(value):
        url = value["url"] if isinstance(value["url"], str) else ""
        body = value["body"] if isinstance(value["body"], dict | list | str) else None
        rest = {key: item for key, item in value.items() if key not in ("method", "url", "body")}
        return (Message(Side.REQUEST, url, body=body), Message(Side.LOG, body=rest))
    return (Message(Side.LOG, body=value),)
