"""Kinds of APIs: one file each, and the list of them."""

from forebear.endpoints.base import Dialect
from forebear.endpoints.dialects.anthropic import AnthropicMessages
from forebear.endpoints.dialects.cohere import CohereChat
from forebear.endpoints.dialects.gemini import Gemini
from forebear.endpoints.dialects.llama_cpp import LlamaCpp
from forebear.endpoints.dialects.ollama import OllamaChat, OllamaGenerate
from forebear.endpoints.dialects.openai import OpenAIChat, OpenAICompletions, OpenAIResponses
from forebear.endpoints.dialects.tgi import Tgi

DIALECTS: tuple[Dialect, ...] = (
    OpenAIChat(),
    OpenAICompletions(),
    OpenAIResponses(),
    AnthropicMessages(),
    Gemini(),
    CohereChat(),
    OllamaChat(),
    OllamaGenerate(),
    LlamaCpp(),
    Tgi(),
)
"""In the order in which they are tried."""

__all__ = ["DIALECTS"]
