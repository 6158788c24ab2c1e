"""Grids that quantisers round to, and whether groups of values lie on one, with what that would be worth by chance.

A group lies on a grid if one scale takes every value to a level within the rounding of the float format that holds it:
each value leaves an interval of scales, and the intervals have a point in common. How surprising that is, is counted in
bits against values that are floats and nothing else: a float format with distance u between neighbours has s / u values
in a step s of the grid, and at most two of them are near enough to a level. So a value is worth log2(s / 2u) bits, and
nothing where the format itself is as coarse as the grid. A level counts once, however many values are on it; zero,
which pruning makes, and the level that gives the scale count nothing; and every further grid that is tried is paid for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forebear.signals.floats import FULL, Format, spacing

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]
Test = Callable[[Indices, Indices, "Indices | None"], tuple[Flags, F64]]
"""From groups, a number of steps for each, and places in them (all if None): whether these values fit; and what that is
worth where all of them were asked. ``(p,)`` both."""

MOST_LEVELS = 255
"""Multiples of the scale up to which a grid of integers goes: 8 bits with a zero point."""
MOST_STEPS = 63
"""Steps of a grid with a free offset: 6 bits."""
TOLERANCE = {8: 0.5625, 11: 0.5625, FULL: 4.0}
"""Rounding of a stored value in distances of its format: a half, and a second rounding in a finer one; in float32 also
that of sums and products."""
TELLING = 12
"""Values of a group by which numbers of steps are ruled out before all values are asked; a quarter of them first."""
MORE = 40
"""The same of the numbers that are left."""
AT_ONCE = 200_000
"""Values that are tried at a time: what fits into a processor's cache."""
COARSE = 0.4
"""Distance of the float format, in steps of the grid, from which on a value says nothing about it."""

NF4 = np.array(
    [
        -1.0,
        -0.6961928009986877,
        -0.5250730514526367,
        -0.39491748809814453,
        -0.28444138169288635,
        -0.18477343022823334,
        -0.09105003625154495,
        0.0,
        0.07958029955625534,
        0.16093020141124725,
        0.24611230194568634,
        0.33791524171829224,
        0.44070982933044434,
        0.5626170039176941,
        0.7229568362236023,
        1.0,
    ]
)
"""Levels of NF4 (QLoRA, arXiv 2305.14314, appendix E), relative to the largest magnitude of a block."""
FP4_TABLE = np.array([0.0, 0.0052083333, 0.16666667, 0.25, 0.33333333, 0.5, 0.66666667, 1.0])
"""Magnitudes of bitsandbytes' FP4, likewise."""
E2M1 = frozenset((0, 1, 2, 3, 4, 6, 8, 12))
"""Magnitudes of FP4 (E2M1) in halves of its scale (OCP microscaling formats 1.0)."""


@dataclass(frozen=True, eq=False)
class Fit:
    """Groups of values against a family of grids.

    Attributes:
        fits: ``(g,)`` whether all values of a group lie on one of them.
        bits: ``(g,)`` what that is worth against chance; negative where it is less than what the search paid.
        below, above: ``(g, n)`` half of the gap to the next level down and up: what rounding to nearest came from lies
            between. Beyond the last level of a table it is the gap on the other side.
        low, high: ``(g,)`` smallest and largest level, in steps; zero where levels are not counted.
        levels: the levels of all groups, where they are counted.
    """

    fits: Flags
    bits: F64
    below: F64
    above: F64
    low: F64
    high: F64
    levels: frozenset[int] = frozenset()


def integers(values: F64, held: Format, most: int = MOST_LEVELS) -> Fit:
    """Multiples of a scale: symmetric grids, and those with a whole zero point.

    Args:
        values: ``(g, n)`` groups.
        held: the format that may hold them.
        most: multiples up to which the grid goes.
    """
    size, gap = _sorted(np.abs(values), held)
    top = size[:, -1:]
    slack = TOLERANCE[held.bits] * gap

    def test(at: Indices, k: Indices, places: Indices | None) -> tuple[Flags, F64]:
        x, t, u = (_at(v, at, places) for v in (size, slack, gap))
        step = top[at] / k[:, None]
        level = np.round(x / step)
        speaks = (u < COARSE * step) & (x > 0)
        low = np.where(speaks, (x - t) / level, -np.inf).max(axis=1)
        high = np.where(speaks, (x + t) / level, np.inf).min(axis=1)
        fits = (low <= high) & ~(speaks & (level == 0)).any(axis=1)
        if places is not None:
            return np.asarray(fits), np.zeros(len(at))
        news = speaks & _news(level) & (level < k[:, None])
        return np.asarray(fits), _worth(news, step, 2 * u)

    best, worth = _searched(size.shape, most, _telling(size), test)
    fits = best > 0
    with np.errstate(all="ignore"):
        step = np.where(fits, np.abs(values).max(axis=1) / np.maximum(best, 1), 0.0)[:, None]
        level = np.where(step > 0, np.round(values / step), 0.0)
    levels = np.where(fits[:, None], level, 0.0)
    half = np.broadcast_to(step / 2, values.shape)
    return Fit(
        fits,
        worth,
        half,
        half,
        levels.min(axis=1),
        levels.max(axis=1),
        frozenset(np.abs(levels).astype(int).ravel().tolist()),
    )


