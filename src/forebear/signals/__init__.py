"""One way to measure per file: an artifact becomes sketches, two sketches or artifacts become evidence."""

from forebear.signals.base import SIGNALS, Signal, signal
from forebear.signals.fingerprint import Fingerprint, fingerprint

__all__ = ["SIGNALS", "Fingerprint", "Signal", "fingerprint", "signal"]
