"""GGUF files: in which formats their numbers lie, which the header shows, and who quantised them on what data.

That numbers are stored in blocks of few bits is measured; when they were made so is not stated. The data behind an
importance matrix is what llama.cpp's ``quantize.imatrix.dataset`` says.
"""

from __future__ import annotations

import re
from collections import Counter
from contextlib import suppress

from forebear.artifacts.gguf import SUFFIX, Header, read_header
from forebear.bom.stages.base import Papers, Reader, dataset_name, datasets, flat
from forebear.bom.training import DatasetRole, Input, InputKind, Stage, StageKind, Training
from forebear.bom.values import Basis, Said, Setting
from forebear.errors import InputError

MOST = 8
"""Files whose headers are read; what more a folder holds are quantisations of the same model."""
_PLAIN = frozenset({"F32", "F16", "BF16", "F64", "I8", "I16", "I32", "I64"})
_PART = re.compile(r"-(\d{5})-of-\d{5}\.gguf\Z")
_STATED = {
    "general.quantized_by": "quantized_by",
    "quantize.imatrix.entries_count": "imatrix.entries",
    "quantize.imatrix.chunks_count": "imatrix.chunks",
}
_IMATRIX = "quantize.imatrix.dataset"
_NOTE = "how the tensors are stored; when they were made so is not stated"


def read(papers: Papers) -> Training:
    """A stage for every file whose values mostly lie in blocks; of a split model the first part speaks for all.

    Headers hold whole vocabularies, so files far away are not asked, and a file that cannot be read is left to the
    reader of weights.
    """
    source = papers.source
    if source.traffic is not None:
        return Training()
    found = Training()
    named = [f for f in source.files() if f.path.endswith(SUFFIX) and source.only in (None, f.path)]
    for file in [f for f in named if (m := _PART.search(f.path)) is None or int(m[1]) == 1][:MOST]:
        with suppress(InputError):
            found = _with(found, read_header(source, file), file.path)
    return found


def _with(found: Training, header: Header, path: str) -> Training:
    from forebear.artifacts.formats.gguf.blocks import KINDS

    values: Counter[str] = Counter()
    for info in header.tensors:
        values[KINDS.get(info.kind, f"type {info.kind}")] += info.size
    packed = [name for name, _ in values.most_common() if name not in _PLAIN]
    if not packed or 2 * sum(values[name] for name in packed) < values.total():
        return found
    data = datasets([dataset_name(header.metadata.get(_IMATRIX))], DatasetRole.CALIBRATION, path)
    stage = Stage(
        kind=StageKind.QUANTIZATION,
        method=", ".join(packed[:6]),
        inputs=tuple(Input(kind=InputKind.DATASET, name=d.name, role="importance matrix") for d in data),
        settings=tuple(
            Setting(name=ours, value=flat(header.metadata[key]))
            for key, ours in _STATED.items()
            if isinstance(header.metadata.get(key), str | int)
        ),
        file=path,
        said=Said(basis=Basis.MEASURED, by="forebear", note=_NOTE),
    )
    return found.model_copy(update={"stages": (*found.stages, stage), "datasets": (*found.datasets, *data)})


READER = Reader("GGUF headers", read)
