"""Keep a user's tokenizer for probes: its counts on the battery."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from forebear.artifacts.tokenizers import read_tokenizer
from forebear.catalogue.tokenizers import battery, known_tokenizers
from forebear.errors import InputError
from forebear.index import BlackBoxIndex, UserTokenizer
from forebear.sources import open_source
from forebear.tokenization import baseline_count, count_vector, encoder_of, named


@dataclass(frozen=True)
class EnrolledTokenizer:
    """What became of it.

    Attributes:
        tokenizer: as it is kept.
        added: whether it is new.
        twins: known tokenizers that count every text of the battery alike.
    """

    tokenizer: UserTokenizer
    added: bool
    twins: tuple[str, ...]


def enrol_tokenizer(
    target: str,
    name: str | None = None,
    models: tuple[str, ...] = (),
    split: str | None = None,
    replace: bool = False,
    index: BlackBoxIndex | None = None,
) -> EnrolledTokenizer:
    """Count the battery with a tokenizer and keep the counts.

    Args:
        target: where its files are.
        name: what to call it; the source's name where None.
        models: that use it.
        split: how text is cut into words first, where no file says it.
        replace: whether another of that name may be replaced.
        index: where it is kept.

    Raises:
        UsageError: the target does not exist, or the name is taken.
        InputError: there is no tokenizer, or none that can be run here; the reason is given.
    """
    source = named(open_source(target))
    read = read_tokenizer(source)
    if read is None:
        raise InputError(f"{source.name}: has no tokenizer file", "name a folder with tokenizer.json or the like")
    encoder = encoder_of(source, split)
    if isinstance(encoder, str):
        more = "" if find_spec("tokenizers") else "pip install 'forebear[tokenizers]' reads more of them"
        raise InputError(f"{source.name}: {encoder}", more)
    baseline, counts = baseline_count(encoder), count_vector(encoder)
    if isinstance(baseline, str) or isinstance(counts, str):
        raise InputError(f"{source.name}: {baseline if isinstance(baseline, str) else counts}")
    kept = UserTokenizer(
        name or source.name,
        battery().digest,
        (baseline, *counts),
        read.digest,
        len(set(read.ids.values())),
        models,
        target,
    )
    twins = tuple(t.name for t in known_tokenizers() if (t.baseline, *t.counts) == kept.counts)
    return EnrolledTokenizer(kept, (index or BlackBoxIndex()).add_tokenizer(kept, replace), twins)
