from __future__ import annotations

import pytest

from forebear.endpoints.addresses import address_secrets, basic, endpoint, public_url, redirected_path, request_url
from forebear.endpoints.base import Exhausted
from forebear.errors import UsageError
from forebear.sources.answers import Refused


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("https://h", "https://h"),
        ("https://h/", "https://h"),
        ("https://h/v1", "https://h"),
        ("https://h/v1/", "https://h"),
        ("https://h/v1/chat/completions", "https://h"),
        ("https://h/v1/messages", "https://h"),
        ("https://h/api/v1", "https://h/api"),
        ("http://h:11434/api/chat", "http://h:11434"),
        ("https://h/api/paas/v4/chat/completions", "https://h/api/paas/v4"),
        (
            "https://h/openai/deployments/x/chat/completions?api-version=1",
            "https://h/openai/deployments/x?api-version=1",
        ),
        ("https://h/v1#part", "https://h"),
    ],
)
def test_ends_that_belong_to_requests_are_taken_off(given: str, base: str) -> None:
    assert endpoint(given) == base


@pytest.mark.parametrize(
    "url", ["", "h/v1", "ftp://h", "https://", "https://h:99999", "https://[::1", "file:///etc/passwd"]
)
def test_what_is_no_address_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(UsageError, match="not the address of an endpoint"):
        endpoint(url)


def test_secrets_of_an_address_are_known_and_not_shown() -> None:
    url = "https://us%40er:pa%20ss@h:8/x?api-version=2024-01-01&key=abcdef&sig=ghi"
    assert public_url(url) == "https://h:8/x?api-version=2024-01-01&key=redacted&sig=redacted"
    assert {"pa ss", "abcdef", "ghi"} <= set(address_secrets(url))
    assert basic(url) == "Basic dXNAZXI6cGEgc3M="
    assert basic("https://h") == ""
    assert "token" in address_secrets("https://token@h")


def test_a_request_takes_the_query_along_and_not_the_user() -> None:
    assert request_url("https://u:p@h/b?k=1", "/v1/x?y=2") == "https://h/b/v1/x?y=2&k=1"


@pytest.mark.parametrize(
    "url",
    [
        "https://canary:pass-canary@h/v1",
        "https://canary-user-key@h/v1",
        "https://h/canary0123456789abcdef/v1",
        "https://h/v1?canary0123456789",
        "https://h/v1?key=canary",
    ],
)
def test_what_is_secret_in_an_address_is_known_and_not_shown(url: str) -> None:
    assert any("canary" in secret for secret in address_secrets(url))
    assert "canary" not in public_url(url)


def test_usual_paths_are_shown() -> None:
    for path in (
        "/v1",
        "/openai/deployments/gpt-4o-2024-08-06",
        "/api/inference",
        "/serving-endpoints/databricks-llama",
    ):
        assert public_url(f"https://h{path}") == f"https://h{path}"


def test_redirects_stay_at_their_origin() -> None:
    base = "https://h/b?k=1"
    assert redirected_path(base, "/v1/x", "/b/v1/x/?k=1") == "/v1/x/"
    assert redirected_path(base, "/v1/x", "https://h/b/y?z=1") == "/y?z=1"
    for there in ("https://evil/b/y", "https://h:444/b/y", "https://h.evil/b/y", "//evil/b"):
        with pytest.raises(Refused, match="another place"):
            redirected_path(base, "/v1/x", there)
    with pytest.raises(Refused, match="another path"):
        redirected_path(base, "/v1/x", "/login")
    with pytest.raises(Refused, match="https to http"):
        redirected_path(base, "/v1/x", "http://h/b/v1/x")
    for nowhere in ("", "file:///etc/passwd", "http://[bad"):
        with pytest.raises(Refused, match="nowhere"):
            redirected_path(base, "/v1/x", nowhere)


def test_an_exhausted_budget_is_an_error_of_the_job_and_not_of_the_call() -> None:
    assert Exhausted("x").exit_code == 4
