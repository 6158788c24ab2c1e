"""Pages for people, rendered on the server on the same store, crew and tokens as ``api``.

    sign         a token for a session (``sessions``), whose cookie says nothing
    home         one box for everything; identifiers
    asks         a form for every kind of job
    jobs         the list, progress, results
    references   the index: search, one reference, the family tree
    render       templates (``data/web/templates``) to answers; ``visitor`` reads sessions and forms

htmx keeps a job's progress and a search up to date; without JavaScript the same pages work by plain forms and links.
"""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from forebear.web.pages import asks, home, jobs, references, sign, static
from forebear.web.pages.render import page

ROUTERS: tuple[APIRouter, ...] = (
    sign.router,
    home.router,
    asks.router,
    jobs.router,
    references.router,
    static.router,
)
"""Every router; ``home`` before ``asks``, whose address ``/start/KIND`` would else take ``/start/ask``."""


def problem(
    request: Request, status: int, said: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """A page that says what is wrong, and what to do.

    Args:
        request: what was asked.
        status: of the answer; a redirect has its address in ``headers``.
        said: ``message`` and ``hint``.
        headers: of the answer.
    """
    answer = page(request, "problem.html", None, {"status": status, "message": "", "hint": "", **said}, status)
    answer.headers.update(headers or {})
    return answer
