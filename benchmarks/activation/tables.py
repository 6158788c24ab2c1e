"""What the study found, as numbers, as Markdown and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from null.coins import clopper_pearson
from null.plots import BLUE, ORANGE, figure

from activation.scores import Asked
from forebear.lineage.activations import BEST, FALSE_ACCEPTS, Teacher, calibration_name
from forebear.lineage.calibration import ANY, Calibration, flat
from forebear.lineage.likelihood import cllr, cllr_min, fitted

BOOTSTRAP, SEED = 500, 3
BLIND = ("reborn",)
"""What the signal says that it cannot see: embeddings that were drawn anew. Told apart, and included as well."""


def auc(high: Sequence[float], low: Sequence[float]) -> float:
    """The chance that one of the first is above one of the second; halves for equals."""
    both = np.concatenate([high, low])
    _, place, counts = np.unique(both, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    first = ranks[: len(high)].sum() - len(high) * (len(high) + 1) / 2
    return float(first / (len(high) * len(low)))


def methods(name: str, asked: Sequence[Asked], independent: Sequence[Asked]) -> list[dict[str, Any]]:
    """One method on everything, and on everything but what is told to be out of reach."""
    some = [a for a in asked if a.kind not in BLIND]
    rows = [method(name, asked, independent)]
    return rows if len(some) == len(asked) else [*rows, method(f"{name}, without {BLIND[0]}", some, independent)]


def method(name: str, asked: Sequence[Asked], independent: Sequence[Asked]) -> dict[str, Any]:
    """How well one method names bases, and how well it keeps strangers out."""
    best, strange = [a.score for a in asked], [a.score for a in independent]
    limit = float(np.quantile(strange, 1 - FALSE_ACCEPTS)) if strange else 0.0
    pairs = [f.score for a in asked for f in a.found if f.name not in a.right]
    return {
        "method": name,
        "top1": float(np.mean([a.first for a in asked])),
        "auc_open": auc(best, strange),
        "auc_pairs": auc([a.own for a in asked], pairs),
        "found_at_1_percent": float(np.mean([a.first and a.score > limit for a in asked])),
        "n": len(asked),
        "strangers": len(independent),
    }


def identification(
    asked: Sequence[Asked], independent: Sequence[Asked], calibration: Calibration, size: int
) -> dict[str, Any]:
    """At the threshold that is printed: found, accepted wrongly; and the cost of likelihood ratios."""
    told = at_threshold(asked, independent, threshold(calibration, size))
    return {**told, **costs(asked, independent, calibration, size)}


def at_threshold(asked: Sequence[Asked], independent: Sequence[Asked], limit: float) -> dict[str, Any]:
    """Whom an index names above a score."""
    accepted = sum(a.controlled and a.score >= limit for a in independent)
    found = sum(a.controlled and a.first and a.score >= limit for a in asked)
    wrong = sum(a.controlled and not a.first and a.score >= limit for a in asked)
    return {
        "threshold": limit,
        "descendants": len(asked),
        "bases": len({a.base for a in asked}),
        "top1": sum(a.first for a in asked),
        "found": found,
        "wrong": wrong,
        "strangers": len(independent),
        "without_control": sum(not a.controlled for a in (*asked, *independent)),
        "accepted": accepted,
        "accepted_interval": clopper_pearson(accepted, len(independent)),
    }


def threshold(calibration: Calibration, size: int) -> float:
    """The smallest score whose conformal p-value among best scores is no larger than the false-accept rate."""
    null = sorted(calibration.signals[calibration_name(BEST, size)].null[ANY], reverse=True)
    above = int(FALSE_ACCEPTS * (len(null) + 1)) - 1
    return float(np.nextafter(null[above], np.inf)) if above >= 0 else float("inf")


def costs(asked: Sequence[Asked], independent: Sequence[Asked], calibration: Calibration, size: int) -> dict[str, Any]:
    """Cllr of best scores, and its bootstrap interval by base."""
    scores = calibration.signals[calibration_name(BEST, size)]
    related, weights = flat(scores.related)
    ratio = fitted(related, scores.null[ANY], weights)
    strange = np.array([ratio.at(a.score) if a.controlled else 0.0 for a in independent])
    bases = sorted({a.base for a in asked})
    own = {b: np.array([ratio.at(a.own) if a.controlled else 0.0 for a in asked if a.base == b]) for b in bases}
    raw = {b: np.array([a.own for a in asked if a.base == b]) for b in bases}
    rng = np.random.default_rng(SEED)

    def cost(chosen: Sequence[str], others: Any) -> float:
        values = np.concatenate([own[b] for b in chosen])
        w = np.concatenate([np.full(len(own[b]), 1 / len(own[b])) for b in chosen])
        return cllr(values, others, w)

    draws = [cost(rng.choice(bases, len(bases)).tolist(), rng.choice(strange, len(strange))) for _ in range(BOOTSTRAP)]
    least = cllr_min(np.concatenate([raw[b] for b in bases]), np.array([a.score for a in independent]))
    return {
        "cllr": cost(bases, strange),
        "cllr_min": least,
        "cllr_interval": [float(np.quantile(draws, q)) for q in (0.025, 0.975)],
    }


def by_kind(asked: Sequence[Asked], calibration: Calibration, size: int) -> list[dict[str, Any]]:
    """Every change of a base, the hardest first."""
    limit = threshold(calibration, size)
    rows = []
    for kind in sorted({a.kind for a in asked}):
        own = [a for a in asked if a.kind == kind]
        found = sum(a.controlled and a.first and a.score >= limit for a in own)
        rows.append(
            {
                "kind": kind,
                "n": len(own),
                "top1": sum(a.first for a in own),
                "found": found,
                "least": min(a.own for a in own),
                "median": float(np.median([a.own for a in own])),
            }
        )
    return sorted(rows, key=lambda r: (r["found"] / r["n"], r["median"]))


def teachers(said: Mapping[str, Sequence[Teacher]], null: Sequence[Teacher]) -> dict[str, Any]:
    """Students whose teacher was named, and models that were given one wrongly."""
    all_ = [(who, t) for who, several in said.items() for t in several]
    judged = [t for t in null if t.margin is not None]
    wrong = sum(t.attributed for t in judged)
    return {
        "teachers": len(said),
        "students": len(all_),
        "right": sum(t.attributed and t.name == who for who, t in all_),
        "wrong": sum(t.attributed and t.name != who for who, t in all_),
        "abstained": sum(t.margin is None for _, t in all_),
        "without": len(judged),
        "false": wrong,
        "false_interval": clopper_pearson(wrong, len(judged)) if judged else (0.0, 1.0),
        "null_abstained": len(null) - len(judged),
    }


def document(found: Mapping[str, Any]) -> str:
    """All tables as Markdown."""
    one, who = found["identification"], found["teachers"]
    low, high = one["accepted_interval"]
    out = [
        "| | |",
        "| --- | --- |",
        f"| bases in the index | {one['bases']} |",
        f"| descendants asked about | {one['descendants']:,} |",
        f"| right base first | {one['top1']:,} ({one['top1'] / one['descendants']:.1%}) |",
        f"| right base named, at the printed threshold ({one['threshold']:.2f}) | {one['found']:,} "
        f"({one['found'] / one['descendants']:.1%}) |",
        f"| wrong base named | {one['wrong']:,} |",
        f"| strangers asked about | {one['strangers']:,} |",
        f"| strangers accepted | {one['accepted']} ({one['accepted'] / max(1, one['strangers']):.2%}; 95 % interval "
        f"{low:.2%} to {high:.2%}) |",
        f"| Cllr of best scores (interval by base) | {one['cllr']:.3f} ({one['cllr_interval'][0]:.3f} to "
        f"{one['cllr_interval'][1]:.3f}) |",
        f"| Cllr_min | {one['cllr_min']:.3f} |",
        "",
        "| method | right base first | AUC, open set | AUC, pairs | named at 1 % false accepts |",
        "| --- | --- | --- | --- | --- |",
    ]
    out += [
        f"| {row['method']} | {row['top1']:.1%} | {row['auc_open']:.4f} | {row['auc_pairs']:.4f} | "
        f"{row['found_at_1_percent']:.1%} |"
        for row in found["methods"]
    ]
    head = (
        "| references | threshold | descendants | named rightly | wrongly | strangers | accepted | without a control |"
    )
    out += ["", head, "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    out += [
        f"| {row['size']} | {row['threshold']:.2f} | {row['descendants']} | {row['found'] / row['descendants']:.1%} | "
        f"{row['wrong']} | {row['strangers']:,} | {row['accepted'] / max(1, row['strangers']):.2%} | "
        f"{row['without_control']:,} |"
        for row in found["sizes"]
    ]
    out += ["", "| what was done to the base | models | right first | named | least score | median |"]
    out += ["| --- | --- | --- | --- | --- | --- |"]
    out += [
        f"| {row['kind']} | {row['n']} | {row['top1']} | {row['found']} | {row['least']:.1f} | {row['median']:.1f} |"
        for row in found["by_kind"]
    ]
    low, high = who["false_interval"]
    out += [
        "",
        "| | |",
        "| --- | --- |",
        f"| teachers | {who['teachers']} |",
        f"| students | {who['students']} |",
        f"| right teacher named | {who['right']} ({who['right'] / max(1, who['students']):.1%}) |",
        f"| another one named | {who['wrong']} |",
        f"| models without their teacher in the index, or without one | {who['without']} |",
        f"| a teacher named all the same | {who['false']} ({who['false'] / max(1, who['without']):.1%}; 95 % interval "
        f"{low:.1%} to {high:.1%}) |",
        f"| nobody asked for want of controls | {who['abstained'] + who['null_abstained']} |",
    ]
    return "\n".join(out)


def draw(path: Path, found: Mapping[str, Any]) -> None:
    """Scores of descendants with their bases, and the best scores of strangers."""
    scores = found["scores"]
    top = max(scores["descendants"])
    edges = np.linspace(min(scores["strangers"]) - 0.5, top + 0.5, 60)
    with figure(path, 1) as (axis,):
        for values, colour, label in (
            (scores["strangers"], ORANGE, "strangers, best of the index"),
            (scores["descendants"], BLUE, "descendants, own base"),
        ):
            axis.hist(values, edges, density=True, color=colour, alpha=0.6, label=label)
        axis.axvline(found["identification"]["threshold"], color="black", linewidth=0.8)
        axis.set(xlabel="score (standard deviations of the cohort)", ylabel="density")
        axis.legend(fontsize=7, frameon=False)
