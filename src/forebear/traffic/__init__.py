"""Captured traffic: files of exchanges and logs, read record by record, and the model identifiers in them.

Nothing of a capture leaves this package but identifiers, markers and the way to them.
"""

from forebear.traffic.base import Exchange, Message, Side
from forebear.traffic.read import exchanges
from forebear.traffic.search import Search
from forebear.traffic.sightings import Kind, Role, Sighting
from forebear.traffic.stream import Stream, open_stream

__all__ = [
    "Exchange",
    "Kind",
    "Message",
    "Role",
    "Search",
    "Side",
    "Sighting",
    "Stream",
    "exchanges",
    "open_stream",
]
