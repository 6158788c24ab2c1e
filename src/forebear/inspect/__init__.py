"""Where an answer is put together: scan, compare, enrol, bill of materials."""

from typing import TYPE_CHECKING, Any

from forebear.inspect.compare import compare
from forebear.inspect.enrol import enrol, fingerprint
from forebear.inspect.scan import scan
from forebear.inspect.tree import family_tree

if TYPE_CHECKING:
    from forebear.inspect.bom import write_bom
    from forebear.inspect.traffic import read_traffic

__all__ = ["compare", "enrol", "family_tree", "fingerprint", "read_traffic", "scan", "write_bom"]


def __getattr__(name: str) -> Any:
    # Only these are lazy: the modules of the others have their names, and would take their place here.
    if name == "write_bom":
        from forebear.inspect.bom import write_bom

        return write_bom
    if name == "read_traffic":
        from forebear.inspect.traffic import read_traffic

        return read_traffic
    raise AttributeError(f"module 'forebear.inspect' has no attribute {name!r}")
