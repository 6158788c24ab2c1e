"""How a model was made, from the files beside it: a training declaration, mergekit, PEFT, trainers' settings."""

from __future__ import annotations

from forebear.bom.training import Training
from forebear.sources import Source


def training_of(source: Source) -> Training:
    """To come."""
    raise NotImplementedError
