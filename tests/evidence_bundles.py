"""A signed model with its papers, made from the bundled demonstration."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import forebear
from forebear.attest.documents import canonical
from forebear.index import LocalIndex
from forebear.inspect.attest import attest
from forebear.inspect.enrol import enrol
from forebear.inspect.sign import Credentials, credentials, sign_files
from signers import bill, key_files

DEMO = Path(forebear.__file__).parent / "data" / "demo"


@dataclass(frozen=True)
class Papers:
    """Paths of a model and of what is said about it; the signer, and the public key."""

    model: Path
    bom: Path
    scan: Path
    signature: Path
    bundle: Path
    signer: Credentials
    public: Path
    index: LocalIndex


def papers(folder: Path, name: str = "finetune") -> Papers:
    """A model of the demonstration, scanned against its base, with bill, signature and bundle."""
    model = Path(shutil.copytree(DEMO / name, folder / "model"))
    index = LocalIndex(folder / "home")
    for reference in ("base", "twin"):
        if reference != name:
            enrol(str(DEMO / reference), index, f"org/{reference}")
    scan, signature, bundle = folder / "scan.json", folder / "model.sig", folder / "bundle.zip"
    scan.write_bytes(json.dumps(forebear.scan(str(model), index).to_json(), indent=1).encode())
    bom = bill(folder / "bom.json", ancestor="org/base")
    private, public = key_files(folder, curve="P-384")
    signer = credentials(private)
    signature.write_bytes(sign_files(str(model), signer, signature).signature)
    made = attest(signer, str(model), str(bom), [str(scan)], str(signature), index, bundle=True)
    assert made.bundle is not None
    bundle.write_bytes(made.bundle)
    return Papers(model, bom, scan, signature, bundle, signer, public, index)


def result(folder: Path, **document: object) -> Path:
    """A saved result of any kind."""
    path = folder / "result.json"
    path.write_bytes(canonical(document))
    return path
