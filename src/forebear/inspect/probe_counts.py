"""Find out by token counts which tokenizer an endpoint uses, and whether the counts can be trusted.

The counts are those of guarded texts (a line before and a line behind), whose differences are free of whatever the
endpoint puts around them. Three controls go with them: some are taken in a stream as well, where a gateway that counts
for itself often counts otherwise; the tokens of an answer that was cut off are compared with the number at which it
was; and behind everything else two counts are taken again (:func:`recounted`), which notices a model that was swapped
on the way, be it in the last requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from forebear.signals.counting_noise import EXACT, NOISES, Jitter, Rounded
from forebear.signals.probe_choice import alone, next_probe, settled
from forebear.signals.token_counts import CountTable, CountTest

Count = Callable[[str, bool], int | None]
"""Tokens of the whole prompt that an endpoint reports for a text, in a stream or not; None where it tells none."""

MOST_COUNTS = 20
"""Of a run, the baseline included, without controls."""
COARSE = 25
"""A common divisor of all counts, from which on they are taken for blocks that are billed."""
STREAMED = 4
"""Counts in a stream, beside its baseline, once the first differs from that without."""
STOPPED = "the endpoint stopped reporting counts"
_FAILURES = 5
"""Texts in a row for which no count comes, after which no more is asked: moderation refuses one, not all."""
_NOISY = 3
"""Tokens by which a count may change from one time to the next, also where all counts have been exact so far."""
_NOISIEST = max(noise.kernel().size // 2 for noise in NOISES if isinstance(noise, Jitter))
"""The same where counts are noisy: how noisy, a few counts do not tell for certain."""
_SAME = "whether counts stay the same"


@dataclass(frozen=True)
class Counts:
    """What a series of counts has shown.

    Attributes:
        test: after all of them.
        baseline: the first count; None where the endpoint reports none.
        requests: that asked for a count, controls left out.
        controls: requests of the controls.
        changed: probe numbers whose count was another at the end than before: the model was swapped, or is several.
        before, after: where it was, the tests of the counts up to the change and of those taken anew behind it.
        streamed: the test of counts in a stream where these differ from those without; None where they agree.
        stream: whether counts in a stream were compared at all.
        unchecked: controls that did not come about, in words.
        stopped: a clause that says why no more was asked, empty where enough was known.
        seen: the counts themselves, by probe.
    """

    test: CountTest
    baseline: int | None = None
    requests: int = 0
    controls: int = 0
    changed: tuple[int, ...] = ()
    before: CountTest | None = None
    after: CountTest | None = None
    streamed: CountTest | None = None
    stream: bool = False
    unchecked: tuple[str, ...] = ()
    stopped: str = ""
    seen: Mapping[int, int] = field(default_factory=dict)


@dataclass
class _Run:
    """A conversation under way."""

    table: CountTable
    texts: Sequence[str]
    count: Count
    affords: Callable[[int], bool]
    seen: dict[int, int] = field(default_factory=dict)
    requests: int = 0
    failures: int = 0
    """Texts in a row for which nothing came."""

    def ask(self, probe: int, stream: bool = False) -> int | None:
        """One count, asked twice where the first time nothing comes."""
        for _ in range(2):
            if not self.affords(probe):
                return None
            self.requests += 1
            found = self.count(self.texts[probe], stream)
            if found is not None:
                self.failures = 0
                return found
        self.failures += 1
        return None


def count_tokens(
    table: CountTable,
    texts: Sequence[str],
    count: Count,
    *,
    affords: Callable[[int], bool] = lambda probe: True,
    streams: bool = True,
    alpha: float | None = None,
    most: int = MOST_COUNTS,
) -> Counts:
    """Ask an endpoint for counts until its tokenizer is known, or is known not to be, or no more may be asked.

    Args:
        table: of the known tokenizers' counts.
        texts: the guarded texts of the battery, the baseline first.
        count: asks the endpoint.
        affords: whether the budget has room for another request with that probe.
        streams: whether counts in a stream can be had too.
        alpha: error rate of the test, its own default where None.
        most: requests, without controls.
    """
    run = _Run(table, texts, count, affords)
    start = CountTest.start(table) if alpha is None else CountTest.start(table, alpha)
    baseline = run.ask(0)
    if baseline is None:
        why = "the endpoint reports no token counts" if run.failures else "the budget does not allow it"
        return Counts(start, None, run.requests, stopped=why)
    run.seen[0] = baseline
    test, stopped = _identify(run, start, most)
    stopped = _useless(run.seen) or stopped
    asked = run.requests
    streamed, compared = _stream(run, start, test) if streams else (None, False)
    return Counts(
        test,
        baseline,
        asked,
        run.requests - asked,
        streamed=streamed,
        stream=compared,
        unchecked=("counts in a stream",) if streams and not compared else (),
        stopped=stopped,
        seen=run.seen,
    )


def recounted(
    counts: Counts, texts: Sequence[str], count: Count, affords: Callable[[int], bool] = lambda probe: True
) -> Counts:
    """Take some counts again: whether it is still the same model, and if not, which tokenizers fit before and now.

    Where it is not, counts in a stream are no comparison: who was swapped counts otherwise there too. Where no
    tokenizer fits, more are taken again: several models that take turns behind one name fit none either.

    Args:
        counts: what :func:`count_tokens` gave, of which at least the baseline is known.
        texts, count, affords: as there.
    """
    run = _Run(counts.test.table, texts, count, affords, dict(counts.seen))
    asked = [probe for probe, _ in counts.test.asked]
    wanted = (0, *asked[:1], *(() if counts.test.matches else asked[1:4]))
    again = {probe: found for probe in wanted if (found := run.ask(probe)) is not None}
    tolerance = _tolerance(counts.test)

    def other(probe: int, found: int | None) -> bool:
        return found is not None and abs(found - counts.seen[probe]) > tolerance

    changed = tuple(probe for probe, found in again.items() if other(probe, found))
    if len(changed) == 1 and not other(changed[0], run.ask(changed[0])):
        changed = ()  # one odd answer, which the test allows too
    if not changed:
        missed = (_SAME,) if len(again) < min(2, len(wanted)) else ()
        unchecked = (*missed, *(what for what in counts.unchecked if what != _SAME))
        return replace(counts, controls=counts.controls + run.requests, unchecked=unchecked)
    before, after = _swapped(run, CountTest.start(counts.test.table, counts.test.alpha), counts.test)
    return replace(
        counts,
        controls=counts.controls + run.requests,
        changed=changed,
        before=before,
        after=after,
        streamed=None,
        stream=False,
    )


def _useless(seen: Mapping[int, int]) -> str:
    """Why counts as reported tell no tokenizers apart; empty where they may."""
    values = list(seen.values())
    if len(values) >= 3 and len(set(values)) == 1:
        return f"every text is counted as {values[0]:,} tokens"
    if len(values) >= 4 and (step := math.gcd(*values)) >= COARSE:
        return f"all counts are multiples of {step}, too coarse to tell tokenizers apart"
    return ""


def _identify(run: _Run, test: CountTest, most: int) -> tuple[CountTest, str]:
    """The test after as many counts as it takes, and why it was not enough (empty if it was).

    ``run.seen`` has the baseline, and ``most`` bounds the requests of the run.
    """
    costs = run.table.counts.max(axis=0)
    usable, checks = set(range(run.table.counts.shape[1])), 0
    while not settled(test, checks):
        if run.requests >= most:
            return test, f"{most} counts did not settle it"
        probe = next_probe(test, costs, usable)
        if probe is None:
            return test, "every probe has been asked"
        check = alone(test)
        found = run.ask(probe)
        if found is None:
            usable.discard(probe)
            if run.failures >= _FAILURES:
                return test, STOPPED
            if not run.affords(probe):
                return test, "the budget is spent"
            continue
        run.seen[probe] = found
        checks += check
        test = test.observe(probe, found - run.seen[0])
    return test, ""


def _tolerance(test: CountTest) -> int:
    """By how many tokens the same text may be counted otherwise the next time, or in a stream."""
    noise = test.noise
    if isinstance(noise, Rounded):
        return noise.multiple
    return _NOISY if noise is EXACT else _NOISIEST


def _swapped(run: _Run, start: CountTest, test: CountTest) -> tuple[CountTest, CountTest]:
    """The counts before a swap, up to where that fits best, and a test of its own for what the endpoint is now."""
    base = run.ask(0)
    if base is None:
        return test, start
    later = _Run(run.table, run.texts, run.count, run.affords, {0: base})
    after, _ = _identify(later, start, MOST_COUNTS // 2)
    run.requests += later.requests
    shift = run.seen[0] - base
    fits = [
        _replayed(start, test.asked[:at]).fit + _replayed(after, [(p, d + shift) for p, d in test.asked[at:]]).fit
        for at in range(len(test.asked) + 1)
    ]
    return _replayed(start, test.asked[: fits.index(max(fits))]), after


def _replayed(test: CountTest, asked: Sequence[tuple[int, int]]) -> CountTest:
    for probe, difference in asked:
        test = test.observe(probe, difference)
    return test


def _stream(run: _Run, start: CountTest, test: CountTest) -> tuple[CountTest | None, bool]:
    """Counts in a stream, where they differ from those without; and whether a stream has any.

    One count is enough where it is the same, constant and all. A gateway may well add another constant in streams, so
    only differences to the stream's own baseline tell another tokenizer.
    """
    order = [probe for probe, _ in sorted(test.asked, key=lambda a: -abs(a[1]))]
    first = run.ask(order[0], True) if order else None
    if first is None:
        return None, False
    if abs(first - run.seen[order[0]]) <= _tolerance(test):
        return None, True
    base = run.ask(0, True)
    if base is None:
        return None, False
    streamed, shifts = start, [base - run.seen[0]]
    for probe in order[:STREAMED]:
        reported = first if probe == order[0] else run.ask(probe, True)
        if reported is None:
            break
        shifts.append(reported - run.seen[probe])
        streamed = streamed.observe(probe, reported - base)
    usual, limit = sorted(shifts)[len(shifts) // 2], 2 * _tolerance(test)
    odd = sum(abs(shift - usual) > limit for shift in shifts)
    differs = odd > 1 or (odd == 1 and len(shifts) <= 2)  # one odd answer in several is one that the test allows too
    return (streamed if differs else None), True
