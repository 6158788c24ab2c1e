"""``forebear index …``: the references on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forebear.cli import index_exchange, index_watch
from forebear.cli.index_audit import audit
from forebear.cli.index_build import build
from forebear.cli.index_repair import repair
from forebear.cli.index_statistics import statistics
from forebear.cli.index_tokenizer import add_tokenizer
from forebear.cli.options import (
    ActivationsOption,
    Effort,
    EffortOption,
    Format,
    FormatOption,
    OutputOption,
    ProgressOption,
    QuietOption,
    common,
    emit,
    leave,
    progress,
    show_problems,
)
from forebear.errors import ForebearError, UsageError
from forebear.types import head

if TYPE_CHECKING:
    from rich.console import Console

    from forebear.index import Entry

app = typer.Typer(help="The reference models that scans are compared with.", no_args_is_help=True)

MOST_NAMES = 5_000
"""References up to which a name that is not there is held against all others, for a suggestion."""

Name = Annotated[str, typer.Argument(help="A reference's name.", show_default=False)]
PrivateOption = Annotated[
    bool, typer.Option("--private", help="A model that you guard: keep its codes and shape alone, never export it.")
]
SketchesOption = Annotated[bool, typer.Option("--with-sketches", help="With --private: keep sketches of it too.")]


@app.command("add")
@common
def add(
    targets: Annotated[
        list[str],
        typer.Argument(
            help="Folders, weight files or hub repositories (org/name) of reference models.", show_default=False
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Name in the index; only with one target.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a reference of the same name.")] = False,
    effort: EffortOption = Effort.STANDARD,
    activations: ActivationsOption = False,
    private: PrivateOption = False,
    with_sketches: SketchesOption = False,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Add reference models. Each is kept as soon as it is measured; interrupting loses none that was added.

    Example: forebear index add ./Llama-3.1-8B --name meta-llama/Llama-3.1-8B
    """
    from forebear.index import open_index
    from forebear.inspect import enrol
    from forebear.inspect.enrol import Private
    from forebear.report import terminal

    guarded = Private(with_sketches) if private else None
    if with_sketches and not private:
        raise UsageError("--with-sketches goes with --private", "otherwise sketches are kept anyway")
    if activations and private and not with_sketches:
        raise UsageError("--activations keeps a sketch", "--private --with-sketches keeps it")
    if name is not None and len(targets) != 1:
        raise UsageError("--name goes with exactly one target", "add them one by one")
    index = open_index()
    rows: list[dict[str, Any]] = []
    code = 0
    try:
        with progress(quiet, no_progress) as step:
            for target in targets:
                try:
                    done = enrol(target, index, name, effort.value, replace, step, activations, guarded)
                except ForebearError as error:
                    sys.stderr.write(f"forebear: {error}\n")
                    code = max(code, error.exit_code)
                    rows.append({"target": target, "status": "failed", "why": str(error)})
                    continue
                code = max(code, show_problems(tuple(f"{done.fingerprint.name}: {p}" for p in done.problems)))
                mark = done.fingerprint
                rows.append(
                    {
                        "target": target,
                        "status": "added" if done.added else "already there",
                        "name": mark.name,
                        "family": mark.shape.get("family"),
                        "coins": mark.code.n,
                        "digest": mark.digest,
                        "private": private,
                        "bytes_read": done.cost.bytes_read,
                        "activations": mark.activations.depths if mark.activations is not None else None,
                        "not_measured": [{"what": gap.what, "why": gap.why} for gap in done.gaps],
                    }
                )
    finally:
        document = {**head("forebear.index-add/1"), "path": index.where, "models": rows}
        emit(
            document,
            how,
            output,
            lambda c: terminal.added(c, document),
            lambda: terminal.plain(terminal.added, document),
        )
    leave(code)


app.command("add-tokenizer")(common(add_tokenizer))
app.command("audit")(common(audit))
app.command("statistics")(common(statistics))
app.command("export")(common(index_exchange.export))
app.command("import")(common(index_exchange.import_))
app.command("watch")(common(index_watch.watch))
app.command("repair")(common(repair))
app.command("build")(common(build))


