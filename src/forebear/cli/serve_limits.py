"""The limits of a service as options of ``forebear serve``: one for each of ``web.limits.LIMITS``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import typer

from forebear.web.limits import LIMITS, Limit, size_of, written
from forebear.web.settings import Settings

PANEL = "Limits"


def limited(function: Callable[..., None]) -> Callable[..., None]:
    """A command with an option for every limit, in place of its parameter ``limits``: values by field."""
    hints = get_type_hints(function, include_extras=True)
    own = {name: p for name, p in inspect.signature(function).parameters.items() if name != "limits"}
    defaults = {f.name: f.default for f in fields(Settings)}

    def command(**values: Any) -> None:
        given = {limit: values.pop(limit.field) for limit in LIMITS}
        chosen = {n.field: size_of(value, n.option) if n.size else value for n, value in given.items()}
        function(**values, limits=chosen)

    added = [_parameter(limit, defaults[limit.field]) for limit in LIMITS]
    parameters = [*(p.replace(annotation=hints[name]) for name, p in own.items()), *added]
    command.__signature__ = inspect.Signature(parameters, return_annotation=None)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__name__, command.__doc__, command.__module__ = function.__name__, function.__doc__, function.__module__
    return command


def _parameter(limit: Limit, default: Any) -> inspect.Parameter:
    kind: type = str if limit.size else type(default)
    metavar = "SIZE" if limit.size else "NUMBER"
    option = typer.Option(limit.option, metavar=metavar, help=limit.help, rich_help_panel=PANEL)
    shown = written(default) if limit.size else default
    return inspect.Parameter(
        limit.field, inspect.Parameter.KEYWORD_ONLY, default=shown, annotation=Annotated[kind, option]
    )
