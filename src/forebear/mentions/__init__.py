"""Where a repository names models: in code, settings, commands, packages and documents.

A file is read by every reader that takes it (:data:`forebear.mentions.files.READERS`), a reader says where a text
stands and what its place says, and one judgement (:mod:`forebear.mentions.judge`) says whether it is a model's name.
Nothing is executed, imported or fetched.
"""

from forebear.mentions.base import Kind, Mention, Role, Surety, Unnamed, Unread
from forebear.mentions.search import Found, mentions_in, search

__all__ = ["Found", "Kind", "Mention", "Role", "Surety", "Unnamed", "Unread", "mentions_in", "search"]
