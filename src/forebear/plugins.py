"""Parts that other packages bring: found by their entry points, loaded when they are first needed, never trusted.

    forebear.readers     weight formats            asked only where no reader of Forebear's handles a source
    forebear.signals     remarks on two models     shown beside the evidence, never counted
    forebear.renderers   saved results to text     chosen by name: ``forebear report --renderer NAME``
    forebear.policies    written rules             chosen by name, after the packs that ship

Everything that a plugin says or does is named as a third party's. Nothing of it can raise the confidence of a verdict.
``FOREBEAR_PLUGINS`` holds the names of the packages whose plugins may be loaded, ``none`` for no package; where it is
not set, all that are installed may be. ``docs/plugins.md`` says what each kind has to be.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from forebear.errors import PluginError, one_line

KINDS = ("readers", "signals", "renderers", "policies")
VARIABLE = "FOREBEAR_PLUGINS"
NONE = "none"


@dataclass(frozen=True)
class Plugin:
    """One entry point of another package.

    Attributes:
        kind: one of :data:`KINDS`.
        name: of the entry point.
        package: the distribution that brings it.
        version: of that distribution.
        entry: what is loaded.
    """

    kind: str
    name: str
    package: str
    version: str
    entry: EntryPoint

    @property
    def party(self) -> str:
        """Whose it is, e.g. ``third party: forebear-npz 0.1``."""
        return f"third party: {self.package} {self.version}"

    @property
    def title(self) -> str:
        """For people, e.g. ``npz (third party: forebear-npz 0.1)``."""
        return f"{self.name} ({self.party})"

    def load(self) -> Any:
        """The object itself. Raises ``PluginError`` where it cannot be imported."""
        return self.run(self.entry.load)

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call something of the plugin's. Raises ``PluginError`` for whatever it raises, also where it would exit."""
        try:
            return function(*arguments)
        except (Exception, SystemExit) as error:
            raise self.failure(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error

    def failure(self, problem: str) -> PluginError:
        """The error that says what is wrong with this plugin."""
        return PluginError(f"{self.kind} plugin {self.title}: {problem}", f"mend it, or set {VARIABLE}={NONE}")


@dataclass(frozen=True)
class Remark:
    """What a signal of a third party says about two models. It is shown and never counted.

    Attributes:
        summary: one sentence.
        score: a finite number in the signal's own unit, or None.
    """

    summary: str
    score: float | None = None


def plugins(kind: str) -> tuple[Plugin, ...]:
    """The plugins of a kind that are installed and allowed, by name and package; nothing is imported."""
    return _found(kind, os.environ.get(VARIABLE), tuple(sys.path))


def plugin(kind: str, name: str) -> Plugin | None:
    """One by name; the first by package where several have it."""
    return next((p for p in plugins(kind) if p.name == name), None)


@cache
def _found(kind: str, allowed: str | None, path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """See :func:`plugins`; ``path`` is where packages are looked for, and another one may hold others."""
    if kind not in KINDS:
        raise ValueError(kind)
    wanted = None if allowed is None else {_plain(name) for name in allowed.split(",")}
    found: dict[tuple[str, str], Plugin] = {}
    for entry in entry_points(group=f"forebear.{kind}"):
        package, version = ("an unnamed package", "") if entry.dist is None else (entry.dist.name, entry.dist.version)
        if wanted is None or _plain(package) in wanted:
            one = Plugin(kind, one_line(entry.name, 80), one_line(package, 80), one_line(version, 40), entry)
            found.setdefault((one.name, one.package), one)  # a package that lies in two places of the path counts once
    return tuple(found[key] for key in sorted(found))


def _plain(name: str) -> str:
    """A package's name as registries compare it."""
    return name.strip().lower().replace("_", "-").replace(".", "-")
