"""Recompute the numbers and the verdict of a saved Forebear result from its counts: nothing but Python is needed.

    forebear scan ./model --format json -o result.json
    python examples/recompute.py result.json

For whoever does not want to take Forebear's word for it. This file imports nothing of Forebear; it is written from
docs/architecture.md. It adds up the coins of every exact test, computes their tails anew (Binomial, one half), pays for
the looks that were taken, and checks that the verdict is one that these numbers allow; it combines calibrated scores,
and counts discoveries, again. That the counts are those of the models is another question: who has the models runs the
same comparison again.

Exit code 0: everything follows. 1: something does not. 2: the file cannot be read.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ALPHA, PART = -6.0, -3.0
"""log10 of the levels: of dependence, and of a group or the weaker half of the layers on its own."""
FLOOR = -30.0
LOOKS = math.log10(2 / 0.998)
"""The pooled count and the best component are two looks; aligned coins and towers have a thousandth of the level."""
CLOSE = 2e-6
SIGNS = ("sign-code/", "aligned-coins/")
DEPENDENT = {"derived", "dependent", "siblings", "merge", "same_init_or_derived"}
RATE = 0.01
ENOUGH = 2.0
"""Log-odds from which on a direction may be named."""

Tail = tuple[int, int]
Json = Mapping[str, Any]


def log10_tail(n: int, agree: int) -> float:
    """log10 P(X >= agree) of n fair coins, summed in whole numbers."""
    if agree <= 0 or n <= 0:
        return 0.0
    total = sum(math.comb(n, k) for k in range(agree, n + 1))
    return min(0.0, math.log10(total) - n * math.log10(2))


def floored(log10_p: float) -> float:
    """As results print it."""
    return max(FLOOR, log10_p)


class Coins:
    """The coins of one evidence: pooled, by group, by layer and by component."""

    def __init__(self, evidence: Json) -> None:
        details = evidence["details"]
        self.details = details
        self.n, self.agree = int(evidence["n"]), int(details["agree"])
        self.groups: dict[str, Tail] = {g: (t["n"], t["agree"]) for g, t in details["groups"].items()}
        self.layers: list[Tail] = [(t["n"], t["agree"]) for t in details["layers"]]
        names = [f"layer {t['b']}" for t in details["layers"]]
        self.components = dict(zip(names, self.layers, strict=True))
        if "residual" in self.groups:
            self.components["embedding"] = self.groups["residual"]
        self.paid = LOOKS + float(details["log10_paid"])
        self.references = float(details["log10_references"])

    @property
    def pair(self) -> float:
        """The p-value of the pair, all looks at it paid for, as log10."""
        best = min((log10_tail(*t) for t in self.components.values()), default=0.0)
        best = min(0.0, best + math.log10(max(1, len(self.components))))
        return min(0.0, min(log10_tail(self.n, self.agree), best) + self.paid)

    def agreeing(self) -> set[str]:
        """Groups that are significant on their own, their number paid for."""
        limit = PART - math.log10(max(1, len(self.groups)))
        return {g for g, t in self.groups.items() if log10_tail(*t) <= limit}

    def throughout(self) -> bool:
        """Whether the layers that agree least, the stronger half left out, agree as well."""
        if len(self.layers) < 2:
            return False
        weaker = sorted(self.layers, key=lambda t: ((t[1] / t[0]) if t[0] else 0.5, t[0]))[: len(self.layers) // 2]
        return log10_tail(sum(n for n, _ in weaker), sum(k for _, k in weaker)) <= PART

    def whole(self) -> bool:
        """Whether two groups agree, and the layers throughout; with one layer, every component on its own."""
        if self.details["depth"] == 1:
            limit = ALPHA - (self.paid - LOOKS) - LOOKS - math.log10(max(1, len(self.components)))
            parts = [log10_tail(*t) <= limit for t in self.components.values()]
            return len(self.agreeing()) >= 2 and len(parts) >= 2 and all(parts)
        return len(self.agreeing()) >= 2 and self.throughout()

    def established(self) -> bool:
        """Whether the pair is dependent at the level of a verdict, all references paid for."""
        return self.pair + self.references <= ALPHA


def wrong_numbers(evidence: Json, coins: Coins) -> Iterator[str]:
    """Numbers of an evidence that do not follow from its counts."""
    details = coins.details
    if (coins.n, coins.agree) != tuple(sum(t[k] for t in coins.groups.values()) for k in (0, 1)):
        yield "the groups do not add up to all coins"
    inner = [sum(t[k] for g, t in coins.groups.items() if g != "residual") for k in (0, 1)]
    if coins.layers and any(sum(t[k] for t in coins.layers) != inner[k] for k in (0, 1)):
        yield "the layers do not add up to the coins of their groups"
    printed = [
        ("the pair", evidence["log10_p"], floored(coins.pair)),
        ("the pair, raw", details["log10_p_raw"], coins.pair),
    ]
    printed += [(g, t["log10_p"], floored(log10_tail(t["n"], t["agree"]))) for g, t in details["groups"].items()]
    printed += [(f"layer {t['b']}", t["log10_p"], floored(log10_tail(t["n"], t["agree"]))) for t in details["layers"]]
    for what, said, found in printed:
        if said is None or abs(said - found) > CLOSE * max(1.0, abs(found)):
            yield f"log10 p of {what} is {found:.6f}, not {said}"


def wrong_verdict(verdict: str, signs: Sequence[tuple[Json, Coins]], relation: Json) -> Iterator[str]:
    """What the verdict claims and the counts do not carry, or the reverse."""
    exact = [(e, c) for e, c in signs if e["test"] == "exact"]
    carried = any(c.established() for _, c in exact)
    if verdict in DEPENDENT:
        through = any(
            c.established()
            and log10_tail(c.n, c.agree) + (c.paid - LOOKS) + c.references <= ALPHA
            and (c.throughout() if e["signal"].startswith("aligned") else c.whole())
            for e, c in exact
        )
        if not through:
            yield f"{verdict}: no exact test is significant in two groups and throughout the layers"
    elif verdict == "component_shared" and not carried:
        yield "component_shared: no part is significant once all looks are paid for"
    elif verdict in ("same_architecture", "same_tokenizer", "unrelated") and carried:
        yield f"{verdict}: the coins are significant"
    way = relation.get("details", {}).get("direction")
    if verdict != "merge" and isinstance(way, Mapping) and "reasons" in way:
        total = sum(r["log_odds"] for r in way["reasons"])
        if abs(total - way["log_odds"]) > 1e-3:
            yield f"direction: the log-odds add up to {total:.3f}, not {way['log_odds']}"
        named = relation["direction"] == ("a_to_b" if total > 0 else "b_to_a")
        told = any(r["rules_out_siblings"] and r["log_odds"] * total > 0 for r in way["reasons"])
        if (
            relation["direction"] != "unknown"
            and verdict != "derived"
            and not (named and told and abs(total) >= ENOUGH)
        ):
            yield f"direction {relation['direction']} does not follow from its reasons"


def wrong_scores(one: Json) -> Iterator[str]:
    """Calibrated scores of one reference, and what they say together: the mean of the e-values ``p ** -0.5 / 2``.

    That a p-value is the rank of the score among those of independent models takes their scores: docs/calibration.md.
    """
    scores = [e for e in one["evidence"] if e["test"] == "calibrated" and e["log10_p"] is not None]
    for e in scores:
        least = -math.log10(e["n"] + 1)
        if not least - CLOSE <= e["log10_p"] <= 0:
            yield f"{e['signal']}: {e['n']} independent pairs cannot give a log10 p of {e['log10_p']}"
        if e["log10_lr"] is not None and e["log10_lr"] > -least + CLOSE:
            yield f"{e['signal']}: {e['n']} independent pairs cannot give a log10 ratio of {e['log10_lr']}"
    if scores and one.get("log10_lr") is not None:
        mean = math.log10(sum(10 ** (-e["log10_p"] / 2) / 2 for e in scores) / len(scores))
        if abs(mean - one["log10_lr"]) > CLOSE * max(1.0, abs(mean)):
            yield f"the mean of the e-values is {mean:.6f} (log10), not {one['log10_lr']}"


def wrong_discoveries(ancestors: Sequence[Json]) -> Iterator[str]:
    """Ancestors that do or do not remain at a false discovery rate of 1 % (e-BH over all references searched)."""
    told = [a for a in ancestors if a.get("discovery") is not None]
    if not told:
        return
    signs = [Coins(e) for a in told for e in a["evidence"] if e["signal"].startswith(SIGNS) and e["n"]]
    searched = max((c.references for c in signs), default=0.0)
    values = sorted((math.log10(0.5) - a["log10_p"] / 2 for a in told), reverse=True)
    enough = [k for k, v in enumerate(values, 1) if v + math.log10(k) >= searched - math.log10(RATE) - CLOSE]
    least = values[enough[-1] - 1] if enough else math.inf
    for a in told:
        if a["discovery"] != (math.log10(0.5) - a["log10_p"] / 2 >= least):
            yield f"{a['name']}: discovery is {a['discovery']}, and e-BH says otherwise"


def check(document: Json) -> Iterator[str]:
    """Everything in a result that does not follow."""
    several = document.get("ancestors", [document])
    for one in several:
        who = one.get("name") or f"{document['a']['name']} and {document['b']['name']}"
        signs = [(e, Coins(e)) for e in one["evidence"] if e["signal"].startswith(SIGNS) and e["n"]]
        for evidence, coins in signs:
            yield from (f"{who}, {evidence['signal']}: {what}" for what in wrong_numbers(evidence, coins))
        for evidence in (e for e in one["evidence"] if e["signal"].startswith("still-rows/")):
            found = log10_tail(evidence["n"], evidence["details"]["agree"])
            if abs(evidence["log10_p"] - floored(found)) > CLOSE * max(1.0, abs(found)):
                yield f"{who}, {evidence['signal']}: log10 p is {found:.6f}, not {evidence['log10_p']}"
        yield from (f"{who}: {what}" for what in wrong_verdict(one["verdict"], signs, one["relation"]))
        if one.get("log10_e") is not None and signs:
            e = one["log10_p"] + max(c.references for _, c in signs)
            if abs(e - one["log10_e"]) > CLOSE * max(1.0, abs(e)):
                yield f"{who}: log10 E is {e:.6f}, not {one['log10_e']}"
    for one in (*several, *document.get("nominated", [])):
        yield from (f"{one.get('name')}: {what}" for what in wrong_scores(one))
    yield from wrong_discoveries(document.get("ancestors", []))


def main(arguments: Sequence[str]) -> int:
    """Check the files that are named, and say what does not follow."""
    if not arguments:
        print(__doc__)
        return 2
    code = 0
    for name in arguments:
        try:
            document = json.loads(Path(name).read_text("utf-8"))
            found = list(check(document))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            print(f"{name}: not a result of a scan or comparison ({type(error).__name__}: {error})", file=sys.stderr)
            return 2
        print(*(f"{name}: {what}" for what in found or ["everything follows from its counts"]), sep="\n")
        code = max(code, 1 if found else 0)
    return code


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
