"""``forebear bom …``: write a bill of materials, and what one can be asked.

``forebear bom TARGET`` writes; a first word that is one of the other commands is that command. A model that is called
like a command is written with its path: ``forebear bom ./verify``.
"""

from __future__ import annotations

import os
from difflib import get_close_matches

import typer
from typer.core import TyperGroup

from forebear.cli import bom_diff, bom_score, bom_verify, bom_write
from forebear.cli.options import common
from forebear.errors import UsageError

WRITE = "write"


class _WriteByDefault(TyperGroup):
    """A group whose first argument may be the target of :data:`WRITE`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        first = next((a for a in args if not a.startswith("-")), None)
        near = get_close_matches(first, list(self.commands), 1, 0.75) if first and first == args[0] else []
        if near and first not in self.commands and not os.path.lexists(str(first)):
            raise UsageError(f"{first}: no such file, and no command", f"did you mean forebear bom {near[0]}?")
        asks = bool(args) and (first is not None or not {"--help", "-h"} & set(args))
        return super().parse_args(ctx, [WRITE, *args] if asks and first not in self.commands else args)


app = typer.Typer(
    cls=_WriteByDefault,
    help="The AI bill of materials: `forebear bom TARGET` writes one; verify, score and diff read them.\n\n"
    "The options of `forebear bom TARGET` stand in `forebear bom write --help`.\n\n"
    "Example: forebear bom ./my-model --output bom.cdx.json",
    no_args_is_help=True,
)
app.command(WRITE)(common(bom_write.write))
app.command("verify")(common(bom_verify.verify))
app.command("score")(common(bom_score.score))
app.command("diff")(common(bom_diff.diff))
