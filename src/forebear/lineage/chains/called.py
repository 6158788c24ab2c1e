"""Chains from a bare name: what a program calls the model that it uses, and nothing else of that model.

The name is its user's word for which model is meant, so it is taken at its word: what the catalogue knows of the model
that it names holds for it. What the name alone lets one guess (a base's name in it) is possible and no more.
"""

from __future__ import annotations

from forebear.catalogue.names import decode
from forebear.lineage.chain import Access, Chain, EdgeKind, Node
from forebear.lineage.chains.extend import complete
from forebear.lineage.chains.named import kind_named_by


def called(name: str, revision: str = "") -> Chain:
    """The chain of the model that goes by a name, looked up in the catalogue.

    Args:
        name: a hub id, an identifier of an API, a tag of Ollama's library.
        revision: commit, tag or branch that is asked for, "" for none.
    """
    known = decode(name, named=True)
    # Without an account only the family says whose model it is: what is called gpt-4o is OpenAI's.
    # A derivative's is not: whoever made hermes-3-llama-3.1 need not be Llama's developer.
    own = known is not None and "/" not in name and kind_named_by(known) is EdgeKind.SAME_MODEL
    developer = known.developer if own and known is not None else ""
    return complete(Chain(Node(name, developer=developer or "", revision=revision), access=Access.NAME))
