"""What goes wrong between a client and a server, on demand."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass
class Fault:
    """Something that goes wrong with requests.

    Attributes:
        kind: ``hang``, ``drip`` (a byte at a time), ``drip-headers``, ``html``, ``nothing``, ``half`` (of a JSON),
            ``cut`` (the connection ends within the body), ``drop`` (without an answer), ``bomb`` (gzip), ``gzip``,
            ``deflate``, ``raw-deflate``, ``br``, ``huge``, ``loop`` (of redirects), ``elsewhere`` (a redirect),
            ``text`` (the right body with the wrong type), ``error-in-stream``, or a status.
        path: an expression that the path has to match.
        times: how often it happens.
        after: matching requests that go well before it starts.
        headers: of the answer: ``Retry-After``, ``Location``.
        body: of the answer with a status, instead of an error.
    """

    kind: str
    path: str = ""
    times: int = 1_000_000
    after: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def strikes(self, path: str) -> bool:
        """Whether a request is hit; counts it."""
        if not re.search(self.path, path):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return self.times >= 0
