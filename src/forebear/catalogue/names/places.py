"""Where a name stands: the paths, prefixes and addresses by which hosts call models, taken off the name.

A form that only one host has is *certain* (``forms``): what stands in it names a model, whatever it is called. The
others say who a name's owner is, and need a name that speaks for itself. Prefixes and hosts are data,
``data/names/providers.toml``.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from importlib import resources
from urllib.parse import unquote

from forebear.catalogue.names import vocabulary as v
from forebear.catalogue.names.families import owners
from forebear.catalogue.names.forms import FORMS, Form
from forebear.catalogue.names.words import names_a_family


@dataclass(frozen=True)
class Place:
    """A name and where it stood.

    Attributes:
        identifier: the part of the text that is identifier.
        name: the name to read, path and prefix taken off; "" where the form has none.
        provider, account, revision: as in ``ModelName``.
        form: what kind of path it is, for people.
        certain: no other thing is written like this.
        weak: it is certain only for names that are understood.
        owner: the account or vendor, in lower case, if the catalogue knows it as somebody's who publishes models.
        hosted: a gateway's word for a provider stands before the name.
    """

    identifier: str
    name: str
    provider: str | None = None
    account: str | None = None
    revision: str | None = None
    form: str = ""
    certain: bool = False
    weak: bool = False
    owner: str = ""
    hosted: bool = False


_DATA = tomllib.loads((resources.files("forebear") / "data" / "names" / "providers.toml").read_text("utf-8"))
PREFIXES: dict[str, str] = {word: provider for provider, words in _DATA["prefixes"].items() for word in words.split()}
"""What stands before a slash or a colon in LiteLLM's and others' ids, and whose it is."""
_HOSTS: dict[str, str] = _DATA["hosts"]
_LISTS = {key: frozenset(words.split()) for key, words in _DATA["lists"].items()}
ABOUT = _LISTS["about"]
"""Segments of addresses that lead to pages about models."""

_PREFIX = re.compile(r"([a-z][a-z0-9_\-]{1,23})[/:](?=.)")
_ROUTE = re.compile(
    r"(?:converse|invoke|llama|deepseek_r1|converse_like|responses|chat|eu|us|global|us-gov|europe-west\d"
    r"|[a-z]{2}(?:-gov)?-[a-z]+-\d|\d-month-commitment|maas|openai_compat|completion)/"
)
_VENDORS = (
    "anthropic|meta|amazon|mistral|cohere|ai21|deepseek|stability|qwen|openai|writer|luma|twelvelabs|nvidia|google"
    "|minimax|moonshot|moonshotai|zai|xai"
)
_REGION = re.compile(rf"[a-z]{{2,8}}(?:-[a-z]{{2,4}})?\.(?=(?:{_VENDORS})\.)")
_VENDOR = re.compile(rf"(?P<owner>{_VENDORS})\.(?P<name>[a-z0-9][\w.\-]{{1,120}}(?::[\w.\-]+){{0,2}})", re.IGNORECASE)
_BEDROCK_CUT = re.compile(r"[.\-](?P<letter>v?)(?P<major>\d+):(?P<minor>\d+)(?::[\w\-]+)?$")
TOP_DOMAINS = (
    "com|org|net|io|ai|dev|cn|app|co|chat|cloud|tech|info|edu|gov|xyz|eu|de|uk|fr|jp|kr|ru|us|ca|nl|ch|es|it|sg|hk|tw|tv"
    "|internal|local|localhost"
)
_ADDRESS = re.compile(
    r"(?:[a-z][a-z0-9+.\-]{1,15}://(?:[^/@\s]{0,200}@)?(?P<host>[\w.\-]{1,253})"
    rf"|(?P<bare>[a-z0-9][a-z0-9\-]{{0,62}}(?:\.[a-z0-9\-]{{1,63}}){{0,6}}\.(?:{TOP_DOMAINS})(?![\w.\-])))"
    r"(?::\d{1,5})?(?P<path>/[^?#\s]*)?",
    re.IGNORECASE,
)
"""An address, or a host name and perhaps a path; of a store of files (s3, gs) the host is a bucket."""
_SERVICE = re.compile(
    r"(?:chat/completions|completions|embeddings|generatecontent|invoke|converse|responses|predict|rawpredict|rerank"
    r"|streamgeneratecontent|invoke-with-response-stream|converse-stream|messages|infer|generate|invocations"
    r"|predictions)$",
    re.IGNORECASE,
)
_HEAD_OF_PATH = re.compile(
    r"(?:(?:v\d(?:beta\d?|alpha)?|api|openai|models?|inference|run|endpoints|accounts/\w+/ai/run)(?:/|$))+",
    re.IGNORECASE,
)
_TURBO = re.compile(r"-(?:Turbo|Lite)(?:-Free)?$")  # as Together (and DeepInfra) call the quick copy of a model
_HUB_TAG = re.compile(r"(?P<name>[\w.\-]+)@(?P<revision>[\w.\-]{1,80})")
_OWNER = re.compile(r"[A-Za-z0-9][\w.\-]{0,95}")
_RANDOM_ID = re.compile(r"[a-z0-9]{10,14}")
_PART_OF_MODEL = re.compile(
    r"(?:config|tokenizer|tokenizer_config|generation_config|special_tokens_map|adapter_config|chat_template)\.jinja|"
    r"(?:config|tokenizer|tokenizer_config|generation_config|special_tokens_map|adapter_config|params|model)\.json|"
    r"(?:model|pytorch_model|adapter_model|diffusion_pytorch_model|consolidated)[\w.\-]{0,40}\.(?:safetensors|bin|pth?|json)"
)
"""Files that lie in the folder of a model and say nothing of it."""
_RUN = re.compile(
    r"(?:checkpoint|ckpt|step|epoch|iter|global_step|run|merged|final|best|last|adapter|lora|sft|dpo|\d{4})"
)
_NO_PREFIX = re.compile(r"(?:v?\d|latest|instruct|chat|text|small|large|medium|mini|code)")


def locate(text: str) -> Place:
    """Take path and prefix off an identifier."""
    text = text.strip()
    if "%" in text:
        text = unquote(text)
    text = text.replace("\\", "/")
    if place := form(text):
        return place
    if address := _ADDRESS.match(text):
        return _of_address(address)
    return _prefixed(text)


def form(text: str) -> Place | None:
    """The first certain form in a text, None where it has none."""
    path = "/" in text or ":" in text or "--" in text
    forms = [(k, each) for k, each in enumerate(FORMS) if path or each.bare]
    found = [(match.start(), k, match) for k, each in forms if (match := each.pattern.search(text))]
    if not found:
        return None
    _, k, match = min(found, key=lambda item: item[:2])
    return from_match(FORMS[k], match)


def from_match(form: Form, match: re.Match[str]) -> Place:
    """What a match of a form says."""
    groups = {key: value for key, value in match.groupdict().items() if value}
    name = groups.get("name") or groups.get("name2", "")
    account, revision, title, provider = groups.get("account"), groups.get("revision"), form.title, form.provider
    owner = groups.get("owner") or account
    account = groups.get("holder", account)
    if provider == "bedrock":
        name, revision = _bedrock(name)
        kind = groups.get("kind", "foundation-model")
        if not kind.endswith("foundation-model") and kind not in ("inference-profile", "custom-model"):
            name = "" if _RANDOM_ID.fullmatch(name) else name  # a name that AWS made up
            title = f"Bedrock ARN of {'an' if kind[0] in 'ai' else 'a'} {kind.replace('-', ' ')}"
    elif "suffix" in groups:
        revision = ":".join(filter(None, (groups["suffix"], revision)))
    elif provider == "ollama" and account == "library":
        account = None
    elif (
        provider == "huggingface"
        and re.match(r"(?:hf|huggingface)\.co/[^:]+:", match[0])
        and match.string[match.start() - 1] != "/"
    ):
        provider, title = "ollama", "Ollama name of a repository of Hugging Face"
    return Place(groups.get("path", match[0]), name, provider, account, revision, title, True, form.weak, _known(owner))


def _of_address(address: re.Match[str]) -> Place:
    """A model named in an address that is no form of its own: by its host, in its last segments."""
    host, path = (address["host"] or address["bare"]).lower(), (address["path"] or "").strip("/")
    provider = next((name for part, name in _HOSTS.items() if part in host), None)
    while path and (service := _SERVICE.search(path)):
        path = path[: service.start()].rstrip("/:")
    if head := _HEAD_OF_PATH.match(path):
        path = path[head.end() :]
    if not path or ABOUT & set(path.lower().split("/")[:-1]):
        return Place(path or address[0], "", form="address of a page")
    inner = _prefixed(path)
    return replace(inner, provider=provider or inner.provider, form=f"address of {provider}" if provider else "address")


def _prefixed(text: str) -> Place:
    """Prefixes of gateways, vendors, owners and tags, outermost first."""
    head, _, tag = text.rpartition(":")
    if tag in _LISTS["tags"] and ("/" in head or tag in _LISTS["tags_alone"]):
        account = head.split("/")[-2] if "/" in head else None
        told = f"OpenRouter id, tier {tag}"
        inner = _prefixed(head.removeprefix("openrouter/"))
        name = f"{inner.name}:{tag}"
        return replace(inner, identifier=text, name=name, provider="openrouter", account=account, form=told)
    rest, provider, told = _without_prefixes(text)
    if provider and (known := form(rest)):
        return replace(known, identifier=text)
    bare = _REGION.sub("", rest, count=1)
    vendor = _VENDOR.fullmatch(bare)
    if vendor and (bare != rest or names_a_family(vendor["name"]) or re.match(r"[vr]\d", vendor["name"])):
        name, revision = _bedrock(bare)
        return Place(
            text,
            name,
            provider or "bedrock",
            revision=revision,
            form=told or "Bedrock model id",
            certain=bare != rest,
            owner=_known(vendor["owner"]),
            hosted=bool(provider),
        )
    if rest.lower().startswith("databricks-"):
        return Place(text, rest[len("databricks-") :], "databricks", form="Databricks model id", hosted=True)
    return _owned(text, rest, provider, told)


def _without_prefixes(text: str) -> tuple[str, str | None, str]:
    """The rest behind up to three prefixes and their routes, the provider of the first, and how to tell it."""
    provider, told = None, ""
    for _ in range(3):
        match = _PREFIX.match(text)
        if not match or match[1] not in PREFIXES:
            break
        if match[0].endswith(":") and _NO_PREFIX.match(text[match.end() :]):
            break  # mistral:7b is a family and its tag
        provider, told = provider or PREFIXES[match[1]], told or f"prefix {match[0]}"
        text = text[match.end() :]
        while route := _ROUTE.match(text):
            text = text[route.end() :]
    return text, provider, told


def _owned(text: str, rest: str, provider: str | None, told: str) -> Place:
    """``owner/name``, a file or a path, with tags of Ollama and revisions of the hub."""
    segments = _to_the_name([part for part in rest.split("/") if part])
    name = segments[-1] if segments else rest
    hosted = bool(told)
    account, revision, known = None, None, ""
    weights = v.WEIGHTS.search(name.lower())
    if len(segments) > 1:
        owner = segments[-2]
        if known := _known(owner):
            account, provider = owner, provider or _publisher(owner, name, alone=len(segments) == 2)
        elif len(segments) == 2 and not weights and _OWNER.fullmatch(owner) and text[0] not in "/.":
            account, provider = owner, provider or ("huggingface" if name != name.lower() else None)
        told = told or ("account and name" if account else "file or path")
    if match := _HUB_TAG.fullmatch(name):
        name, revision = match["name"], match["revision"]
    if weights:
        name, told = name[: weights.start()], told or f"{weights[0].rsplit('.', 1)[1].upper()} file"
    if ":" in name and not provider and len(segments) == 1:
        provider, told = "ollama", "Ollama tag"
    if provider == "ollama" and name.endswith(":latest"):
        name, revision = name.removesuffix(":latest"), "latest"
    certain = bool(weights and weights[0].endswith((".gguf", ".llamafile")))
    return Place(text, name, provider, account, revision, told, certain, owner=known, hosted=hosted)


def _to_the_name(segments: list[str]) -> list[str]:
    """A path up to the segment that names a family; what follows (a checkpoint, a run's date) belongs to the name."""
    while len(segments) > 1 and _PART_OF_MODEL.fullmatch(segments[-1].lower()):
        segments = segments[:-1]
    if len(segments) < 2 or names_a_family(segments[-1]):
        return segments
    for k in range(len(segments) - 2, max(len(segments) - 5, -1), -1):
        if _OWNER.fullmatch(segments[k]) and segments[k].lower() not in owners() and names_a_family(segments[k]):
            if k == 0 and not _RUN.search(segments[-1].lower()):
                break  # org/name of an account that is called like a family
            return [*segments[:k], "-".join(segments[k:])]
    return segments


def _publisher(owner: str, name: str, *, alone: bool) -> str | None:
    """Whose id ``owner/name`` of a known owner is: the hub's if spelled as there, OpenRouter's in small letters."""
    own = owners()[owner.lower()][0]
    small = owner == owner.lower() and name == name.lower()
    if not small and own == owner:
        return "together" if own == "togethercomputer" or _TURBO.search(name) else "huggingface"
    if small and owner in _LISTS["small_letters"] and not name.startswith("gemini"):
        return "huggingface"
    return "openrouter" if alone else None


def _known(owner: str | None) -> str:
    owner = (owner or "").lower()
    return owner if owner in owners() else ""


def _bedrock(name: str) -> tuple[str, str | None]:
    """A Bedrock model's name and its cut.

    ``-v1:0`` is the cut of a release. Other numbers there are a version where the name has no other:
    ``mistral-7b-instruct-v0:2``, ``claude-v2:1``, ``titan-embed-text-v2:0``.
    """
    name = _REGION.sub("", name, count=1)
    if vendor := _VENDOR.fullmatch(name):
        name = vendor["name"] if names_a_family(vendor["name"]) else f"{vendor['owner']}-{vendor['name']}"
    match = _BEDROCK_CUT.search(name)
    if not match:
        return name, None
    letter, major, minor = match["letter"], match["major"], match["minor"]
    head = name[: match.start()]
    if letter and (major == "0" or minor != "0"):
        return f"{head}-v{major}.{minor}", None
    if letter and major != "1":
        return f"{head}-v{major}", f"v{major}:{minor}"
    return head, match[0][1:]
