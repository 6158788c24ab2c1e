"""Hidden states by the modelling code of the ``transformers`` library: architectures that numpy does not compute.

From the extra ``torch``. Only code that is part of the installed library runs, and no file of a stranger reaches it: a
config is passed without the keys that name code, kernels or files, and weights come from our own readers as float32.
Layers are filled as they are reached; where not all fit into memory, each is emptied again when it has been run.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebear.activations.base import F32, MAX_TOKENS, Ids, Runnable
from forebear.activations.parameters import Parameters, prefix_of
from forebear.activations.settings import Refused
from forebear.artifacts import Artifact
from forebear.artifacts.recognise import MAX_EXPERTS, MAX_LAYERS
from forebear.errors import InputError, MissingExtra, one_line

BATCH = 4_096
"""Tokens, padding included, that are run together."""
MAX_BUFFERS = 100_000_000
"""Values in all tables that the library computes: masks, positions, frequencies."""
SPOKEN_FOR = frozenset(["model_type", "auto_map", "quantization_config", "dtype", "torch_dtype", "name_or_path"])
"""Keys of a config that are not passed on: they name code, files or a precision. Nor are private keys, which can name
kernels to fetch, and configs of other networks."""


class Transformers:
    """See :class:`~forebear.activations.base.Forward`.

    Args:
        device: where torch computes, ``cpu`` or ``cuda``; by default on a GPU where there is one.
    """

    name = "transformers"

    def __init__(self, device: str = "") -> None:
        self.device = device

    def prepare(self, artifact: Artifact) -> Runnable | str:
        """See :meth:`Forward.prepare`."""
        try:
            import torch
            import transformers  # noqa: F401
        except ImportError:
            return str(MissingExtra("torch", "this architecture"))
        try:
            config = _config(artifact)
            with _quiet(), torch.no_grad():
                return _prepared(artifact, config, self.device or ("cuda" if has_gpu() else "cpu"))
        except Refused as refusal:
            return str(refusal)
        except Exception as error:
            return f"the library does not build it ({one_line(str(error), 200)})"


def has_gpu() -> bool:
    """Whether torch is installed and sees a GPU; imports torch, which takes seconds."""
    try:
        import torch
    except ImportError:
        return False
    return bool(torch.cuda.is_available())


def _config(artifact: Artifact) -> dict[str, Any]:
    """What is passed of a model's config; that the model is what it says is checked tensor by tensor."""
    if artifact.adapter is not None:
        raise Refused("it is an adapter and no model")
    if any("lora_" in name for name in artifact.weights.tensors):
        raise Refused("it holds low-rank updates that were not merged")
    if not any(f.path == "config.json" for f in artifact.source.files()):
        raise Refused("it has no config.json")
    if not isinstance(artifact.config.get("model_type"), str):
        raise Refused("its config has no model_type")
    return {
        key: value
        for key, value in artifact.config.items()
        if key not in SPOKEN_FOR
        and not key.startswith("_")
        and not key.endswith("implementation")
        and not (isinstance(value, Mapping) and key.endswith("_config"))
    }


def _prepared(artifact: Artifact, keys: Mapping[str, Any], device: str) -> TorchModel:
    from torch import device as on
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(artifact.config["model_type"], **keys)
    layers = getattr(config, "num_hidden_layers", None)
    if not isinstance(layers, int) or not 1 <= layers <= min(MAX_LAYERS, len(artifact.weights.tensors)):
        raise Refused("its config does not say how many layers it has")
    if getattr(config, "is_encoder_decoder", False):
        raise Refused("it has an encoder and a decoder")
    counts = (getattr(config, key, None) for key in ("num_experts", "num_local_experts", "n_routed_experts"))
    if any(isinstance(count, int) and count > MAX_EXPERTS for count in counts):
        raise Refused("its config says more experts than any model has")
    with on("meta"):
        eager = {"attn_implementation": "eager", "experts_implementation": "eager"}
        network = AutoModel.from_config(config, trust_remote_code=False, **eager).eval()
    return _checked(artifact, network, layers, device)


