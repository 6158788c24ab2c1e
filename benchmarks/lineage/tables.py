"""What the study found, as Markdown: by method, by group, by transformation, and what nobody is scored on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from disguise.table import share
from null.coins import clopper_pearson
from null.tables import markdown

from lineage.baselines import BASELINES
from lineage.cases import BASE, DATA, FAMILY, FIT, HARD, SHAPE
from lineage.measure import FOREBEAR, IMPOSSIBLE, Result, kept_seconds

FALSE_POSITIVES = 0.01
"""Share of the fitted negatives that may lie above a threshold that no paper prints."""
METHODS = (FOREBEAR, *(b.name for b in BASELINES))
PUBLISHED: Mapping[str, float] = {b.name: b.threshold for b in BASELINES if b.threshold is not None}


@dataclass(frozen=True)
class Judge:
    """Thresholds by method; Forebear has none, it decides."""

    thresholds: Mapping[str, float]

    def says(self, method: str, result: Result) -> bool:
        """Whether a method calls a pair related; one that refuses does not."""
        if method == FOREBEAR:
            return result.related is True
        score = result.scores.get(method)
        return score is not None and score > self.thresholds.get(method, np.inf)


def fitted(results: Sequence[Result]) -> Judge:
    """Printed thresholds; for other methods the lowest that :data:`FALSE_POSITIVES` of the fit's negatives pass."""
    found = dict(PUBLISHED)
    for name in METHODS[1:]:
        negatives = sorted((r.scores[name] for r in results if r.part == FIT and name in r.scores), reverse=True)
        if name not in found and negatives:
            found[name] = negatives[int(FALSE_POSITIVES * len(negatives))]
    return Judge(found)


