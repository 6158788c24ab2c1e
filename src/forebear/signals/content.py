"""``content/1``: hashes of every value of a model. Copies, re-uploads, licence-stripped clones; read on demand.

A tensor's hash covers its role (or name), shape and values decoded to float32, so that the same model saved as
float32 or bfloat16, in one file or in many, has the same hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forebear.artifacts import Artifact, Tensor
from forebear.artifacts.roles import tensors_by_role

NAME = "content/1"
CHUNK = 4_000_000
"""Bytes read at a time: memory stays bounded whatever the tensor's size."""


def content_digest(artifact: Artifact, progress: Callable[[int], None] = lambda _: None) -> str:
    """``content/1`` of a whole model: BLAKE2b over the sorted hashes of all tensors.

    Args:
        artifact: the model; every byte of it is read.
        progress: called with the number of bytes of each chunk.
    """
    state = hashlib.blake2b(NAME.encode(), digest_size=20)
    for label, tensor in sorted(tensors_by_role(artifact).items()):
        state.update(f"{label}|{list(tensor.shape)}|".encode("utf-8", "surrogatepass"))
        state.update(tensor_digest(tensor, progress))
    return state.hexdigest()


def tensor_digest(tensor: Tensor, progress: Callable[[int], None] = lambda _: None) -> bytes:
    """20-byte BLAKE2b of a tensor's values as little-endian float32 (integers and packed formats: as stored)."""
    state = hashlib.blake2b(digest_size=20)
    if tensor.floating and tensor.dtype != "F64":
        for values in tensor.chunks(CHUNK // 4):
            state.update(_canonical(values))
            progress(tensor.nbytes * values.size // tensor.size)
        return state.digest()
    for start in range(0, tensor.nbytes, CHUNK):
        stop = min(tensor.nbytes, start + CHUNK)
        raw = tensor.stored(start, stop)
        narrow = np.frombuffer(raw, "<f8").astype(np.float32) if tensor.floating else None
        if narrow is None or not np.array_equal(narrow.astype(np.float64), np.frombuffer(raw, "<f8"), equal_nan=True):
            state.update(tensor.dtype.encode() + raw)
        else:
            state.update(_canonical(narrow))
        progress(stop - start)
    return state.digest()


def _canonical(values: NDArray[np.float32]) -> bytes:
    """Little-endian bytes with one zero: -0.0 is written as 0.0."""
    return np.ascontiguousarray(values + np.float32(0)).astype("<f4").tobytes()
