"""How long a policy takes over many bills of materials, on all cores that this process may use.

python policy_bills.py                    10,000 bills, pack uk-public-sector
python policy_bills.py --bills 500        fewer
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forebear.catalogue.developers import published
from forebear.inspect.crew import cores
from forebear.inspect.policy import Terms, check_many, documents_below

RELATIONS = ("finetune", "rl", "quantized", "adapter", "distilled", "continued_pretraining")
FOLDER = 500
"""Bills per folder."""


def bills(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """CycloneDX of models that name one or two models of the catalogue as ancestors."""
    rng = random.Random(seed)
    known = sorted(m.repository for m in published().values() if m.repository)
    for number in range(count):
        ancestors = [_component(name, rng.choice(RELATIONS)) for name in rng.sample(known, rng.choice((0, 1, 1, 2)))]
        model = {
            **_component(f"vendor-{number % 97}/model-{number}", ""),
            "bom-ref": "model",
            "supplier": {"name": f"Vendor {number % 97}"},
            "licenses": [{"license": {"id": rng.choice(("MIT", "Apache-2.0"))}}],
            "pedigree": {"ancestors": ancestors},
        }
        yield {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "metadata": {"component": model}}


def _component(name: str, relation: str) -> dict[str, Any]:
    group, _, short = name.rpartition("/")
    said = {"properties": [{"name": "forebear:relation.declared", "value": relation}]} if relation else {}
    return {"type": "machine-learning-model", "group": group, "name": short, **said}


def main() -> None:
    """Write the bills, decide on them, print figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bills", type=int, default=10_000)
    parser.add_argument("--policy", default="uk-public-sector")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for number, bill in enumerate(bills(asked.bills)):
            place = Path(folder) / str(number // FOLDER)
            place.mkdir(exist_ok=True)
            (place / f"{number}.cdx.json").write_text(json.dumps(bill), "utf-8")
        start = time.perf_counter()
        found = check_many(documents_below(folder), Terms((asked.policy,)))
        seconds = time.perf_counter() - start
    counts = ", ".join(f"{n:,} {word}" for word, n in found.counts.items() if n)
    rules = found.policy.rules
    print(f"{len(found.rows):,} bills, {asked.policy} ({rules} rules), {cores()} cores: {seconds:.1f} s; {counts}")


if __name__ == "__main__":
    main()
