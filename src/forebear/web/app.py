"""The application: routes, store and workers put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect

from forebear.errors import ForebearError, one_line
from forebear.index import home
from forebear.sources import cache_home
from forebear.version import __version__
from forebear.web import pages
from forebear.web.api import ROUTERS
from forebear.web.api.caller import Service
from forebear.web.crew import Crew
from forebear.web.guard import PROGRAMS, Guard
from forebear.web.rates import Rates
from forebear.web.sessions import Sessions
from forebear.web.settings import Settings
from forebear.web.store import open_store
from forebear.web.tokens import Keeper

ABOUT = "Which known model does this one descend from, and how sure can we be? Everything that takes time is a job."


def create_app(settings: Settings) -> FastAPI:
    """The service as an ASGI application; workers start and stop with it.

    Args:
        settings: what the operator decided.

    Raises:
        UsageError: another server runs on the same home, or it cannot be written.
        IndexError_: its database is damaged or cannot be reached.
    """
    store = open_store(settings.home, settings.database)
    try:
        crew = Crew(settings, store, (str(home()), str(cache_home())))
    except BaseException:
        store.close()
        raise

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        crew.start()
        try:
            yield
        finally:
            crew.stop()
            store.close()

    app = FastAPI(
        title="Forebear",
        version=__version__,
        description=ABOUT,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        middleware=[Middleware(Guard, settings=settings)],
    )
    rates = Rates(settings.rate, settings.burst)
    app.state.service = Service(settings, store, crew, Keeper(store), rates, Sessions(store))
    for router in ROUTERS:
        app.include_router(router, prefix="/api/v1")
    for router in pages.ROUTERS:
        app.include_router(router, include_in_schema=False)
    app.add_api_route("/healthz", _health, methods=["GET"], tags=["health"])
    app.add_exception_handler(AnyHTTPException, _refusal)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(ForebearError, _error)
    app.add_exception_handler(ClientDisconnect, _broken_off)
    return app


def _health(request: Request) -> JSONResponse:
    """Whether jobs are taken and run; tells nothing else."""
    service: Service = request.app.state.service
    try:
        service.store.job("")
        well = service.crew.alive
    except ForebearError:
        well = False
    return JSONResponse({"status": "ok" if well else "unwell"}, 200 if well else 503)


def _say(request: Request, status: int, problem: dict[str, Any], headers: Any = None) -> Response:
    """An answer that says no: as JSON to programs, as a page to people."""
    if request.url.path.startswith(PROGRAMS):
        return JSONResponse({"error": problem}, status, headers)
    return pages.problem(request, status, problem, headers)


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, AnyHTTPException)
    detail: Any = error.detail
    said = detail if isinstance(error, HTTPException) and isinstance(detail, dict) else {"message": str(detail)}
    return _say(request, error.status_code, {"hint": "", **said}, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """The first thing that is wrong with a request, without what was sent: that may be a key."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first.get("loc", ("",))[0] == "path" and not request.url.path.startswith(PROGRAMS):
        return _say(request, 404, {"message": "there is no such page", "hint": "look for it from the first page"})
    place = one_line(".".join(str(part) for part in first.get("loc", ())[:6]), 120)
    return _say(request, 422, {"message": f"{place}: {one_line(str(first.get('msg', 'invalid')), 200)}", "hint": ""})


async def _broken_off(request: Request, _: Exception) -> Response:
    """Who sent it is gone; the log has it as their end, not as an error of the service's own."""
    return _say(request, 400, {"message": "the body broke off", "hint": "send it again"})


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ForebearError)
    return _say(
        request, 503, {"message": "the service cannot answer now", "hint": "its operator finds the reason in the log"}
    )
