"""Names of files that more than one module has to know.

The readers of the containers leave the files of a consolidated checkpoint to the reader of that form.
"""

from __future__ import annotations

import re
from collections.abc import Collection

INDEX = "model.safetensors.index.json"
MAX_INDEX = 64_000_000
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Suffixes, in small letters, of files that may be pickles."""
PARAMS = "params.json"
PART = re.compile(r"consolidated\.(\d\d)\.pth\Z")
SHARD = re.compile(r"consolidated-(\d{5})-of-(\d{5})\.safetensors\Z")
WHOLE = "consolidated.safetensors"
_INDEX = "consolidated.safetensors.index.json"


def consolidated(name: str, files: Collection[str]) -> bool:
    """Whether a file belongs to a consolidated checkpoint.

    Parts for several devices always do; safetensors only where ``params.json`` stands beside them, without which they
    are files with tensors like any other.
    """
    if PART.match(name):
        return True
    return PARAMS in files and (name in (WHOLE, _INDEX) or SHARD.match(name) is not None)
