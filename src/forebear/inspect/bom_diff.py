"""Two bills of materials, read and compared."""

from __future__ import annotations

from pathlib import Path

from forebear.bom.difference import Difference, difference
from forebear.bom.reading import Reading
from forebear.inspect.bom_read import MAX_BOM, read, read_bytes


def diff_boms(old: str | Path, new: str | Path) -> Difference:
    """What changed between two bills of materials, of whichever formats.

    Args:
        old, new: CycloneDX 1.5 to 1.7 or SPDX 3.0.1, as JSON.

    Raises:
        UsageError: there is no such file.
        InputError: a bill cannot be read, or is none.
    """
    return difference(_read(old), _read(new), str(old), str(new))


def _read(path: str | Path) -> Reading:
    return read(read_bytes(path, MAX_BOM), str(path))
