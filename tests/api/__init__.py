"""A server on loopback that speaks every dialect, with any tokenizer behind it, honest or not.

    from api import Fault, Model, serve

    with serve(Model(count=len, system="You are helpful.", rounding=8)) as url:
        ...                                   # POST {url}/v1/chat/completions
        url.requests[0].path                  # what was asked
        url.fault(Fault("429", times=2))      # from now on

A :class:`Model` says what is served: a tokenizer (``count`` or ``cut``), a template, a hidden system prompt, what the
server does to its counts (``rounding``, ``noise``, ``recount`` in streams, ``caches``), what it calls itself, which
dialects and extras it offers, a model that takes over after some requests, and a toy bigram model whose next words
follow from ``seed`` and ``drift``: two models with one seed and a small drift agree like a base and its child.
"""

from api.faults import Fault
from api.model import EVERYTHING, Cut, Model, words
from api.server import Address, Asked, serve

__all__ = ["EVERYTHING", "Address", "Asked", "Cut", "Fault", "Model", "serve", "words"]
