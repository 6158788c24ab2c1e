"""``forebear explain`` and ``forebear doctor``."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from forebear.cli.completion import topics
from forebear.cli.options import Format, FormatOption, OutputOption, emit
from forebear.errors import UsageError
from forebear.types import head


def explain(
    topic: Annotated[
        str | None,
        typer.Argument(
            help="A verdict, relation, finding, signal, check or number; nothing lists them all.",
            show_default=False,
            autocompletion=topics,
        ),
    ] = None,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """What a verdict, relation, finding, signal, check or number means, what would clear it, and what it cannot tell.

    Example: forebear explain same_init_or_derived
    """
    from forebear.report import guide

    if topic is None:
        document: dict[str, Any] = {**head("forebear.explain/1"), **guide.topics()}
        emit(
            document,
            how,
            output,
            lambda c: guide.show_topics(c, document),
            lambda: guide.markdown_topics(document),
        )
        return
    found = guide.explain(topic)
    if found is None:
        if topic.startswith("policy/"):
            raise UsageError(
                f"{topic} is a rule of a policy", "forebear policy show NAME tells what it says and decides"
            )
        near = guide.nearest(topic)
        raise UsageError(
            f"nothing is known about {topic!r}",
            f"did you mean {near}?" if near else "forebear explain lists all topics",
        )
    document = {**head("forebear.explain/1"), **found}
    emit(document, how, output, lambda c: guide.show(c, document), lambda: guide.markdown(document))


def doctor(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """What is installed, configured and reachable, and how to mend what is not.

    Example: forebear doctor
    """
    from forebear.inspect.doctor import checks
    from forebear.report import guide

    document = {**head("forebear.doctor/1"), "checks": checks()}
    emit(
        document,
        how,
        output,
        lambda c: guide.show_checks(c, document),
        lambda: guide.markdown_checks(document),
    )
    if any(c["status"] == "fail" for c in document["checks"]):
        sys.stdout.flush()
        raise typer.Exit(4)
