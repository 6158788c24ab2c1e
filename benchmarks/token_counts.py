"""How many token counts it takes to tell every known tokenizer, and how often one that is not known is called so.

    python token_counts.py [--runs 5] [--seed 0] [--write]
    python token_counts.py --null 2000 [--noise ±1 --noise exact]

Every tokenizer of the catalogue stands behind a simulated endpoint with an unknown number of tokens around the text (a
template and a hidden system prompt), exact or with each kind of noise. Then it is taken out of the table with all that
count alike, and the same endpoint is asked again: it has to be called unknown. Nothing is fitted on these cases; the
numbers go to docs/probe.md by hand.

``--null`` asks how often the true tokenizer is rejected, under noise that the test's null hypothesis has (so at most
α of the time, whatever was asked), with an exact bound; and how often the controls call an endpoint a changed one, or a
gateway's, that is neither.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from null.coins import clopper_pearson

from forebear.index import BlackBoxIndex
from forebear.inspect.probe_counts import Counts, count_tokens, recounted
from forebear.inspect.probe_tokenizers import ESTIMATES, count_table
from forebear.signals.counting_noise import OUTLIERS
from forebear.signals.token_counts import ALPHA, CountTable

Error = Callable[[np.random.Generator, int], int]


def exact(random: np.random.Generator, count: int) -> int:
    """The count itself."""
    return count


def one_off(random: np.random.Generator, count: int) -> int:
    """Off by one in half of the cases."""
    return count + int(random.choice([-1, 0, 1], p=[0.25, 0.5, 0.25]))


def two_off(random: np.random.Generator, count: int) -> int:
    """Off by up to two, all alike."""
    return count + int(random.integers(-2, 3))


def tens(random: np.random.Generator, count: int) -> int:
    """Rounded up to the next ten."""
    return 10 * -(-count // 10)


ERRORS: dict[str, Error] = {"exact": exact, "±1": one_off, "±2": two_off, "multiples of 10": tens}


def jitter(most: int) -> Error:
    """Off by up to so many, all alike."""
    return lambda random, count: count + int(random.integers(-most, most + 1))


def rounded(multiple: int) -> Error:
    """Rounded up to a multiple."""
    return lambda random, count: multiple * -(-count // multiple)


def seldom_far(random: np.random.Generator, count: int) -> int:
    """The count itself, but for the share of counts that the null hypothesis lets be off by anything."""
    return count + int(random.integers(-500, 500)) if random.random() < OUTLIERS else count


INSIDE: dict[str, Error] = {
    "exact": seldom_far,
    "±1": one_off,
    "±1, all alike": jitter(1),
    "±2": two_off,
    "±5": jitter(5),
    "multiples of 8": rounded(8),
    "multiples of 10": tens,
    "multiples of 64": rounded(64),
}
"""Noise that the null hypothesis of every tokenizer has."""


@dataclass(frozen=True)
class Error1:
    """How often the truth was rejected under one kind of noise that the null hypothesis has.

    Attributes:
        noise: its name.
        conversations: with endpoints whose tokenizer was in the table.
        rejected: of them, those in which it was rejected at any moment.
        highest: of that share, the upper end of the exact 95 % interval (Clopper and Pearson 1934).
        changed: of them, those that were said to be of another model at the end.
        streamed: of them, those whose counts in a stream were said to be others.
        mean: requests for counts, controls left out.
    """

    noise: str
    conversations: int
    rejected: int
    highest: float
    changed: int
    streamed: int
    mean: float


@dataclass(frozen=True)
class Row:
    """What came of one kind of noise.

    Attributes:
        noise: its name.
        runs: endpoints that were asked.
        right: of them, those whose tokenizer is in the answer.
        alone: those of which just the tokenizer and its twins are the answer.
        mean, p95, most: requests for counts, controls left out.
        left_out: endpoints whose tokenizer was not in the table.
        unknown: of them, those that were called unknown.
        wrong: those for which another was named as settled.
    """

    noise: str
    runs: int
    right: int
    alone: int
    mean: float
    p95: float
    most: int
    left_out: int
    unknown: int
    wrong: int


def asked(table: CountTable, texts: tuple[str, ...], truth: dict[str, int], error: Error, seed: int) -> Counts:
    """A whole conversation with an endpoint that counts by ``truth``."""
    random = np.random.default_rng(seed)
    overhead = int(random.integers(0, 4_000))

    def count(text: str, stream: bool) -> int:
        return error(random, overhead + truth[text])

    return recounted(count_tokens(table, texts, count), texts, count)


def study(runs: int, seed: int) -> tuple[list[Row], list[str]]:
    """All kinds of noise, and a line for everything that went wrong."""
    table, texts = count_table(BlackBoxIndex(Path("no index")))
    real = [k for k, names in enumerate(table.classes) if not set(names) & set(ESTIMATES)]
    rows, lines = [], []
    for name, error in ERRORS.items():
        requests, right, alone, unknown, wrong = [], 0, 0, 0, 0
        for k in real:
            classmates = table.classes[k]
            truth = dict(zip(texts, (int(n) for n in table.counts[k]), strict=True))
            for run in range(runs):
                counts = asked(table, texts, truth, error, seed + 1_000 * k + run)
                matches = [table.classes[m] for m in counts.test.matches]
                requests.append(counts.requests)
                right += classmates in matches
                alone += matches == [classmates]
                if matches != [classmates]:
                    lines.append(f"{name}: {classmates[0]} answered {[m[0] for m in matches][:4]} {counts.stopped}")
                rest = table.without(classmates[0])
                other = asked(rest, texts, truth, error, seed + 1_000 * k + run)
                unknown += not other.test.matches
                if other.test.matches:
                    settled = not other.stopped and len(other.test.matches) == 1
                    wrong += settled
                    told = [rest.classes[m][0] for m in other.test.matches][:4]
                    lines.append(f"{name}: without {classmates[0]} {'named' if settled else 'left'} {told}")
        n = len(requests)
        rows.append(
            Row(
                name,
                n,
                right,
                alone,
                float(np.mean(requests)),
                float(np.percentile(requests, 95)),
                max(requests),
                n,
                unknown,
                wrong,
            )
        )
    return rows, lines


def null_study(conversations: int, seed: int, kinds: Iterable[str]) -> list[Error1]:
    """Conversations inside the null hypothesis, with every tokenizer in turn, adaptive choice and controls included."""
    table, texts = count_table(BlackBoxIndex(Path("no index")))
    found = []
    for name in kinds:
        rejected, changed, streamed, requests = 0, 0, 0, []
        for run in range(conversations):
            k = run % len(table.classes)
            truth = dict(zip(texts, (int(n) for n in table.counts[k]), strict=True))
            counts = asked(table, texts, truth, INSIDE[name], seed + 1 + run)
            rejected += counts.test.rejected[k]
            changed += bool(counts.changed)
            streamed += counts.streamed is not None
            requests.append(counts.requests)
        highest = clopper_pearson(rejected, conversations)[1]
        found.append(Error1(name, conversations, rejected, highest, changed, streamed, float(np.mean(requests))))
        print(
            f"{name:16} {conversations:6}  rejected {rejected} ({rejected / conversations:.2%}, at most {highest:.2%}; "
            f"stated {ALPHA:.0%})  called changed {changed}, recounted {streamed}  requests {np.mean(requests):.1f}",
            flush=True,
        )
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5, help="conversations with every tokenizer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="a JSON file for the numbers")
    parser.add_argument("--null", type=int, metavar="N", help="N conversations for each kind of noise, for the error")
    parser.add_argument("--noise", action="append", choices=INSIDE, help="of --null, only this kind (again for more)")
    given = parser.parse_args()
    if given.null:
        errors = null_study(given.null, given.seed, given.noise or INSIDE)
        if given.write:
            given.write.write_text(json.dumps([asdict(row) for row in errors], indent=1) + "\n")
        return
    rows, lines = study(given.runs, given.seed)
    print("noise            runs  right  alone  requests mean/p95/most  left out: unknown  another named")
    for row in rows:
        print(
            f"{row.noise:16} {row.runs:4}  {row.right / row.runs:5.1%}  {row.alone / row.runs:5.1%}  "
            f"{row.mean:6.2f} / {row.p95:.0f} / {row.most}            {row.unknown / row.left_out:6.1%}         "
            f"{row.wrong / row.left_out:6.1%}"
        )
    for line in lines:
        print(line, file=sys.stderr)
    if given.write:
        given.write.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