def offset(values: F64, held: Format) -> Fit:
    """A scale and an offset of any size: the smallest value, and steps from there."""
    size, gap = _sorted(values, held)
    first, last = size[:, :1], size[:, -1:]
    slack = TOLERANCE[held.bits] * gap

    def test(at: Indices, k: Indices, places: Indices | None) -> tuple[Flags, F64]:
        x, t, u = (_at(v, at, places) for v in (size, slack, gap))
        begin, ends = first[at], (slack[at][:, :1], slack[at][:, -1:])
        step = (last - first)[at] / k[:, None]
        level = np.round((x - begin) / step)
        part = level / k[:, None]
        allowed = t + (1 - part) * ends[0] + part * ends[1]
        speaks = 2 * allowed + u < 2 * COARSE * step
        fits = ((np.abs(x - begin - level * step) <= allowed) | ~speaks).all(axis=1)
        if places is not None:
            return np.asarray(fits), np.zeros(len(at))
        inner = speaks & _news(level) & (level > 0) & (level < k[:, None]) & (x != 0)
        return np.asarray(fits), _worth(inner, step, 2 * allowed + u)

    best, worth = _searched(size.shape, MOST_STEPS, _even(size.shape, TELLING), test)
    fits = best > 0
    step = np.where(fits[:, None], (last - first) / np.maximum(best, 1)[:, None], 0.0)
    half = np.broadcast_to(step / 2, values.shape)
    return Fit(fits, worth, half, half, np.zeros(len(size)), best.astype(float))


def small_floats(values: F64, held: Format, mantissa: int, octaves: int) -> Fit:
    """Floats of few bits times a scale; values too small for a leading one are not asked.

    Args:
        values: ``(g, n)`` groups.
        held: the format that may hold them.
        mantissa: bits behind the leading one.
        octaves: how far below the largest value leading ones go.
    """
    size, gap = _sorted(np.abs(values), held)
    top = size[:, -1:]
    slack, parts = TOLERANCE[held.bits] * gap, 2**mantissa
    fits = np.zeros(len(size), dtype=bool)
    worth = np.full(len(size), -np.inf)
    scale = np.zeros((len(size), 1))
    for lead in range(parts, 2 * parts):
        with np.errstate(all="ignore"):
            unit = top / lead
            _, exponent = np.frexp(size / unit / parts)
            step = np.ldexp(unit, exponent - 1)
            level = np.round(size / step) * np.ldexp(1.0, exponent - 1)
            speaks = (size > top * 2.0**-octaves) & (gap < COARSE * step)
            low = np.where(speaks, (size - slack) / level, -np.inf).max(axis=1)
            high = np.where(speaks, (size + slack) / level, np.inf).min(axis=1)
            found = (low <= high) & (top[:, 0] > 0)
            each = np.where(speaks & _news(level) & (level < lead), np.log2(step / (2 * gap)), 0.0)
        value = np.maximum(each, 0.0).sum(axis=1) - np.log2(parts)
        better = found & (value > worth)
        fits |= found
        worth, scale = np.where(better, value, worth), np.where(better[:, None], unit, scale)
    with np.errstate(all="ignore"):
        held_up = np.maximum(np.abs(values), top * 2.0**-octaves)
        outward, inward = (_half_step(held_up * (1 + side * 2.0**-6), scale, parts) for side in (1, -1))
    none = np.zeros(len(size))
    return Fit(fits, worth, *_by_side(values, outward, inward), none, none)


def _half_step(size: F64, scale: F64, parts: int) -> F64:
    """Half of the step of small floats at these magnitudes; a power of two has the wider one outside."""
    _, exponent = np.frexp(size / scale / parts)
    return np.where(scale > 0, np.ldexp(scale, exponent - 1), 0.0) / 2


def _by_side(values: F64, outward: F64, inward: F64) -> tuple[F64, F64]:
    """Half gaps below and above, from those away from zero and towards it."""
    return np.where(values > 0, inward, outward), np.where(values < 0, inward, outward)


