"""What a resemblance of activations is worth, and whether a model learned from another one's outputs.

Neither is descent. Activations resemble a reference's where weights come from it, whatever was done to coordinates,
and also, less, where a model was trained to imitate its outputs. So they support nothing; they say how unusual a
resemblance is, whom it points to, and, where independent models of the same tokenizer serve as controls, who the
teacher may be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from forebear.index import Likeness, Likenesses
from forebear.lineage.calibrated import calibrated
from forebear.lineage.calibration import ANY, Scores
from forebear.signals.activations import NAME
from forebear.types import Evidence, Relation, Test

PAIR, BEST, TEACHER = NAME, f"{NAME}:best", f"{NAME}:teacher"
"""Calibrations: of the score of a pair; of the highest score in an index, which open-set rejection is held against; and
of the margin by which a model resembles one reference beyond all controls."""
SIZES = (8, 12, 16, 24, 40)
"""Cohorts that calibrations are made with: with few references less is known of what is usual."""


def calibration_name(what: str, size: int) -> str:
    """What a calibration with a cohort of a size is called."""
    return f"{what}:{size}"


FALSE_ACCEPTS = 0.01
"""Share of models without a relative in an index that may be taken for somebody's."""
FALSE_TEACHERS = 0.05
"""Share of models without a teacher in an index that may be given one."""
COPY = 0.5
"""Cosine in the first third of the layers from which on a resemblance is closer than imitation of outputs makes it."""


def likeness_evidence(
    likeness: Likeness, search: Likenesses, scores: Scores | None, kind: str, source: str, about: dict[str, Any]
) -> Evidence:
    """The resemblance of one reference, as evidence that supports nothing.

    Args:
        likeness: of the reference.
        search: that found it.
        scores: of independent and of related models; None where there are none.
        kind: stratum of the pair.
        source: what the scores were made from.
        about: how the model's own activations were computed.
    """
    cosine = shallow_cosine(likeness)
    text = f"Texts lie to one another in the model's hidden states as in those of {likeness.name} with {cosine:.2f}"
    if search.normalised:
        text += (
            f" (1 in a copy, about 0 in independent models), {likeness.score:.1f} standard deviations beyond what is "
            f"usual among {search.cohort} independent references"
        )
    else:
        text += "; what all models have in common is in it, because there are too few references to take it out"
    details = {
        **about,
        "cosine": round(cosine, 6),
        "by_depth": list(likeness.by_depth),
        "cohort": search.cohort,
        "cohort_cosines": list(search.beside),
        "normalised": search.normalised,
    }
    score = round(likeness.score if search.normalised else cosine, 6)
    bare = Evidence(NAME, "activations", "nothing", score, Test.NONE, None, 0, None, f"{text}.", details=details)
    judged = scores.judged(likeness.score, kind) if scores is not None and search.normalised else None
    return bare if judged is None else calibrated(bare, judged, kind, source, search.references)


def shallow_cosine(likeness: Likeness) -> float:
    """The mean cosine in the first third of the layers."""
    known = [c for c in likeness.by_depth[:3] if c is not None]
    return sum(known) / len(known) if known else 0.0


def accepted(search: Likenesses, scores: Scores) -> tuple[float, int]:
    """The p-value of the best score of a search, and of how many independent models: open-set rejection.

    The null is the best score that a model without any relative reaches in an index of ``scores.least`` references; of
    a larger one the p-value is multiplied by how many times as large it is.
    """
    null = scores.null.get(ANY, ())
    if not search.found or not null:
        return 1.0, 0
    rank = (1 + sum(other >= search.found[0].score for other in null)) / (len(null) + 1)
    return min(1.0, rank * max(1.0, search.references / max(1, scores.least))), len(null)


@dataclass(frozen=True)
class Control:
    """A reference of the model's tokenizer, with what decides whether it can be a control for another one.

    Attributes:
        name: of the reference.
        cosine: with the model at the last depth.
        size: number of layers and width.
        shape: whatever tells two architectures or sizes apart.
        kin: names of references that depend on it.
    """

    name: str
    cosine: float
    size: tuple[int, int]
    shape: str
    kin: frozenset[str]


@dataclass(frozen=True)
class Teacher:
    """Who a model may have learned from, or why nobody can be named.

    Attributes:
        name: the reference that is resembled most at the last depth; empty where there is none.
        attributed: whether it is named as teacher.
        why: a clause; why not, where it is not.
        margin: by which its cosine is above that of every control, None without controls.
        p: conformal, None without a calibration.
        controls: names of the controls: of the same shape first.
    """

    name: str
    attributed: bool
    why: str
    margin: float | None = None
    p: float | None = None
    controls: tuple[str, ...] = ()

    def relation(self, scores: Scores) -> Relation:
        """The behavioural relation, never one of weights."""
        return Relation(
            "distilled",
            "unknown",
            None,
            {
                "kinds": ["distilled"],
                "behavioural": True,
                "teacher": self.name,
                "margin": self.margin,
                "p": self.p,
                "n_null": len(scores.null.get(ANY, ())),
                "controls": list(self.controls),
                "cannot_exclude": [
                    "that both imitate a third model that is not indexed",
                    "that both were trained on the same texts in ways that the controls were not",
                    "that the reference imitates the model: activations tell no direction",
                ],
            },
        )


def teacher(candidates: Sequence[Control], scores: Scores | None) -> Teacher:
    """Which reference a model imitates beyond all controls.

    A control is a reference of the same tokenizer that is independent of the candidate. One of the candidate's own
    shape is needed, which may have learned from the same texts without being it, and one of another size: where either
    is missing nobody is named, because a shared text or a shared size would look the same.
    """
    if not candidates:
        return Teacher("", False, "no reference has the model's tokenizer and activations of its last layers")
    first = max(candidates, key=lambda one: (one.cosine, one.name))
    beside = [one for one in candidates if one.name != first.name and one.name not in first.kin]
    twins = [one for one in beside if one.shape == first.shape]
    others = [one for one in beside if one.size != first.size]
    missing = [
        *(["of the same sizes (it may have learned from the same texts)"] if not twins else []),
        *(["of other sizes"] if not others else []),
    ]
    if missing:
        why = f"there is no control {' and none '.join(missing)}: a reference of its tokenizer, independent of it"
        return Teacher(first.name, False, why)
    margin = first.cosine - max(one.cosine for one in beside)
    names = tuple(one.name for one in (*twins, *(one for one in beside if one not in twins)))
    null = scores.null.get(ANY, ()) if scores is not None else ()
    if not null:
        return Teacher(first.name, False, "there is no calibration of margins", margin, None, names)
    p = (1 + sum(other >= margin for other in null)) / (len(null) + 1)
    why = (
        f"at the last layer it resembles {first.name} by {margin:.3f} more than {len(names)} controls of the same "
        f"tokenizer; of {len(null)} models without a teacher among the references {p:.0%} do so"
    )
    return Teacher(first.name, p <= FALSE_TEACHERS, why, margin, p, names)


def with_teacher(evidence: Evidence, found: Teacher) -> Evidence:
    """Evidence of a resemblance with what was found out about imitation."""
    told = {
        "name": found.name,
        "attributed": found.attributed,
        "why": found.why,
        "margin": found.margin,
        "p": found.p,
        "controls": list(found.controls),
    }
    text = evidence.summary
    if found.attributed:
        text += f" {found.why[0].upper()}{found.why[1:]}."
    return replace(evidence, summary=text, details={**evidence.details, "teacher": told})
