"""Chains from a bare name: what a program calls the model that it uses, and nothing else of that model.

The name is its user's word for which model is meant, so it is taken at its word: what the catalogue knows of the model
that it names holds for it. What the name alone lets one guess (a base's name in it) is possible and no more.
"""

from __future__ import annotations

from dataclasses import replace

from forebear.catalogue.names import ModelName, decode
from forebear.catalogue.names.families import families
from forebear.lineage.chain import Access, Chain, EdgeKind, Node
from forebear.lineage.chains.extend import complete
from forebear.lineage.chains.named import kind_named_by


def called(name: str, revision: str = "") -> Chain:
    """The chain of the model that goes by a name, looked up in the catalogue.

    Args:
        name: a hub id, an identifier of an API, a tag of Ollama's library.
        revision: commit, tag or branch that is asked for, "" for none.
    """
    return complete(Chain(Node(name, developer=maker_of(name), revision=revision), access=Access.NAME))


def maker_of(name: str) -> str:
    """Who makes the model of a name, in words (``Anthropic``), whether the catalogue has him or not; "" for unknown.

    Without an account only the family says whose model it is: what is called gpt-4o is OpenAI's, and so is o3, a line
    of that house. With one the account decides, but for families whose weights are not published: what a gateway calls
    anthropic/claude-sonnet-4 nobody else can have made. A derivative's is nobody's: whoever made hermes-3-llama-3.1
    need not be Llama's developer.
    """
    known = decode(name, named=True)
    if known is None or ("/" in name and not any(f.closed for f in families() if f.name == known.family)):
        return ""
    own = replace(known, line=None) if _of_the_house(known) else known
    return (own.developer or "") if kind_named_by(own) is EdgeKind.SAME_MODEL else ""


def _of_the_house(name: ModelName) -> bool:
    """Whether a name's line is one of its family's own developer, as Codestral is of Mistral AI."""
    line = name.line or ""
    return any(
        f.house == name.family and f.developer == name.developer and not f.derivative
        for f in families()
        if line == f.name or line.startswith(f"{f.name} ")
    )
