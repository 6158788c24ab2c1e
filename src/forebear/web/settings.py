"""What an operator decides about a service, with bounds that a stranger cannot move."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forebear.errors import UsageError
from forebear.web.limits import LIMITS

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
        database: address of a PostgreSQL database for the service's own data, "" for a file in ``home``.
        policies: files of the operator's own policies, by the names that are asked for.
        organisation, waivers: files of the operator's for every policy job, "" for none.

    All others are limits: :data:`~forebear.web.limits.LIMITS` says what each bounds.

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
    result_bytes: int = 4096 * MEBIBYTE
    result_days: float = 30.0
    lease_seconds: float = 30.0
    body_seconds: float = 30.0
    head_seconds: float = 10.0
    connections: int = 512
    database: str = field(default="", repr=False)
    policies: Mapping[str, str] = field(default_factory=dict)
    organisation: str = ""
    waivers: str = ""

    def __post_init__(self) -> None:
        for limit in LIMITS:
            limit.check(getattr(self, limit.field))
        if not 1 <= self.workers <= 256:
            raise UsageError(f"--workers {self.workers}: out of bounds", "give 1 to 256")
        for network in self.networks:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise UsageError(f"--allow-network {network}: no address range", "write it as 10.0.0.0/8") from None
        for path in self.paths:
            if not os.path.isdir(path):
                raise UsageError(f"--allow-path {path}: no folder", "name one that is there")

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
