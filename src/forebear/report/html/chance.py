"""How sure, and why: what chance does, where the model lies in it, what the number rests on and what it leaves open."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from forebear.catalogue import verdict_text
from forebear.report.html.blocks import listing, paragraph, rows
from forebear.report.html.evidence import all_counted, counted
from forebear.report.html.saved import Saved, count, finite, line, log_p, many, number, objects, part, text, texts
from forebear.report.html.words import odds, told
from forebear.report.markup import Html, element, joined
from forebear.report.page.blocks import Cell
from forebear.report.svg import coins, dots, figure
from forebear.types import Verdict

SPREAD = 3.891
"""Standard errors within which 9,999 of 10,000 counts of fair coins lie."""
LARGEST = 10**12


def chance(saved: Saved) -> Html | None:
    """The null distributions, then the words."""
    said = [*_coins(saved), *_starts(saved), *_relation(saved), *_calibrated(saved), *_verdict(saved)]
    return joined(said, "\n") if said else None


def _coins(saved: Saved) -> Iterator[Html]:
    """Coins of two models that were initialised separately, and those that were counted."""
    found = all_counted(saved.evidence)
    if not found:
        yield paragraph(
            "The document keeps no counts against a reference (a scan keeps those of related ones), so there is no "
            "number of chance."
        )
    for item in found:
        yield from _counted(item)
    references = count(saved.document, "references_tested")
    if found and references > 1:
        yield paragraph(
            f"{references:,} references were compared. By chance that makes a match {references:,} times likelier than "
            "with one; the E-values of the document count that in."
        )


def _counted(item: Mapping[str, Any]) -> Iterator[Html]:
    details, n = part(item, "details"), count(item, "n")
    agree, p = count(details, "agree"), log_p(item)
    if agree > n or n > LARGEST:
        return
    aligned = text(item, "signal").startswith("aligned-coins/")
    yield paragraph(
        "The test asks one yes-or-no question of many places in the network"
        + (", after the coordinates of the two were put together" if aligned else "")
        + ". Two models that were initialised and trained separately answer each as a fair coin would, whatever they "
        "were trained on."
    )
    yield from _picture(n, agree, "separately initialised models")
    if p is not None:
        exact = text(item, "test") == "exact"
        yield paragraph(
            told(p, log_p(details, "log10_p_raw"))
            if exact
            else "For these two the assumptions of the exact test do not hold; the number is no error rate."
        )
        paid = number(details, "log10_paid")
        if paid:
            yield paragraph(
                f"The number has paid for what was tried before: it was multiplied by {10 ** min(paid, 18):,.0f}."
            )
    if kept := listing(texts(details, "conditions")):
        yield joined([element("h3", "What this number rests on, and what it does not exclude"), kept])


def _picture(n: int, agree: int, of: str) -> Iterator[Html]:
    spread = 0.5 * math.sqrt(n)
    low, high = max(0.0, n / 2 - SPREAD * spread), min(float(n), n / 2 + SPREAD * spread)
    away = (agree - n / 2) / spread
    where = "within what chance does" if low <= agree <= high else "outside"
    said = (
        f"Of {n:,} fair coins about {n / 2:,.0f} show the same side; 9,999 of 10,000 times it is between "
        f"{math.floor(low):,} and {math.ceil(high):,}. Seen were {agree:,}: {abs(away):.1f} standard errors "
        f"{'above' if away >= 0 else 'below'} the middle, {where}."
    )
    yield figure(coins(agree, n, f"Distribution of agreeing coins of {of}. {said}"), said)


def _starts(saved: Saved) -> Iterator[Html]:
    """Rows that training left alone: they tell a shared start from shared training."""
    item = counted(saved.evidence, ("still-rows/",))
    if item is None or count(part(item, "details"), "agree") > count(item, "n") or count(item, "n") > LARGEST:
        return
    yield element("h3", "Shared training, or only a shared random start?")
    yield paragraph(line(item, "summary", 700), told(log_p(item) or 0.0))
    yield from _picture(count(item, "n"), count(part(item, "details"), "agree"), "models that share a start alone")


def _relation(saved: Saved) -> Iterator[Html]:
    """How the two are related is an estimate, and has a record of its own."""
    relation = saved.relation
    details = part(relation, "details")
    said = [line({"t": t}, "t", 300) for t in part(details, "tests").values() if isinstance(t, str)]
    record = part(details, "confidence")
    confidence = number(relation, "confidence")
    if confidence is not None and record:
        said.append(
            f"The kind of relation has confidence {confidence:.2f}: it was right in {count(record, 'right'):,} of "
            f"{count(record, 'comparisons'):,} comparisons with models of known ancestry, of "
            f"{count(record, 'bases'):,} bases."
        )
    for reason in objects(part(details, "direction"), "reasons"):
        told_ = part(reason, "was_right")
        right = f"; right in {count(told_, 'right'):,} of {count(told_, 'of'):,} known cases" if told_ else ""
        odds_ = number(reason, "log_odds") or 0.0
        said.append(f"On which came first: {line(reason, 'text')} (log-odds {odds_:+.1f}{right}).")
    if said and (items := listing(said)):
        yield element("h3", "How they are related is an estimate")
        yield paragraph("The p-value is about dependence alone. Relation and direction have tests of their own:")
        yield items


def _calibrated(saved: Saved) -> Iterator[Html]:
    """Scores that are held against models known to be independent."""
    content = []
    for item in saved.evidence:
        p, n = log_p(item), count(item, "n")
        if text(item, "test") != "calibrated" or p is None or not n:
            continue
        above = max(0, round(10**p * (n + 1)) - 1)
        seen = f"{above:,} of {n:,}" + (" (none can say more than one in " + f"{n + 1:,})" if not above else "")
        content.append((Cell(line(item, "signal", 60)), Cell(line(item, "null", 200)), Cell(seen), Cell(odds(p))))
    head = ("Score", "Held against", "Scored as high or higher", "By chance in")
    table = rows("Scores held against independent models; they nominate and prove nothing", head, content)
    if table is not None:
        yield table
    for item in saved.evidence:
        yield from _cohort(part(item, "details"))


def _cohort(details: Mapping[str, Any]) -> Iterator[Html]:
    """The model's likeness to a reference among the likenesses of independent references."""
    null = [v for v in map(finite, many(details, "cohort_cosines")) if v is not None]
    seen = number(details, "cosine")
    if not null or seen is None:
        return
    above = sum(v >= seen for v in null)
    said = (
        f"Likeness of hidden states to the reference (line, {seen:.2f}) and to {len(null):,} independent references "
        f"(dots): {above:,} of them are as like or more so."
    )
    yield figure(dots(null, seen, said, "the reference"), said)


def _verdict(saved: Saved) -> Iterator[Html]:
    """What the verdict says and does not say."""
    try:
        words = verdict_text(Verdict(text(saved.document, "verdict")))
    except ValueError:
        return
    yield element("h3", "What the verdict says, and does not")
    facts = (
        ("It says", words.meaning),
        ("It does not say", words.does_not_say),
        ("What would settle more", words.settles),
    )
    yield element("dl", *[joined([element("dt", name), element("dd", said)]) for name, said in facts])
