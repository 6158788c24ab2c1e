"""Where models are listed: the interface of every kind of source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from forebear.crawl.base import Wanted


@dataclass(frozen=True)
class Filters:
    """Which models of a source are wanted. A source that cannot know refuses the filter.

    Attributes:
        author: of a hub, the owner of the repositories.
        tags: of a hub, all of which a repository has.
        since: RFC 3339 date or time; repositories that have changed since then.
        least_downloads: of a hub, in the last thirty days.
        limit: most models that are listed; None for all.
        gguf: read repositories with nothing but GGUF files too, which are copies of others as a rule.
    """

    author: str = ""
    tags: tuple[str, ...] = ()
    since: str = ""
    least_downloads: int = 0
    limit: int | None = None
    gguf: bool = False

    @property
    def of_a_hub(self) -> str:
        """The option that only a hub can answer; "" where there is none."""
        asked = (
            ("--author", self.author),
            ("--tag", self.tags),
            ("--since", self.since),
            ("--min-downloads", self.least_downloads),
        )
        return next((name for name, value in asked if value), "")


class Lister(Protocol):
    """One kind of source."""

    def lists(self, source: str) -> bool:
        """Whether a source is of this kind; nothing is read but what is on this machine."""
        ...

    def models(self, source: str, filters: Filters) -> Iterator[Wanted]:
        """Models as they are found; without ``limit``, which is the caller's.

        Raises:
            UsageError: the source is unusable as it is written.
            InputError: the listing cannot be had, or breaks off.
        """
        ...
