"""Tensors of a checkpoint that stay in its file until they are read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import torch
from torch import Tensor

from prima.errors import CheckpointError

STORAGE_DTYPES: dict[str, torch.dtype] = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
    "_UntypedStorage": torch.uint8,
}


@dataclass(frozen=True, slots=True)
class StorageType:
    """The kind of a storage as a pickle names it: the type of its elements."""

    dtype: torch.dtype


@dataclass(slots=True, eq=False)
class Storage:
    """A run of bytes of the file that one or several tensors look at.

    `start` is its first byte in the file; the legacy form tells it only after the pickle, so it is -1 until then.
    """

    key: str
    dtype: torch.dtype
    num_bytes: int
    file: BinaryIO
    start: int = -1

    def read_into(self, target: Tensor, first_byte: int) -> None:
        """Fill `target`, a contiguous tensor of bytes, from those at `first_byte` of this storage."""
        if self.start < 0:
            raise CheckpointError(f"storage {self.key} was not found in the file")
        view = memoryview(target.numpy().data)
        self.file.seek(self.start + first_byte)
        done = 0
        while done < len(view):
            count = self.file.readinto(view[done:])  # type: ignore[attr-defined]
            if not count:
                raise CheckpointError(f"storage {self.key} ends early: the file became shorter while it was read")
            done += count


@dataclass(frozen=True, slots=True, eq=False)
class LazyTensor:
    """A strided view of a storage: sizes and strides in elements of `dtype`, `storage_offset` from the storage's start.

    Two tensors with the same `storage` are tied or views of one another.
    """

    dtype: torch.dtype
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    storage_offset: int
    storage: Storage
    requires_grad: bool = False

    @property
    def storage_key(self) -> str:
        """The name of the storage in the file."""
        return self.storage.key

    @property
    def num_bytes(self) -> int:
        """Size of the tensor once read, in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    def read(self) -> Tensor:
        """Return the values as a contiguous tensor of its own memory; nothing else of the file is held.

        Raises CheckpointError when the file was cut, or the checkpoint closed, in the meantime.
        """
        if self.storage.file.closed:
            raise CheckpointError("the checkpoint is closed: read its tensors inside the with block")
        span = span_of(self.shape, self.stride)
        raw = torch.empty(span * self.dtype.itemsize, dtype=torch.uint8)
        if span:
            self.storage.read_into(raw, self.storage_offset * self.dtype.itemsize)
        # a byte of a bool other than 0 and 1 is undefined behaviour in torch
        flat = raw != 0 if self.dtype == torch.bool else raw.view(self.dtype)
        strided = flat.as_strided(self.shape, self.stride) if span else flat.view(self.shape)
        return strided.contiguous()


def span_of(shape: Sequence[int], stride: Sequence[int]) -> int:
    """Return how many elements lie from the first to the last one of a strided tensor.

    >>> span_of((2, 3), (3, 1)), span_of((2, 2), (5, 1)), span_of((0, 3), (3, 1)), span_of((), ())
    (6, 7, 0, 1)
    """
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))


def lazy_tensor(
    storage: object,
    storage_offset: object,
    shape: object,
    stride: object,
    *,
    requires_grad: object = False,
    dtype: torch.dtype | None = None,
) -> LazyTensor:
    """Return the view of `storage` that a pickle describes, after checking that it lies inside.

    `dtype` is that of the storage unless given.

    Raises CheckpointError for wrong types, negative sizes, strides or offsets, elements beyond the storage, and more
    elements than the storage has (a stride of 0 would make a terabyte of four bytes).
    """
    if not isinstance(storage, Storage):
        raise CheckpointError(f"the pickle makes a tensor of a {type(storage).__name__} in place of a storage")
    place = f"a tensor on storage {storage.key}"
    sizes, steps = _counts(shape, place, "shape"), _counts(stride, place, "stride")
    (offset,) = _counts((storage_offset,), place, "offset")
    if len(sizes) != len(steps) or len(sizes) > 64:
        raise CheckpointError(f"{place} has {len(sizes)} sizes and {len(steps)} strides; expected as many, at most 64")
    dtype = dtype or storage.dtype
    held = storage.num_bytes // dtype.itemsize
    if offset + span_of(sizes, steps) > held or math.prod(sizes) > held:
        raise CheckpointError(
            f"{place} reaches outside it: offset {offset}, shape {sizes}, stride {steps} in {held} elements"
        )
    return LazyTensor(dtype, sizes, steps, offset, storage, requires_grad is True)


def _counts(values: object, place: str, what: str) -> tuple[int, ...]:
    if not isinstance(values, tuple | list) or not all(type(value) is int and value >= 0 for value in values):
        raise CheckpointError(f"{place} has a {what} that is not made of whole numbers from 0")
    if any(value >= 1 << 62 for value in values):
        raise CheckpointError(f"{place} has a {what} beyond what a file can hold")
    return tuple(values)
