"""Where an answer is put together: scan, compare, enrol, bill of materials."""

from forebear.inspect.bom import write_bom
from forebear.inspect.compare import compare
from forebear.inspect.enrol import enrol, fingerprint
from forebear.inspect.scan import scan

__all__ = ["compare", "enrol", "fingerprint", "scan", "write_bom"]
