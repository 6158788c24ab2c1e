"""A crawl in this process, for the tests of the loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator

from forebear.crawl import Crawled, Rules
from forebear.crawl.base import Outcome
from forebear.crawl.engines.base import Crew, Take
from forebear.crawl.work import measure

Crawl = Callable[..., Crawled]
QUICK = Rules(attempts=3, backoff=0.01, in_a_row=20, free=0)


class Here:
    """An engine without processes: one model after the other."""

    def run(self, crew: Crew, take: Take) -> Generator[list[Outcome], None, None]:
        while True:
            yield [measure(task) for task in take(1)]


def sleep(*_: object) -> None:
    """A worker that never answers; here, because a process of its own has to be able to import it."""
    time.sleep(600)
