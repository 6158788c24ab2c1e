"""The shared collection of real models and files, where it is there; it is no part of the repository."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

import pytest

UNPACK = Path(__file__).resolve().parents[2] / "shared" / "unpack"


@functools.cache
def _folder() -> Path | None:
    if not UNPACK.exists():
        return None
    done = subprocess.run([UNPACK], capture_output=True, text=True, timeout=300)
    return Path(done.stdout.strip()) if done.returncode == 0 else None


def shared(part: str) -> Path:
    """A folder of the collection, or skip the test with the reason."""
    folder = _folder()
    if folder is None or not (folder / part).is_dir():
        pytest.skip(f"the shared collection ({part}) is not here")
    return folder / part
