"""The page of a decision that was just made: names from the catalogue, digests of the files that were read."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from forebear.licences.answer import LicenceAnswer
from forebear.lineage.chain import Chain
from forebear.origin.answer import Origin
from forebear.policy.answer import PolicyAnswer
from forebear.policy.questions import questions
from forebear.report.page.blocks import Page
from forebear.report.page.contents import Known, Reproduction, contents
from forebear.types import created
from forebear.version import __version__

MOST_BYTES = 200_000_000
"""A file above it is a model's weights, whose own digest stands on the page."""
_PIECE = 1 << 20


def page_of(
    answer: PolicyAnswer,
    chain: Chain,
    licence: LicenceAnswer,
    origin: Origin,
    command: Sequence[str],
    files: Iterable[str] = (),
    digest: str = "",
) -> Page:
    """The page.

    Args:
        answer, chain, licence, origin: the decision and what it rests on.
        command: the words of the command that made it.
        files: documents that were read (a saved result, ``org.yaml``, waivers); what is no file is left out.
        digest: of the model, as the result that was decided on has it; "" for none.
    """
    known = Known.of_catalogue({q.id: q.text for q in questions()})
    digests = [(f"Weights that were read of {chain.subject.name}", digest)] if digest else []
    digests += _digests(files)
    how = Reproduction((shlex.join(command),), __version__, created(), tuple(digests))
    return contents(answer, chain, licence, origin, known, how)


def _digests(files: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in files:
        path = Path(name)
        if not name or not path.is_file() or path.stat().st_size > MOST_BYTES:
            continue
        digest = hashlib.sha256()
        with open(path, "rb") as stream:
            while piece := stream.read(_PIECE):
                digest.update(piece)
        yield path.name, f"SHA-256 {digest.hexdigest()}"
