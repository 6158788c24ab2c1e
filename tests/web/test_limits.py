"""Limits: how they are written, and which values can be meant."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path

import pytest

from forebear.errors import UsageError
from forebear.web.limits import LIMITS, size_of, written
from forebear.web.settings import Settings


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("1000", 1000), ("1kB", 1000), ("512MiB", 512 << 20), ("1.5 GiB", 3 << 29), ("2gb", 2 * 10**9)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert size_of(text, "--max-file") == size


@pytest.mark.parametrize("text", ["", "MiB", "-1", "1e9", "1 TiB", "5x", "1i", "nan", "٣", "1" * 30, "1\x00"])
def test_what_is_no_size_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="--max-file") as raised:
        size_of(text, "--max-file")
    assert str(raised.value).isprintable()


def test_sizes_are_written_as_they_are_read() -> None:
    for size in (0, 1, 1000, 1024, 512 << 20, 3 << 29, 8 << 30):
        assert size_of(written(size), "--x") == size


def test_every_limit_is_a_setting_with_bounds(tmp_path: Path) -> None:
    defaults = {f.name: f.default for f in fields(Settings)}
    for limit in LIMITS:
        default = defaults[limit.field]
        assert isinstance(default, int | float)
        limit.check(default)
        for wrong in (limit.lowest - 1, limit.highest + 1, math.nan):
            if not (limit.size and math.isnan(wrong)):
                with pytest.raises(UsageError, match=f"{limit.option} .*: out of bounds") as raised:
                    Settings(tmp_path, **{limit.field: wrong})  # type: ignore[arg-type]
                assert raised.value.hint.startswith("give ")
    numbers = {n for n, d in defaults.items() if isinstance(d, int | float) and not isinstance(d, bool)}
    assert numbers == {limit.field for limit in LIMITS} | {"workers"}
