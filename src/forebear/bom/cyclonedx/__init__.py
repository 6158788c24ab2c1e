"""CycloneDX (ECMA-424) JSON: 1.7 and 1.6 are written, 1.5 to 1.7 are read."""

from forebear.bom.cyclonedx.read import read
from forebear.bom.cyclonedx.write import write

__all__ = ["read", "write"]
