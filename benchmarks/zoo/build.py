"""Build small models into a cache, one folder per recipe hash, resumable:

    python benchmarks/zoo/build.py [--set null] [--cache DIR] [--jobs 2]

Needs: pip install 'forebear[bench]'. A killed build loses at most the models in work. The full set takes about
fifteen minutes of two cores; each model at most 20 CPU seconds, which the last column shows.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from platformdirs import user_cache_dir

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from forebear.errors import InputError
from zoo.corpora import END_OF_TEXT, text_digest, tokenizer_of
from zoo.recipes import SETS, Recipe
from zoo.train import train

CACHE = Path(user_cache_dir("forebear")) / "zoo"
CPU_SECONDS = 20.0
"""What one model may cost; a model above it is reported, never cut short: a cut would depend on the clock."""


@dataclass(frozen=True)
class Built:
    """A model in the cache: its recipe, folder, first and last loss (nats per token) and CPU seconds."""

    recipe: Recipe
    folder: Path
    losses: tuple[float, ...]
    seconds: float

    @property
    def line(self) -> str:
        """What the builder prints about it."""
        late = "  OVER BUDGET" if self.seconds > CPU_SECONDS else ""
        last = sum(self.losses[-10:]) / len(self.losses[-10:])
        return f"{self.recipe.name:20} {self.folder.name}  loss {last:.2f}  {self.seconds:5.1f} s{late}"


def find(recipe: Recipe, cache: Path) -> Built | None:
    """The model as it lies in the cache, None where it is not built yet.

    Raises:
        InputError: the folder is there and is not this recipe's model.
    """
    folder = cache / recipe.digest
    if not folder.is_dir():
        return None
    try:
        record = json.loads((folder / "recipe.json").read_text("utf-8"))
        log = json.loads((folder / "losses.json").read_text("utf-8"))
        found = Built(recipe, folder, tuple(map(float, log["losses"])), float(log["cpu_seconds"]))
        same = record["recipe"] == json.loads(recipe.canonical) and (folder / "model.safetensors").is_file()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: not a built model ({error}); remove the folder and build again") from None
    if not same or not found.losses:
        raise InputError(f"{folder}: holds something else than its recipe says; remove the folder and build again")
    return found


def build(recipe: Recipe, cache: Path) -> Built:
    """Train one model, after the models that it is made from, unless it is in the cache already.

    Everything is written into a temporary folder that is renamed when it is complete. Where another process was
    faster, its model is kept: it is the same one.

    Raises:
        InputError: the cache holds something else in its place.
        ValueError: training diverged.
    """
    if (there := find(recipe, cache)) is not None:
        return there
    start = build(recipe.start, cache).folder if recipe.start else None
    teacher = build(recipe.teacher, cache).folder if recipe.teacher else None
    cache.mkdir(parents=True, exist_ok=True)
    began = time.process_time()
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as name:
        if start is not None and recipe.before:
            start = prepared(recipe, start, Path(name) / "start")
        model, losses = train(recipe, start, teacher)
        folder = Path(name) / recipe.digest
        _save(model, recipe, folder)
        if start is not None and recipe.before:
            shutil.copy(start / "tokenizer.json", folder / "tokenizer.json")
        seconds = time.process_time() - began
        log = {"losses": [round(x, 4) for x in losses], "cpu_seconds": round(seconds, 2)}
        (folder / "losses.json").write_text(json.dumps(log) + "\n", "utf-8")
        try:
            folder.rename(cache / recipe.digest)
        except OSError:
            if not (cache / recipe.digest).is_dir():
                raise
    found = find(recipe, cache)
    assert found is not None
    return found


def prepared(recipe: Recipe, start: Path, out: Path) -> Path:
    """The start after the steps that a recipe has before its training."""
    from derivations import derive

    return derive(start, out, recipe.before, recipe.order_seed)


def _save(model: object, recipe: Recipe, folder: Path) -> None:
    """Config, weights in bfloat16, tokenizer, and the recipe with the versions that it was followed with."""
    import torch
    import transformers

    transformers.utils.logging.disable_progress_bar()
    model.to(torch.bfloat16).save_pretrained(folder)  # type: ignore[attr-defined]
    tokenizer_of(recipe.tokenizer).save(str(folder / "tokenizer.json"), pretty=False)
    tokens = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": END_OF_TEXT}
    (folder / "tokenizer_config.json").write_text(json.dumps(tokens) + "\n", "utf-8")
    record = {
        "recipe": json.loads(recipe.canonical),
        "name": recipe.name,
        "made_with": {
            "python": platform.python_version(),
            **{package: version(package) for package in ("torch", "transformers", "tokenizers")},
            "text": {name: text_digest(name) for name in sorted({recipe.corpus, recipe.tokenizer})},
        },
    }
    (folder / "recipe.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", "utf-8")


def build_all(recipes: Iterable[Recipe], cache: Path, jobs: int = 1) -> Iterator[Built]:
    """Build many models, each process with one thread; yields them as they are finished.

    Models of one generation are built side by side, so that no two processes build the same start.

    Raises:
        InputError: the cache holds something else in a model's place.
    """
    chosen = list({r.digest: r for r in recipes}.values())
    if jobs <= 1:
        yield from (build(recipe, cache) for recipe in chosen)
        return
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        os.environ[name] = "1"
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=spawn) as pool:
        for generation in sorted({r.generation for r in chosen}):
            work = [pool.submit(build, r, cache) for r in chosen if r.generation == generation]
            yield from (done.result() for done in as_completed(work))


def main() -> None:
    """Build a set, and say what every model took."""
    parser = argparse.ArgumentParser(description="Build Forebear's small models into a cache.")
    parser.add_argument("--set", choices=SETS, default="null", dest="chosen")
    parser.add_argument("--cache", type=Path, default=CACHE, metavar="DIR")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    recipes = SETS[given.chosen]()
    seconds = 0.0
    for number, built in enumerate(build_all(recipes, given.cache, given.jobs), 1):
        seconds += built.seconds
        print(f"{number:3} of {len(recipes)}  {built.line}", flush=True)
    print(f"{seconds:.0f} CPU seconds in {given.cache}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
