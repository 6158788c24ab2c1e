"""What a test asks to go wrong, and what a hub remembers of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What goes wrong, and where.

    Attributes:
        part: requests whose host and path (``lfs/…`` or ``hub/…``) contain this text are hit.
        times: how many of them; None for all.
        skip: how many are let through first.
        status: answer with this status instead.
        headers: added to the answer, or put in place of its own.
        after: stop after so many bytes of the body.
        reset: end the connection with a TCP reset instead of a close.
        pause: seconds before every chunk of the body.
        whole: ignore ``Range``, send everything with 200.
        content: what the file holds from now on.
        body: of the answer with ``status``, or instead of the API's own JSON.
    """

    part: str
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    after: int | None = None
    reset: bool = False
    pause: float = 0.0
    whole: bool = False
    content: bytes | None = None
    body: bytes | None = None

    def strikes(self, where: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.part not in where or self.times == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass
class Request:
    """One request as it arrived, and what was answered.

    Attributes:
        host: ``hub`` or ``lfs``.
        path: with its query.
        range: the ``Range`` header, empty without one.
        authorization: the header, empty without one.
        connection: the client's port: equal for requests over one connection.
        sent: bytes of the body that were sent.
    """

    host: str
    method: str
    path: str
    range: str
    authorization: str
    connection: int
    status: int = 0
    sent: int = 0
