"""Signing in and out: what a stranger, another site and a thief of a database or of a cookie can do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from browsers import browser
from forebear.web.crew import Crew
from forebear.web.rates import Rates
from forebear.web.sessions import COOKIE
from forebear.web.tokens import make_token
from services import Served, served


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("service")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOREBEAR_HOME", str(home))
        patch.setenv("FOREBEAR_CACHE", str(home / "cache"))
        patch.setattr(Crew, "_work", lambda self: self._stopping.wait())
        with served(home / "own") as found:
            found.client.app.state.service.failures = Rates(1e6, 10**6)  # type: ignore[attr-defined]
            yield found


def _token(service: Served, *scopes: str) -> tuple[str, str]:
    token, text = make_token("ann", scopes or ("read", "submit"))
    service.client.app.state.service.store.add_token(token)  # type: ignore[attr-defined]
    return token.id, text


def test_a_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(
    service: Served, capfd: pytest.CaptureFixture[str]
) -> None:
    someone = browser(service)
    assert (someone.get("/").status_code, someone.get("/").headers["location"]) == (303, "/sign-in")
    _, text = _token(service)
    answer = someone.sign_in(text)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(COOKIE)).lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "secure", "path=/", "max-age=43200"))
    secret = text.split("_", 2)[2]
    shown = someone.get("/")
    assert shown.status_code == 200 and "ann" in shown.text
    kept = b"".join(p.read_bytes() for p in service.settings.home.glob("service.sqlite*"))
    for place in (cookie, str(answer.headers), shown.text, "".join(capfd.readouterr())):
        assert secret not in place
    assert secret.encode() not in kept and someone.client.cookies[COOKIE].encode() not in kept


def test_what_is_no_token_is_refused_without_being_repeated(service: Served) -> None:
    someone = browser(service)
    id, text = _token(service)
    for wrong in ("", "fb_x", text[:-1] + ("A" if text[-1] != "A" else "B"), f"fb_{'0' * 16}_{'x' * 43}", "<script>"):
        answer = someone.sign_in(wrong)
        assert answer.status_code == 401 and (not wrong or wrong not in answer.text)
        assert COOKIE not in someone.client.cookies
    service.client.app.state.service.store.revoke(id)  # type: ignore[attr-defined]
    assert someone.sign_in(text).status_code == 401


def test_guesses_are_slowed_down(service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service.client.app.state.service, "failures", Rates(0.001, 2))  # type: ignore[attr-defined]
    someone = browser(service)
    assert [someone.sign_in("fb_x").status_code for _ in range(3)] == [401, 401, 429]
    assert someone.sign_in(_token(service)[1]).status_code == 429


def test_another_site_cannot_sign_a_browser_in(service: Served) -> None:
    """Neither without the cookie of the form, nor with the mark of another one, nor from elsewhere."""
    _, text = _token(service)
    someone, other = browser(service), browser(service)
    mark = someone.get("/sign-in").text.split('name="mark" value="')[1].split('"')[0]
    other.get("/sign-in")
    for fields in ({"token": text}, {"token": text, "mark": mark}, {"token": text, "mark": "ü"}):
        answer = other.client.post("/sign-in", data=fields, follow_redirects=False)
        assert answer.status_code == 403 and "cookie" in answer.text
    for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
        fields = {"token": text, "mark": mark}
        answer = someone.client.post("/sign-in", data=fields, headers=headers, follow_redirects=False)
        assert answer.status_code == 403 and COOKIE not in someone.client.cookies


@pytest.mark.parametrize("cookie", ["", "x", "a" * 43, "a b;c=d", "a" * 4_000])
def test_forged_cookies_are_nobodys(service: Served, cookie: str) -> None:
    someone = browser(service)
    answer = someone.get("/jobs", headers={"Cookie": f"{COOKIE}={cookie}"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=/jobs")


def test_a_session_ends_with_signing_out_and_with_its_token(service: Served) -> None:
    ann, bob = browser(service, "read"), browser(service, "read", name="bob")
    stolen = f"{COOKIE}={ann.client.cookies[COOKIE]}"
    assert browser(service).get("/jobs", headers={"Cookie": stolen}).status_code == 200
    assert ann.client.post("/sign-out", follow_redirects=False).status_code == 403  # another site's form
    assert ann.send("/", "/sign-out").headers["location"] == "/sign-in"
    assert browser(service).get("/jobs", headers={"Cookie": stolen}).status_code == 303
    store = service.client.app.state.service.store  # type: ignore[attr-defined]
    id = next(t.id for t in store.tokens() if t.name == "bob")
    assert bob.get("/jobs").status_code == 200
    store.revoke(id)
    assert bob.get("/jobs").status_code == 303


def test_signing_in_leads_back_to_pages_of_ours_alone(service: Served) -> None:
    for next_, led in (
        ("/jobs", "/jobs"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/jobs?x=\r\nSet-Cookie: a=b", "/"),
    ):
        someone = browser(service)
        assert next_ == led or next_ not in someone.get("/sign-in", params={"next": next_}).text
        assert someone.sign_in(_token(service)[1], next=next_).headers["location"] == led


def test_a_token_that_may_not_read_sees_nothing_and_htmx_is_sent_to_sign_in(service: Served) -> None:
    blind = browser(service)
    assert blind.sign_in(_token(service, "submit")[1]).status_code == 303
    assert blind.get("/jobs").status_code == 403
    answer = browser(service).get("/jobs", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/sign-in")


def test_a_cookie_needs_tls_everywhere_but_on_the_machine_itself(service: Served) -> None:
    someone = browser(service)
    someone.client.base_url = "http://testserver"
    answer = someone.client.post("/sign-in", data={"token": "x"}, headers={"Origin": "http://testserver"})
    assert answer.status_code == 403 and "https://" in answer.text
