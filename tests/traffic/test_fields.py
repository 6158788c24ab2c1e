"""Which keys and headers name a model, and which are shown."""

from __future__ import annotations

import pytest

from forebear.traffic import fields


@pytest.mark.parametrize(
    "key",
    ["model", "modelId", "model-id", "gen_ai.request.model", "ai.model.id", "llm.model_name"],
)
def test_keys_that_name_models_are_known_and_shown(key: str) -> None:
    assert fields.names_model(key) and fields.shown_key(key) == key


@pytest.mark.parametrize(
    "key", ["hunter2", "hunter2_model", "gen_ai.request.hunter2.model", "model.hunter2", "", "a" * 99]
)
def test_other_keys_are_not_shown(key: str) -> None:
    assert not fields.names_model(key) and fields.shown_key(key) == "*"
    assert fields.shown_header(key) == "*" and fields.shown_header(f"llm_provider-{key}") == "llm_provider-*"


def test_headers_that_name_models() -> None:
    for name in ("OpenAI-Model", "x-model-id", "x-acme-model", "llm_provider-x-model-name", "x-litellm-model-group"):
        assert fields.header_names_model(name), name
    for name in (
        "x-ratelimit-model-limit",
        "x-litellm-model-api-base",
        "anthropic-version",
        "x-remodel",
        "content-type",
    ):
        assert not fields.header_names_model(name), name


def test_whose_word_stands_below_a_key() -> None:
    assert all(
        map(fields.is_asked, ("request", "request_body", "http_request", "gen_ai.request.model", "model_group", "body"))
    )
    assert all(
        map(fields.is_said, ("response", "response_body", "upstream_http_x", "output", "gen_ai.response.model", "resp"))
    )
    assert all(map(fields.is_failure, ("error", "Error", "detail")))
    assert not any(map(fields.is_said, ("respect", "model", "message"))) and not fields.is_failure("errand")


def test_no_table_shows_what_is_not_sought() -> None:
    assert not any(fields.shown_header(name) != "*" for name in fields.NOT_SOUGHT)
