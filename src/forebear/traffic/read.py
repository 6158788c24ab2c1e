"""The formats of captures, told by content and never by name, and the reading of one file."""

from __future__ import annotations

from collections.abc import Iterator

from forebear.traffic import cassettes, documents, flows, har, lines, transcripts
from forebear.traffic.base import Exchange, Format, Report, Wanted
from forebear.traffic.stream import Stream

FORMATS = (
    Format("HAR", har.handles, har.exchanges),
    Format("mitmproxy flows", flows.handles, flows.exchanges),
    Format("VCR cassette", cassettes.handles, cassettes.exchanges),
    Format("curl -v transcript", transcripts.handles, transcripts.exchanges),
    Format("JSON", documents.handles, documents.exchanges),
    Format("lines", lines.handles, lines.exchanges),
)
"""Every format; the first that handles a file reads it."""


def format_of(head: bytes) -> Format:
    """The format of a file that begins with these bytes."""
    return next(entry for entry in FORMATS if entry.handles(head))


def exchanges(stream: Stream, report: Report, wanted: Wanted = lambda raw: True) -> Iterator[Exchange]:
    """What a capture holds, record by record, in memory for one record.

    Args:
        stream: the capture.
        report: told in a line, without a word of the capture, what could not be read.
        wanted: whether there can be anything to see in the bytes of a record.
    """
    if not stream.head:
        report(stream.broken or "it is empty")
        return
    yield from format_of(stream.head).exchanges(stream, report, wanted)
    if stream.broken:
        report(stream.broken)
