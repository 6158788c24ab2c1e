"""The limits of a service: how each is called, what it bounds, and between which values it can be meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from forebear.errors import UsageError, one_line

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([KMG]?I?B?)\Z", re.ASCII)
_DAY = 86_400.0


@dataclass(frozen=True)
class Limit:
    """One limit.

    Attributes:
        field: of :class:`~forebear.web.settings.Settings`.
        option: of the command.
        help: what it bounds.
        lowest, highest: what it may be.
        size: whether it is in bytes, and written with a unit.
    """

    field: str
    option: str
    help: str
    lowest: float
    highest: float
    size: bool = False

    def check(self, value: float) -> None:
        """Raise ``UsageError`` where a value is out of bounds, or no number."""
        if not self.lowest <= value <= self.highest:  # false for NaN as well
            low, high = (written(int(v)) if self.size else f"{v:,g}" for v in (self.lowest, self.highest))
            said = written(int(value)) if self.size else f"{value:,g}"
            raise UsageError(f"{self.option} {said}: out of bounds", f"give {low} to {high}")


LIMITS: tuple[Limit, ...] = (
    Limit("file_bytes", "--max-file", "Of one file that is sent.", 1, 1 << 40, size=True),
    Limit("upload_bytes", "--max-upload", "Of the files of one upload.", 1, 1 << 42, size=True),
    Limit("upload_files", "--max-upload-files", "Files of one upload.", 1, 10_000),
    Limit("kept_bytes", "--max-kept", "Of all uploads of a token.", 1, 1 << 44, size=True),
    Limit("uploads", "--max-uploads", "Uploads of a token.", 1, 100_000),
    Limit("upload_seconds", "--upload-seconds", "For the body of one file.", 0.1, _DAY),
    Limit("body_bytes", "--max-body", "Of any other request.", 1 << 10, 1 << 26, size=True),
    Limit("body_seconds", "--body-seconds", "For the body of any other request.", 0.1, 3_600),
    Limit("head_seconds", "--head-seconds", "For the headers of a request.", 0.1, 3_600),
    Limit("connections", "--max-connections", "Connections at once; more are answered 503.", 8, 65_536),
    Limit("rate", "--rate", "Requests a second of a token.", 0.01, 1e6),
    Limit("burst", "--burst", "Requests of a token at once.", 1, 1_000_000),
    Limit("queued", "--max-jobs", "Jobs of a token that wait or run.", 1, 1_000_000),
    Limit("streams", "--max-streams", "Event streams of a token at once.", 1, 10_000),
    Limit("job_seconds", "--job-seconds", "After which a job is given up.", 1, 30 * _DAY),
    Limit("job_bytes", "--job-memory", "Of memory for a job; 0: no limit.", 0, 1 << 44, size=True),
    Limit("attempts", "--attempts", "Starts of a job whose worker dies.", 1, 10),
    Limit("upload_hours", "--upload-hours", "After which an upload is removed.", 0.01, 24 * 366),
    Limit("result_bytes", "--max-results", "Of the results that are kept of a token.", 1, 1 << 44, size=True),
    Limit("result_days", "--result-days", "After which a job that has ended is removed.", 0.01, 36_600),
    Limit("lease_seconds", "--lease-seconds", "After which a silent server's jobs go to others.", 1, 3_600),
)
"""Every limit, in the order in which the help shows them."""


def size_of(text: str, option: str) -> int:
    """A number of bytes, written as ``512MiB``, ``1.5GB`` or ``1000``.

    Raises:
        UsageError: it is none.
    """
    match = _SIZE.match(text.strip().upper())
    if match is None or match[2] not in _UNITS:
        raise UsageError(f"{option} {one_line(text, 40)}: no size", "write it as 512MiB, 2GB or 1000")
    return int(float(match[1]) * _UNITS[match[2]])


def written(size: int) -> str:
    """A number of bytes with the largest unit that divides it."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit}{name}"
    return f"{size}B"
