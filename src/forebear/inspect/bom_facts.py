"""What a bill of materials says for a policy: whether it is there, is signed, names a base, and lists these files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from forebear.bom.checks import Check
from forebear.bom.files import describe_files, role_of
from forebear.errors import ForebearError
from forebear.inspect.bom_signature import signature_state
from forebear.lineage.chain import Chain
from forebear.policy.input import BomFacts
from forebear.sources import is_remote, open_source

MOST = 200_000
DEEPEST = 16
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def is_bom(document: Mapping[str, Any]) -> bool:
    """Whether a document is CycloneDX or SPDX 3."""
    return document.get("bomFormat") == "CycloneDX" or "spdx.org" in str(document.get("@context", ""))[:500]


def bom_facts(
    document: Mapping[str, Any],
    chain: Chain,
    target: str = "",
    checks: Sequence[Check] = (),
    on_step: Callable[[str], None] = lambda _: None,
) -> BomFacts:
    """The facts of a bill of materials.

    Args:
        document: the bill.
        chain: made from it.
        target: the model whose files are held against it, "" for none; files far away are not downloaded for it.
        checks: of a signature over it, see :mod:`~forebear.inspect.bom_signature`.
        on_step: told what is being done.
    """
    held = hashes(document, target, on_step) if target else None
    state = signature_state(checks, bool(document.get("signature")))
    signed = {"valid": True, "unverified": None}.get(state, False)
    return BomFacts(True, signed, held, chain.parent.value, state)


def hashes(document: Mapping[str, Any], target: str, on_step: Callable[[str], None] = lambda _: None) -> str | None:
    """``match`` or ``mismatch`` of a model's files with those that a bill lists; None where that cannot be told.

    A file that the bill lists with another digest is a mismatch, and so is a weight file that it does not list while it
    lists others. Files are known by their path.
    """
    listed = dict(_listed(document))
    if not listed or not os.path.exists(target) or is_remote(target):
        return None
    try:
        files, unreadable = describe_files(open_source(target), on_step)
    except ForebearError:
        return None
    weights = any(role_of(path) == "weights" for path in listed)
    seen = set()
    for file in files:
        digest = listed.get(file.path)
        if digest is None and file.role == "weights" and weights:
            return "mismatch"
        if digest is not None and file.sha256:
            if digest != file.sha256:
                return "mismatch"
            seen.add(file.path)
    return "match" if seen and not unreadable and any(role_of(path) == "weights" for path in seen) else None


def _listed(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Path and SHA-256 of every file component of CycloneDX, or of every file element of SPDX 3."""
    waiting: list[tuple[Any, int]] = [(document.get("components"), 0), (document.get("@graph"), 0)]
    metadata = document.get("metadata")
    main = metadata.get("component") if isinstance(metadata, Mapping) else None
    waiting.append((main.get("components") if isinstance(main, Mapping) else None, 0))
    count = 0
    while waiting:
        entries, depth = waiting.pop()
        for entry in entries if isinstance(entries, list) else ():
            count += 1
            if count > MOST or not isinstance(entry, Mapping):
                continue
            if "file" in str(entry.get("type", ""))[:40].lower() and isinstance(entry.get("name"), str):
                yield from ((entry["name"], digest) for digest in _sha256(entry))
            if depth < DEEPEST:
                waiting.append((entry.get("components"), depth + 1))


def _sha256(entry: Mapping[str, Any]) -> Iterator[str]:
    for key, name, value in (("hashes", "alg", "content"), ("verifiedUsing", "algorithm", "hashValue")):
        given = entry.get(key)
        for item in given if isinstance(given, list) else ():
            if not isinstance(item, Mapping) or str(item.get(name, "")).lower().replace("-", "") != "sha256":
                continue
            digest = str(item.get(value, ""))
            if _SHA256.fullmatch(digest):
                yield digest.lower()
