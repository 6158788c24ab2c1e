"""What a job table holds, without working on it: also while another process does."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from forebear.crawl.base import UNREAD
from forebear.crawl.jobs import Jobs
from forebear.crawl.result import MOST_TOLD, job_json
from forebear.types import Json, head


def status(path: Path) -> Json:
    """The ``forebear.crawl-status/1`` document of a job file.

    Raises:
        UsageError: there is none.
        IndexError_: it is damaged.
    """
    with closing(Jobs(path)) as jobs:
        states = jobs.states()
        return {
            **head("forebear.crawl-status/1"),
            "job": str(path),
            "index": jobs.index,
            "states": {state.value: count for state, count in states.items()},
            "runs": jobs.runs(),
            "unread": [job_json(job) for job in jobs.all(states=UNREAD, limit=MOST_TOLD)],
        }
