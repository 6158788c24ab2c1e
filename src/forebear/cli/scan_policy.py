"""``forebear scan --policy``: what a policy says of the model that was scanned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from forebear.policy.answer import PolicyAnswer
    from forebear.types import Scan


@dataclass(frozen=True)
class Decided:
    """A decision beside a scan."""

    answer: PolicyAnswer

    @property
    def document(self) -> dict[str, Any]:
        """The field that it adds to ``forebear.scan/1``; its input would repeat the rest of the document."""
        whole = self.answer.to_json()
        return {"policy": {key: value for key, value in whole.items() if key not in _HEAD}}

    @property
    def markdown(self) -> str:
        """What it adds to the scan as Markdown."""
        from forebear.report import policy as report

        return f"\n{report.markdown(self.answer)}"

    @property
    def exit_code(self) -> int:
        """0, 1 or 3."""
        return self.answer.decision.exit_code

    def table(self, console: Console, quiet: bool) -> None:
        """What it adds to the scan at a terminal."""
        from forebear.report import policy as report

        console.print()
        report.show(console, self.answer, quiet)


_HEAD = ("schema", "forebear_version", "created", "input", "model")


def decider(policies: list[str], organisation: Path | None) -> Callable[[Scan], Decided]:
    """What decides on a scan, with policies and facts read already.

    Args:
        policies: packs and files.
        organisation: path of an ``org.yaml``, None for none.

    Raises:
        UsageError: there is no such policy.
        FormatError: a file is wrong.
    """
    from forebear.index import open_index
    from forebear.inspect.consequences import follow_document
    from forebear.inspect.policy import Terms, answer_on, load

    loaded = load(Terms(tuple(policies), str(organisation or "")))
    return lambda result: Decided(
        answer_on(follow_document(result.to_json(), loaded.organisation, open_index()), loaded)
    )