def auc(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """Chance that a related pair scores above an innocent one, ties half; None where one side is empty."""
    if not positives or not negatives:
        return None
    p, n = np.array(positives)[:, None], np.array(negatives)[None, :]
    return float(((p > n) + 0.5 * (p == n)).mean())


def scores(results: Sequence[Result], method: str) -> list[float]:
    """Scores of a method; one that refuses a pair has told nothing of it, and ranks it last."""
    return [r.scores.get(method, -np.inf) for r in results]


def made(results: Sequence[Result]) -> tuple[list[Result], list[Result]]:
    """Related pairs and innocent ones, those left out whose model could not be made."""
    there = [r for r in results if r.verdict != IMPOSSIBLE]
    return [r for r in there if r.what == BASE], [r for r in there if r.what in (*HARD, "independent")]


def by_method(results: Sequence[Result], judge: Judge, timed: Sequence[Result]) -> str:
    """One line a method, over all transformations."""
    related, innocent = made(results)
    seconds = kept_seconds(timed)
    head = ["method", "threshold", "found, 95 %", "innocents accused, 95 %"]
    kinds = [k for k in (DATA, SHAPE, FAMILY) if any(r.what == k for r in innocent)]
    head += [f"of {k}" for k in kinds] + ["AUC", "refused", *(["CPU s"] if seconds else [])]
    rows = []
    for name in METHODS:
        where = "its own" if name == FOREBEAR else "printed" if name in PUBLISHED else "fitted"
        at = f" {judge.thresholds[name]:.3g}" if name in judge.thresholds else "" if name == FOREBEAR else ": none yet"
        area = auc(scores(related, name), scores(innocent, name))
        line = [name, where + at, _share(related, judge, name), _share(innocent, judge, name)]
        for kind in kinds:
            own = [r for r in innocent if r.what == kind]
            line.append(f"{sum(judge.says(name, r) for r in own)} of {len(own)}")
        line += ["" if area is None else f"{area:.3f}", f"{sum(name not in r.scores for r in (*related, *innocent))}"]
        rows.append(line + ([f"{seconds[name]:.2f}" if name in seconds else ""] if seconds else []))
    return markdown(head, rows)


def _share(results: Sequence[Result], judge: Judge, method: str) -> str:
    if not results:
        return ""
    return str(share([judge.says(method, r) for r in results], [r.cluster for r in results]))


def by_group(results: Sequence[Result], judge: Judge) -> str:
    """Share found in every group of transformations, with its interval, and innocents accused."""
    rows = []
    for group in dict.fromkeys(r.group for r in results):
        related, innocent = made([r for r in results if r.group == group])
        cells = [
            f"{_share(related, judge, m)}, {sum(judge.says(m, r) for r in innocent)}" if related else ""
            for m in METHODS
        ]
        rows.append([group, f"{len(related)} + {len(innocent)}", *cells])
    return markdown(["transformations", "pairs", *METHODS], rows)


def by_row(results: Sequence[Result], judge: Judge) -> str:
    """One line a transformation: found, innocents accused and AUC of every method, and who is ahead of Forebear."""
    head = ["transformation", "pairs", f"{FOREBEAR} (nominated)", *METHODS[1:], "ahead of Forebear"]
    rows = []
    for name in dict.fromkeys(r.row for r in results):
        related, innocent = made([r for r in results if r.row == name])
        if not related:
            continue
        cells = [_cell(related, innocent, judge, m) for m in METHODS]
        first = sum(r.nominated == r.cluster for r in related)
        wrong = sum(bool(r.accused) for r in related)
        cells[0] += f" ({first}{f', {wrong} wrong' if wrong else ''})"
        rows.append([name, f"{len(related)} + {len(innocent)}", *cells, ahead(related, innocent, judge)])
    return markdown(head, rows)


def by_difficulty(results: Sequence[Result], judge: Judge) -> str:
    """Pairs of another zoo: how many of each difficulty every method calls related, and whether they should be."""
    rows = []
    for name in dict.fromkeys(r.row for r in sorted(results, key=lambda r: (r.what != BASE, r.row))):
        own = [r for r in results if r.row == name]
        counts = [str(sum(judge.says(m, r) for r in own)) if any(m in r.scores for r in own) else "–" for m in METHODS]
        rows.append([name, "yes" if own[0].what == BASE else "no", str(len(own)), *counts])
    return markdown(["difficulty", "related", "pairs", *METHODS], rows)


def _cell(related: Sequence[Result], innocent: Sequence[Result], judge: Judge, method: str) -> str:
    if not any(method in r.scores for r in related):
        return "–"
    area = auc(scores(related, method), scores(innocent, method))
    hits, wrong = (sum(judge.says(method, r) for r in those) for those in (related, innocent))
    return f"{hits} · {wrong}" + ("" if area is None else f" · {area:.2f}")


def ahead(related: Sequence[Result], innocent: Sequence[Result], judge: Judge) -> str:
    """Methods that find more than Forebear or order better, and what Forebear says of the pairs that it misses."""
    own = sum(judge.says(FOREBEAR, r) for r in related)
    best = auc(scores(related, FOREBEAR), scores(innocent, FOREBEAR))
    found = []
    for name in METHODS[1:]:
        hits, wrong = (sum(judge.says(name, r) for r in those) for those in (related, innocent))
        area = auc(scores(related, name), scores(innocent, name))
        if hits > own:
            found.append(f"{name} finds {hits - own} more" + (f" and accuses {wrong}" if wrong else ""))
        elif area is not None and best is not None and area > best + 1e-9:
            found.append(f"{name} orders better")
    missed = Counter(said(r) for r in related if not judge.says(FOREBEAR, r))
    why = ", ".join(f"{word} {count}" for word, count in missed.most_common())
    return "; ".join(found) + (f". Forebear says: {why}" if found and why else "")


def said(result: Result) -> str:
    """Forebear's verdict, and the finding beside it."""
    return " + ".join((result.verdict, *result.findings[:1]))


def by_twin(results: Sequence[Result], judge: Judge) -> str:
    """How many of the pairs that share a random start, or a teacher, every method calls related."""
    rows = [
        [name, str(len(own)), *(f"{sum(judge.says(m, r) for r in own)}" for m in METHODS), _verdicts(own)]
        for name in dict.fromkeys(r.row for r in results)
        if (own := [r for r in results if r.row == name])
    ]
    return markdown(["model in question", "pairs", *METHODS, "what Forebear says"], rows)


def _verdicts(results: Sequence[Result]) -> str:
    return ", ".join(f"{word} {count}" for word, count in Counter(r.verdict for r in results).most_common())


def refusals(results: Sequence[Result]) -> str:
    """Why methods refuse, with how many pairs, the most frequent reason first."""
    found = Counter((m, why.partition(":")[0]) for r in results for m, why in r.refused.items())
    return markdown(["method", "reason", "pairs"], [(m, why, n) for (m, why), n in sorted(found.items(), key=_rank)])


def _rank(entry: tuple[tuple[str, str], int]) -> tuple[int, int]:
    (method, _), count = entry
    return METHODS.index(method), -count


def intervals(n: int) -> str:
    """The interval of every number of ``n``, for a reader of the table by transformation."""
    limits = [clopper_pearson(k, n) for k in range(n + 1)]
    return ", ".join(f"{k}: {low:.0%} to {high:.0%}" for k, (low, high) in enumerate(limits))
