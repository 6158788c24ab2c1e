"""Whether a text names a model, which, and how sure that is: one judgement for every kind of file.

The grammar of names (:mod:`forebear.catalogue.names`) says what is a known family's name. What it does not know counts
only where its place says that a model is meant.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from forebear.catalogue.developers import published
from forebear.catalogue.names import ModelName, decode
from forebear.catalogue.names.families import owners
from forebear.catalogue.names.places import PREFIXES
from forebear.mentions.base import Hit, Kind, Position, Surety
from forebear.mentions.words import words

LONGEST = 300
"""Characters of a name that is judged."""
WEIGHTS = (".gguf", ".ggml", ".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".onnx", ".h5", ".keras", ".tflite")
_SIGNS = re.compile(r"[\w.\-/:@+~ \\]+")
_PLACEHOLDER = re.compile(r"[${}<>%*|`]|\.\.\.|\b(?:your|xxx+|path[-_/]to|example|placeholder|foo|bar|todo)\b", re.I)
_HUB = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}/[A-Za-z0-9][\w.\-]{0,95}")
_WORD = re.compile(r"[A-Za-z0-9][\w.\-]{1,95}")
_TAG = re.compile(r"(?:[\w.\-]{1,60}/)?[A-Za-z0-9][\w.\-]{0,60}(?::[\w.\-]{1,60})?")
_ADDRESS = re.compile(
    r"(?:https?://)?(?:huggingface\.co|hf\.co)/(?P<id>[\w.\-]+/[\w.\-]+?)(?:\.git)?(?:$|[/?#:])", re.I
)
_PAGES = words("hub_pages")
_SECRET = re.compile(
    r"(?:sk|pk|hf|ghp|gho|xox[a-z]|AKIA|AIza|glpat|r8|gsk)[-_][A-Za-z0-9\-_]{12,}|AKIA\w{12,}|AIza\w{20,}"
)
_NOT_NAMES = words("not_names")
_FILE = re.compile(
    r"\.(?:py|js|mjs|cjs|tsx?|jsx|json|ya?ml|toml|md|rst|txt|html?|css|svg|png|jpe?g|gif|sh|lock|csv|xml|so|zip|gz|jinja2?)$",
    re.I,
)
_OWN_ENDING = re.compile(r"(?:-|_)(?:default|test|mock|dummy|fake|provider|settings|config)$")


def judge(hit: Hit) -> tuple[Kind, str, Surety] | None:
    """Kind, name and surety of the model that a hit names; None where it names none."""
    return _judge(hit.value.strip(), hit.position, hit.kind)


@lru_cache(maxsize=16384)
def _judge(value: str, position: Position, kind: Kind | None) -> tuple[Kind, str, Surety] | None:
    if value.startswith("hf://"):  # a path in a repository of the hub; data sets and spaces are no models
        owner, _, rest = value.removeprefix("hf://").partition("/")
        if owner.lower() in _PAGES or not rest:
            return None
        value, kind = f"{owner}/{rest.partition('/')[0]}", Kind.HUB
    if not 2 <= len(value) <= LONGEST or _PLACEHOLDER.search(value) or _SECRET.search(value):
        return None
    if page := _ADDRESS.match(value):
        owner = page["id"].split("/")[0].lower()
        return None if owner in _PAGES else (Kind.HUB, page["id"], Surety.CERTAIN)
    if not _SIGNS.fullmatch(value) or not any(ch.isalpha() for ch in value):
        return None
    if (path := _path(value, position)) is not None:
        return (Kind.FILE, path, Surety.CERTAIN if position is Position.LOADER else Surety.LIKELY) if path else None
    name = value.removeprefix("hf:").partition("@")[0] if "/" in value else value
    if position is Position.LOADER:
        return _loaded(name, kind)
    known = decode(value) or (decode(value, named=True) if position is Position.FIELD else None)
    if known is not None and known.family is not None:
        if position is Position.FIELD and not _speaks(value, known):
            return None
        return _kind(name, known, kind), name, Surety.LIKELY if position is Position.FIELD else Surety.POSSIBLE
    if position is Position.FIELD and _hub_form(name) and (_published(name) or any(ch.isdigit() for ch in name)):
        return Kind.HUB, name, Surety.LIKELY
    if position is Position.TEXT and _hub_form(name) and _published(name) and _FILE.search(name) is None:
        return Kind.HUB, name, Surety.POSSIBLE
    return None


def _path(value: str, position: Position) -> str | None:
    """The path of weights on this machine; "" for a path that is of something else, None for what is no path."""
    lower = value.lower()
    weights = lower.endswith(WEIGHTS)
    pathlike = value.startswith(("./", "../", "/", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", value)
    if weights and "://" not in value and (pathlike or "/" in value or position is not Position.TEXT):
        return value.replace("\\", "/")
    if pathlike:
        return value if position is Position.LOADER else ""
    return "" if "://" in value or "\\" in value else None


def _loaded(name: str, kind: Kind | None) -> tuple[Kind, str, Surety] | None:
    """What a loader takes: any word, or two with a slash between."""
    if kind is Kind.OLLAMA:
        if name.startswith(("hf.co/", "huggingface.co/")):
            return Kind.HUB, name.split("/", 1)[1].partition(":")[0], Surety.CERTAIN
        return (Kind.OLLAMA, name, Surety.CERTAIN) if _TAG.fullmatch(name) else None
    if _hub_form(name):
        known = decode(name, named=True)
        place = kind or (_kind(name, known, None) if known is not None else Kind.HUB)
        return place, name, Surety.CERTAIN
    if "/" in name:
        known = decode(name, named=True)
        return (Kind.NAME, name, Surety.CERTAIN) if known is not None and known.family else None
    if _WORD.fullmatch(name) and not _FILE.search(name):
        return kind or Kind.NAME, name, Surety.CERTAIN
    known = decode(name, named=True)
    return (_kind(name, known, kind), name, Surety.CERTAIN) if known is not None and known.family else None


def _kind(name: str, known: ModelName, kind: Kind | None) -> Kind:
    if kind is not None and kind is not Kind.HUB:
        return kind
    if known.provider == "ollama":
        return Kind.OLLAMA
    if kind is Kind.HUB or name.lower() in _repositories():  # openai/gpt-oss-20b is both a repository and a route
        return Kind.HUB
    hub = known.provider in ("huggingface", "openrouter") and known.account and _hub_form(name)
    return Kind.HUB if hub else Kind.NAME


@cache
def _repositories() -> frozenset[str]:
    return frozenset(m.repository.lower() for m in published().values() if m.repository)


def _speaks(value: str, known: ModelName) -> bool:
    """Whether a field's text is a name and no sentence, file, or word that a family shares with the language."""
    if _FILE.search(value) or " " in value or _OWN_ENDING.search(value.lower()):
        return False
    return decode(value) is not None or any(ch.isdigit() for ch in value) or "/" in value


def _hub_form(name: str) -> bool:
    if not _HUB.fullmatch(name):
        return False
    account, _, short = name.lower().partition("/")
    return not ({account, short} & _NOT_NAMES) and not _FILE.search(name) and not short.replace(".", "").isdigit()


def _published(name: str) -> bool:
    """Whether the account is one that is known to publish models; a gateway's word for a provider is none."""
    account = name.lower().partition("/")[0]
    return account in owners() and (account not in PREFIXES or "/" in name)
