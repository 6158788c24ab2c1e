"""What the evidence adds up to: counts, evidence, verdicts."""

from forebear.lineage.conclude import Conclusion, conclude
from forebear.lineage.counts import Counts
from forebear.lineage.evidence import delta_evidence, sign_evidence

__all__ = ["Conclusion", "Counts", "conclude", "delta_evidence", "sign_evidence"]
