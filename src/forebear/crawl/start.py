"""From a call to a run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from forebear.crawl.engines import engine_of
from forebear.crawl.jobs import Jobs
from forebear.crawl.listing import Filters, is_whole, models
from forebear.crawl.result import Crawled
from forebear.crawl.run import Asked, OnTally, Run, Watch
from forebear.index import Index, home, open_index
from forebear.sources.hub import endpoint

EVERYTHING = Filters()


def job_file() -> Path:
    """Where the job table lies unless another place is named: beside the index of this machine."""
    return home() / "crawl.db"


def crawl(
    asked: Asked,
    filters: Filters = EVERYTHING,
    index: Index | None = None,
    job: Path | None = None,
    on_tally: OnTally = lambda _: None,
    watch: Watch | None = None,
    on_end: Callable[[Crawled], None] = lambda _: None,
) -> Crawled:
    """Fingerprint every model of a source and add it to an index. Started again, it goes on where it ended.

    Args:
        asked: what is crawled, and how.
        filters: which models of it.
        index: default the one that ``FOREBEAR_INDEX`` names, else the one of this machine.
        job: the job file; default :func:`job_file`.
        on_tally: told after every change.
        watch: looks at references that are new.
        on_end: told the result, also where the run is interrupted or fails, before the interrupt or the error goes on.

    Raises:
        UsageError: the source, a filter, the engine or the job file is unusable.
        MissingExtra: the engine's or the bucket's package is not installed.
        InputError: nothing could be listed, or the index or the job file cannot be read or written.
    """
    engine = engine_of(asked.engine)
    references = index if index is not None else open_index()
    wanted = models(asked.source, filters)
    with closing(Jobs(job or job_file(), references.where)) as jobs:
        place = endpoint() if is_whole(asked.source, filters) else ""
        run = Run(asked, jobs, references, on_tally, watch, place)
        try:
            run.crawl(wanted, engine)
        finally:
            if (result := run.result()).tally.listed:
                on_end(result)
        return result
