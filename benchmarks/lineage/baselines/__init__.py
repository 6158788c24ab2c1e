"""The field's methods, each from its paper, behind one interface; no line of their authors' code is here."""

from __future__ import annotations

from lineage.baselines.awm import Awm
from lineage.baselines.base import Baseline
from lineage.baselines.huref import Invariants
from lineage.baselines.kit import Kit
from lineage.baselines.match import Match, PhiU
from lineage.baselines.parameters import ParameterCosine
from lineage.baselines.profiles import Profiles
from lineage.baselines.reef import Reef
from lineage.baselines.spectra import Spectra

__all__ = ["BASELINES", "Baseline"]

BASELINES: tuple[Baseline, ...] = (
    ParameterCosine(),
    Profiles(),
    Invariants(),
    Awm(),
    PhiU(),
    Match(),
    Reef(),
    Kit(),
    Kit(gate=False),
    Spectra(),
)
"""Every method, in the order of the tables."""
