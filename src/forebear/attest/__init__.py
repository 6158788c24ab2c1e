"""Who vouches for what: signatures over model files, attestations of documents, and bundles that can be replayed.

A signature says who made a statement, and that it was not altered since. It never says that the statement is true.
``cryptography`` and ``model_signing`` (extra ``[sign]``) are loaded by the functions that need them.
"""

from forebear.attest.bom import check_bom_signature

__all__ = ["check_bom_signature"]
