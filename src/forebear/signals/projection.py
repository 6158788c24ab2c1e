"""Where training moves the geometry of any model: directions that tell least about whose it is, learned and shipped.

Within-class covariance normalisation, as in speaker verification (Hatch, Kajarekar and Stolcke 2006): what differs
between a base and its descendants is shrunk, so that what differs between bases weighs more. The directions were
learned from small models and their descendants by ``benchmarks/activation_projection.py``; no report is about these.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from forebear.signals.activations import PAIRS, SLOTS

F32 = NDArray[np.float32]
VERSION = 1


@dataclass(frozen=True, eq=False)
class Projection:
    """What is shrunk at every depth.

    Attributes:
        directions: ``(5, r, 8128)``, of unit length and orthogonal to one another.
        shares: ``(5, r)``, how much of a model's part along each is taken off, from 0 to 1.
    """

    directions: F32
    shares: F32

    def apply(self, rest: F32, slot: int) -> F32:
        """Geometries ``(n, 8128)`` of a depth, less what training changes."""
        axes = self.directions[slot]
        return np.asarray(rest - ((rest @ axes.T) * self.shares[slot]) @ axes, dtype=np.float32)

    def to_bytes(self) -> bytes:
        """The file: a byte for each value."""
        scale = np.abs(self.directions).max(axis=2, keepdims=True)
        codes = np.rint(self.directions / np.where(scale > 0, scale, 1) * 127).astype(np.int8)
        out = io.BytesIO()
        np.savez_compressed(out, version=VERSION, directions=codes, shares=self.shares.astype(np.float32))
        return out.getvalue()

    @staticmethod
    def from_bytes(raw: bytes) -> Projection:
        """What :meth:`to_bytes` gave; ``ValueError`` where it cannot be that."""
        with np.load(io.BytesIO(raw), allow_pickle=False) as data:
            if int(data["version"]) != VERSION:
                raise ValueError("a projection of another version")
            codes, shares = data["directions"].astype(np.float32), data["shares"]
        if codes.shape != (SLOTS, codes.shape[1], PAIRS) or shares.shape != codes.shape[:2]:
            raise ValueError("a projection of other sizes")
        lengths = np.linalg.norm(codes, axis=2, keepdims=True)
        return Projection(codes / np.where(lengths > 0, lengths, 1), shares)


def nothing() -> Projection:
    """The projection that leaves everything as it is."""
    none = np.zeros((SLOTS, 0, PAIRS), dtype=np.float32)
    return Projection(none, np.zeros((SLOTS, 0), dtype=np.float32))


@cache
def shipped() -> Projection:
    """The one that comes with the package."""
    file = resources.files("forebear") / "data" / "activations" / f"{VERSION}.npz"
    return Projection.from_bytes(file.read_bytes())