def _checked(artifact: Artifact, network: Any, layers: int, device: str) -> TorchModel:
    """The network with its buffers computed; refused unless parameters and tensors are the same, one for one."""
    modules = dict(network.named_modules())
    lists = [name for name, m in modules.items() if type(m).__name__ == "ModuleList" and len(m) == layers]
    embedding = next((name for name, m in modules.items() if m is network.get_input_embeddings()), None)
    if not lists or embedding is None:
        raise Refused("the library's network has no list of layers, or no embedding")
    stem = min(lists, key=lambda name: (name.count("."), name))
    prefix = prefix_of(artifact, f"{embedding}.weight")
    if prefix is None:
        raise Refused("its tensors are not named as the library's code names them")
    parameters = Parameters(artifact, prefix)
    names = {name: tuple(value.shape) for name, value in network.state_dict().items()}  # buffers that are saved, too
    for name, shape in names.items():
        there = parameters.shape(name)
        if there != shape and (name.startswith((f"{stem}.", embedding)) or there is not None):
            found = "is not there" if there is None else f"is {there}, not {shape}"
            raise Refused(f"its tensor {one_line(prefix + name, 80)} {found}")
    if unused := parameters.unused(names.keys(), f"{stem}."):
        raise Refused(f"the library's code has no place for its tensor {one_line(unused, 80)}")
    _compute_buffers(network, device)
    saved = frozenset(name for name, _ in network.named_buffers() if parameters.shape(name) == names.get(name, ()))
    return TorchModel(network, parameters, modules[stem], stem, tuple(modules[embedding].weight.shape), saved, device)


def _compute_buffers(network: Any, device: str) -> None:
    """Have the library compute rotary frequencies and the like, while parameters have no memory and are left alone.

    Refused where it leaves one as it was: what such a buffer should hold is not known.
    """
    if sum(buffer.numel() for buffer in network.buffers()) > MAX_BUFFERS:
        raise Refused("its config asks for larger tables than any model has")
    for path, module in network.named_modules():
        own = [name for name, buffer in module.named_buffers(recurse=False) if buffer.is_meta]
        found = []
        for trace in (0, 1) if own else ():
            for name in own:
                buffer = getattr(module, name)
                setattr(module, name, buffer.new_full(buffer.shape, trace, device=device))
            network._init_weights(module)
            found.append([getattr(module, name) for name in own])
        for name, one, other in zip(own, *found, strict=True) if own else ():
            if not one.equal(other):
                raise Refused(f"what its buffer {path}.{name} holds is not known")


