"""What the calls of a pickle make: tensors and plain containers are made, everything else is passed over and logged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from forebear.artifacts.formats.pytorch.harmless import harmless, standard, storage_dtype, tensor_dtype
from forebear.artifacts.formats.pytorch.values import Global, Log, Opaque, Storage, Strided

Place = Callable[[], str]
"""Where in the pickle this happens, in words; asked for only where there is something to say."""
MAX_DIMENSIONS = 16
MAX_ARGUMENTS = 16
"""Of a call that is carried out; the longest there is has eight."""
MAX_COPIED = 5_000_000
_FROM_TYPE = (Global("torch._tensor", "_rebuild_from_type_v2"), Global("torch._utils", "_rebuild_from_type_v2"))
_NEW = (Global("copyreg", "__newobj__"), Global("copyreg", "_reconstructor"))
_GETATTR = Global("builtins", "getattr")
_MAPPINGS = {Global("collections", n) for n in ("OrderedDict", "Counter")} | {Global("builtins", "dict")}
_DEFAULTS = Global("collections", "defaultdict")
_ENCODE = Global("_codecs", "encode")
_INNER = Global("torch.storage", "_load_from_bytes")
_SIZE = Global("torch", "Size")


def call(function: Any, arguments: Any, log: Log, place: Place) -> Any:
    """What ``function(*arguments)`` gives, as far as it is known; otherwise an opaque value and a line in the log.

    Raises:
        ValueError, TypeError: the arguments are not what they are in a checkpoint.
    """
    if not isinstance(arguments, tuple):
        raise TypeError
    if function in _FROM_TYPE and len(arguments) == 4:
        function, of, arguments, _ = arguments
        if isinstance(of, Global) and not harmless(of):
            log.unknown.setdefault(of)
        if not isinstance(arguments, tuple):
            raise TypeError
    if not isinstance(function, Global):
        return _logged(function, "calls", log, place)
    if function in _NEW and 0 < len(arguments) <= MAX_ARGUMENTS:
        return instance(arguments[0], arguments[1:] if function == _NEW[0] else (), log, place)
    if function in _BUILDERS:
        return _BUILDERS[function](*arguments[:MAX_ARGUMENTS])
    if function in _MAPPINGS and len(arguments) < 2:
        return _mapping(log, *arguments)
    if function == _DEFAULTS:
        return {}
    if function == _SIZE and len(arguments) == 1:
        return _sizes(arguments[0])
    if function == _ENCODE and len(arguments) == 2 and isinstance(arguments[0], str) and arguments[1] == "latin1":
        _charge(log, len(arguments[0]) // 16)  # bytes in protocols 0 to 2
        return arguments[0].encode("latin1")
    if function == _INNER and len(arguments) == 1 and isinstance(arguments[0], bytes):
        log.inner.setdefault(id(arguments[0]), arguments[0])
        return Opaque(function)
    if function == _GETATTR and len(arguments) == 2 and _is_member(*arguments):
        function = arguments[0]  # how Python 3.11 and 3.12 pickle the members of an enumeration
    if not harmless(function):
        return _logged(function, "calls", log, place)
    log.passed.setdefault(function)
    return Opaque(function)


def instance(of: Any, arguments: Any, log: Log, place: Place) -> Any:
    """What NEWOBJ makes: an object of a class, without its ``__init__``.

    Of an unknown class only the bare form passes as data: some ``__new__`` open files when they are given names.
    """
    if isinstance(of, Global):
        if harmless(of):
            return call(of, arguments, log, place)
        if not arguments and not standard(of):
            log.unknown.setdefault(of)
            return Opaque(of)
    return _logged(of, "makes an object of", log, place)


def update(target: Any, state: Any, log: Log, place: Place) -> None:
    """BUILD, and items put into what is neither a list nor a dictionary of ours."""
    if isinstance(target, Opaque):
        target.state.append(state)
    elif isinstance(target, Global):  # the attributes of a class or function, the items of sys.modules
        _logged(target, "changes", log, place)
    elif not isinstance(target, (dict, list, Strided)):  # whose attributes (hooks, versions) are no weights
        raise TypeError


def persistent(key: Any, log: Log) -> Any:
    """What the pickle leaves to torch: a storage, or (in legacy files) a class with its source.

    Raises:
        ValueError, TypeError: it is something else.
    """
    if not isinstance(key, tuple) or not key:
        raise TypeError
    if key[0] == "module" and len(key) > 1:
        return key[1]
    kind, of, name, _, size, *view = key
    if kind != "storage" or not isinstance(name, str):
        raise TypeError
    dtype = storage_dtype(of)
    if dtype is None:
        return Opaque(of if isinstance(of, Global) else "a storage")
    offset = 0
    if view and view[0] is not None:  # of a legacy file: (key, offset, size) of a part of the storage
        _, offset, size = view[0]
    storage = Storage(name, dtype, _count(size), _count(offset))
    log.storages.setdefault(name, storage)
    return storage


def keyed(key: Any) -> Any:
    """A dictionary key that is safe to hash: deep tuples and lists of strangers stand for themselves only."""
    if key is None or isinstance(key, (str, int, float, bytes, Global, Opaque)):
        return key
    return Opaque("a key")


def _logged(what: Any, verb: str, log: Log, place: Place) -> Opaque:
    """Nothing is done; the first time that it would have been is noted."""
    of = what if isinstance(what, Global) else "what another call gave" if isinstance(what, Opaque) else "a value"
    if of not in log.dangers:
        log.dangers[of] = f"{verb} {of} ({place()})"
    return Opaque(of)


def _charge(log: Log, items: int) -> None:
    log.copied += items
    if log.copied > MAX_COPIED:
        raise ValueError


def _mapping(log: Log, items: Any = ()) -> dict[Any, Any]:
    _charge(log, len(items))
    return {keyed(k): v for k, v in (items.items() if isinstance(items, dict) else items)}


def _is_member(of: Any, name: Any) -> bool:
    return isinstance(of, Global) and harmless(of) and isinstance(name, str) and name.isidentifier() and name[0] != "_"


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError
    return value


def _sizes(values: Any) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or len(values) > MAX_DIMENSIONS:
        raise ValueError
    return tuple(map(_count, values))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Strided | Opaque:
    return _laid(storage, offset, shape, strides, storage.dtype if isinstance(storage, Storage) else None)


def _typed_tensor(storage: Any, offset: Any, shape: Any, strides: Any, grad: Any, hooks: Any, of: Any, *_: Any) -> Any:
    return _laid(storage, offset, shape, strides, tensor_dtype(of))


def _laid(storage: Any, offset: Any, shape: Any, strides: Any, dtype: str | None) -> Strided | Opaque:
    if not isinstance(storage, (Storage, Opaque)) or len(shape) != len(strides):
        raise TypeError
    if isinstance(storage, Opaque) or dtype is None:
        return Opaque("a tensor of a dtype that is not read")
    return Strided(storage, dtype, _count(offset), _sizes(shape), _sizes(strides))


def _parameter(data: Any, *_: Any) -> Any:
    if not isinstance(data, (Strided, Opaque)):
        raise TypeError
    return data


_BUILDERS: dict[Global, Callable[..., Any]] = {
    Global("torch._utils", "_rebuild_tensor"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v2"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v3"): _typed_tensor,
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter,
}
"""The functions of torch that put tensors together, by what they make here."""
