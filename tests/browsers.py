"""A browser as far as a test needs one: it keeps cookies, and fills in the forms of pages that it has seen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

from starlette.testclient import TestClient

from forebear.web.tokens import make_token
from services import Served

CSRF = re.compile(r'name="csrf" value="([^"]*)"')
ONCE = re.compile(r'name="once" value="([^"]*)"')
MARK = re.compile(r'name="mark" value="([^"]*)"')


@dataclass
class Browser:
    """A visitor of a service, signed in or not."""

    client: TestClient

    def get(self, path: str, **more: Any) -> Any:
        return self.client.get(path, follow_redirects=False, **more)

    def send(self, at: str, to: str, fields: dict[str, Any] | None = None, **more: Any) -> Any:
        """The form of the page ``at``, filled in and sent ``to``."""
        hidden = self.hidden(at)
        return self.client.post(to, data={**hidden, **(fields or {})}, follow_redirects=False, **more)

    def hidden(self, at: str) -> dict[str, str]:
        shown = self.get(at).text
        csrf, once = CSRF.search(shown), ONCE.search(shown)
        return {"csrf": unescape(csrf[1]) if csrf else "", "once": unescape(once[1]) if once else ""}

    def sign_in(self, token: str, **more: Any) -> Any:
        mark = MARK.search(self.get("/sign-in").text)
        assert mark is not None
        fields = {"token": token, "mark": mark[1], "next": "/", **more}
        return self.client.post("/sign-in", data=fields, follow_redirects=False)


def browser(service: Served, *scopes: str, name: str = "ann") -> Browser:
    """A browser of its own that is signed in with a new token; without ``scopes`` it is not signed in."""
    found = Browser(TestClient(service.client.app, base_url="https://testserver"))
    if scopes:
        token, text = make_token(name, scopes)
        service.client.app.state.service.store.add_token(token)  # type: ignore[attr-defined]
        assert found.sign_in(text).status_code == 303
    return found
