"""Forms of identifiers that one host alone has: resource paths, addresses, registry names.

Every expression begins with a literal or at the edge of a word, and repeats a bounded number of times: the time to
search a text is linear in it. Groups: ``name`` (or ``name2``), ``account``, ``holder`` (whose deployment it is),
``owner`` (a vendor in the path), ``revision``, ``kind``, ``suffix``; ``path`` where only a part is the identifier.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SEGMENT = r"[A-Za-z0-9][\w.\-]{0,95}"
_NAME = r"[A-Za-z0-9][\w.\-+~]{0,159}"
_TAGGED = _NAME + r"(?:[:@][\w.\-]{1,80}){0,3}"
_HUB_PAGES = (
    "datasets|spaces|docs|blog|papers|settings|collections|organizations|pricing|join|login|tasks|learn|posts|api"
)


@dataclass(frozen=True)
class Form:
    """Whose form it is, what people call it, and its expression.

    ``literals``: lower-case substrings, one of which every text with this form holds. ``weak``: others write like this
    too, so the name has to speak for itself; then a text with it holds a family's name, and there may be no literals.
    ``bare``: it has no slash or colon.
    """

    provider: str
    title: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    weak: bool = False
    bare: bool = False


def _form(provider: str, title: str, literals: str, *parts: str, weak: bool = False, bare: bool = False) -> Form:
    pattern = re.compile(r"(?<![\w\-])" + "".join(parts), re.IGNORECASE)
    return Form(provider, title, tuple(literals.split()), pattern, weak, bare)


FORMS: tuple[Form, ...] = (
    _form(
        "fireworks",
        "Fireworks account path",
        "accounts/",
        rf"accounts/(?P<account>{_SEGMENT})/(?:models|deployments|deployedmodels|routers)/(?P<name>{_NAME})",
        r"(?:[#@](?:accounts/(?P<holder>[A-Za-z0-9][\w.\-]{0,95})/)?[\w./\-]{1,160})?",
    ),
    _form(
        "bedrock",
        "Bedrock ARN",
        ":bedrock:",
        r"arn:aws[\w\-]{0,12}:bedrock:[\w\-]{0,24}:(?P<account>\d{12})?:",
        r"(?P<kind>foundation-model|inference-profile|application-inference-profile|provisioned-model|custom-model",
        r"|custom-model-deployment|imported-model|default-prompt-router|prompt-router|model-customization-job)",
        rf"/(?P<name>{_TAGGED})(?:/[\w\-.]{{1,80}}){{0,2}}",
    ),
    _form(
        "bedrock",
        "Bedrock request path",
        "model/",
        rf"model/(?P<name>{_TAGGED})/(?:invoke|converse|count-tokens)(?:-with-response-stream|-stream)?(?![\w\-])",
    ),
    _form(
        "sagemaker",
        "SageMaker ARN",
        ":sagemaker:",
        r"arn:aws[\w\-]{0,12}:sagemaker:[\w\-]{0,24}:(?P<account>\d{12}|aws)?:",
        r"(?:endpoint|model|model-package|hub-content|inference-component)/(?:SageMakerPublicHub/Model/)?",
        rf"(?P<name>{_NAME})(?:/[\w\-.]{{1,80}}){{0,2}}",
    ),
    _form(
        "vertex",
        "Vertex AI resource",
        "publishers/",
        r"(?:projects/(?P<account>[\w.\-:]{1,80})/)?(?:locations/[\w\-]{1,40}/)?",
        rf"publishers/(?P<owner>{_SEGMENT})/models/(?P<name>{_NAME})(?:@(?P<revision>[\w.\-]{{1,40}}))?",
    ),
    _form(
        "vertex",
        "Vertex AI resource",
        "projects/",
        r"projects/(?P<account>[\w.\-:]{1,80})/locations/[\w\-]{1,40}/(?:endpoints|models|tunedModels)/",
        rf"(?P<name>{_NAME})(?:@(?P<revision>[\w.\-]{{1,40}}))?",
    ),
    _form(
        "google",
        "Gemini API resource",
        "models/",
        rf"(?:tunedModels/(?P<name>{_NAME})|models/(?P<name2>(?:gemini|gemma|learnlm|imagen|veo|embedding",
        r"|text-embedding|chat-bison|text-bison|lyria)[\w.\-]{0,80}))(?=[:\"'\s?,;)\]}&]|$)",
    ),
    _form(
        "azure",
        "Azure model registry",
        "registries/",
        rf"registries/(?P<account>{_SEGMENT})/models/(?P<name>{_NAME})(?:/(?:versions|labels)/(?P<revision>[\w.\-]{{1,40}}))?",
    ),
    _form(
        "azure",
        "Azure deployment",
        "openai/deployments/",
        r"(?:(?P<account>[A-Za-z0-9\-]{1,63})\.(?:openai|cognitiveservices|services\.ai)\.azure\.com(?::\d{1,5})?/)?",
        rf"(?P<path>openai/deployments/(?P<name>{_NAME}))",
    ),
    _form(
        "openai",
        "OpenAI fine-tune",
        "ft:",
        r"ft:(?P<name>[\w.\-]{2,80}):(?P<account>[\w.\-]{0,60})(?::(?P<suffix>[\w.\-]{0,60}))?",
        r"(?::(?P<revision>[\w.\-]{0,60}(?::ckpt-step-\d{1,9})?))?",
    ),
    _form(
        "openai",
        "OpenAI fine-tune of the first kind",
        ":ft-",
        r"(?P<name>ada|babbage|curie|davinci):ft-(?P<account>[\w\-]{1,60}?)-(?P<revision>\d{4}(?:-\d\d){5})",
    ),
    _form(
        "cloudflare",
        "Cloudflare Workers AI path",
        "@cf/ @hf/",
        rf"@(?:cf|hf)/(?P<account>{_SEGMENT})/(?P<name>{_NAME})",
    ),
    _form(
        "huggingface",
        "Hugging Face cache folder",
        "models--",
        r"models--(?P<account>[A-Za-z0-9][\w.]{0,95}(?:-[\w.]{1,95}){0,8})--",
        r"(?P<name>[A-Za-z0-9][\w.]{0,95}(?:-{1,2}[\w.]{1,95}){0,24})",
        r"(?:/(?:snapshots|refs|blobs)/(?P<revision>[\w.\-]{1,80}))?",
    ),
    _form(
        "huggingface",
        "Hugging Face address",
        "huggingface.co hf.co hf-mirror hf:",
        r"(?:(?<!\.)(?:www\.)?(?:huggingface\.co|hf\.co|hf-mirror\.com)/(?:api/)?(?:models/)?",
        r"|api-inference\.huggingface\.co/(?:pipeline/[\w\-]{1,40}/|models/)",
        r"|router\.huggingface\.co/[\w\-]{1,40}/models/|hf://|hf:)",
        rf"(?!(?:{_HUB_PAGES})/)(?P<account>{_SEGMENT})/(?P<name>{_NAME})",
        r"(?:(?:/(?:resolve|blob|tree|raw|revision)/|[@:])(?P<revision>[\w.\-]{1,80}))?",
    ),
    _form(
        "ollama",
        "Ollama registry path",
        "registry.ollama",
        rf"registry\.ollama\.ai/(?:v2/)?(?P<account>{_SEGMENT})/(?P<name>{_NAME}(?::[\w.\-]{{1,80}})?)",
        r"(?:/(?:manifests|blobs)/(?P<revision>[\w.\-:]{1,80}))?",
    ),
    _form(
        "replicate",
        "Replicate version",
        "",
        rf"(?P<account>{_SEGMENT})/(?P<name>{_NAME}):(?P<revision>[0-9a-f]{{64}})(?![0-9a-f])",
        weak=True,
    ),
    _form(
        "replicate",
        "Replicate address",
        "api.replicate",
        rf"api\.replicate\.com/v1/(?:models|deployments)/(?P<account>{_SEGMENT})/(?P<name>{_NAME})",
    ),
    _form(
        "replicate",
        "Replicate request path",
        "v1/models/",
        rf"v1/models/(?P<account>{_SEGMENT})/(?P<name>{_NAME})/(?:predictions|versions)(?![\w\-])",
    ),
    _form(
        "databricks",
        "Databricks serving endpoint",
        "serving-endpoints/ system.ai.",
        rf"(?:serving-endpoints/|system\.ai\.)(?P<name>{_NAME})",
        bare=True,
    ),
    _form(
        "sagemaker",
        "SageMaker JumpStart id",
        "jumpstart textgeneration -llm- -vlm- text2text textembedding txt2img sentencesimilarity -asr- -reasoning-",
        r"(?:jumpstart-dft-)?(?P<owner>meta|huggingface|hf|pytorch|tensorflow|mxnet|stabilityai|deepseek|mistral)-",
        r"(?:llm|vlm|textgeneration|text2text|sentencesimilarity|textembedding|txt2img|asr|reasoning)\d?-",
        rf"(?P<name>{_NAME})",
        weak=True,
        bare=True,
    ),
)
"""Every form; where two match at one place, the first."""

LITERALS = frozenset(literal for form in FORMS for literal in form.literals)
"""Every literal of a form."""