@app.command("list")
@common
def list_(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """All references, by name; and what probes compare with: your tokenizers, enrolled behaviour.

    Example: forebear index list --format json
    """
    from forebear.index import BlackBoxIndex, open_index
    from forebear.report import terminal

    index, beside = open_index(), BlackBoxIndex()
    document = {
        **head("forebear.index-list/1"),
        "path": index.where,
        "models": [_summary(e) for e in index.entries()],
        "tokenizers": [
            {"name": t.name, "tokens": t.size, "used_by": list(t.models), "location": t.location, "added": t.added}
            for t in beside.tokenizers()
        ],
        "behaviours": [
            {"name": b.name, "texts": len(b.continuations), "location": b.location, "added": b.added}
            for b in beside.behaviours()
        ],
    }
    emit(
        document,
        how,
        output,
        lambda c: terminal.listed(c, document),
        lambda: terminal.plain(terminal.listed, document),
    )


@app.command("show")
@common
def show(name: Name, how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Everything that is kept of a reference.

    Example: forebear index show meta-llama/Llama-3.1-8B
    """
    from forebear.report import terminal
    from forebear.signals import spectra, token_geometry

    entry = _entry(name)
    sketches = {spectra.NAME: entry.fingerprint.spectra, token_geometry.NAME: entry.fingerprint.tokens}
    code = entry.fingerprint.code
    document = {
        **head("forebear.index-show/1"),
        **_summary(entry),
        "shape": dict(entry.fingerprint.shape),
        "layers": [layer for layer in code.layers if layer >= 0],
        "keyed_by": code.keyed_by,
        "repeats": list(code.repeats),
        "sketches": [name for name, sketch in sketches.items() if sketch is not None],
        "content": entry.fingerprint.content,
        "declared": entry.fingerprint.declared.__dict__ | {},
    }
    emit(
        document,
        how,
        output,
        lambda c: terminal.shown(c, document),
        lambda: terminal.plain(terminal.shown, document),
    )


@app.command("remove")
@common
def remove(
    names: Annotated[list[str], typer.Argument(help="Names of references.", show_default=False)],
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
) -> None:
    """Forget references, tokenizers and enrolled behaviour of these names.

    Example: forebear index remove old-model
    """
    from forebear.index import BlackBoxIndex, open_index
    from forebear.report import terminal

    index, beside = open_index(), BlackBoxIndex()
    removed = [name for name in names if any([index.remove(name), beside.remove(name)])]
    document = {**head("forebear.index-remove/1"), "path": index.where, "removed": removed}
    if removed or how is not Format.TABLE:
        _emit(document, how, output, terminal.shown)
    if missing := [name for name in names if name not in removed]:
        raise UsageError(f"not in the index: {', '.join(missing)}", "see forebear index list")


@app.command("search")
@common
def search(
    target: Annotated[
        str, typer.Argument(help="A folder with a model, a weight file, or a hub repository.", show_default=False)
    ],
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Rows to show.")] = 10,
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """The references whose codes agree most with a model's: raw nominations, without a verdict.

    Example: forebear index search ./my-model --limit 5
    """
    from forebear.index import open_index
    from forebear.inspect import fingerprint
    from forebear.report import terminal
    from forebear.types import floored

    index = open_index()
    with progress(quiet, no_progress) as step:
        mark = fingerprint(target, on_step=step)
        hits = index.search(mark.code, limit)
    document = {
        **head("forebear.index-search/1"),
        "target": target,
        "references": index.count(),
        "hits": [{"name": h.name, "agree": h.agree, "n": h.n, "log10_p": floored(h.log10_p)} for h in hits],
    }
    emit(
        document,
        how,
        output,
        lambda c: terminal.hits(c, document),
        lambda: terminal.plain(terminal.hits, document),
    )


@app.command("path")
@common
def path(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Where the index lies (FOREBEAR_INDEX, else FOREBEAR_HOME, else the user's data directory).

    Example: forebear index path
    """
    from forebear.index import open_index

    document = {**head("forebear.index-path/1"), "path": open_index().where}
    _emit(document, how, output, lambda console, shown: console.print(shown["path"], soft_wrap=True))


@app.command("info")
@common
def info(how: FormatOption = Format.TABLE, output: OutputOption = None) -> None:
    """Size and version of the index, and the families in it.

    Example: forebear index info
    """
    from forebear.index import open_index
    from forebear.inspect.force import in_force
    from forebear.report import terminal

    index = open_index()
    force = in_force(index)
    document = {**head("forebear.index-info/1"), **index.info(), "calibration": force.signals}
    emit(
        document,
        how,
        output,
        lambda c: terminal.shown(c, document),
        lambda: terminal.plain(terminal.shown, document),
    )
    leave(show_problems((force.problem,) if force.problem else ()))


@app.command("calibrate")
@common
def calibrate(
    how: FormatOption = Format.TABLE,
    output: OutputOption = None,
    quiet: QuietOption = False,
    no_progress: ProgressOption = False,
) -> None:
    """Measure what scores independent references of this index have among themselves; scans use that from then on.

    It takes 40 independent references with sketches, and no file of theirs is read again.

    Example: forebear index calibrate --format md --output calibration.md
    """
    from forebear.index import open_index
    from forebear.inspect.calibrate import calibrate as run
    from forebear.report import calibration as report

    index = open_index()
    with progress(quiet, no_progress) as step:
        made = run(index, on_step=step)
    path = index.keep_calibration(made.to_text())
    document = {**head("forebear.index-calibrate/1"), "path": path, **report.summary(made)}
    emit(document, how, output, lambda c: report.show(c, document), lambda: report.markdown(document))


def _emit(
    document: dict[str, Any], how: Format, output: Path | None, show: Callable[[Console, Mapping[str, Any]], None]
) -> None:
    from forebear.report import terminal

    emit(document, how, output, lambda console: show(console, document), lambda: terminal.plain(show, document))


def _entry(name: str) -> Entry:
    from difflib import get_close_matches

    from forebear.index import open_index

    index = open_index()
    entry = index.get(name)
    if entry is None:
        few = index.count() <= MOST_NAMES
        near = get_close_matches(name, [e.name for e in index.entries()], 1) if few else []
        raise UsageError(
            f"{name} is not in the index", f"did you mean {near[0]}?" if near else "see forebear index list"
        )
    return entry


def _summary(entry: Entry) -> dict[str, Any]:
    mark = entry.fingerprint
    return {
        "name": entry.name,
        "family": mark.shape.get("family"),
        "parameters": mark.shape.get("parameters"),
        "coins": mark.code.n,
        "dtype": mark.dtype,
        "licence": mark.declared.licence or None,
        "digest": mark.digest,
        "location": entry.location,
        "added": entry.added,
        "provenance": vars(entry.provenance) | {} if entry.provenance else None,
    }