def table(values: F64, held: Format, levels: F64) -> Fit:
    """Levels of a table times the largest magnitude of a group."""
    size, gap = _sorted(values, held)
    top = np.abs(values).max(axis=1, keepdims=True, initial=0.0)
    slack = TOLERANCE[held.bits] * gap
    middle = (levels[1:] + levels[:-1]) / 2
    gaps = np.diff(levels)
    below, above = np.append(gaps[:1], gaps), np.append(gaps, gaps[-1:])
    wide = np.maximum(below, above)
    with np.errstate(all="ignore"):
        x = np.where(top > 0, size / top, 0.0)
        at = np.searchsorted(middle, x)
        error = slack / top + np.abs(x) * TOLERANCE[held.bits] * 2.0**-held.bits * 2
        near = np.abs(x - levels[at]) <= error
        fits = near.all(axis=1) & (top[:, 0] > 0)
        each = np.where(
            _news(at) & (levels[at] != 0) & (np.abs(levels[at]) < 1), np.log2(wide[at] / (2 * error + gap / top)), 0.0
        )
    worth = np.maximum(np.nan_to_num(each), 0.0).sum(axis=1)
    where = np.searchsorted(middle, np.where(top > 0, values / np.where(top > 0, top, 1.0), 0.0))
    none = np.zeros(len(size))
    worth = np.where(fits, worth, -np.inf)
    return Fit(fits, worth, below[where] * top / 2, above[where] * top / 2, none, none)


def _telling(size: F64) -> Indices:
    """``(g, n)`` places of the smallest values that are not zero: floats are finest there."""
    start = (size == 0).sum(axis=1, keepdims=True)
    return np.asarray(np.minimum(start + np.arange(TELLING), size.shape[1] - 1))


def _even(shape: tuple[int, ...], most: int) -> Indices:
    """``(g, n)`` places evenly spaced in every group."""
    places = np.linspace(0, shape[1] - 1, min(most, shape[1])).astype(int)
    return np.broadcast_to(places, (shape[0], len(places)))


def _searched(shape: tuple[int, ...], most: int, telling: Indices, test: Test) -> tuple[Indices, F64]:
    """The smallest number of steps for every group, 0 where none fits, and what it is worth, the search paid.

    Few values of each group rule most numbers out, some more most of the others; what is left is tried with all values,
    the smallest number of each group first.
    """
    count = shape[0]
    best, worth = np.zeros(count, dtype=np.int64), np.full(count, -np.inf)
    at = np.repeat(np.arange(count), most)
    k = np.tile(np.arange(1, most + 1), count)
    with np.errstate(all="ignore"):
        for places in (telling[:, :: max(1, telling.shape[1] // 3)], telling, _even(shape, MORE)):
            left = np.flatnonzero(_tried(at, k, places, places.shape[1], test)[0])
            at, k = at[left], k[left]
        while len(at):
            _, each = np.unique(at, return_index=True)
            fits, bits = _tried(at[each], k[each], None, shape[1], test)
            done = at[each[fits]]
            best[done] = k[each[fits]]
            worth[done] = bits[fits] - 2 * np.log2(best[done] + 1)
            left = np.setdiff1d(np.flatnonzero(best[at] == 0), each, assume_unique=True)
            at, k = at[left], k[left]
    return best, worth


def _tried(at: Indices, k: Indices, places: Indices | None, width: int, test: Test) -> tuple[Flags, F64]:
    """A test of many groups and numbers, some at a time."""
    step = max(1, AT_ONCE // width)
    parts = [slice(start, start + step) for start in range(0, len(at), step)]
    found = [test(at[p], k[p], None if places is None else places[at[p]]) for p in parts]
    if not found:
        return np.zeros(0, dtype=bool), np.zeros(0)
    fits, bits = zip(*found, strict=True)
    return np.concatenate(fits), np.concatenate(bits)


def _at(values: F64, at: Indices, places: Indices | None) -> F64:
    """``(p, n)`` values of groups."""
    return values[at] if places is None else values[at[:, None], places]


def _worth(news: Flags, step: F64, near: F64) -> F64:
    """``(p,)`` bits of values that say something new."""
    return np.asarray(np.maximum(np.where(news, np.log2(step / near), 0.0), 0.0).sum(axis=1))


def _news(level: NDArray[Any]) -> Flags:
    """Levels that are not that of the value before: values on one level say what the first of them says."""
    out = np.ones(level.shape, dtype=bool)
    out[..., 1:] = level[..., 1:] != level[..., :-1]
    return out


def _sorted(values: F64, held: Format) -> tuple[F64, F64]:
    """Values in order, and the distance of floats at each."""
    size = np.sort(values, axis=1)
    return size, spacing(size, held)
