"""Where an answer is put together: scan, compare, enrol, bill of materials."""

from typing import TYPE_CHECKING, Any

from forebear.inspect.compare import compare
from forebear.inspect.enrol import enrol, fingerprint
from forebear.inspect.scan import scan
from forebear.inspect.tree import family_tree

if TYPE_CHECKING:
    from forebear.inspect.bom import write_bom

__all__ = ["compare", "enrol", "family_tree", "fingerprint", "scan", "write_bom"]


def __getattr__(name: str) -> Any:
    # Only this one is lazy: the modules of the others have their names, and would take their place here.
    if name == "write_bom":
        from forebear.inspect.bom import write_bom

        return write_bom
    raise AttributeError(f"module 'forebear.inspect' has no attribute {name!r}")
