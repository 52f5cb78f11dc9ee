"""The few functions that a foreign pickle may call, each our own: it checks its arguments and makes plain data.

The table at the end gives the name a pickle calls each by.
"""

from collections.abc import Callable, Mapping

import torch

from prima.errors import CheckpointError
from prima.model.convert.inert import Builder, Inert, InertClass, StoredDict, check_key
from prima.model.convert.lazy_tensor import LazyTensor, lazy_tensor
from prima.model.convert.numpy_scalar import numpy_dtype, numpy_scalar


def _tensor(storage: object, offset: object, size: object, stride: object, *details: object) -> LazyTensor:
    # the details: requires_grad, backward hooks, metadata; hooks and metadata say nothing about values
    return lazy_tensor(storage, offset, size, stride, requires_grad=details[0] if details else False)


def _tensor_with_dtype(storage: object, offset: object, size: object, stride: object, *details: object) -> LazyTensor:
    if len(details) < 3 or not isinstance(details[2], torch.dtype):
        raise CheckpointError("the pickle makes a tensor without a dtype where it needs one")
    return lazy_tensor(storage, offset, size, stride, requires_grad=details[0], dtype=details[2])


def _parameter(data: object, requires_grad: object, *_others: object) -> LazyTensor:
    if not isinstance(data, LazyTensor):
        raise CheckpointError(f"the pickle makes a parameter of a {type(data).__name__} in place of a tensor")
    place = (data.dtype, data.shape, data.stride, data.storage_offset, data.storage)
    return LazyTensor(*place, requires_grad=requires_grad is True)


def _tensor_of_class(function: object, kind: object, arguments: object, _state: object) -> object:
    makes_tensor = isinstance(function, Builder) and function.build in (_tensor, _tensor_with_dtype, _parameter)
    if not makes_tensor or not isinstance(kind, InertClass) or not isinstance(arguments, tuple):
        raise CheckpointError("the pickle makes a tensor of a class in a way that torch does not")
    assert isinstance(function, Builder)
    return function.build(*arguments)


def _list(values: object = ()) -> list[object]:
    if not isinstance(values, list | tuple | set | frozenset):
        raise CheckpointError(f"the pickle makes a list of a {type(values).__name__}")
    return list(values)


def _tuple(values: object = ()) -> tuple[object, ...]:
    return tuple(_list(values))


def _set(values: object = ()) -> set[object]:
    return {check_key(value) for value in _list(values)}


def _frozenset(values: object = ()) -> frozenset[object]:
    return frozenset(_set(values))


def _deque(values: object = (), _length: object = None) -> list[object]:
    return _list(values)


def _dictionary(values: object = ()) -> StoredDict:
    if isinstance(values, dict):
        return StoredDict(values)
    pairs = [_list(pair) for pair in _list(values)]
    if any(len(pair) != 2 for pair in pairs):
        raise CheckpointError("the pickle makes a dictionary of something that is not pairs")
    return StoredDict([(check_key(key), value) for key, value in pairs])


def _default_dictionary(_factory: object = None, values: object = ()) -> StoredDict:
    return _dictionary(values)


def _number(value: object = 0) -> int | float:
    if not isinstance(value, int | float):
        raise CheckpointError(f"the pickle makes a number of a {type(value).__name__}")
    return value


def _complex(real: object = 0.0, imaginary: object = 0.0) -> complex:
    return complex(_number(real), _number(imaginary))


def _bytes(data: object = b"", encoding: object = "latin1") -> bytes:
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    if not isinstance(data, str) or encoding not in ("latin1", "latin-1"):
        raise CheckpointError("the pickle makes bytes of something else than bytes or latin-1 text")
    return data.encode("latin-1")


def _slice(*bounds: object) -> slice:
    if not 1 <= len(bounds) <= 3 or not all(bound is None or isinstance(bound, int) for bound in bounds):
        raise CheckpointError("the pickle makes a slice of something that is not whole numbers")
    return slice(*bounds)


def _numpy_array(*arguments: object) -> Inert:
    return Inert("numpy", "ndarray", arguments)


BUILDERS: Mapping[tuple[str, str], Callable[..., object]] = {
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _tensor_with_dtype,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch._tensor", "_rebuild_from_type_v2"): _tensor_of_class,
    ("torch", "Size"): _tuple,
    ("collections", "OrderedDict"): _dictionary,
    ("collections", "defaultdict"): _default_dictionary,
    ("collections", "Counter"): _dictionary,
    ("collections", "deque"): _deque,
    ("builtins", "dict"): _dictionary,
    ("builtins", "list"): _list,
    ("builtins", "tuple"): _tuple,
    ("builtins", "set"): _set,
    ("builtins", "frozenset"): _frozenset,
    ("builtins", "int"): _number,
    ("builtins", "float"): _number,
    ("builtins", "bool"): _number,
    ("builtins", "complex"): _complex,
    ("builtins", "bytes"): _bytes,
    ("builtins", "bytearray"): _bytes,
    ("builtins", "slice"): _slice,
    ("_codecs", "encode"): _bytes,
    ("numpy", "dtype"): numpy_dtype,
    ("numpy.core.multiarray", "scalar"): numpy_scalar,
    ("numpy.core.multiarray", "_reconstruct"): _numpy_array,
}
