"""The bundled demonstration: a base, a real fine-tune, a permuted copy of it, an innocent twin."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from forebear.errors import UsageError
from forebear.index import LocalIndex
from forebear.inspect.enrol import enrol
from forebear.inspect.scan import scan
from forebear.types import Json, Scan, head

REFERENCE = "base"
CASES: tuple[tuple[str, str], ...] = (
    ("finetune", "a real fine-tune of the base; its card does not say so"),
    ("permuted", "the same fine-tune with every MLP neuron shuffled, claiming to be trained from scratch"),
    ("twin", "an independent model: same architecture, tokenizer and data, another random start"),
)


@dataclass(frozen=True)
class Demo:
    """The three scans of the demonstration, each with what is true about its model."""

    reference: str
    cases: tuple[tuple[str, str, Scan], ...]

    def to_json(self) -> Json:
        """The ``forebear.demo/1`` document."""
        cases = [{"name": name, "truth": truth, "scan": result.to_json()} for name, truth, result in self.cases]
        return {**head("forebear.demo/1"), "reference": self.reference, "cases": cases}


def run(
    on_step: Callable[[str], None] = lambda _: None, on_case: Callable[[str, Scan], None] = lambda *_: None
) -> Demo:
    """Index the bundled base in a temporary index and scan the other three; the user's own index is not touched.

    Args:
        on_step: told what is being done.
        on_case: given the name and the scan of every model as soon as it is there.
    """
    with (
        tempfile.TemporaryDirectory(prefix="forebear-demo-") as folder,
        resources.as_file(resources.files("forebear") / "data" / "demo") as models,
    ):
        index = LocalIndex(Path(folder))
        enrol(str(models / REFERENCE), index, "demo-base", on_step=on_step)
        found = []
        for name, truth in CASES:
            found.append((name, truth, scan(str(models / name), index, on_step=on_step, fetch=False)))
            on_case(name, found[-1][2])
    return Demo("demo-base", tuple(found))


def keep(folder: Path) -> tuple[str, ...]:
    """Copy the bundled models into a folder, to try other commands on; returns their names.

    Raises:
        UsageError: one of the names is taken there, or the folder cannot be written. Nothing that is there is changed.
    """
    names = (REFERENCE, *(name for name, _ in CASES))
    if taken := next((name for name in names if os.path.lexists(folder / name)), ""):
        raise UsageError(f"--keep {folder}: {taken} is there already", "name another folder")
    with resources.as_file(resources.files("forebear") / "data" / "demo") as models:
        try:
            for name in names:
                shutil.copytree(models / name, folder / name)
        except OSError as error:
            raise UsageError(
                f"--keep {folder}: {error.strerror or error}", "name a folder that can be written"
            ) from None
    return names
