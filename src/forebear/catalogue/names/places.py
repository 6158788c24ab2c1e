"""Where a name stands: the paths, prefixes and addresses by which hosts call models, taken off the name.

A form that only one host has is *certain*: what stands in it names a model, whatever it is called. The others say who
a name's owner is, and need a name that speaks for itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import unquote

from forebear.catalogue.names import vocabulary as v
from forebear.catalogue.names.families import owners
from forebear.catalogue.names.grammar import read


@dataclass(frozen=True)
class Place:
    """A name and where it stood.

    Attributes:
        identifier: the part of the text that is identifier.
        name: the name to read, path and prefix taken off; "" where the form has none.
        provider, account, revision: as in ``ModelName``.
        form: what kind of path it is, for people.
        certain: no other thing is written like this.
        owner: the account or vendor, in lower case, if the catalogue knows it as somebody's who publishes models.
        hosted: a gateway's word for a provider stands before the name.
        start: where ``identifier`` begins in the text.
    """

    identifier: str
    name: str
    provider: str | None = None
    account: str | None = None
    revision: str | None = None
    form: str = ""
    certain: bool = False
    owner: str = ""
    hosted: bool = False
    start: int = 0


_SEGMENT = r"[A-Za-z0-9][\w.\-]{0,95}"
_NAME = r"[A-Za-z0-9][\w.\-+~]{0,159}"
_TAGGED = _NAME + r"(?:[:@][\w.\-]{1,80}){0,3}"
_START = r"(?<![\w\-])"

FORMS: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (provider, form, re.compile(_START + pattern, re.IGNORECASE))
    for provider, form, pattern in (
        ("fireworks", "Fireworks account path", rf"accounts/(?P<account>{_SEGMENT})/(?:models|deployments|deployedmodels|routers)/(?P<name>{_NAME})(?:[#@][\w./\-]{{1,160}})?"),
        ("bedrock", "Bedrock ARN", rf"arn:aws[\w\-]{{0,12}}:bedrock:[\w\-]{{0,24}}:(?P<account>\d{{12}})?:(?P<kind>foundation-model|inference-profile|application-inference-profile|provisioned-model|custom-model|custom-model-deployment|imported-model|default-prompt-router|prompt-router|model-customization-job)/(?P<name>{_TAGGED})(?:/[\w\-.]{{1,80}}){{0,2}}"),
        ("sagemaker", "SageMaker ARN", rf"arn:aws[\w\-]{{0,12}}:sagemaker:[\w\-]{{0,24}}:(?P<account>\d{{12}}|aws)?:(?:endpoint|model|model-package|hub-content|inference-component)/(?:SageMakerPublicHub/Model/)?(?P<name>{_NAME})(?:/[\w\-.]{{1,80}}){{0,2}}"),
        ("vertex", "Vertex AI resource", rf"(?:projects/(?P<account>[\w.\-:]{{1,80}})/)?(?:locations/[\w\-]{{1,40}}/)?publishers/(?P<owner>{_SEGMENT})/models/(?P<name>{_NAME})(?:@(?P<revision>[\w.\-]{{1,40}}))?"),
        ("vertex", "Vertex AI resource", rf"projects/(?P<account>[\w.\-:]{{1,80}})/locations/[\w\-]{{1,40}}/(?:endpoints|models|tunedModels)/(?P<name>{_NAME})(?:@(?P<revision>[\w.\-]{{1,40}}))?"),
        ("google", "Gemini API resource", rf"(?:tunedModels/(?P<name>{_NAME})|models/(?P<name2>(?:gemini|gemma|learnlm|imagen|veo|embedding|text-embedding|chat-bison|text-bison|aqa|lyria)[\w.\-]{{0,80}}))(?=[:\"'\s?,;)\]}}&]|$)"),
        ("azure", "Azure deployment", rf"openai/deployments/(?P<name>{_NAME})"),
        ("openai", "OpenAI fine-tune", r"ft:(?P<name>[\w.\-]{2,80}(?::ft-[\w\-]{1,60})?):(?P<account>[\w.\-]{0,60})(?::(?P<suffix>[\w.\-]{0,60}))?(?::(?P<revision>[\w.\-]{0,60}))?(?::ckpt-step-\d{1,9})?"),
        ("cloudflare", "Cloudflare Workers AI path", rf"@(?:cf|hf)/(?P<account>{_SEGMENT})/(?P<name>{_NAME})"),
        ("huggingface", "Hugging Face cache folder", r"models--(?P<account>[A-Za-z0-9][\w.]*(?:-[\w.]+)*)--(?P<name>[A-Za-z0-9][\w.]*(?:-{1,2}[\w.]+)*)(?:/(?:snapshots|refs|blobs)/(?P<revision>[\w.\-]{1,80}))?"),
        ("huggingface", "Hugging Face address", rf"(?:(?:huggingface\.co|hf\.co|hf-mirror\.com)/(?:api/)?(?:models/)?|api-inference\.huggingface\.co/(?:pipeline/[\w\-]{{1,40}}/|models/)|router\.huggingface\.co/[\w\-]{{1,40}}/models/|hf://|hf:)(?!(?:datasets|spaces|docs|blog|papers|settings|collections|organizations|pricing|join|login|tasks|learn|posts|api)/)(?P<account>{_SEGMENT})/(?P<name>{_NAME})(?:(?:/(?:resolve|blob|tree|raw|revision)/|[@:])(?P<revision>[\w.\-]{{1,80}}))?"),
        ("ollama", "Ollama registry path", rf"registry\.ollama\.ai/(?:v2/)?(?P<account>{_SEGMENT})/(?P<name>{_NAME}(?::[\w.\-]{{1,80}})?)(?:/(?:manifests|blobs)/(?P<revision>[\w.\-:]{{1,80}}))?"),
        ("replicate", "Replicate version", rf"(?P<account>{_SEGMENT})/(?P<name>{_NAME}):(?P<revision>[0-9a-f]{{64}})(?![0-9a-f])"),
        ("replicate", "Replicate address", rf"api\.replicate\.com/v1/(?:models|deployments)/(?P<account>{_SEGMENT})/(?P<name>{_NAME})"),
        ("databricks", "Databricks serving endpoint", rf"(?:serving-endpoints/|system\.ai\.)(?P<name>{_NAME})"),
        ("sagemaker", "SageMaker JumpStart id", rf"(?:jumpstart-dft-)?(?P<owner>meta|huggingface|hf|pytorch|tensorflow|mxnet|stabilityai|model|deepseek|mistral)-(?:llm|vlm|textgeneration|textgeneration[12]|text2text|sentencesimilarity|textembedding|txt2img|asr|reasoning)\d?-(?P<name>{_NAME})"),
    )
)  # fmt: skip
"""Provider, what the form is called, and its expression; names and accounts are its groups."""
LITERALS = frozenset(
    [
        "accounts",
        "arn:aws",
        "publishers",
        "projects",
        "tunedmodels",
        "models",
        "deployments",
        "ft:",
        "@cf/",
        "@hf/",
        "huggingface",
        "hf.co",
        "hf:",
        "hf-mirror",
        "registry.ollama",
        "replicate",
        "serving-endpoints",
        "system.ai",
        "jumpstart",
        "textgeneration",
        "text2text",
        "textembedding",
        "-llm-",
        "-vlm-",
        ".gguf",
    ]
)
"""Lower-case substrings, one of which every text with a certain form holds (a Replicate version has a family or none)."""

PREFIXES = {
    "openai": "openai", "azure": "azure", "azure_ai": "azure", "azure-openai": "azure", "bedrock": "bedrock", "bedrock_converse": "bedrock",
    "vertex_ai": "vertex", "vertex": "vertex", "vertex-ai": "vertex", "vertexai": "vertex", "google-vertex": "vertex", "gemini": "google", "google-gla": "google", "google-ai": "google",
    "fireworks_ai": "fireworks", "fireworks": "fireworks", "fireworks-ai": "fireworks", "together_ai": "together", "together": "together", "togetherai": "together", "together-ai": "together",
    "openrouter": "openrouter", "ollama": "ollama", "ollama_chat": "ollama", "huggingface": "huggingface", "hf": "huggingface",
    "replicate": "replicate", "groq": "groq", "deepinfra": "deepinfra", "databricks": "databricks", "sagemaker": "sagemaker", "sagemaker_chat": "sagemaker",
    "anthropic": "anthropic", "cohere": "cohere", "cohere_chat": "cohere", "mistral": "mistral", "deepseek": "deepseek", "xai": "xai", "perplexity": "perplexity",
    "watsonx": "watsonx", "nvidia_nim": "nvidia", "nim": "nvidia", "cerebras": "cerebras", "sambanova": "sambanova", "cloudflare": "cloudflare", "workers-ai": "cloudflare",
    "hosted_vllm": "vllm", "vllm": "vllm", "lm_studio": "lmstudio", "lmstudio": "lmstudio", "llamafile": "llamafile", "github": "github", "github_copilot": "github", "github-models": "github",
    "novita": "novita", "hyperbolic": "hyperbolic", "nebius": "nebius", "moonshot": "moonshot", "moonshotai": "moonshot", "dashscope": "dashscope", "volcengine": "volcengine", "minimax": "minimax", "zai": "zai",
    "friendliai": "friendliai", "snowflake": "snowflake", "oci": "oci", "vercel_ai_gateway": "vercel", "vercel": "vercel", "lambda_ai": "lambda", "gradient_ai": "gradient", "featherless_ai": "featherless",
    "wandb": "wandb", "baseten": "baseten", "chutes": "chutes", "anyscale": "anyscale", "litellm_proxy": "litellm", "litellm": "litellm", "palm": "google", "ai21": "ai21", "voyage": "voyage", "jina_ai": "jina", "codestral": "mistral",
    "text-completion-openai": "openai", "aiml": "aiml", "gmi": "gmi", "heroku": "heroku", "ovhcloud": "ovhcloud", "scaleway": "scaleway", "infinity": "infinity", "amazon_nova": "amazon",
    "siliconflow": "siliconflow", "ovh": "ovhcloud", "tgi": "tgi", "sglang": "sglang", "llamacpp": "llamacpp", "mlx": "mlx", "llama_api": "meta", "meta_llama": "meta",
}  # fmt: skip
"""What stands before a slash or a colon in LiteLLM's and others' ids, and whose it is."""
_PREFIX = re.compile(r"([a-z][a-z0-9_\-]{1,23})[/:](?=.)")
_ROUTE = re.compile(
    r"(?:(?:converse|invoke|llama|deepseek_r1|converse_like|responses|chat|eu|us|global|us-gov|europe-west\d|[a-z]{2}(?:-gov)?-[a-z]+-\d|\d-month-commitment|maas|openai_compat|completion)/)"
)
_REGION = re.compile(r"(?:us|eu|apac|ap|global|us-gov|jp|au|ca|sa|me|af|in)\.(?=[a-z])")
_VENDOR = re.compile(
    r"(?P<owner>anthropic|meta|amazon|mistral|cohere|ai21|deepseek|stability|qwen|openai|writer|luma|twelvelabs|nvidia|google|minimax|moonshot|moonshotai|zai|xai|tii|arcee)\.(?P<name>[a-z0-9][\w.\-]{1,120}(?::[\w.\-]+){0,2})",
    re.IGNORECASE,
)
_BEDROCK_CUT = re.compile(r"[.\-](?P<letter>v?)(?P<major>\d+):(?P<minor>\d+)(?::[\w\-]+)?$")
_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.\-]{1,15}://(?:[^/@\s]{0,200}@)?(?P<host>[\w.\-]{1,253})(?::\d{1,5})?(?P<path>/[^?#\s]*)?",
    re.IGNORECASE,
)
_SERVICE = re.compile(
    r"(?:chat/completions|completions|embeddings|generatecontent|invoke|converse|responses|predict|rawpredict|streamgeneratecontent|invoke-with-response-stream|converse-stream|rerank|messages|infer|generate)$",
    re.IGNORECASE,
)
_HOSTS = (("openai.azure.com", "azure"), ("azure.com", "azure"), ("bedrock-runtime", "bedrock"), ("sagemaker", "sagemaker"), ("aiplatform.googleapis.com", "vertex"), ("generativelanguage.googleapis.com", "google"), ("fireworks.ai", "fireworks"), ("together.xyz", "together"), ("together.ai", "together"), ("openrouter.ai", "openrouter"), ("replicate.com", "replicate"), ("cloudflare.com", "cloudflare"), ("databricks", "databricks"), ("groq.com", "groq"), ("ollama", "ollama"), ("deepinfra.com", "deepinfra"))  # fmt: skip
_ROUTER_TAGS = frozenset(
    ["free", "nitro", "thinking", "floor", "online", "extended", "beta", "exacto", "self-moderated"]
)
_HUB_TAG = re.compile(r"(?P<name>[\w.\-]+)@(?P<revision>[\w.\-]{1,80})")


def locate(text: str) -> Place:
    """Take path and prefix off an identifier."""
    text = text.strip()
    if "%" in text:
        text = unquote(text)
    place = form(text)
    if place is None and (address := _ADDRESS.match(text)):
        place = _of_address(address)
    return place or _prefixed(text)


def form(text: str) -> Place | None:
    """The first certain form in a text, None where it has none."""
    found = [
        (match.start(), order, match) for order, (_, _, pattern) in enumerate(FORMS) if (match := pattern.search(text))
    ]
    if not found:
        return None
    _, order, match = min(found, key=lambda item: item[:2])
    return from_match(order, match)


def from_match(order: int, match: re.Match[str]) -> Place:
    """What a match of ``FORMS[order]`` says."""
    provider, called, _ = FORMS[order]
    groups = match.groupdict()
    name = groups.get("name") or groups.get("name2") or ""
    account, revision = groups.get("account") or None, groups.get("revision") or None
    owner = groups.get("owner") or (
        account if provider in ("huggingface", "cloudflare", "replicate", "ollama") else None
    )
    if provider == "bedrock":
        name, revision = _bedrock(name)
        if (groups.get("kind") or "").startswith(
            ("application", "provisioned", "imported", "custom-model-d", "prompt", "model-c")
        ):
            name = "" if re.fullmatch(r"[a-z0-9]{10,14}", name) else name
            called = (
                f"Bedrock ARN of an {groups['kind']}"
                if (groups["kind"] or "")[0] in "ai"
                else f"Bedrock ARN of a {groups['kind']}"
            )
    if called == "OpenAI fine-tune" and groups.get("suffix"):
        revision = ":".join(filter(None, (groups["suffix"], revision)))
    if provider == "ollama" and account == "library":
        account = None
    return Place(match[0], name, provider, account, revision, called, True, _known(owner), start=match.start())


def _of_address(address: re.Match[str]) -> Place | None:
    """A model named in an address that is no form of its own: by its host, in its last segments."""
    host, path = address["host"].lower(), (address["path"] or "").strip("/")
    provider = next((name for part, name in _HOSTS if part in host), None)
    while path and (_SERVICE.search(path) or path.endswith(":")):
        path = _SERVICE.sub("", path).rstrip("/:")
    path = re.sub(
        r"^(?:v\d(?:beta\d?|alpha)?|api|openai|model|models|inference|run|endpoints|accounts/\w+/ai/run|invocations)(?:/|$)",
        "",
        path,
    )
    path = re.sub(r"^(?:v\d|api|models|model|run)/", "", path)
    path = re.sub(r"/(?:invocations|versions/.*|predictions)$", "", path)
    if not path:
        return None
    inner = _prefixed(path)
    return replace(inner, provider=provider or inner.provider, form=f"address of {provider}" if provider else "address")


def _prefixed(text: str) -> Place:
    """Prefixes of gateways, owners, tags and cuts, outermost first."""
    rest, provider, called = text, None, ""
    head, _, tag = text.rpartition(":")
    if tag in _ROUTER_TAGS and "/" in head:
        return replace(
            _prefixed(head.removeprefix("openrouter/")),
            identifier=text,
            provider="openrouter",
            account=head.split("/")[-2],
            revision=tag,
            form=f"OpenRouter id, tier {tag}",
        )
    for _ in range(3):
        match = _PREFIX.match(rest)
        if not match or match[1] not in PREFIXES or not _is_prefix(match, rest, provider):
            break
        provider = provider or PREFIXES[match[1]]
        called = called or f"prefix {match[0]}"
        rest = rest[match.end() :]
        while route := _ROUTE.match(rest):
            rest = rest[route.end() :]
    inner = form(rest) if provider else None
    if inner:
        return replace(inner, identifier=text, start=0)
    bare = _REGION.sub("", rest, count=1)
    if match := _VENDOR.fullmatch(bare):
        name, revision = _bedrock(bare)
        called = called or "Bedrock model id"
        return Place(
            text,
            name,
            provider or "bedrock",
            None,
            revision,
            called,
            bare != rest,
            _known(match["owner"]),
            bool(provider),
        )
    if match := re.fullmatch(r"databricks-(?P<name>.+)", rest):
        return Place(text, match["name"], "databricks", form="Databricks model id", hosted=True)
    return _owned(text, rest, provider, called)


def _is_prefix(match: re.Match[str], rest: str, provider: str | None) -> bool:
    """Whether a known word before a colon is a prefix: in ``mistral:7b`` it is the family itself."""
    return match[0].endswith("/") or not re.match(
        r"(?:v?\d|latest|instruct|chat|text|small|large|medium|mini|code)", rest[match.end() :]
    )


def _owned(text: str, rest: str, provider: str | None, called: str) -> Place:
    """``owner/name``, with tags of OpenRouter and Ollama and the revisions of the hub."""
    revision, account, known = None, None, ""
    segments = [part for part in rest.split("/") if part]
    name = segments[-1] if segments else rest
    weights = v.WEIGHTS.search(name.lower())
    if len(segments) > 1:
        owner = segments[-2]
        if entry := owners().get(owner.lower()):
            account, known = owner, owner.lower()
            own_case = entry[0] == owner and (owner != owner.lower() or name != name.lower())
            provider = provider or (
                "huggingface"
                if own_case
                else "openrouter"
                if len(segments) == 2 and owner == owner.lower() and entry[0] != owner
                else None
            )
        elif len(segments) == 2 and not weights and re.fullmatch(_SEGMENT, owner) and not text.startswith(("/", ".")):
            account = owner
            provider = provider or ("huggingface" if name != name.lower() else None)
        called = called or ("account and name" if account else "file or path")
    if match := _HUB_TAG.fullmatch(name):
        name, revision = match["name"], match["revision"]
    if weights:
        name, called = name[: weights.start()], called or f"{weights[0].rsplit('.', 1)[1].upper()} file"
    if ":" in name and not provider and len(segments) == 1:
        provider, called = "ollama", "Ollama tag"
    if provider == "ollama" and (match := re.fullmatch(r"([^:]+):(latest)", name)):
        name, revision = match[1], "latest"
    certain = bool(weights and weights[0].endswith((".gguf", ".llamafile")))
    return Place(text, name, provider, account, revision, called, certain, known, called.startswith("prefix"))


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
        name = vendor["name"] if read(vendor["name"]).family else f"{vendor['owner']}-{vendor['name']}"
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
