"""Which calibration holds: the one that was made from the index itself goes before those of the package, by signal."""

from __future__ import annotations

from dataclasses import dataclass

from forebear.errors import ForebearError
from forebear.index import Index
from forebear.lineage.calibration import SHIPPED_ACTIVATIONS, Calibration, Scores, parse, shipped


@dataclass(frozen=True)
class InForce:
    """The calibration that scans use.

    Attributes:
        own: made from the index, None without one.
        problem: why the index's own cannot be used; empty where it can, or there is none.
    """

    own: Calibration | None = None
    problem: str = ""

    def of(self, signal: str) -> tuple[Scores, str] | None:
        """Scores of a signal and what they were made from, None where there are none."""
        for calibration in (self.own, shipped(), shipped(SHIPPED_ACTIVATIONS)):
            if calibration is not None and signal in calibration.signals:
                return calibration.signals[signal], calibration.source
        return None

    @property
    def signals(self) -> dict[str, str]:
        """Source by signal; of several calibrations of one signal, one's."""
        names = {
            **shipped(SHIPPED_ACTIVATIONS).signals,
            **shipped().signals,
            **(self.own.signals if self.own else {}),
        }
        found = {name.partition(":")[0]: told[1] for name in names if (told := self.of(name)) is not None}
        return dict(sorted(found.items()))


def in_force(index: Index) -> InForce:
    """The calibration that holds for an index; a damaged one is told and not used."""
    try:
        kept = index.calibration()
        return InForce() if kept is None else InForce(parse(kept[1], kept[0]))
    except ForebearError as error:
        return InForce(problem=str(error))
