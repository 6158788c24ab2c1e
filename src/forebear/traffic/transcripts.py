"""What ``curl -v`` prints: headers sent (``>``) and received (``<``), remarks (``*``), and bodies between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from forebear.traffic.base import Exchange, Message, Report, Side, Wanted
from forebear.traffic.stream import Stream

MOST = 1 << 26
"""Bytes of one body; a longer one is searched in parts."""
LINE = 1 << 22
_HEAD = re.compile(rb"^[<>] (?:[A-Z]{3,10} \S+ HTTP/[\d.]+|HTTP/[\d.]+ \d{3})", re.MULTILINE)
_SENT = re.compile(r"([A-Z]{3,10}) (\S+) HTTP/[\d.]+")
_STATUS = re.compile(r"HTTP/[\d.]+ (\d{3})")
_REMARK = re.compile(r"^(?:\* |[{}] \[)|^\s*% Total|^\s+Dload|^\s*\d+\s+[\d.]+[kMG]?\s+\d+\s+[\d.]+[kMG]?\s+\d+\s")
_COMMAND = re.compile(r"(?:.{0,200}[$#%>] )?curl\s")
_LEFT = re.compile(r"\* Connection #\d+ to host \S+ left intact\s*$")


@dataclass
class _Talk:
    """An exchange while its lines come."""

    url: str = field(default="", repr=False)
    sent: list[tuple[str, str]] = field(default_factory=list, repr=False)
    received: list[tuple[str, str]] = field(default_factory=list, repr=False)
    asked: list[str] = field(default_factory=list, repr=False)
    said: list[str] = field(default_factory=list, repr=False)
    size: int = 0
    status: int = 0
    answered: bool = False

    def messages(self) -> tuple[Message, ...]:
        """What was sent, and what came back."""
        request = Message(Side.REQUEST, self.url, tuple(self.sent), "".join(self.asked))
        if not self.answered:
            return (request,)
        return (request, Message(Side.RESPONSE, "", tuple(self.received), "".join(self.said), self.status))


def handles(head: bytes) -> bool:
    """Whether a line of the beginning is a request or a status as curl prints it."""
    return _HEAD.search(head[:65_536].replace(b"\r\n", b"\n")) is not None


def exchanges(stream: Stream, report: Report, wanted: Wanted) -> Iterator[Exchange]:
    """Every request with its answer; the command before it has the body that curl does not print, and stands for it."""
    number, talk = 0, _Talk()
    while raw := stream.readline(LINE):
        line = raw.decode("utf-8", "replace")
        mark, rest = line[:2], line[2:].strip()
        if _COMMAND.match(line) and talk.url:
            yield Exchange(number, talk.messages())
            talk = _Talk(asked=[line])
        elif mark == "> " and (sent := _SENT.match(rest)):
            if talk.url:
                yield Exchange(number, talk.messages())
                talk = _Talk()
            number, talk.url = number + 1, sent[2]
        elif mark == "> ":
            _header(rest, talk.sent)
        elif mark == "< " and (status := _STATUS.match(rest)):
            talk.answered, talk.status = True, int(status[1])
        elif mark == "< ":
            _header(rest, talk.received)
        elif not _REMARK.match(line) and mark.strip() not in (">", "<"):
            (talk.said if talk.answered else talk.asked).append(_LEFT.sub("", line))
            talk.size += len(line)
            if talk.size > MOST:
                yield Exchange(number, talk.messages())
                talk.asked, talk.said, talk.size = [], [], 0
    yield Exchange(number + (not talk.url), talk.messages())
    if talk.url and not talk.answered:
        report(f"request {number:,} has no answer; the transcript may be cut off")


def _header(line: str, headers: list[tuple[str, str]]) -> None:
    name, colon, value = line.partition(":")
    if colon and len(headers) < 1_000:
        headers.append((name.strip(), value.strip()))
