"""A hub with small models, and a crawl of it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crawls import QUICK, Crawl, Here
from forebear.crawl import Asked, Crawled, Filters, Rules, Run
from forebear.crawl import run as run_module
from forebear.crawl.jobs import Jobs
from forebear.crawl.listing import is_whole, models
from forebear.crawl.run import Watch
from forebear.index import LocalIndex
from forebear.sources.hub import endpoint
from hub import Hub, folder_files
from models import tiny_llama


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, bytes]]:
    """Files of five models, small ones of their kind."""
    root = tmp_path_factory.mktemp("models")
    return [
        folder_files(tiny_llama(root / f"m{k}", seed=k, hidden=32, layers=4, intermediate=64, vocabulary=128))
        for k in range(5)
    ]


@pytest.fixture
def five(hub: Hub, files: list[dict[str, bytes]]) -> Hub:
    """A hub with five models of one owner."""
    for k, each in enumerate(files):
        hub.add(f"org/m{k}", dict(each))
    return hub


@pytest.fixture
def index(tmp_path: Path) -> LocalIndex:
    return LocalIndex(tmp_path / "home")


@pytest.fixture
def crawl(tmp_path: Path, index: LocalIndex, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crawl]:
    """Crawls a source in this process."""
    monkeypatch.setattr(run_module, "PAUSE", 0.05)

    def go(source: str = "hf:", rules: Rules = QUICK, watch: Watch | None = None, **more: object) -> Crawled:
        retry = bool(more.pop("retry_failed", False))
        places = (tmp_path,)
        asked = Asked(source, workers=1, rules=rules, retry_failed=retry, places=places)
        jobs = Jobs(tmp_path / "home" / "crawl.db", index.where)
        try:
            filters = Filters(**more)  # type: ignore[arg-type]
            run = Run(asked, jobs, index, watch=watch, place=endpoint() if is_whole(source, filters) else "")
            run.crawl(models(source, filters), Here())
            return run.result()
        finally:
            jobs.close()

    yield go
