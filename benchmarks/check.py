"""How long ``forebear check`` takes on a large repository: 20,000 files, some of which name models.

    python check.py            20,000 files
    python check.py --small    1,000

Prints seconds of wall clock and of CPU, files, mentions, and whether every planted mention was found: each planted file
names one model that no other file names.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from forebear.inspect.check import Asked, check_repository

FILES, SMALL = 20_000, 1_000
NAMING = 50
"""One file in so many names a model."""
_PYTHON = '''"""Part {k} of a service."""

import logging

from service.base import Base, register

LOG = logging.getLogger(__name__)


@register("part-{k}")
class Part{k}(Base):
    """Keeps orders of one customer."""

    table = "orders_{k}"

    def total(self, orders: list[dict[str, int]], rate: float = 0.2) -> float:
        """The sum with tax."""
        LOG.info("adding %d orders", len(orders))
        return sum(order["amount"] for order in orders) * (1 + rate)
'''
_TYPESCRIPT = """import {{ Order }} from "./types"
// part {k}
export const ROUTE{k} = "/orders/{k}"
export async function load{k}(id: string): Promise<Order> {{
  const answer = await fetch(`${{ROUTE{k}}}/${{id}}`, {{ headers: {{ accept: "application/json" }} }})
  if (!answer.ok) throw new Error("no order " + id)
  return answer.json()
}}
"""
_YAML = """apiVersion: v1
kind: Service
metadata:
  name: part-{k}
spec:
  ports:
    - port: 80
      targetPort: 8080
"""
_PLAIN = (
    (".py", _PYTHON, 30),
    (".ts", _TYPESCRIPT, 20),
    (".yaml", _YAML, 4),
    (".md", "# Part {k}\n\nIt keeps orders.\n", 10),
)
_NAMING = (
    (".py", 'def load():\n    return AutoModel.from_pretrained("acme/thing-{k}")\n'),
    (".ts", 'export const DEFAULT_MODEL = "acme/thing-{k}"\n'),
    (".yaml", "command: [--model, acme/thing-{k}]\n"),
)


def plant(root: Path, count: int) -> set[str]:
    """Write the repository; returns the names that are in it."""
    names = set()
    for k in range(count):
        folder = root / f"area{k % 40}" / f"group{k // 40 % 25}"
        folder.mkdir(parents=True, exist_ok=True)
        if k % NAMING == 0:
            ending, text = _NAMING[k // NAMING % len(_NAMING)]
            names.add(f"acme/thing-{k}")
            repeat = 1
        else:
            ending, text, repeat = _PLAIN[k % len(_PLAIN)]
        (folder / f"part{k}{ending}").write_text(text.format(k=k) * min(repeat, 10), "utf-8")
    return names


def main() -> None:
    """Plant, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    count = SMALL if parser.parse_args().small else FILES
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("FOREBEAR_HOME", f"{folder}/home")
        planted = plant(root := Path(folder) / "repository", count)
        wall, cpu = time.perf_counter(), time.process_time()
        found = check_repository(str(root), Asked(workers=1))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    named = {m.name for m in found.models}
    print(f"{found.files:,} files, {found.read:,} read; {wall:.1f} s of wall clock, {cpu:.1f} s of CPU")
    print(f"{len(planted & named):,} of {len(planted):,} planted models found, {len(named - planted):,} others")
    if named != planted:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
