"""The globals that a checkpoint may name: what makes tensors, what is plain data, and nothing else.

Every name is listed by itself. A module as a whole would not do: a pickle reaches any function that a module has
imported, so ``transformers.utils.hub`` would bring ``subprocess`` with it.
"""

from __future__ import annotations

import sys

from forebear.artifacts.formats.pytorch.values import Global

STORAGES = {
    "FloatStorage": "F32",
    "DoubleStorage": "F64",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
    "ShortStorage": "I16",
    "IntStorage": "I32",
    "LongStorage": "I64",
    "ComplexFloatStorage": "C64",
    "UntypedStorage": "U8",
}
"""Storage classes of ``torch`` (and ``torch.cuda``, ``torch.storage``) to the dtype of their values."""

TORCH_DTYPES = {
    "float32": "F32",
    "float": "F32",
    "float64": "F64",
    "double": "F64",
    "float16": "F16",
    "half": "F16",
    "bfloat16": "BF16",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
    "int16": "I16",
    "uint16": "U16",
    "int32": "I32",
    "uint32": "U32",
    "int64": "I64",
    "uint64": "U64",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}
"""Attributes of ``torch`` that are dtypes, as tensors on untyped storages name them."""

_HARMLESS = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple xrange",
    "collections": "Counter OrderedDict defaultdict deque",
    "copyreg": "__newobj__ _reconstructor",
    "argparse": "Namespace",
    "types": "SimpleNamespace",
    "typing": "Any",
    "_codecs": "encode",
    "datetime": "date datetime time timedelta timezone",
    "decimal": "Decimal",
    "fractions": "Fraction",
    "uuid": "UUID",
    "pathlib": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "pathlib._local": "Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath",
    "numpy": "dtype ndarray bool_ float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy.core.numeric": "_frombuffer",
    "numpy._core.numeric": "_frombuffer",
    "torch": "Generator Size Tensor device dtype layout",
    "torch._tensor": "Tensor",
    "torch._utils": "_rebuild_device_tensor_from_numpy _rebuild_meta_tensor_no_storage _rebuild_nested_tensor "
    "_rebuild_qtensor _rebuild_sparse_csr_tensor _rebuild_sparse_tensor",
    "torch.nn.parameter": "Buffer Parameter",
    "torch.serialization": "_get_layout",
    "transformers.training_args": "OptimizerNames ParallelMode TrainingArguments",
    "transformers.training_args_seq2seq": "Seq2SeqTrainingArguments",
    "transformers.trainer_utils": "EvaluationStrategy FSDPOption HubStrategy IntervalStrategy RemoveColumnsCollator "
    "SaveStrategy SchedulerType ShardedDDPOption",
    "transformers.trainer_pt_utils": "AcceleratorConfig",
    "transformers.debug_utils": "DebugOption",
    "transformers.generation.configuration_utils": "GenerationConfig",
    "transformers.integrations.deepspeed": "HfDeepSpeedConfig HfTrainerDeepSpeedConfig",
    "transformers.deepspeed": "HfDeepSpeedConfig HfTrainerDeepSpeedConfig",
    "accelerate.state": "AcceleratorState GradientState PartialState",
    "accelerate.utils.dataclasses": "DeepSpeedPlugin DistributedType DynamoBackend FullyShardedDataParallelPlugin "
    "GradientAccumulationPlugin ParallelismConfig PrecisionType RNGType TorchDynamoPlugin",
    "accelerate.parallelism_config": "ParallelismConfig",
    "trl.trainer.sft_config": "SFTConfig",
    "trl.trainer.dpo_config": "DPOConfig FDivergenceConstants FDivergenceType",
    "trl.trainer.grpo_config": "GRPOConfig",
    "trl.trainer.kto_config": "KTOConfig",
    "trl.trainer.orpo_config": "ORPOConfig",
    "trl.trainer.ppo_config": "PPOConfig",
    "trl.trainer.reward_config": "RewardConfig",
    "peft.utils.peft_types": "PeftType TaskType",
    "pytorch_lightning.utilities.parsing": "AttributeDict",
    "lightning_fabric.utilities.data": "AttributeDict",
    "lightning.fabric.utilities.data": "AttributeDict",
    "omegaconf.base": "ContainerMetadata Metadata",
    "omegaconf.dictconfig": "DictConfig",
    "omegaconf.listconfig": "ListConfig",
    "omegaconf.nodes": "AnyNode BooleanNode FloatNode IntegerNode StringNode",
}
"""Module to names that make plain data: containers, numbers, dates, paths, arrays, settings of training programs."""

HARMLESS = frozenset(Global(module, name) for module, names in _HARMLESS.items() for name in names.split())

_STANDARD = sys.stdlib_module_names | {"nt", "posix"}
_OLD_MODULES = {"__builtin__": "builtins", "copy_reg": "copyreg"}


def named(module: str, name: str) -> Global:
    """The global under the name that Python 3 has for it."""
    return Global(_OLD_MODULES.get(module, module), name)


def storage_dtype(of: object) -> str | None:
    """The dtype of a storage class, None for what is none."""
    if isinstance(of, Global) and of.module in ("torch", "torch.cuda", "torch.storage"):
        return STORAGES.get(of.name)
    return None


def tensor_dtype(of: object) -> str | None:
    """The dtype that ``torch.float16`` and the like stand for, None for what is none."""
    return TORCH_DTYPES.get(of.name) if isinstance(of, Global) and of.module == "torch" else None


def harmless(of: Global) -> bool:
    """Whether calling this makes plain data and does nothing else."""
    return of in HARMLESS or tensor_dtype(of) is not None or storage_dtype(of) is not None


def standard(of: Global) -> bool:
    """Whether this belongs to Python itself, where every class is at hand for an attack."""
    return of.module.partition(".")[0] in _STANDARD
