"""Which keys and headers name a model, which may be shown (``data/traffic/fields.toml``), and whose word they hold.

A key can be anything, a password too: pointers show only keys that programs are known to use, and ``*`` for all others.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib import resources

_TABLE = tomllib.loads((resources.files("forebear") / "data" / "traffic" / "fields.toml").read_text("utf-8"))
NAMING, LISTED, LISTS, NOT_SOUGHT, THEIRS = (
    frozenset(_TABLE[name].split()) for name in ("naming", "listed", "lists", "not_sought", "theirs")
)
_SHOWN = frozenset(_TABLE["shown_keys"].split()) | NAMING | LISTED | LISTS | THEIRS
_SHOWN_HEADERS = frozenset(_TABLE["shown_headers"].split())
PASSED_ON = "llm_provider-"
"""What LiteLLM puts before headers of the model's server."""
_SPANS = re.compile(
    r"(?:gen_ai|llm|ai|traceloop|openinference|litellm|mlflow)_(?:(?:request|response|settings)_)?model(?:_(?:id|name))?"
)
_ASKED = re.compile(
    r"(?:http_|raw_|gen_ai_|llm_)?(?:req\b|request|body\b|input|params|kwargs|optional_params|invocation)"
)
_SAID = re.compile(
    r"(?:http_|raw_|gen_ai_|llm_)?(?:resp?\b|response|completion|output|result|upstream|sent_http|served|actual|routed)"
)
_FAILED = frozenset({"error", "errors", "detail", "exception", "traceback", "failure", "fault", "err"})


def normal(key: str) -> str:
    """A key as the tables spell it: ``modelId`` → ``modelid``, ``gen_ai.request.model`` → ``gen_ai_request_model``."""
    return key.lower().replace("-", "_").replace(".", "_").replace(" ", "_")


@lru_cache(maxsize=4_096)
def names_model(key: str) -> bool:
    """Whether a key's value is the name of a model."""
    plain = normal(key)
    return plain in NAMING or _SPANS.fullmatch(plain) is not None


@lru_cache(maxsize=4_096)
def may_name_model(key: str) -> bool:
    """Whether a key's value could be one: ``acme_model``. Of such a value only a known name is believed."""
    plain = normal(key)
    return plain.endswith(("_model", "model_name", "model_id", "_llm")) or key.endswith("Model")


@lru_cache(maxsize=4_096)
def header_names_model(name: str) -> bool:
    """Whether a header's value is the name of a model."""
    plain = name.lower().removeprefix(PASSED_ON)
    words = plain.split("-")
    if plain.endswith(("-api-base", "-version", "-cost", "-count", "-limit")) and plain != "x-model-version":
        return False
    return (plain in _SHOWN_HEADERS and "model" in plain) or ("model" in words and words[-1] in ("model", "id", "name"))


def shown_key(key: str | int) -> str:
    """A key as a pointer shows it."""
    if isinstance(key, int):
        return str(key)
    return key if normal(key) in _SHOWN or names_model(key) else "*"


@lru_cache(maxsize=4_096)
def shown_header(name: str) -> str:
    """The name of a header as a pointer shows it."""
    plain = name.lower()
    passed_on = PASSED_ON if plain.startswith(PASSED_ON) else ""
    rest = plain.removeprefix(PASSED_ON)
    return passed_on + (rest if rest in _SHOWN_HEADERS else "*")


def is_asked(key: str) -> bool:
    """Whether what stands below a key of a log is what a client asked."""
    plain = normal(key)
    return plain in ("model_group", "requested_model") or _ASKED.match(plain) is not None


def is_said(key: str) -> bool:
    """Whether what stands below a key of a log is what a server said."""
    return _SAID.match(normal(key)) is not None


def is_failure(key: str) -> bool:
    """Whether what stands below a key tells of an error."""
    return normal(key) in _FAILED
