"""``forebear index add-tokenizer``."""

from __future__ import annotations

from typing import Annotated

import typer

from forebear.cli.options import Format, FormatOption, OutputOption, emit
from forebear.types import head

Target = Annotated[
    str, typer.Argument(help="A folder with tokenizer files, one of them, or a hub repository.", show_default=False)
]
NameOption = Annotated[str | None, typer.Option("--name", help="What to call it; default the target's name.")]
UsedByOption = Annotated[
    list[str] | None, typer.Option("--used-by", metavar="MODEL", help="A model that uses it; can be repeated.")
]
SplitOption = Annotated[
    str | None,
    typer.Option("--split", help="How text is cut into words first, where the file does not say (qwen, llama-3, …)."),
]
ReplaceOption = Annotated[bool, typer.Option("--replace", help="Replace a tokenizer of the same name.")]


def add_tokenizer(
    target: Target,
    name: NameOption = None,
    used_by: UsedByOption = None,
    split: SplitOption = None,
    replace: ReplaceOption = False,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Teach probes a tokenizer: its token counts on the battery are kept, never its vocabulary.

    Example: forebear index add-tokenizer ./Kimi-K2.5 --name kimi-k2.5 --used-by moonshotai/Kimi-K2.5
    """
    from forebear.inspect.enrol_tokenizer import enrol_tokenizer
    from forebear.report import terminal

    done = enrol_tokenizer(target, name, tuple(used_by or ()), split, replace)
    document = {
        **head("forebear.index-add-tokenizer/1"),
        "target": target,
        "status": "added" if done.added else "already there",
        "name": done.tokenizer.name,
        "tokens": done.tokenizer.size,
        "digest": done.tokenizer.digest,
        "texts": len(done.tokenizer.counts),
        "used_by": list(done.tokenizer.models),
        "counts_like": list(done.twins),
    }
    emit(
        document,
        how,
        output,
        lambda console: terminal.shown(console, document),
        lambda: terminal.plain(terminal.shown, document),
    )
