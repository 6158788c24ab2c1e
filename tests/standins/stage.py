"""Where an incident is played: a folder, an index of its own, and the program as people call it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner, Result

from forebear.cli import app

RAN = (0, 1, 3)
"""Exit codes of a command that did its work: done, something is wrong, undecided."""


@dataclass
class Stage:
    """A folder in which one incident is played.

    Attributes:
        folder: for everything that is made.
        told: what every command has printed so far, errors too.
    """

    folder: Path
    told: list[str] = field(default_factory=list)

    def call(self, *args: str, codes: tuple[int, ...] = RAN) -> Result:
        """Run a command against the index of this stage; any other exit code than these fails."""
        env = {
            "FOREBEAR_HOME": str(self.folder / "home"),
            "FOREBEAR_CACHE": str(self.folder / "cache"),
            "NO_COLOR": "1",
        }
        done = CliRunner().invoke(app, list(args), env=env)
        error = done.exception if not isinstance(done.exception, SystemExit) else None
        assert error is None and done.exit_code in codes, f"forebear {' '.join(args)}: {done.output}{error!r}"
        self.told.append(done.output)
        return done

    def document(self, *args: str, codes: tuple[int, ...] = RAN) -> dict[str, Any]:
        """The JSON document that a command prints."""
        found = json.loads(self.call(*args, "--format", "json", codes=codes).stdout)
        assert isinstance(found, dict)
        return found

    def saved(self, *args: str, name: str = "result.json", codes: tuple[int, ...] = RAN) -> Path:
        """The file that a command's JSON document is written to."""
        path = self.folder / name
        self.call(*args, "--format", "json", "-o", str(path), codes=codes)
        return path

    def write(self, name: str, value: Mapping[str, Any]) -> Path:
        """A file of JSON, or of YAML where its name ends so."""
        path = self.folder / name
        text = yaml.safe_dump(dict(value)) if path.suffix == ".yaml" else json.dumps(value)
        path.write_text(text, "utf-8")
        return path

    def index(self, folder: Path, name: str) -> None:
        """A model as a reference of this stage."""
        self.call("index", "add", str(folder), "--name", name)

    def scan(self, folder: Path | str) -> Path:
        """A model scanned."""
        return self.saved("scan", str(folder))
