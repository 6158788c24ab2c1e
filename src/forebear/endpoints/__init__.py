"""Models behind an API: what a server speaks, what it answers, and a log from which every answer can be had again.

with Live("https://host/v1", key, model="m", log=Path("evidence.jsonl"), budget=Budget(max_requests=50)) as transport:
offer = discover(transport, "m")
answer = offer.dialects[0].ask(transport, Question("Hello", "m"))
answer.prompt_tokens, answer.problem

discover(Replay(Path("evidence.jsonl")), "m")       # the same, without a connection
"""

from forebear.endpoints.base import (
    Answer,
    Budget,
    Dialect,
    Exchange,
    Exhausted,
    Features,
    Offer,
    Question,
    Spent,
    Token,
    Transport,
)
from forebear.endpoints.counting import COUNTERS, Counter, tokenize
from forebear.endpoints.dialects import DIALECTS
from forebear.endpoints.discovery import REQUESTS as DISCOVERY_REQUESTS
from forebear.endpoints.discovery import TOKENS as DISCOVERY_TOKENS
from forebear.endpoints.discovery import discover
from forebear.endpoints.live import Live
from forebear.endpoints.log import Header, LogWriter, Recorded, read_log
from forebear.endpoints.replay import Replay
from forebear.endpoints.wire import Patience
from forebear.sources.answers import Refused

__all__ = [
    "COUNTERS",
    "DIALECTS",
    "DISCOVERY_REQUESTS",
    "DISCOVERY_TOKENS",
    "Answer",
    "Budget",
    "Counter",
    "Dialect",
    "Exchange",
    "Exhausted",
    "Features",
    "Header",
    "Live",
    "LogWriter",
    "Offer",
    "Patience",
    "Question",
    "Recorded",
    "Refused",
    "Replay",
    "Spent",
    "Token",
    "Transport",
    "discover",
    "read_log",
    "tokenize",
]
