"""Templates to answers: everything that is put in is escaped and cleaned, and nothing may run but our script."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from forebear.report import tree_svg
from forebear.report.html import Fragment
from forebear.report.markup import Html, named, shortened
from forebear.report.words import clean
from forebear.web.pages.visitor import Visitor, fresh

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script and no style within a page, none from elsewhere, no ``eval``."""
HEADERS = {"Content-Security-Policy": POLICY, "Referrer-Policy": "same-origin"}
"""With ``no-referrer`` a browser would hide the origin of our own forms, too."""
STYLES = ("page/page.css", "page/report.css", "web/static/web.css")
SCRIPTS = ("htmx.min.js",)
MOST_TEXT = 4_000
"""Characters of one value on a page; a name of a stranger may be longer than anybody reads."""


def _put(value: Any) -> Any:
    """What a template puts in: markup as it is, text without what moves or hides words, and never endless."""
    if isinstance(value, Html):
        return Markup(value)
    if isinstance(value, str) and not isinstance(value, Markup):
        return shortened(clean(value), MOST_TEXT)
    return value


def _name(value: str, most: int = 80) -> Markup:
    return Markup(named(value, most))


@cache
def environment() -> Environment:
    """The templates of ``data/web/templates``."""
    found = Environment(
        loader=PackageLoader("forebear", "data/web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_put,
    )
    found.filters["name"] = _name
    found.globals["asset"] = asset
    return found


@cache
def style() -> str:
    """The style of all pages: that of the reports, and what pages have besides."""
    folder = resources.files("forebear") / "data"
    return "".join((folder / name).read_text("utf-8") for name in STYLES) + tree_svg.IN_PAGE


@cache
def script(name: str) -> str:
    """One of :data:`SCRIPTS`."""
    return (resources.files("forebear") / "data" / "web" / "static" / name).read_text("utf-8")


@cache
def asset(name: str) -> str:
    """The address of a style or script, which changes with its content, so that it may be kept."""
    content = style() if name == "style.css" else script(name)
    return f"/static/{name}?v={sha256(content.encode()).hexdigest()[:12]}"


def page(
    request: Request, template: str, who: Visitor | None, values: Mapping[str, Any] | None = None, status: int = 200
) -> HTMLResponse:
    """A page, or a piece of one.

    Args:
        request: what was asked.
        template: name of a file.
        who: looks at it; None for nobody who is signed in.
        values: what it shows.
        status: of the answer.
    """
    text = (
        environment()
        .get_template(template)
        .render(
            {
                "who": who,
                "csrf": who.mark if who else "",
                "once": fresh,
                "here": request.url.path,
                **(values or {}),
            }
        )
    )
    return HTMLResponse(text, status, HEADERS)


def sections(found: tuple[Fragment, ...]) -> list[dict[str, Any]]:
    """Sections of a report for a template."""
    return [{"name": f.name, "title": f.title, "markup": f.markup} for f in found]