@dataclass(frozen=True)
class TorchModel:
    """See :class:`~forebear.activations.base.Runnable`.

    Attributes:
        network: the library's, without memory for its parameters.
        parameters: what they are filled from.
        stack: the list of layers in it, ``stem`` its name.
        shape: of the embedding.
        saved: names of buffers that are in the files.
        device: where torch computes.
    """

    network: Any
    parameters: Parameters
    stack: Any
    stem: str
    shape: tuple[int, ...]
    saved: frozenset[str]
    device: str

    @property
    def layers(self) -> int:
        """See :attr:`Runnable.layers`."""
        return len(self.stack)

    @property
    def width(self) -> int:
        """See :attr:`Runnable.width`."""
        return self.shape[1]

    @property
    def rows(self) -> int:
        """See :attr:`Runnable.rows`."""
        return self.shape[0]

    @property
    def positions(self) -> int:
        """See :attr:`Runnable.positions`."""
        most = getattr(self.network.config, "max_position_embeddings", None)
        return min(MAX_TOKENS, most) if isinstance(most, int) and most > 0 else MAX_TOKENS

    def needed(self, tokens: int, layers: Sequence[int]) -> int:
        """See :meth:`Runnable.needed`: one layer, twice while it is read, and what stands outside of layers."""
        return 2 * max([0, *self._sizes(layers[-1])]) + self._rest(tokens, layers)

    def states(self, spans: Sequence[Ids], layers: Sequence[int], memory: int) -> Iterator[F32]:
        """See :meth:`Runnable.states`."""
        tokens = sum(len(span) for span in spans)
        sizes = self._sizes(layers[-1])
        keep = sum(sizes) + max([0, *sizes]) + self._rest(tokens, layers) <= memory
        found = {layer: np.empty((tokens, self.width), dtype=np.float32) for layer in layers}
        starts = np.cumsum([0, *(len(span) for span in spans)])
        try:
            with _quiet():
                for batch in _batches([len(span) for span in spans]):
                    kept = self._run([spans[k] for k in batch], layers, keep)
                    for layer, stream in kept.items():
                        for row, k in enumerate(batch):
                            found[layer][starts[k] : starts[k + 1]] = stream[row, : len(spans[k])]
        except (InputError, MemoryError):
            raise
        except Exception as error:
            raise InputError(f"the library does not run it ({one_line(str(error), 200)})") from None
        finally:
            self._empty(self.network)
        for layer in layers:
            yield found[layer]

    def _run(self, spans: Sequence[Ids], layers: Sequence[int], keep: bool) -> dict[int, F32]:
        """Hidden states of one batch, ``(spans, longest, width)`` by layer; nothing beyond the last layer is run."""
        import torch

        ids = torch.zeros((len(spans), max(len(span) for span in spans)), dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, span in enumerate(spans):
            ids[row, : len(span)] = torch.from_numpy(span)
            mask[row, : len(span)] = 1
        kept: dict[int, F32] = {}

        def before(module: Any, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> None:
            keep_state(0, args[0] if args else keywords["hidden_states"])

        def after(layer: int, module: Any, out: Any) -> None:
            if not keep:
                self._empty(module)
            keep_state(layer, out[0] if isinstance(out, tuple) else out)

        def keep_state(layer: int, state: Any) -> None:
            if layer in layers:
                if tuple(state.shape) != (*ids.shape, self.width):
                    raise InputError("the library's layers do not pass on one residual stream")
                kept[layer] = state.detach().float().cpu().numpy()
            if layer == layers[-1]:
                raise _Done

        hooks = [self.stack[0].register_forward_pre_hook(before, with_kwargs=True)]  # first: layer 0 needs no layer
        hooks += [
            module.register_forward_pre_hook(lambda m, args, path=path: self._fill(path, m))
            for path, module in self.network.named_modules()
        ]
        for k, module in enumerate(self.stack[: layers[-1]], start=1):
            hooks.append(module.register_forward_hook(lambda m, args, out, k=k: after(k, m, out)))
        try:
            with torch.no_grad():
                self.network(input_ids=ids.to(self.device), attention_mask=mask.to(self.device), use_cache=False)
        except _Done:
            return kept
        finally:
            for hook in hooks:
                hook.remove()
        raise InputError("the library's network does not run its layers")

    # memory

    def _fill(self, path: str, module: Any) -> None:
        """Give the parameters of a module memory and values: of a whole layer, else the module's own."""
        import torch

        whole, stem = path in self._layers, f"{path}." if path else ""
        for name, buffer in module.named_buffers(recurse=whole):
            if stem + name in self.saved:
                buffer.copy_(torch.from_numpy(self.parameters.values(stem + name)))
        for name, parameter in list(module.named_parameters(recurse=whole)):
            if parameter.is_meta:  # else it was filled with its layer, or is kept
                values = self.parameters.values(stem + name)
                filled = torch.nn.Parameter(torch.from_numpy(values).to(self.device), requires_grad=False)
                _replace(module, name, filled)

    def _empty(self, module: Any) -> None:
        """Take the memory of a module's parameters away."""
        import torch

        for name, parameter in list(module.named_parameters()):
            if not parameter.is_meta:
                empty = torch.nn.Parameter(torch.empty_like(parameter, device="meta"), requires_grad=False)
                _replace(module, name, empty)

    @property
    def _layers(self) -> set[str]:
        return {f"{self.stem}.{k}" for k in range(len(self.stack))}

    def _sizes(self, layers: int) -> list[int]:
        return [sum(4 * p.numel() for p in layer.parameters()) for layer in self.stack[:layers]]

    def _rest(self, tokens: int, layers: Sequence[int]) -> int:
        others = (p for name, p in self.network.named_parameters() if not name.startswith(f"{self.stem}."))
        outside: int = sum(4 * p.numel() for p in others)
        return 2 * outside + 4 * tokens * self.width * (len(layers) + 1) + 4 * BATCH * 16 * self.width


class _Done(Exception):
    """The last layer that was asked for has been run."""


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Spans of similar length together, at most :data:`BATCH` tokens with what the shorter ones are padded by."""
    batch: list[int] = []
    for k in sorted(range(len(lengths)), key=lambda k: (lengths[k], k)):
        if batch and (len(batch) + 1) * lengths[k] > BATCH:
            yield batch
            batch = []
        batch.append(k)
    if batch:
        yield batch


def _replace(module: Any, name: str, parameter: Any) -> None:
    parent, _, own = name.rpartition(".")
    (module.get_submodule(parent) if parent else module)._parameters[own] = parameter


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' advice on standard error, which is for people who wrote the config."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
