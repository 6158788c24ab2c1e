"""What an operator decides about a service, with bounds that a stranger cannot move."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from forebear.errors import UsageError

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Settings:
    """Everything that a service is started with.

    Attributes:
        home: folder of the database and of uploads; only the service writes there.
        workers: processes that run jobs.
        hosts: values of the ``Host`` header that are answered, without a port.
        networks: address ranges (CIDR) that jobs may connect to though they are private.
        paths: folders besides the index and the cache that jobs may read, such as those of indexed references.
        offline: jobs never touch the network.
        file_bytes, upload_bytes, kept_bytes: of one file, of the files of one upload, of all uploads of one token.
        upload_files, uploads: files of one upload, uploads of one token.
        upload_seconds: for the body of one file.
        body_bytes: of any other request.
        rate, burst: requests per second of one token, and how many may come at once.
        queued: jobs of one token that wait or run.
        streams: event streams of one token at once.
        job_seconds: after which a job is given up.
        job_bytes: of memory that a job may take, 0 for no limit.
        attempts: how often a job is started whose worker dies.
        upload_hours, result_days: after which uploads and finished jobs are removed.

    Raises:
        UsageError: a value cannot be meant.
    """

    home: Path
    workers: int = 2
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    networks: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    offline: bool = False
    file_bytes: int = 512 * MEBIBYTE
    upload_bytes: int = 1024 * MEBIBYTE
    kept_bytes: int = 4096 * MEBIBYTE
    upload_files: int = 64
    uploads: int = 100
    upload_seconds: float = 900.0
    body_bytes: int = MEBIBYTE // 4
    rate: float = 20.0
    burst: int = 100
    queued: int = 100
    streams: int = 16
    job_seconds: float = 1800.0
    job_bytes: int = 8192 * MEBIBYTE
    attempts: int = 3
    upload_hours: float = 24.0
    result_days: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.workers <= 256:
            raise UsageError(f"--workers {self.workers}: has to be from 1 to 256")
        for network in self.networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise UsageError(f"--allow-network {network}: no address range", "write it as 10.0.0.0/8") from None
        for path in self.paths:
            if not os.path.isdir(path):
                raise UsageError(f"--allow-path {path}: no folder")

    @property
    def database(self) -> Path:
        """The file of :class:`~forebear.web.store.sqlite.SqliteStore`."""
        return self.home / "service.sqlite"

    @property
    def uploaded(self) -> Path:
        """Folder with a folder for every upload."""
        return self.home / "uploads"

    @property
    def runs(self) -> Path:
        """Folder with a folder for every job that runs."""
        return self.home / "runs"


def service_home() -> Path:
    """Where a service keeps what is its own: ``service`` beside the index."""
    from forebear.index import home

    return home() / "service"
