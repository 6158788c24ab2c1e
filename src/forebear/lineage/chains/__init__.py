"""Chains of ancestors from documents: results of ours and bills of materials, one file per kind.

A reader takes a document at its word and checks its types; names are then looked up in the catalogue, which continues
the chain upwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebear.errors import InputError, UsageError
from forebear.lineage.chain import Access, Chain
from forebear.lineage.chains import compare, cyclonedx, probe, scan, spdx, traffic, tree
from forebear.lineage.chains.base import Reader
from forebear.lineage.chains.extend import complete

__all__ = ["READERS", "chain_of", "chains_of", "subjects_of"]

READERS: tuple[Reader, ...] = (
    scan.READER,
    compare.READER,
    tree.READER,
    probe.READER,
    traffic.READER,
    cyclonedx.READER,
    spdx.READER,
)
"""Every kind of document that makes a chain."""


def chains_of(document: Mapping[str, Any]) -> tuple[Chain, ...]:
    """A chain per model that a document is about: several for a capture or a bill with several models.

    Args:
        document: as JSON gives it: ``forebear.scan/1``, ``compare/1``, ``tree/1``, ``probe/1``,
            ``traffic/1``, CycloneDX or SPDX 3.

    Raises:
        InputError: it is nothing of the kind, or damaged.
        FormatError: the user's overlay of the catalogue is wrong.
    """
    return tuple(complete(chain) for chain in _read(document))


def chain_of(document: Mapping[str, Any], model: str = "") -> Chain:
    """The chain of the model that a document is about.

    Args:
        document: see :func:`chains_of`.
        model: which model, where there are several; by its name as listed in the message of the error.

    Raises:
        InputError: the document is of no kind that is read, or damaged, or about no model.
        UsageError: several models are in it, or none has the wanted name.
    """
    found = _read(document)
    if model:
        chosen = [c for c in found if c.subject.name == model] or [
            c for c in found if c.subject.name.lower() == model.lower()
        ]
        if not chosen:
            raise UsageError(f"no model is called {model}", f"there {_listed(found)}")
        return complete(chosen[0])
    if len(found) > 1 and found[0].access is Access.TRAFFIC:
        paths = traffic.routed(document)
        found = tuple(c for c in found if c.subject.name in paths) or found
    if not found:
        raise InputError("no model is named in it", "a result of scan or probe, or a bill of materials, names one")
    if len(found) > 1:
        raise UsageError(f"{len(found):,} models are in it", f"choose one with --model: there {_listed(found)}")
    return complete(found[0])


def subjects_of(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the models that a document is about; raises as :func:`chains_of`."""
    return tuple(chain.subject.name for chain in _read(document))


def _read(document: Mapping[str, Any]) -> tuple[Chain, ...]:
    reader = next((r for r in READERS if isinstance(document, Mapping) and r.handles(document)), None)
    if reader is None:
        kinds = "; ".join(r.kind for r in READERS)
        raise InputError("this is no document that says where a model comes from", f"read are {kinds}")
    return reader.read(document)


def _listed(chains: tuple[Chain, ...]) -> str:
    names = [c.subject.name for c in chains]
    more = f" and {len(names) - 10:,} more" if names[10:] else ""
    return f"are {', '.join(names[:10])}{more}" if names else "is none"
