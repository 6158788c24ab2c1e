"""The style and the script of the pages; they hold nothing secret, and browsers keep them for as long as they like."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from forebear.web.api.caller import refused
from forebear.web.pages.render import SCRIPTS, script, style

router = APIRouter()
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}


@router.get("/static/{name}")
def static(name: str) -> Response:
    """A file of ours by its name; no folder is read."""
    if name == "style.css":
        return Response(style(), media_type="text/css", headers=_KEPT)
    if name in SCRIPTS:
        return Response(script(name), media_type="text/javascript", headers=_KEPT)
    raise refused(404, "there is no such page")
