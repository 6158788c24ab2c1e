"""Fingerprinting many models: which there are, which are done, and who does the next one."""

from forebear.crawl.base import State
from forebear.crawl.jobs import Job, Jobs
from forebear.crawl.listing import Filters
from forebear.crawl.result import Crawled, Tally, Watched
from forebear.crawl.run import Asked, Rules, Run
from forebear.crawl.start import crawl, job_file

__all__ = [
    "Asked",
    "Crawled",
    "Filters",
    "Job",
    "Jobs",
    "Rules",
    "Run",
    "State",
    "Tally",
    "Watched",
    "crawl",
    "job_file",
]
